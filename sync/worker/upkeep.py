"""Whether the standby would work, as the worker sees it: a test document now and then, an alarm for what fails."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Connection

from fallback_server.domain.clock import from_text
from fallback_server.domain.policy import Policy
from fallback_server.domain.readiness import Finding
from fallback_server.store import alarms, readiness, trial
from fallback_server.store.session import Store

# These have alarms of their own, from those who know more of them.
SPOKEN_FOR: Final = frozenset({"mirror", "backup", "worker", "centre", "seal", "alarms"})
Handed = Callable[[Store, Policy], object]
_EVERY: Final = timedelta(seconds=trial.EVERY_SECONDS)
log: Any = structlog.get_logger("yj.worker")


class Upkeep:
    """`trial` writes a test document and notes how that ended, `reports` makes those of closed incidents; both are
    handed in, for acts are not known here."""

    def __init__(self, store: Store, policy: Policy, trial: Handed, reports: Handed | None = None) -> None:
        self._store, self._policy, self._trial, self._reports = store, policy, trial, reports

    def look(self) -> None:
        """Judge everything, try a document where the last trial is some minutes old (the next look judges it), make the
        reports that are due. Raises nothing, and none of the three keeps another from being done."""
        for part in (self._judge, self._try, self._report):
            try:
                part()
            except Exception as error:  # noqa: BLE001  (edge of a part: whatever it is, the others are done)
                log.error("upkeep_broke", part=part.__name__.lstrip("_"), error=type(error).__name__)

    def _try(self) -> None:
        if self._trial_due():
            self._trial(self._store, self._policy)

    def _report(self) -> None:
        if self._reports is not None:
            self._reports(self._store, self._policy)

    def _trial_due(self) -> bool:
        with self._store.reading() as tx:
            last = trial.last(tx.conn)
            # One of the future was tried before the clock was set back: nobody knows how old it is.
            return last is None or not timedelta() <= tx.now - from_text(last["at"]) < _EVERY

    def _judge(self) -> None:
        """One alarm a check that keeps the standby from working, off again when it is mended."""
        with self._store.reading() as tx:
            found = readiness.findings(tx, self._policy)
            before = _on(tx.conn)
        bad: dict[str, Finding] = {}
        for one in found:
            if one.ok is False and one.check not in SPOKEN_FOR:
                bad.setdefault(one.check, one)
        for check, one in bad.items():
            zh = f"应急服务器未就绪，{one.name('zh')}：{one.sentence('zh')}"
            en = f"The standby is not ready, {one.name('en')}: {one.sentence('en')}"
            alarms.sound(self._store, f"{alarms.READY}.{check}", one.code, zh, en)
        for subject in before - {f"{alarms.READY}.{check}" for check in bad}:
            alarms.silence(self._store, subject)
        if any(one.code == "alone_overdue" for one in found):
            alarms.sound(
                self._store, alarms.ALONE, "overdue", "有单人操作过了复签时限，须另一人复签。",
                "Something was done alone and not counter-signed in time; another person must.",
            )  # fmt: skip
        else:
            alarms.silence(self._store, alarms.ALONE)


def _on(conn: Connection) -> set[str]:
    return {row["subject"] for row in alarms.on(conn) if row["subject"].startswith(f"{alarms.READY}.")}

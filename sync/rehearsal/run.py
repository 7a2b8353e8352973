"""One rehearsal, from the fence to the account; what came of it is noted with the drill, a refusal as well."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from sqlalchemy import func, select

from fallback_server.domain.clock import to_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.store import drills
from fallback_server.store.conflicts import list_conflicts
from fallback_server.store.locks import single_instance
from fallback_server.store.outbox import outbox
from fallback_server.store.session import Actor, Store, installation_id
from sync.central.gateway import CentralError, CentralGateway
from sync.reconcile.run import run_reconcile
from sync.rehearsal import fence, scratch
from sync.upload.run import run_upload
from sync.upload.sender import UploadRules

LOCK: Final = "rehearsal"
FOLDER: Final = "rehearsal-work"


def rehearse(
    store: Store, centre: CentralGateway, copy: CentralGateway, rules: UploadRules, number: int, *, target: str,
    folder: Path, by: str, stop: threading.Event | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return the documents of drill `number` to `copy` and account for them; `target` is what people call it.

    Raises drill_not_found, drill_not_over, rehearsal_same_centre, rehearsal_has_ledger, rehearsal_unsure, and the
    port's errors; all but the first two are noted. A return that stops half way, or that had nothing to return, is a
    result: `ok` is true only where documents arrived and the account balances. `stop` ends it at the next safe point.
    """
    with store.reading() as tx:
        incident_no = int(drills.require_over(tx.conn, number)["incident_no"])
        own = installation_id(tx.conn)
    actor, started = Actor(by, by), to_text(store.clock.now())
    with single_instance(store.url, LOCK):
        try:
            fence.require_another_database(centre, copy)
            copy.preflight(())  # makes our tables in a copy that never had them: now that it is known to be none
            fence.require_empty_ledger(copy, own)
            with scratch.opened(store, folder / FOLDER, incident_no, fence.identity(own)) as play:
                report = _return(play, copy, rules, incident_no, stop)
        except (YjError, CentralError) as error:
            _note(store, actor, number, started, target, _failure(error))
            raise
        return _note(store, actor, number, started, target, report)


def _return(
    play: Store, copy: CentralGateway, rules: UploadRules, incident_no: int, stop: threading.Event | None
) -> dict[str, Any]:
    begun = time.monotonic()
    sent = run_upload(play, copy, rules, incident_no, stop=stop)
    upload_seconds = round(time.monotonic() - begun)
    with play.reading() as tx:
        states = Counter(tx.conn.execute(select(outbox.c.state).where(outbox.c.incident_no == incident_no)).scalars())
        kinds = Counter(one["kind"] for one in list_conflicts(tx.conn, incident_no))
        documents = int(tx.conn.execute(select(func.count()).select_from(outbox)).scalar_one())
    shown = sent.to_json()
    report: dict[str, Any] = {
        "documents": documents, "states": dict(states), "conflicts": dict(kinds), "upload_seconds": upload_seconds,
        "state": sent.state, "code": sent.code, "told": shown["message"],
        "told_en": shown["message_en"], "problems": sent.problems[:10],
    }  # fmt: skip
    if sent.state != "done" or not documents:
        return {**report, "ok": False}
    begun = time.monotonic()
    account = run_reconcile(play, copy, incident_no)
    return {
        **report, "ok": account.balanced, "balanced": account.balanced, "totals": account.totals,
        "differences": len(account.differences), "account_seconds": round(time.monotonic() - begun),
    }  # fmt: skip


def _failure(error: YjError | CentralError) -> dict[str, Any]:
    if isinstance(error, YjError):
        return {"ok": False, "code": error.code, "told": error.sentence("zh"), "told_en": error.sentence("en")}
    said = error.detail[:300]
    return {"ok": False, "code": type(error).__name__.lower(), "told": said, "told_en": said}


def _note(store: Store, actor: Actor, number: int, started: str, target: str, report: dict[str, Any]) -> dict[str, Any]:
    with store.writing(Permit.HOUSEKEEPING, actor) as tx:
        code = None if report["ok"] else report["code"]
        drills.note_rehearsal(tx, number, started, target, report["ok"], code, report)
    return report

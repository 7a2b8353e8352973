"""The centre as the worker knows it: a gateway opened when it is first needed, and what the looks at it amount to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Settings
from fallback_server.domain.detection import Switching, switches
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.domain.usual import Usual
from fallback_server.store import centre_history, centre_look, detection
from fallback_server.store.mode import SYSTEM_OPERATOR
from fallback_server.store.session import Actor, Store, Tx
from sync.central.gateway import CentralGateway
from sync.central.sql_file import MappingError
from sync.worker.concluding import conclude
from sync.worker.looking import Looker, Seen

USUAL_HOLDS: Final = timedelta(minutes=10)  # what is usual is worked out this often
GatewayFactory = Callable[[], CentralGateway]
log: Any = structlog.get_logger("yj.worker")


class NoCentre(Exception):
    """There is no address of a centre, or the mapping cannot be used; the text says what to do."""


@dataclass
class Centre:
    """The gateway, opened when it is first needed and kept."""

    make: GatewayFactory
    _opened: CentralGateway | None = None

    def gateway(self) -> CentralGateway:
        """Raises NoCentre."""
        if self._opened is None:
            try:
                self._opened = self.make()
            except MappingError as error:
                raise NoCentre(str(error)) from None
        return self._opened

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()


class CentreWatch:
    """Looks at the centre. What the looks amount to goes on from the row in the store, whichever worker wrote it; only
    a change of it is written to the log, the audit, the alarms."""

    def __init__(self, store: Store, centre: Centre, settings: Settings) -> None:
        self._store, self._settings = store, settings
        self._looker = Looker(centre.gateway)
        self._usual: dict[str, Usual | None] = {}
        self._usual_of: tuple[datetime, int] | None = None  # worked out when, for which hour
        self._without = ""
        self._wrote = True  # until the first look is written down: one write too many in the log is no harm

    def look(self) -> bool:
        """One look. Returns whether the centre answered it and did not answer the one before."""
        try:
            seen = self._looker.look(insist=self._wrote)
        except NoCentre as error:
            seen = self._nothing_to_look_at(str(error))
        except Exception as error:  # noqa: BLE001  (edge of a look: whatever it is, the centre is not in order)
            seen = Seen(failed="read", how="away", error=type(error).__name__)
        try:
            return self._write(seen)
        except (SQLAlchemyError, YjError) as error:
            log.error("look_not_noted", error=type(error).__name__)
            return False

    def _nothing_to_look_at(self, why: str) -> Seen:
        """A centre that nobody told us of is not one that is gone."""
        if why != self._without:
            log.warning("no_centre", why=why)
            self._without = why
        return Seen(failed="none", error=why)

    def _write(self, seen: Seen) -> bool:
        with self._store.reading() as tx:
            self._learn(tx)
            row = centre_look.known(tx.conn)
        self._wrote = "write" in seen.seconds or bool(row and row["memory"].get("wrote"))
        with self._store.writing(Permit.HOUSEKEEPING, Actor(SYSTEM_OPERATOR, SYSTEM_OPERATOR)) as tx:
            return conclude(tx, seen, self._usual, self._settings.detection.windows_percent)

    def _learn(self, tx: Tx) -> None:
        of = self._usual_of
        if of is None or not of[0] <= tx.now < of[0] + USUAL_HOLDS or tx.now.hour != of[1]:
            self._usual = centre_history.usual_now(tx.conn, tx.now)
            self._usual_of = (tx.now, tx.now.hour)

    def switch_by_itself(self) -> int | None:
        """Switch on if the hospital wants that and every condition is met; the number of the incident then.

        The only arrow of the mode that nobody has to ask for, and the only one here: back needs two people.
        """
        rules = _switching(self._settings)
        if not rules.by_itself:
            return None
        stale = self._settings.mirror
        with self._store.reading() as tx:
            if not switches(rules, detection.standing(tx, stale)):
                return None
        with self._store.writing(Permit.HOUSEKEEPING, Actor(SYSTEM_OPERATOR, SYSTEM_OPERATOR)) as tx:
            return detection.switch(tx, rules, stale)


def _switching(settings: Settings) -> Switching:
    chosen = settings.detection
    return Switching(
        chosen.switch_by_itself, chosen.switch_after_seconds, chosen.windows_percent, chosen.least_windows,
        chosen.rest_minutes,
    )  # fmt: skip

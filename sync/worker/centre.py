"""The centre as the worker knows it: a gateway opened when it is first needed, and one alarm while it is away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from fallback_server.domain.errors import YjError
from fallback_server.store import alarms, centre_look
from fallback_server.store.session import Store
from sync.central.gateway import CentralGateway
from sync.central.sql_file import MappingError

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
    """Looks at the centre; only a change is written, whichever worker sees it: to the log, the audit, the alarms."""

    def __init__(self, store: Store, centre: Centre) -> None:
        self._store, self._centre = store, centre
        self._sound: bool | None = None

    def look(self, while_there: Callable[[], object]) -> bool:
        """One look, with something to do there if it answers. Returns whether the centre has just come back."""
        try:
            found = self._centre.gateway().probe()
            while_there()
            sound, detail = True, f"{found.clock_offset_seconds:.0f} s clock offset"
            self._note(found.seconds, found.clock_offset_seconds, found.version)
        except Exception as error:  # noqa: BLE001  (edge of a look: whatever it is, the centre is not in order)
            sound, detail = False, type(error).__name__
        if not sound:
            self._note(None, None, detail)
        if sound is self._sound:
            return False
        self._sound = sound
        log.info("centre", sound=sound, detail=detail)
        try:
            return self._write(sound, detail)
        except (SQLAlchemyError, YjError) as error:
            self._sound = None  # said again at the next look
            log.error("audit_broke", error=type(error).__name__)
            return False

    def _note(self, seconds: float | None, clock_offset: float | None, detail: str) -> None:
        """For the console: how the centre was at this look. A store that is away keeps nobody from looking again."""
        try:
            centre_look.note(self._store, seconds, clock_offset, detail)
        except (SQLAlchemyError, YjError) as error:
            log.error("look_not_noted", error=type(error).__name__)

    def _write(self, sound: bool, detail: str) -> bool:
        if sound:
            return alarms.silence(self._store, alarms.CENTRE, action="centre.back")
        alarms.sound(
            self._store, alarms.CENTRE, "lost", "中心连不上或不正常。", "The centre cannot be reached or is not sound.",
            action="centre.lost", detail=detail,
        )  # fmt: skip
        return False

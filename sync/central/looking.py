"""Looking at the centre: one question on a connection that is there, or step by step on one of its own.

What is kept open elsewhere says nothing here: a database that was paused still has our old connections.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection

from fallback_server.domain.clock import Clock, to_text
from fallback_server.domain.places import BLOCKING, Place, backend, places
from sync.central import ledger
from sync.central.dialects import Timeouts, Use
from sync.central.gateway import CentralError, LedgerMode, LedgerRow, Looked, LookFailed, Probe, Systemic, Unreachable

if TYPE_CHECKING:
    from sync.central.sql_gateway import SqlGateway

TIMEOUTS: Final = Timeouts(connect=4, lock=2, write=4, read=4, silence=6)
KNOCK_SECONDS: Final = 3.0
QUIET_SECONDS: Final = 3600.0
WRITE_PROBE: Final = "upload/write_probe"
ROW: Final = LedgerRow("yj-look", "probe", 0, "yj-look", 0, "0" * 64, None, "0.00", "", None, "", "2000-01-01")


def use(gateway: SqlGateway) -> Use:
    """What the connection is for: writing where a write may be tried."""
    return "questions" if _no_write(gateway) else "writing"


def probe(gateway: SqlGateway) -> Probe:
    """See the port."""
    begun = time.monotonic()
    with gateway.reading() as connection:
        found = _asked(gateway, connection)
    return replace(found, seconds=time.monotonic() - begun)


class Looks:
    """Looks one after the other; remembers when the centre refused to be written to."""

    def __init__(self, gateway: SqlGateway) -> None:
        self._gateway = gateway
        self._quiet_until = 0.0

    def look(self, *, insist: bool) -> Iterator[Looked]:
        """See the port."""
        gateway = self._gateway
        found, later = places(gateway.url), backend(gateway.url) in BLOCKING
        if found and not later:
            begun = time.monotonic()
            _knock(found)
            yield Looked("tcp", time.monotonic() - begun)
        begun = time.monotonic()
        with ExitStack() as block:
            connection = _connected(gateway, block, found if later else ())
            yield Looked("login", time.monotonic() - begun)
            note = self._note(insist=insist)
            yield _read(gateway, connection, note)
            if not note:
                begun = time.monotonic()
                self._write(connection)
                yield Looked("write", time.monotonic() - begun)

    def _note(self, *, insist: bool) -> str:
        quiet = not insist and time.monotonic() < self._quiet_until
        return _no_write(self._gateway) or ("refused" if quiet else "")

    def _write(self, connection: Connection) -> None:
        try:
            _write(self._gateway, connection)
        except LookFailed as failed:
            if isinstance(failed.error, Systemic):
                self._quiet_until = time.monotonic() + QUIET_SECONDS
            raise


def _knock(found: tuple[Place, ...]) -> None:
    """One of several hosts is enough: the driver tries them all."""
    said = ""
    for place in found:
        try:
            socket.create_connection(place, timeout=KNOCK_SECONDS / len(found)).close()
        except OSError as error:
            said = type(error).__name__
        else:
            return
    raise LookFailed("tcp", Unreachable(f"port {found[-1][1]}: {said}"))


def _connected(gateway: SqlGateway, block: ExitStack, ports: tuple[Place, ...]) -> Connection:
    """A connection that ends with the block; nothing written on it stays.

    `ports` of a server that counts who knocks without logging in: tried only where the log-in got no answer, to see
    whether it was the port. One that refuses our account would lock this computer out after a hundred knocks.
    """
    try:
        return block.enter_context(gateway.connected(gateway.looking_engine))
    except CentralError as error:
        if ports and isinstance(error, Unreachable):
            _knock(ports)
        raise LookFailed("login", error) from None


def _read(gateway: SqlGateway, connection: Connection, note: str) -> Looked:
    try:
        found = _asked(gateway, connection)
    except CentralError as error:
        raise LookFailed("read", error) from None
    return Looked("read", found.seconds, found.clock_offset_seconds, found.version, note)


def _write(gateway: SqlGateway, connection: Connection) -> None:
    try:
        if gateway.has(WRITE_PROBE):
            gateway.ask_in(connection, WRITE_PROBE, {})
        else:
            with gateway.errors("yj_ledger"):
                ledger.enter(connection, ROW, to_text(gateway.clock.now()))
        with gateway.errors("write probe"):
            connection.rollback()
    except CentralError as error:
        raise LookFailed("write", error) from None


def _no_write(gateway: SqlGateway) -> str:
    """Why no write is tried; nothing where one is."""
    if gateway.edge.name == "sqlite":
        return "one_writer"  # a probe would stand in the way of everybody else
    if gateway.has(WRITE_PROBE):
        return ""
    options = gateway.mapping.options.ledger
    if options.mode is not LedgerMode.SAME_TRANSACTION:
        return "no_table"
    return "" if options.write_probe else "not_allowed"


def _asked(gateway: SqlGateway, connection: Connection) -> Probe:
    begun, at = time.monotonic(), gateway.clock.now()
    rows = gateway.ask_in(connection, "probe", {})
    seconds = time.monotonic() - begun
    if not rows or "server_time" not in rows[0]:
        raise Systemic("probe.sql: must give one row with the columns server_time and version")
    server_time = _aware(rows[0]["server_time"], gateway.clock)
    offset = (server_time - at).total_seconds() - seconds / 2
    judged = gateway.clock_limits.judge(offset)
    return Probe(server_time, str(rows[0].get("version", "")), seconds, offset, judged)


def _aware(value: Any, clock: Clock) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    return moment.astimezone(clock.zone) if moment.tzinfo else moment.replace(tzinfo=clock.zone)

"""How connections to the centre are made for each use, and kept."""

from __future__ import annotations

import time
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import NullPool

from sync.central.dialects import Edge, Session, Timeouts, Use
from sync.central.options import MappingFile

FRESH_SECONDS: Final = 0.05  # longer than from one document to the next, shorter than any server takes to come back
_RESTS_SINCE: Final = "yj_rests_since"


def session_for(use: Use, options: MappingFile, zone: ZoneInfo, timeouts: Timeouts | None) -> Session:
    """What the mapping says of connections of this use; `timeouts`, where given, win over its own."""
    read, write = options.read, options.write
    own = {"lock": read.lock_timeout, "read": read.statement_timeout, "write": write.statement_timeout}
    if use != "mirror":
        own["lock"] = write.lock_timeout
    return Session(
        use,
        zone,
        timeouts or Timeouts(**own),
        isolation=read.isolation,
        read_only_intent=read.read_only_intent,
        char_encoding=options.text.char_encoding,
    )


class Trust:
    """When the centre was last seen failing, on whichever of a gateway's connections: what rested then is doubtful."""

    def __init__(self) -> None:
        self._shaken = time.monotonic()

    def shake(self, _failed: Any = None) -> None:
        """An error came from the centre's driver."""
        self._shaken = time.monotonic()

    def holds(self, rests_since: float) -> bool:
        """Whether a connection that rests since then needs not be asked whether it still lives."""
        return rests_since > max(self._shaken, time.monotonic() - FRESH_SECONDS)


def engine_for(edge: Edge, url: str, session: Session, trust: Trust, *, kept: bool = True) -> Engine:
    """`kept`: connections stay open for the next who needs one, and are asked whether they still live before that."""
    options = edge.engine_options(session)
    if not kept:
        options["poolclass"] = NullPool
    pooled = "poolclass" not in options
    if pooled:
        wait = session.timeouts.lock
        options |= {"pool_size": 2, "max_overflow": 2, "pool_pre_ping": not session.writing, "pool_timeout": wait}
    engine = create_engine(edge.address(make_url(url), session), hide_parameters=True, **options)
    edge.attach(engine, session)
    event.listen(engine, "handle_error", trust.shake)
    if pooled and session.writing:
        _ask_after_a_rest(engine, trust)
    return engine


def _ask_after_a_rest(engine: Engine, trust: Trust) -> None:
    """An upload takes its connection again a moment after it gave it back: asking each time would be one more statement
    for every document. One that broke just then fails at the application lock, before anything is written."""

    @event.listens_for(engine, "checkin")
    def rest(_connection: Any, record: Any) -> None:
        record.info[_RESTS_SINCE] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ask(connection: Any, record: Any, _proxy: Any) -> None:
        since = record.info.get(_RESTS_SINCE)
        if since is None or trust.holds(since):
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error:
            raise DisconnectionError("the connection broke while it rested") from None

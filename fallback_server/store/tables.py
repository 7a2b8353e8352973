"""Every table of the store, for migrations and for tests that walk them. Importing this registers them all."""

from __future__ import annotations

from typing import Final

from sqlalchemy import MetaData

from fallback_server.store import (  # noqa: F401  (each import registers its tables)
    after,
    agents,
    alarm_channels,
    alarms,
    audit,
    backup_rows,
    cash,
    centre_history,
    centre_look,
    counters,
    credentials,
    drill_rows,
    idempotency,
    master_changes,
    mirror,
    mode,
    outbox,
    people,
    print_jobs,
    record,
    returning,
    stations,
    stop_orders,
    trial,
    visits,
    voices,
)
from fallback_server.store.schema import metadata, mirror_metadata

OWN: Final[MetaData] = metadata
MIRRORED: Final[MetaData] = mirror_metadata
ALL: Final[tuple[MetaData, MetaData]] = (OWN, MIRRORED)

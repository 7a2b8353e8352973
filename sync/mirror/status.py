"""How old the mirror is and what the last runs did: `store.mirror_status` for the command line and `yj ready`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from fallback_server.store import mirror_status as tables
from fallback_server.store.mirror_status import StaleRules
from fallback_server.store.session import Store

__all__ = ["DatasetStatus", "MirrorStatus", "StaleRules", "mirror_status"]


@dataclass(frozen=True)
class DatasetStatus:
    """One dataset as published. `stale`: ok, warn or fail. `as_of_centre` is the same moment by the centre's clock; the
    last five are of the run that published it last."""

    dataset: str
    group: str
    rows: int
    generation: int
    as_of: str
    as_of_centre: str
    age_seconds: int
    stale: str
    run_id: int | None = None
    read: int | None = None
    changed: int | None = None
    rejected: int | None = None
    seconds: float | None = None
    load: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class MirrorStatus:
    """Everything `yj mirror status` shows. `ok` is what its exit code says."""

    ok: bool
    generation: int | None
    published_at: str | None
    as_of: str | None
    clock_offset_seconds: int | None
    datasets: Sequence[DatasetStatus]
    last_run: Mapping[str, Any] | None
    last_published: Mapping[str, Any] | None
    held: Sequence[Mapping[str, Any]] = field(default=())
    stopped: Mapping[str, Any] | None = None
    alarms: Sequence[Mapping[str, Any]] = field(default=())

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def mirror_status(store: Store, rules: StaleRules) -> MirrorStatus:
    """The state of the mirror now."""
    with store.reading() as tx:
        found = tables.overview(tx.conn, tx.now, rules)
    found["datasets"] = [DatasetStatus(**one) for one in found["datasets"]]
    return MirrorStatus(**{one.name: found[one.name] for one in fields(MirrorStatus)})

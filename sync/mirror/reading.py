"""What a run reads, and how: for every dataset the cheapest way that is still right."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from fallback_server.domain.clock import business_date, to_text
from fallback_server.domain.datasets import DATASETS
from fallback_server.store.mirror import dataset_state, datasets
from sync.central.gateway import DatasetHints, Probe, Snapshot
from sync.mirror import watermark
from sync.mirror.normalise import RULES_VERSION
from sync.mirror.pull import How, Staged, pull
from sync.mirror.source import Source
from sync.mirror.validate import Before

SWEEP_FROM_ROWS: Final = 20_000
"""Below this a table is staged whole: that costs a second, and needs no state."""


class Horizons(Protocol):
    """How far back open work is read, from [mirror] of yj.toml."""

    @property
    def registration_horizon_days(self) -> int: ...
    @property
    def prescription_horizon_days(self) -> int: ...
    @property
    def order_horizon_days(self) -> int: ...


@dataclass(frozen=True)
class Standing:
    """What the mirror has of a dataset before a run."""

    before: Before
    watermark: str | None = None


def standings(connection: Connection, names: Iterable[str]) -> dict[str, Standing]:
    """How the datasets stand now."""
    states = {row["dataset"]: dict(row) for row in connection.execute(select(dataset_state)).mappings()}
    return {name: _standing(connection, name, states.get(name)) for name in names}


def _standing(connection: Connection, name: str, state: Mapping[str, Any] | None) -> Standing:
    if state is None:
        counted = connection.execute(select(func.count()).select_from(datasets[name])).scalar_one()
        return Standing(Before(int(counted)))
    before = Before(state["rows"], state["rules_version"], state["shape"], state["greatest_key"])
    return Standing(before, state["watermark"])


def choose(name: str, standing: Standing, hints: DatasetHints, *, sweep: bool, plain: bool) -> How:
    """The way to read a dataset. `sweep`: everything is to be looked at; `plain`: a first load may be tried."""
    dataset = DATASETS[name]
    if dataset.parent is not None or any(other.parent == name for other in DATASETS.values()):
        return "full"
    if standing.before.rows == 0:
        return "load" if plain else "full"
    if standing.before.rules_version != RULES_VERSION:
        return "full"
    if not sweep and hints.watermark and watermark.usable(hints.watermark_kind, standing.watermark):
        return "changed"
    return "sweep" if standing.before.rows >= SWEEP_FROM_ROWS else "full"


def awake(
    connection: Connection, wanted: Collection[str], hints: Mapping[str, DatasetHints], sweep: Collection[str]
) -> tuple[str, ...]:
    """Those that a run of the day reads: what rests is left to the hours of sweeps, unless the mirror has none of it.

    A run that would have nothing to do reads them all the same.
    """
    known = {name for name, standing in standings(connection, wanted).items() if standing.before.rows}
    left = tuple(name for name in wanted if not hints[name].rests or name in sweep or name not in known)
    return left or tuple(wanted)


class Reader:
    """Reads the datasets of one run from one snapshot."""

    def __init__(
        self, connection: Connection, snapshot: Snapshot, probe: Probe, horizons: Horizons, zone: ZoneInfo
    ) -> None:
        self._connection, self._snapshot, self._horizons, self._zone = connection, snapshot, horizons, zone
        # By the centre's clock: change times are its own.
        bound = snapshot.as_of + timedelta(seconds=probe.clock_offset_seconds)
        oldest = snapshot.oldest_running
        if oldest is not None:
            bound = min(bound, oldest if oldest.tzinfo else oldest.replace(tzinfo=zone))
        self._bound = bound.astimezone(zone)

    def read(self, name: str, how: How, standing: Standing, hints: DatasetHints) -> Staged:
        """One dataset, staged or loaded. Raises what the snapshot raises, and see `pull`."""
        binds = self._binds(name, hints, self._snapshot.as_of)
        last = watermark.usable(hints.watermark_kind, standing.watermark) if how == "changed" else None
        if last is not None and self._went_back(hints, last):
            how, last = "sweep", None
        if last is not None:
            binds["changed_from"] = watermark.changed_from(hints.watermark_kind, last)
        source = Source(self._snapshot, name, binds, hints, changed=how == "changed")
        staged = pull(self._connection, source, name, how)
        staged.shape, staged.rests = self._snapshot.shape(name), hints.rests
        if hints.watermark:
            staged.watermark = watermark.reached(hints.watermark_kind, last, source.seen, self._limit(hints))
        return staged

    def _went_back(self, hints: DatasetHints, last: str) -> bool:
        """Row versions only grow: a centre that has not come to ours yet is a restored one, and asked for what changed
        since then it would say nothing for days."""
        limit = self._limit(hints)
        return hints.watermark_kind == "number" and limit is not None and int(limit) < int(last)

    def _limit(self, hints: DatasetHints) -> str | None:
        if hints.watermark_kind == "time":
            return watermark.as_text(self._bound)
        limit = self._snapshot.row_version_limit
        return None if limit is None else str(limit)

    def _binds(self, name: str, hints: DatasetHints, now: datetime) -> dict[str, Any]:
        days = hints.horizon_days
        if days is None:
            days = {
                "open_registration": self._horizons.registration_horizon_days,
                "open_prescription": self._horizons.prescription_horizon_days,
                "open_prescription_line": self._horizons.prescription_horizon_days,
            }.get(name, self._horizons.order_horizon_days)
        horizon = business_date(now, self._zone) - timedelta(days=days)
        return {"horizon_from": horizon.isoformat(), "now_at": to_text(now)}


def plans(
    standing: Mapping[str, Standing], hints: Mapping[str, DatasetHints], sweep: Collection[str], *, plain: bool
) -> dict[str, How]:
    """How each dataset is read in this run."""
    return {
        name: choose(name, before, hints[name], sweep=name in sweep, plain=plain) for name, before in standing.items()
    }

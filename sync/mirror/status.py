"""How old the mirror is and what the last runs did: computed from the tables when asked, never remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from sqlalchemy import Connection, select

from fallback_server.domain.clock import from_text
from fallback_server.domain.datasets import DATASETS
from fallback_server.store.mirror import dataset_state, generation, run
from fallback_server.store.session import Store


class StaleRules(Protocol):
    """When data are old, in minutes: [mirror] of yj.toml."""

    @property
    def stale_warn_minutes(self) -> int: ...
    @property
    def stale_fail_minutes(self) -> int: ...
    @property
    def open_work_stale_warn_minutes(self) -> int: ...
    @property
    def open_work_stale_fail_minutes(self) -> int: ...


@dataclass(frozen=True)
class DatasetStatus:
    """One dataset as published. `stale`: ok, warn or fail."""

    dataset: str
    group: str
    rows: int
    generation: int
    as_of: str
    age_seconds: int
    stale: str


@dataclass(frozen=True)
class MirrorStatus:
    """Everything `yj mirror status` shows. `ok` is what its exit code says."""

    ok: bool
    generation: int | None
    as_of: str | None
    datasets: Sequence[DatasetStatus]
    last_run: Mapping[str, Any] | None
    last_published: Mapping[str, Any] | None
    held: Sequence[Mapping[str, Any]] = field(default=())

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def mirror_status(store: Store, rules: StaleRules) -> MirrorStatus:
    """The state of the mirror now. Not ok: nothing published, something too old, or the newest run held or failed."""
    with store.reading() as tx:
        rows = tx.conn.execute(select(dataset_state)).mappings().all()
        ages = {row["dataset"]: int((tx.now - from_text(row["as_of"])).total_seconds()) for row in rows}
        found = {row["dataset"]: _status(row, ages[row["dataset"]], rules) for row in rows}
        current = tx.conn.execute(
            select(generation)
            .where(generation.c.rolled_back_at.is_(None))
            .order_by(generation.c.generation.desc())
            .limit(1)
        ).mappings().first()  # fmt: skip
        last = _runs(tx.conn, 1)
        published = _runs(tx.conn, 1, "published")
        # An older held run is settled by whatever was published after it.
        newest = published[0]["run_id"] if published else 0
        held = [row for row in _runs(tx.conn, 20, "held") if row["run_id"] > newest]
    datasets = [found[name] for name in DATASETS if name in found]
    fine = bool(datasets) and all(each.stale != "fail" for each in datasets) and not held
    return MirrorStatus(
        ok=fine and bool(last) and last[0]["state"] in ("published", "frozen", "running"),
        generation=current["generation"] if current else None,
        as_of=current["as_of"] if current else None,
        datasets=datasets,
        last_run=last[0] if last else None,
        last_published=published[0] if published else None,
        held=held,
    )


def _status(row: Mapping[Any, Any], age: int, rules: StaleRules) -> DatasetStatus:
    is_open = DATASETS[row["dataset"]].group == "open"
    warn = rules.open_work_stale_warn_minutes if is_open else rules.stale_warn_minutes
    fail = rules.open_work_stale_fail_minutes if is_open else rules.stale_fail_minutes
    return DatasetStatus(
        dataset=row["dataset"],
        group=DATASETS[row["dataset"]].group,
        rows=row["rows"],
        generation=row["generation"],
        as_of=row["as_of"],
        age_seconds=age,
        stale="fail" if age > fail * 60 else "warn" if age > warn * 60 else "ok",
    )


def _runs(connection: Connection, count: int, state: str | None = None) -> list[dict[str, Any]]:
    statement = select(run).order_by(run.c.run_id.desc()).limit(count)
    if state is not None:
        statement = statement.where(run.c.state == state)
    return [dict(row) for row in connection.execute(statement).mappings()]

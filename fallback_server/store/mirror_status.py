"""How the mirror stands, for the command line and the console alike: computed from the tables when asked (a stored
"fine" could lie)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from sqlalchemy import Connection, RowMapping, select

from fallback_server.domain.clock import from_text, to_text
from fallback_server.domain.datasets import DATASETS
from fallback_server.store import alarms, stop_orders
from fallback_server.store.mirror import dataset_state, generation, rejection, run

GROUPS: Final = ("master", "open")
RUNS_SHOWN: Final = 20
HELD_LOOKED_AT: Final = 50
RESTING_WARN_SECONDS: Final = 26 * 3600  # of what is read at night only: one night, and one that was missed
RESTING_FAIL_SECONDS: Final = 50 * 3600
RUNS_LOOKED_AT: Final = 1000  # three days of runs: every dataset is read whole once a night


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


def overview(conn: Connection, now: datetime, rules: StaleRules) -> dict[str, Any]:
    """Everything `yj mirror status` and GET /mirror show, but for the list of runs.

    `ok` is False while something is missing, too old, held or stopped, an alarm is on, or the newest run failed.
    """
    datasets = _datasets(conn, now, rules)
    current = conn.execute(_generations().limit(1)).mappings().first()
    newest = next(iter(runs(conn, 1)), None)
    published = next(iter(runs(conn, 1, "published")), None)
    held = _held(conn, published)
    stopped = stop_orders.stopped(conn)
    warnings = [row for row in alarms.on(conn) if row["subject"].startswith(alarms.MIRROR)]
    fine = bool(datasets) and all(each["stale"] != "fail" for each in datasets)
    fine = fine and not held and stopped is None and not warnings
    return {
        "ok": fine and newest is not None and newest["state"] in ("published", "frozen", "running"),
        "generation": current["generation"] if current else None,
        "published_at": current["published_at"] if current else None,
        "as_of": current["as_of"] if current else None,
        "clock_offset_seconds": newest_offset(conn),
        "stopped": stopped,
        "alarms": warnings,
        "datasets": datasets,
        "held": held,
        "last_run": newest,
        "last_published": published,
    }


def _generations() -> Any:
    return select(generation).where(generation.c.rolled_back_at.is_(None)).order_by(generation.c.generation.desc())


def found_by_sweep(row: Mapping[Any, Any]) -> set[str]:
    """The datasets of which a held run looked at every row, while other runs may ask for changed ones only."""
    return {problem["dataset"] for problem in row["problems"] if problem.get("whole")}


def swept(conn: Connection) -> dict[str, str]:
    """As of when every row of each dataset was last looked at and published."""
    rows = conn.execute(select(dataset_state.c.dataset, dataset_state.c.swept_at))
    return {row.dataset: row.swept_at or "" for row in rows}


def unswept(row: Mapping[Any, Any], since: Mapping[str, str]) -> set[str]:
    """Of the datasets that a sweep was held for, those of which no later look at every row was published.

    What was asked for changes meanwhile knows nothing of them: it settles nothing.
    """
    return {name for name in found_by_sweep(row) if since.get(name, "") <= str(row["as_of"])}


def _held(conn: Connection, published: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Held runs that nothing has settled: no later run has published one of the datasets it was held for."""
    settled: dict[str, int] = {
        row.dataset: row.run_id
        for row in conn.execute(
            select(dataset_state.c.dataset, generation.c.run_id).join(
                generation, generation.c.generation == dataset_state.c.generation
            )
        )
    }
    since, newest = swept(conn), published["run_id"] if published else 0
    waiting = (row for row in runs(conn, HELD_LOOKED_AT, "held") if _waits(row, settled, newest, since))
    return [row for row in waiting if not _looked_again(conn, row)]


def _waits(row: Mapping[str, Any], settled: Mapping[str, int], newest: int, since: Mapping[str, str]) -> bool:
    """Whether nothing was published since that answers a held run."""
    if unswept(row, since):
        return True
    suspect = {problem["dataset"] for problem in row["problems"]} - {None}
    others = suspect - found_by_sweep(row)
    if suspect and not others:
        return False
    return bool(row["run_id"] > max((settled.get(name, 0) for name in others), default=newest))


def _looked_again(conn: Connection, row: Mapping[str, Any]) -> bool:
    """Whether a later run of the same datasets was held in its place: only that one is worth a person's time."""
    later = select(run.c.datasets, run.c.problems).where(run.c.run_id > row["run_id"], run.c.state == "held")
    return any(
        set(each["datasets"]) >= set(row["datasets"]) and found_by_sweep(each) >= found_by_sweep(row)
        for each in conn.execute(later).mappings()
    )


def _datasets(conn: Connection, now: datetime, rules: StaleRules) -> list[dict[str, Any]]:
    """One entry a dataset: how it stands, and what the run did that published it last."""
    joined = dataset_state.outerjoin(generation, generation.c.generation == dataset_state.c.generation).outerjoin(
        run, run.c.run_id == generation.c.run_id
    )
    wanted = (dataset_state, run.c.run_id, run.c.counts, run.c.seconds, run.c.load, run.c.clock_offset_seconds)
    rows = {row["dataset"]: row for row in conn.execute(select(*wanted).select_from(joined)).mappings()}
    return [_dataset(rows[name], now, rules) for name in DATASETS if name in rows]


def _dataset(row: RowMapping, now: datetime, rules: StaleRules) -> dict[str, Any]:
    name, as_of = row["dataset"], from_text(row["as_of"])
    age = max(0, int((now - as_of).total_seconds()))
    counts = (row["counts"] or {}).get(name, {})
    warn, fail = limits(DATASETS[name].group, rules, rests=row["rests"])
    return {
        "dataset": name,
        "group": DATASETS[name].group,
        "rows": row["rows"],
        "generation": row["generation"],
        "as_of": row["as_of"],
        "as_of_centre": to_text(as_of + timedelta(seconds=row["clock_offset_seconds"] or 0)),
        "age_seconds": age,
        "stale": "fail" if age > fail else "warn" if age > warn else "ok",
        "run_id": row["run_id"],
        "read": counts.get("read"),
        "changed": changed(counts) if counts else None,
        "rejected": counts.get("rejected"),
        "seconds": (row["seconds"] or {}).get(f"read {name}"),
        "load": (row["load"] or {}).get(name),
    }


def resting(conn: Connection) -> set[str]:
    """The datasets that are read in the hours of sweeps only."""
    return set(conn.execute(select(dataset_state.c.dataset).where(dataset_state.c.rests.is_(True))).scalars())


def limits(group: str, rules: StaleRules, *, rests: bool = False) -> tuple[int, int]:
    """From which age in seconds a group's data are old: a warning, then "not ready". `rests`: read at night only."""
    if rests:
        return RESTING_WARN_SECONDS, RESTING_FAIL_SECONDS
    if group == "open":
        return rules.open_work_stale_warn_minutes * 60, rules.open_work_stale_fail_minutes * 60
    return rules.stale_warn_minutes * 60, rules.stale_fail_minutes * 60


def changed(counts: Mapping[str, int]) -> int:
    """Rows of a dataset that a publish wrote or removed."""
    return sum(counts.get(name, 0) for name in ("inserted", "updated", "retired"))


def newest_offset(conn: Connection) -> int | None:
    """Centre minus standby in seconds, as the newest run that reached the centre found it."""
    statement = select(run.c.clock_offset_seconds).where(run.c.clock_offset_seconds.is_not(None))
    found = conn.execute(statement.order_by(run.c.run_id.desc()).limit(1)).scalar()
    return None if found is None else int(found)


def runs(conn: Connection, count: int, state: str | None = None) -> list[dict[str, Any]]:
    """The newest runs, newest first."""
    statement = select(run).order_by(run.c.run_id.desc()).limit(count)
    if state is not None:
        statement = statement.where(run.c.state == state)
    return [dict(row) for row in conn.execute(statement).mappings()]


def rejections(
    conn: Connection, limit: int, *, run_id: int | None = None, datasets: Iterable[str] | None = None
) -> list[dict[str, Any]]:
    """Rows set aside: of one run, or as the mirror stands; dataset, key, reason, detail.

    As it stands: of each dataset what the last run that read all of it set aside, and every run since. A row mended at
    the centre meanwhile is left out when all of it is read again.
    """
    wanted = None if datasets is None else set(datasets)
    if run_id is not None:
        rows = conn.execute(select(rejection).where(rejection.c.run_id == run_id).order_by(rejection.c.id)).mappings()
        return [dict(row) for row in rows if wanted is None or row["dataset"] in wanted][:limit]
    found: list[dict[str, Any]] = []
    for name, (first, last) in _standing_runs(conn, wanted).items():
        between = (rejection.c.dataset == name, rejection.c.run_id >= first, rejection.c.run_id <= last)
        rows = conn.execute(select(rejection).where(*between).order_by(rejection.c.id)).mappings()
        found += {(row["row_key"], row["detail"]): dict(row) for row in rows}.values()
        if len(found) >= limit:
            break
    return found[:limit]


def _standing_runs(conn: Connection, wanted: set[str] | None) -> dict[str, tuple[int, int]]:
    """Per dataset the last published run that read all of it, and the last that read any of it."""
    spans: dict[str, tuple[int, int]] = {}
    left = {row for row in conn.execute(select(dataset_state.c.dataset)).scalars() if wanted is None or row in wanted}
    statement = select(run.c.run_id, run.c.counts, run.c.load).where(run.c.state == "published")
    for row in conn.execute(statement.order_by(run.c.run_id.desc()).limit(RUNS_LOOKED_AT)):
        for name in left & set(row.counts):
            spans[name] = (row.run_id, spans.get(name, (0, row.run_id))[1])
            if not ((row.load or {}).get(name) or {}).get("changed"):
                left.discard(name)
        if not left:
            break
    return {name: spans[name] for name in DATASETS if name in spans}


def last_whole_reads(conn: Connection) -> dict[str, datetime]:
    """When each dataset was last read whole and published, as far as the newest runs know."""
    found: dict[str, datetime] = {}
    statement = select(run.c.counts, run.c.load, run.c.started_at).where(run.c.state == "published")
    for row in conn.execute(statement.order_by(run.c.run_id.desc()).limit(RUNS_LOOKED_AT)):
        for name in row.counts:
            if name not in found and not ((row.load or {}).get(name) or {}).get("changed"):
                found[name] = from_text(row.started_at)
    return found

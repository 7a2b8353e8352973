"""The mirror over time: how old its data were at every moment, and what its runs did. For charts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, select

from fallback_server.domain.clock import from_text, to_text
from fallback_server.domain.datasets import DATASETS
from fallback_server.store.mirror import generation, run
from fallback_server.store.mirror_status import GROUPS, StaleRules, changed, limits, resting

RUNS_LISTED: Final = 500
BEFORE: Final = timedelta(days=2)  # looked back before the window, for what was on screen when it began

_Event = tuple[datetime, int, dict[str, datetime] | None]  # when, generation, what it made new; None: rolled back


def history(conn: Connection, now: datetime, hours: int, rules: StaleRules) -> dict[str, Any]:
    """The last `hours`: per group the age of its oldest dataset as a line of points, and the runs, newest first.

    `{since, until, groups: {group: {warn_seconds, fail_seconds, points: [{at, age_seconds}]}}, runs: [...]}`. A line
    falls where a generation was published and rises in between: every fall is two points with the same `at`.
    """
    since = now - timedelta(hours=hours)
    events = sorted(_events(conn, since - BEFORE), key=lambda event: (event[0], event[1]))
    groups, night = {}, resting(conn)
    for group in GROUPS:
        warn, fail = limits(group, rules)
        names = frozenset(name for name, dataset in DATASETS.items() if dataset.group == group) - night
        points = [{"at": to_text(at), "age_seconds": age} for at, age in _line(events, names, since, now)]
        groups[group] = {"warn_seconds": warn, "fail_seconds": fail, "points": points}
    return {"since": to_text(since), "until": to_text(now), "groups": groups, "runs": _runs(conn, since)}


def _events(conn: Connection, since: datetime) -> Iterator[_Event]:
    joined = generation.join(run, run.c.run_id == generation.c.run_id)
    wanted = (generation, run.c.counts, run.c.as_of.label("read_as_of"))
    rows = conn.execute(
        select(*wanted).select_from(joined).where(generation.c.published_at >= to_text(since))
    ).mappings()
    for row in rows:
        as_of = from_text(row["read_as_of"] or row["as_of"])
        yield from_text(row["published_at"]), row["generation"], dict.fromkeys(row["counts"], as_of)
        if row["rolled_back_at"] is not None:
            yield from_text(row["rolled_back_at"]), row["generation"], None


def _line(
    events: Iterable[_Event], names: frozenset[str], since: datetime, until: datetime
) -> Iterator[tuple[datetime, int]]:
    """The age of the oldest of these datasets, at every moment at which it jumps and at both ends."""
    made: dict[int, dict[str, datetime]] = {}
    current: dict[str, datetime] = {}
    before: datetime | None = None
    started = False
    for at, number, new in events:
        if at >= since and not started:
            started = True
            if before is not None:
                yield since, _age(since, before)
        if new is None:
            made.pop(number, None)
            current = _folded(made)
        else:
            made[number] = {name: as_of for name, as_of in new.items() if name in names}
            current.update(made[number])
        after = min(current.values(), default=None)
        if at >= since and after != before:
            if before is not None:
                yield at, _age(at, before)
            if after is not None:
                yield at, _age(at, after)
        before = after
    if before is not None:
        if not started:
            yield since, _age(since, before)
        yield until, _age(until, before)


def _folded(made: Mapping[int, Mapping[str, datetime]]) -> dict[str, datetime]:
    current: dict[str, datetime] = {}
    for number in sorted(made):
        current.update(made[number])
    return current


def _age(at: datetime, as_of: datetime) -> int:
    return max(0, int((at - as_of).total_seconds()))


def _runs(conn: Connection, since: datetime) -> list[dict[str, Any]]:
    statement = select(run).where(run.c.started_at >= to_text(since)).order_by(run.c.run_id.desc()).limit(RUNS_LISTED)
    return [run_line(dict(row)) for row in conn.execute(statement).mappings()]


def run_line(row: Mapping[str, Any]) -> dict[str, Any]:
    """A run in one line: when, how it ended, how many rows, what it cost the centre."""
    counts, load = row["counts"] or {}, row["load"] or {}
    finished = row["finished_at"]
    took = (from_text(finished) - from_text(row["started_at"])).total_seconds() if finished else None
    groups = {DATASETS[name].group for name in row["datasets"] if name in DATASETS}
    return {
        "id": str(row["run_id"]),
        "state": row["state"],
        "trigger": row["trigger"],
        "group": next(iter(groups)) if len(groups) == 1 else "all",
        "datasets": len(row["datasets"]),
        "started_at": row["started_at"],
        "seconds": took,
        # A run that published nothing has no counts, but it has read.
        "read": sum(one.get("read", 0) for one in counts.values()) or sum(one["rows"] for one in load.values()),
        "changed": sum(changed(one) for one in counts.values()),
        "rejected": sum(one.get("rejected", 0) for one in counts.values()),
        "read_seconds": round(sum(one["seconds"] for one in load.values()), 3),
        "statements": sum(one["statements"] for one in load.values()),
        "bytes_about": sum(one["bytes_about"] for one in load.values()),
        "problems": sorted({problem["kind"] for problem in row["problems"] or ()}),
    }

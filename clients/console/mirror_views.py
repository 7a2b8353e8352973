"""How the command line shows the mirror: progress, a run, the state, the history."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from clients.console import output
from clients.console.output import Output, Ticker

if TYPE_CHECKING:
    from sync.mirror.run import RunReport
    from sync.mirror.status import MirrorStatus


class RowProgress:
    """Datasets done, and rows of the one at work with their speed: the two callbacks of a run."""

    def __init__(self, ticker: Ticker) -> None:
        self._ticker = ticker
        self._done, self._total, self._dataset = 0, 0, ""
        self._begun = self._shown = time.monotonic()

    def dataset(self, name: str, done: int, total: int) -> None:
        """Another dataset begins; called by the run."""
        self._done, self._total, self._dataset = done, total, name
        self._begun = self._shown = time.monotonic()
        self._ticker.advance(done, total, name)

    def rows(self, name: str, rows: int) -> None:
        """A page came; called by the run."""
        now = time.monotonic()
        if now - self._shown < self._ticker.note_seconds:
            return
        self._shown = now
        speed = rows / max(now - self._begun, 0.001)
        self._ticker.advance(self._done, self._total, f"{name} {rows:,} ({speed:,.0f}/s)")


def tell_run(out: Output, report: RunReport) -> None:
    """What one run did; what is wrong with it goes to standard error."""
    names = list(dict.fromkeys(name for counts in report.counts.values() for name in counts))
    rows = [[dataset, *(counts.get(name) for name in names)] for dataset, counts in report.counts.items()]
    if rows:
        out.table("镜像 · mirror", ["dataset", *names], rows, right=list(range(1, len(names) + 1)))
    # `--json` has the time of every dataset; people want the three parts.
    took = ", ".join(
        f"{name} {seconds:.1f} s" for name, seconds in report.seconds.items() if not name.startswith("read ")
    )
    out.say(f"run {report.run_id or '–'}: {report.state}, generation {report.generation or '–'} ({took or 'no time'})")
    if not report.published:
        output.complain(explained(report.problems))


def explained(problems: Iterable[Mapping[str, Any]]) -> list[str]:
    """Problems in words: what, by how much, and examples where there are any."""
    lines = []
    for problem in problems:
        lines.append(f"{problem['kind']}: {problem['zh']} {problem['en']}")
        lines += [f"    {_words(example)}" for example in problem.get("examples") or ()]
    return lines


def _words(example: Any) -> str:
    if isinstance(example, Mapping):
        return ", ".join(f"{name} {value}" for name, value in example.items() if value is not None)
    return str(example)


def tell_status(out: Output, state: MirrorStatus) -> None:
    """Every dataset, the clocks, what is held, stopped or alarming."""
    rows = [
        [
            one.dataset, one.rows, one.generation, one.as_of_centre[:19].replace("T", " "), age(one.age_seconds),
            None if one.seconds is None else f"{one.seconds:.1f} s", one.read, one.changed, one.rejected, one.stale,
        ]
        for one in state.datasets
    ]  # fmt: skip
    names = ["dataset", "rows", "gen", "as of (centre)", "age", "took", "read", "changed", "rejected", "state"]
    out.table("镜像 · mirror", names, rows, right=[1, 2, 4, 5, 6, 7, 8])
    last, offset = state.last_run, state.clock_offset_seconds
    out.say(f"generation {state.generation or '–'}; last run: {last['state'] if last else 'never'}")
    if offset is not None:
        out.say(f"clock: the centre is {abs(offset)} s {'ahead' if offset > 0 else 'behind' if offset < 0 else 'off'}")
    for held in state.held:
        out.say(f"run {held['run_id']} of {held['started_at']} is held, content {held['content_hash']}:")
        for line in explained(held["problems"]):
            out.say(f"  {line}")


def not_in_order(state: MirrorStatus) -> list[str]:
    """Why `yj mirror status` exits 1."""
    lines = [f"{one['zh']} {one['en']}" for one in state.alarms]
    if state.stopped is not None:
        order = state.stopped
        by = f"{order['stopped_by']} at {order['stopped_at']}"
        lines.append(f"stopped by {by}: {order['reason']}; `yj mirror go` lets it go on")
    lines += [
        f"run {one['run_id']} is held; see it, then `yj mirror run --approve {one['run_id']}`" for one in state.held
    ]
    lines += [f"{one.dataset} is {age(one.age_seconds)} old" for one in state.datasets if one.stale == "fail"]
    last = state.last_run
    if not state.datasets:
        lines.append("there is no mirror yet: `yj mirror run`")
    elif not lines:
        why = f"run {last['run_id']} ended {last['state']}" if last else "no run is on record"
        lines.append(f"{why}; the last good generation, {state.generation}, is still in use")
    return [*lines, *_explained(last)]


def _explained(last: Mapping[str, Any] | None) -> list[str]:
    """Why the newest run failed, if it did; a held one has its own words."""
    if last is None or last["state"] != "failed":
        return []
    return [f"run {last['run_id']} failed: {line}" for line in explained(last["problems"] or ())]


def tell_history(out: Output, found: Mapping[str, Any]) -> None:
    """The runs, newest first, and the worst age of each group."""
    rows = [
        [
            one["id"], one["started_at"][:19].replace("T", " "), one["group"], one["trigger"], one["state"],
            None if one["seconds"] is None else f"{one['seconds']:.1f} s", one["read"], one["changed"],
            one["rejected"], _size(one["bytes_about"]), ", ".join(one["problems"]),
        ]
        for one in found["runs"]
    ]  # fmt: skip
    names = ["run", "began", "of", "by", "ended", "took", "read", "changed", "rejected", "from the centre", "problems"]
    out.table("镜像历史 · history", names, rows, right=[0, 5, 6, 7, 8, 9])
    for group, line in found["groups"].items():
        worst = max((point["age_seconds"] for point in line["points"]), default=None)
        out.say(f"{group}: oldest {age(worst) if worst is not None else '–'}, limit {age(line['fail_seconds'])}")


def age(seconds: int) -> str:
    """An age as people say it."""
    return f"{seconds // 60} min" if seconds >= 120 else f"{seconds} s"


def _size(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB" if count >= 100_000 else f"{count / 1000:.0f} kB" if count else ""

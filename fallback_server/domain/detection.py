"""Is the centre alive? What one look means, a state that does not flap, and what standby and windows say together.

Pure. Times are handed in. Looks come every `LOOK_SECONDS`; whatever happens is recognised within 60 s, and nothing is
taken back before it was good for `HOLD_SECONDS` without a break.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from fallback_server.domain.clock import from_text, to_text

LOOK_SECONDS: Final = 10.0
LOOK_LIMIT_SECONDS: Final = 8.0  # a look that takes longer has seen that the centre does not answer
HOLD_SECONDS: Final = 60.0
DOWN_LOOKS: Final = 2  # one after the other
BAD_LOOKS, OF_LOOKS = 3, 6  # so many of the last so many are bad: the centre is unsteady, which windows feel as slow
SETTLE_SECONDS: Final = 40.0  # standby and windows notice the same thing at different moments
FRESH_SECONDS: Final = 180.0  # looks that are older say nothing of now
LEAST_WINDOWS: Final = 2  # one window that cannot reach the centre has a trouble of its own


class Sight(StrEnum):
    """How the centre looks from one side."""

    UNKNOWN = "unknown"
    FINE = "fine"
    SLOW = "slow"
    DOWN = "down"


class Verdict(StrEnum):
    """What standby and windows say together."""

    UNKNOWN = "unknown"  # nobody has looked
    FINE = "fine"
    SLOW = "slow"
    DEAD = "dead"  # the standby cannot work with it, and no window says that it can
    WINDOWS_CUT = "windows_cut"  # windows cannot reach it, the standby can: the network between them
    STANDBY_CUT = "standby_cut"  # the standby alone cannot reach it
    LOCKED_OUT = "locked_out"  # it answers, but refuses the standby's account


AWAY: Final = (Verdict.DEAD, Verdict.STANDBY_CUT, Verdict.LOCKED_OUT)
"""The verdicts in which the standby itself gets nothing from the centre."""


@dataclass(frozen=True)
class Look:
    """How far one look got: seconds of every step that was done (tcp, login, read, write), the step that failed, and
    how: `away`, `busy`, or `refused` by a centre that answers. `silent`: no answer within the limit. `none`: there is
    no centre to look at."""

    seconds: Mapping[str, float]
    failed: str = ""
    how: str = ""


def judge(look: Look, limits: Mapping[str, float], *, has_written: bool) -> tuple[Sight, str]:
    """What a look means, and by which step. `has_written`: a write probe went through before; one that never did says
    nothing of the centre, only of our rights there."""
    if look.failed == "none":
        return Sight.UNKNOWN, ""
    if look.failed == "login" and look.how == "refused":
        return Sight.DOWN, "refused"
    if look.failed == "write":
        if look.how == "busy":
            return Sight.SLOW, "write"
        if has_written:
            return Sight.DOWN, "write"
    elif look.failed:
        return Sight.DOWN, look.failed
    slow = next((step for step, seconds in look.seconds.items() if seconds > limits[step]), None)
    return (Sight.FINE, "") if slow is None else (Sight.SLOW, slow)


@dataclass(frozen=True)
class Watch:
    """What one side has said lately. `since`: the first of the looks that made the state. `recent`: the last looks,
    newest last. `up_since`, `fine_since`: since when without a break it was not down, and fine."""

    state: Sight = Sight.UNKNOWN
    since: datetime | None = None
    recent: tuple[tuple[datetime, Sight], ...] = ()
    up_since: datetime | None = None
    fine_since: datetime | None = None

    @property
    def last(self) -> Sight:
        """The newest look by itself."""
        return self.recent[-1][1] if self.recent else Sight.UNKNOWN

    def as_json(self) -> dict[str, Any]:
        return {
            "state": self.state.value, "since": _text(self.since), "up_since": _text(self.up_since),
            "fine_since": _text(self.fine_since), "recent": [[to_text(at), sight.value] for at, sight in self.recent],
        }  # fmt: skip

    @classmethod
    def from_json(cls, kept: Mapping[str, Any] | None) -> Watch:
        """The inverse of `as_json`; nothing kept is a watch that begins."""
        if not kept:
            return cls()
        recent = tuple((from_text(at), Sight(sight)) for at, sight in kept["recent"])
        times = {name: _moment(kept[name]) for name in ("since", "up_since", "fine_since")}
        return cls(Sight(kept["state"]), recent=recent, **times)


def observe(watch: Watch, sight: Sight, at: datetime) -> Watch:
    """The watch after one more look. Nobody to ask (`unknown`) begins it anew; what is slow or down stays so until its
    last look is too old, and has to be good anew for its time."""
    fresh = at - timedelta(seconds=FRESH_SECONDS)
    if sight is Sight.UNKNOWN:
        held = watch.state in (Sight.SLOW, Sight.DOWN) and bool(watch.recent) and fresh <= watch.recent[-1][0] <= at
        return replace(watch, up_since=None, fine_since=None) if held else Watch()
    # A clock that was set back leaves looks that are still to come: they say nothing either.
    gap = not watch.recent or not fresh <= watch.recent[-1][0] <= at
    recent = (*(one for one in watch.recent if fresh <= one[0] <= at), (at, sight))[-OF_LOOKS:]
    seen = replace(
        watch,
        recent=recent,
        up_since=None if sight is Sight.DOWN else at if gap else watch.up_since or at,
        fine_since=None if sight is not Sight.FINE else at if gap else watch.fine_since or at,
    )
    state, since = _next(seen, at)
    return seen if state is watch.state else replace(seen, state=state, since=since)


def _next(watch: Watch, at: datetime) -> tuple[Sight, datetime | None]:
    downs = watch.recent[-DOWN_LOOKS:]
    if len(downs) == DOWN_LOOKS and all(sight is Sight.DOWN for _, sight in downs):
        return Sight.DOWN, downs[0][0]
    bad = [moment for moment, sight in watch.recent if sight is not Sight.FINE]
    held = watch.fine_since if watch.state is Sight.SLOW else watch.up_since
    if watch.state in (Sight.SLOW, Sight.DOWN) and not _held(held, at):
        return watch.state, watch.since
    if len(bad) >= BAD_LOOKS:
        return Sight.SLOW, bad[0]
    if watch.state is Sight.UNKNOWN and watch.last is not Sight.FINE:
        return Sight.UNKNOWN, watch.since
    return Sight.FINE, watch.fine_since or at


def _held(since: datetime | None, at: datetime) -> bool:
    return since is not None and (at - since).total_seconds() >= HOLD_SECONDS


@dataclass(frozen=True)
class Windows:
    """What live windows say of the centre: they reach it, they do not, they cannot tell."""

    yes: int = 0
    no: int = 0
    unknown: int = 0

    @property
    def known(self) -> int:
        return self.yes + self.no

    def sight(self, percent: int) -> Sight:
        """Down when at least `percent` of those that can tell, and not one alone, do not reach it. One alone that does
        not says nothing."""
        if not self.yes and self.no < LEAST_WINDOWS:
            return Sight.UNKNOWN
        cut = self.no >= LEAST_WINDOWS and self.no * 100 >= percent * self.known
        return Sight.DOWN if cut else Sight.FINE


def together(before: Verdict, standby: Watch, fault: str, windows: Watch, at: datetime) -> Verdict:
    """What both sides say. While one of them has not caught up with the other, it stays at what was `before`."""
    if standby.state is Sight.UNKNOWN:
        return Verdict.UNKNOWN
    if standby.state is Sight.DOWN:
        return _away(before, standby, fault, windows, at)
    if windows.state is Sight.DOWN:
        if windows.last is not Sight.DOWN or standby.last is Sight.DOWN:
            return before if before in (Verdict.DEAD, Verdict.WINDOWS_CUT) else Verdict(standby.state.value)
        return Verdict.WINDOWS_CUT
    return Verdict(standby.state.value)


def _away(before: Verdict, standby: Watch, fault: str, windows: Watch, at: datetime) -> Verdict:
    if windows.state is Sight.DOWN:
        return Verdict.DEAD
    if fault == "refused":
        return Verdict.LOCKED_OUT
    # A port that answers before a dead database is what windows see as well: only a wire tells the two apart.
    if fault != "tcp" or windows.state is Sight.UNKNOWN:
        return Verdict.DEAD
    if standby.last is not Sight.DOWN and before in AWAY:
        return before  # on the way back, and windows are there first
    begun = standby.since or at
    if before not in AWAY and (at - begun).total_seconds() < SETTLE_SECONDS:
        return before
    back = windows.up_since
    if before in AWAY and back is not None and (at - back).total_seconds() < SETTLE_SECONDS:
        return before  # windows were asked sooner than the standby looked again
    return before if before is Verdict.DEAD and windows.last is Sight.DOWN else Verdict.STANDBY_CUT


# --- switching by itself ----------------------------------------------------------------------------------------------
def both_away_seconds(standby: Watch, windows: Watch, at: datetime) -> float:
    """How long neither side has reached the centre; 0 unless both are down and the newest look of each says so.

    The side that noticed last counts: what the standby alone could not reach was not away for the windows.
    """
    for watch in (standby, windows):
        young = bool(watch.recent) and (at - watch.recent[-1][0]).total_seconds() <= SETTLE_SECONDS
        if watch.state is not Sight.DOWN or watch.last is not Sight.DOWN or not young:
            return 0.0
    begun = max(watch.since or at for watch in (standby, windows))
    return max(0.0, (at - begun).total_seconds())


@dataclass(frozen=True)
class Switching:
    """[detection] of yj.toml: whether the hospital lets the standby switch by itself, and when."""

    by_itself: bool = False
    after_seconds: int = 300
    windows_percent: int = 50
    least_windows: int = 3
    rest_minutes: int = 60


@dataclass(frozen=True)
class Standing:
    """All that switching by itself depends on. `away_seconds`: how long neither standby nor windows reach it.
    `since_back_minutes`: since windows were last given back to the HIS, None if never."""

    verdict: Verdict
    away_seconds: float
    fault: str
    mode: str
    windows: Windows
    mirror_fresh: bool
    stopped: bool = False
    since_back_minutes: float | None = None


def conditions(rules: Switching, now: Standing) -> Sequence[tuple[str, bool]]:
    """Every condition for switching by itself, and whether it is met; all of them must be. It never switches back."""
    told = now.windows.no * 100 >= rules.windows_percent * max(1, now.windows.known)
    rested = now.since_back_minutes is None or now.since_back_minutes >= rules.rest_minutes
    return (
        ("allowed", rules.by_itself),
        ("not_stopped", not now.stopped),
        # In a drill, an outage or a return somebody is at work already.
        ("normal", now.mode == "normal"),
        ("dead", now.verdict is Verdict.DEAD and now.fault != "write"),
        ("long_enough", now.verdict is Verdict.DEAD and now.away_seconds >= rules.after_seconds),
        ("windows_agree", now.windows.no >= rules.least_windows and told),
        ("mirror_fresh", now.mirror_fresh),
        ("rested", rested),
    )


def switches(rules: Switching, now: Standing) -> bool:
    """Whether the standby may switch by itself now."""
    return all(met for _, met in conditions(rules, now))


def cause_of(fault: str) -> str:
    """The cause of an outage, as far as one step that failed tells it."""
    return "server" if fault == "tcp" else "database"


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else to_text(moment)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else from_text(text)

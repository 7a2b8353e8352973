"""Is the centre alive: recognised within a minute, told apart from what only looks like it, and never flapping."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fallback_server.domain.detection import (
    HOLD_SECONDS,
    LOOK_LIMIT_SECONDS,
    LOOK_SECONDS,
    Look,
    Sight,
    Standing,
    Switching,
    Verdict,
    Watch,
    Windows,
    conditions,
    judge,
    observe,
    switches,
    together,
)
from fallback_server.domain.places import knock, places
from fallback_server.domain.usual import LAST, LEAST_SECONDS, WITHOUT_SECONDS, Usual, bucket, edge, limit, usual

MORNING = datetime.fromisoformat("2026-11-23T08:00:00+08:00")
FINE, SLOW, DOWN, UNKNOWN = Sight.FINE, Sight.SLOW, Sight.DOWN, Sight.UNKNOWN
LIMITS = dict.fromkeys(("tcp", "login", "read", "write"), 0.5)
QUICK = {"tcp": 0.001, "login": 0.02, "read": 0.005, "write": 0.01}
RECOGNISED = 60


# -- one look ----------------------------------------------------------------------------------------------------------
LOOKS: list[tuple[str, Look, bool, tuple[Sight, str]]] = [
    ("all steps quick", Look(QUICK), True, (FINE, "")),
    ("a log-in that takes its time", Look({**QUICK, "login": 0.6}), True, (SLOW, "login")),
    ("the port is shut", Look({}, "tcp", "away"), True, (DOWN, "tcp")),
    ("the port answers, the database does not", Look({"tcp": 0.001}, "login", "away"), True, (DOWN, "login")),
    ("no connection is free", Look({"tcp": 0.001}, "login", "busy"), True, (DOWN, "login")),
    ("our account is refused", Look({"tcp": 0.001}, "login", "refused"), True, (DOWN, "refused")),
    ("it lets us in and then says nothing", Look({"tcp": 0.001, "login": 0.1}, "silent", "away"), True,
     (DOWN, "silent")),
    ("it reads and has no room to write", Look(QUICK, "write", "refused"), True, (DOWN, "write")),
    ("we were never allowed to write", Look(QUICK, "write", "refused"), False, (FINE, "")),
    ("there is no centre yet", Look({}, "none"), False, (UNKNOWN, "")),
    ("somebody holds the row", Look(QUICK, "write", "busy"), False, (SLOW, "write")),
]  # fmt: skip


@pytest.mark.parametrize(("look", "wrote", "meant"), [row[1:] for row in LOOKS], ids=[row[0] for row in LOOKS])
def test_what_one_look_means(look: Look, wrote: bool, meant: tuple[Sight, str]) -> None:
    assert judge(look, LIMITS, has_written=wrote) == meant


# -- the state ---------------------------------------------------------------------------------------------------------
def watched(sights: Sequence[Sight], begin: Watch | None = None, every: float = LOOK_SECONDS) -> list[Watch]:
    """The watch after every look."""
    found, watch, at = [], begin or Watch(), MORNING
    if watch.recent:
        at = watch.recent[-1][0] + timedelta(seconds=every)
    for sight in sights:
        watch = observe(watch, sight, at)
        found.append(watch)
        at += timedelta(seconds=every)
    return found


def states(*sights: Sight) -> list[Sight]:
    return [one.state for one in watched(sights)]


STATES: list[tuple[str, list[Sight], list[Sight]]] = [
    ("fine at the first look", [FINE], [FINE]),
    ("one look is no outage", [FINE, DOWN, FINE], [FINE, FINE, FINE]),
    ("two are", [FINE, DOWN, DOWN], [FINE, FINE, DOWN]),
    ("a worker that starts in an outage", [DOWN, DOWN], [UNKNOWN, DOWN]),
    ("one slow answer is nothing", [FINE, SLOW, FINE, SLOW, FINE], [FINE] * 5),
    ("three of six are slow", [FINE, SLOW, SLOW, SLOW], [FINE, FINE, FINE, SLOW]),
    ("every second answer is lost", [FINE, DOWN, FINE, DOWN, FINE, DOWN], [FINE] * 5 + [SLOW]),
    ("back for a minute before it counts", [DOWN, DOWN] + [FINE] * 7, [UNKNOWN] + [DOWN] * 7 + [FINE]),
    ("a minute without a break", [DOWN, DOWN, FINE, FINE, FINE, DOWN] + [FINE] * 7, [UNKNOWN] + [DOWN] * 11 + [FINE]),
    ("back, but slow", [DOWN, DOWN] + [SLOW] * 7, [UNKNOWN] + [DOWN] * 7 + [SLOW]),
    ("slow until it was fine for a minute", [SLOW] * 3 + [FINE] * 7, [UNKNOWN] * 2 + [SLOW] * 7 + [FINE]),
    ("from slow to dead", [SLOW] * 3 + [DOWN] * 2, [UNKNOWN] * 2 + [SLOW] * 2 + [DOWN]),
    ("nobody left to ask", [FINE, UNKNOWN, FINE], [FINE, UNKNOWN, FINE]),
    ("nobody to ask for a moment of an outage", [DOWN, DOWN, UNKNOWN, DOWN], [UNKNOWN] + [DOWN] * 3),
    ("nobody to ask is not good", [DOWN, DOWN, FINE, UNKNOWN] + [FINE] * 7, [UNKNOWN] + [DOWN] * 9 + [FINE]),
    ("nobody left to ask in an outage", [DOWN, DOWN] + [UNKNOWN] * 19, [UNKNOWN] + [DOWN] * 19 + [UNKNOWN]),
]


@pytest.mark.parametrize(("seen", "meant"), [row[1:] for row in STATES], ids=[row[0] for row in STATES])
def test_a_state_comes_soon_and_goes_late(seen: list[Sight], meant: list[Sight]) -> None:
    assert states(*seen) == meant


def test_it_began_with_the_first_look_that_saw_it() -> None:
    newest = watched([FINE, FINE, DOWN, DOWN, DOWN])[-1]
    assert newest.since == MORNING + timedelta(seconds=2 * LOOK_SECONDS)
    back = watched([FINE] * 7, newest)[-1]
    assert (back.state, back.since) == (FINE, MORNING + timedelta(seconds=5 * LOOK_SECONDS))


def test_a_worker_that_starts_goes_on_where_the_one_before_was() -> None:
    for sights in ([], [DOWN, DOWN, SLOW], [FINE, SLOW, SLOW, SLOW, FINE]):
        watch = (watched(sights) or [Watch()])[-1]
        assert Watch.from_json(watch.as_json()) == watch
    assert Watch.from_json({}) == Watch()


def test_looks_from_before_a_long_pause_say_nothing_of_now() -> None:
    down = watched([FINE, DOWN])[-1]
    later = observe(down, DOWN, MORNING + timedelta(hours=3))
    assert later.state is FINE and len(later.recent) == 1


def test_a_clock_that_was_set_back_holds_nothing_up() -> None:
    down = watched([DOWN, DOWN, FINE])[-1]
    watch = replace(down, recent=tuple((at + timedelta(hours=2), sight) for at, sight in down.recent))
    for number in range(8):
        watch = observe(watch, FINE, MORNING + timedelta(seconds=number * LOOK_SECONDS))
    assert watch.state is FINE


SIGHTS = st.lists(st.sampled_from([FINE, SLOW, DOWN, UNKNOWN]), max_size=60)


@given(SIGHTS)
def test_nothing_is_taken_back_before_it_was_good_for_a_minute(sights: list[Sight]) -> None:
    """Or before nobody could say anything for so long that what was said before counts no more."""
    before, last_bad = Watch(), MORNING
    for number, (sight, watch) in enumerate(zip(sights, watched(sights), strict=True)):
        at = MORNING + timedelta(seconds=number * LOOK_SECONDS)
        if before.state is DOWN and watch.state is not DOWN:
            assert (at - last_bad).total_seconds() >= HOLD_SECONDS and sight is not DOWN
        if sight is DOWN:
            last_bad = at
        before = watch


@given(SIGHTS)
def test_it_does_not_flap_whatever_is_seen(sights: list[Sight]) -> None:
    """A state that is left for a better one was held for a minute: in t seconds few changes are to or from bad."""
    found = [Watch(), *watched(sights)]
    changes = sum(a.state is not b.state and bool({a.state, b.state} & {SLOW, DOWN}) for a, b in pairwise(found))
    assert changes <= 3 + 3 * len(sights) * LOOK_SECONDS / HOLD_SECONDS
    for one, two in pairwise(found):
        if one.state is DOWN and two.state is FINE:
            assert two.up_since is not None
            assert (two.recent[-1][0] - two.up_since).total_seconds() >= HOLD_SECONDS


@given(SIGHTS, st.sampled_from([SLOW, DOWN]), st.floats(0, LOOK_LIMIT_SECONDS))
def test_whatever_was_before_bad_is_recognised_within_a_minute(before: list[Sight], bad: Sight, takes: float) -> None:
    """From the moment it begins: the look that is due, each answered after `takes`, and those behind it."""
    begin = (watched(before) or [Watch()])[-1]
    looks = int((RECOGNISED - LOOK_LIMIT_SECONDS) // max(LOOK_SECONDS, takes))
    after = watched([bad] * looks, begin)
    if bad is DOWN:
        assert after[-1].state is DOWN
    assert after[-1].state is not FINE
    assert takes + looks * LOOK_SECONDS <= RECOGNISED


# -- both sides --------------------------------------------------------------------------------------------------------
Seen = Callable[[float], tuple[Sight, str]]
Said = Callable[[float], Windows]


def played(standby: Seen, windows: Said, seconds: int) -> Iterator[tuple[float, Verdict]]:
    """Both sides look on for so long, from a good morning; what they say together, by the second."""
    ours, theirs, verdict, fault = Watch(), Watch(), Verdict.UNKNOWN, ""
    for second in range(-120, seconds, int(LOOK_SECONDS)):
        at = MORNING + timedelta(seconds=second)
        sight, why = standby(second)
        ours = observe(ours, sight, at)
        theirs = observe(theirs, windows(second).sight(50), at)
        fault = why or ("" if ours.state is FINE else fault)
        verdict = together(verdict, ours, fault, theirs, at)
        yield second, verdict


def gone(begin: float, end: float, fault: str) -> Seen:
    """How the standby sees a centre that is away from `begin` to `end`; a look takes its time to notice."""
    return lambda second: (DOWN, fault) if begin <= second - 5 < end else (FINE, "")


def say(begin: float, end: float, all_of_them: int = 40, cut: int = 40) -> Said:
    """How agents see it: they beat every 11 to 14 s and try for 3 s, so they come to know it one after the other."""

    def told(second: float) -> Windows:
        know = 0 if second < begin else min(1.0, (second - begin) / 17)
        forget = 0 if second < end else min(1.0, (second - end) / 17)
        no = int(cut * (know - forget))
        return Windows(all_of_them - no, no)

    return told


NEVER = 10**9
SCENES: list[tuple[str, Any, Any, Verdict]] = [
    ("the centre's server is off", gone(0, NEVER, "tcp"), say(0, NEVER), Verdict.DEAD),
    ("its database hangs, its port answers", gone(0, NEVER, "login"), say(NEVER, NEVER), Verdict.DEAD),
    ("nobody but the standby looks", gone(0, NEVER, "tcp"), lambda _: Windows(0, 0, 12), Verdict.DEAD),
    ("38 of 40 windows are cut off", gone(NEVER, NEVER, ""), say(0, NEVER, cut=38), Verdict.WINDOWS_CUT),
    ("the standby alone is cut off", gone(0, NEVER, "tcp"), say(NEVER, NEVER), Verdict.STANDBY_CUT),
    ("its password was changed", gone(0, NEVER, "refused"), say(NEVER, NEVER), Verdict.LOCKED_OUT),
    ("every log-in is refused, to all", gone(0, NEVER, "refused"), say(0, NEVER), Verdict.DEAD),
    ("two of forty windows", gone(NEVER, NEVER, ""), say(0, NEVER, cut=2), Verdict.FINE),
    ("one PC in a small clinic", gone(NEVER, NEVER, ""), say(0, NEVER, all_of_them=1, cut=1), Verdict.FINE),
    ("slow", lambda second: (SLOW, "read") if second >= 0 else (FINE, ""), say(NEVER, NEVER), Verdict.SLOW),
]  # fmt: skip


@pytest.mark.parametrize(("standby", "windows", "meant"), [row[1:] for row in SCENES], ids=[row[0] for row in SCENES])
def test_each_trouble_is_told_apart_within_a_minute_and_nothing_else_is_said_before(
    standby: Any, windows: Any, meant: Verdict
) -> None:
    found = [(second, verdict) for second, verdict in played(standby, windows, 600) if second > -120]
    assert {verdict for second, verdict in found if second >= RECOGNISED} == {meant}
    assert {verdict for _, verdict in found} <= {Verdict.FINE, meant}


@example(0, 66, "tcp", 1)
@given(st.integers(0, 9), st.integers(60, 400), st.sampled_from(["tcp", "login", "read", "silent"]), st.integers(0, 40))
def test_an_outage_is_one_outage_however_it_begins_and_ends(begin: int, length: int, fault: str, agents: int) -> None:
    """Standby and windows notice at different moments; nobody is told a second story in between."""
    end = begin + length
    cut = agents if fault == "tcp" else 0
    found = played(gone(begin, end, fault), say(begin, end, agents, cut), end + 300)
    story = [verdict for _, verdict in found if verdict is not Verdict.UNKNOWN]
    told = [one for one, before in zip(story, [None, *story], strict=False) if one is not before]
    assert told == [Verdict.FINE, Verdict.DEAD, Verdict.FINE]


# -- what is usual -----------------------------------------------------------------------------------------------------
@given(st.floats(0.0001, 100))
def test_a_bucket_is_never_less_than_what_fell_into_it(seconds: float) -> None:
    number = bucket(seconds)
    assert 0 <= number <= LAST
    assert edge(number) >= min(seconds, edge(LAST)) - 0.0001
    assert number == 0 or edge(number - 1) < seconds or number == LAST


def test_slow_is_measured_against_the_same_hours_of_the_days_before() -> None:
    ordinary = {bucket(0.2): 340, bucket(0.4): 20}
    one_bad_day = {bucket(6.0): 360}
    found = usual([ordinary, ordinary, one_bad_day, ordinary])
    assert found is not None and found.middle == pytest.approx(0.2, rel=0.3)
    assert 0.4 * 4 <= limit(found) < 0.4 * 4 * 2**0.5  # the bad day is one voice of four


def test_before_enough_is_known_a_small_question_may_take_two_seconds() -> None:
    assert usual([]) is None and usual([{3: 19}] * 9) is None and usual([{3: 59}]) is None
    assert limit(None) == WITHOUT_SECONDS
    assert limit(Usual(0.001, 0.002)) == LEAST_SECONDS  # twenty times the usual, and nobody feels it


# -- by itself ---------------------------------------------------------------------------------------------------------
RULES = Switching(by_itself=True, after_seconds=300, windows_percent=50, least_windows=3, rest_minutes=60)
DEAD = Standing(Verdict.DEAD, 301, "tcp", "normal", Windows(1, 39), mirror_fresh=True)

REFUSED: list[tuple[str, Switching, Standing]] = [
    ("allowed", replace(RULES, by_itself=False), DEAD),
    ("not_stopped", RULES, replace(DEAD, stopped=True)),
    ("normal", RULES, replace(DEAD, mode="emergency")),
    ("normal", RULES, replace(DEAD, mode="returning")),
    ("dead", RULES, replace(DEAD, verdict=Verdict.SLOW)),
    ("dead", RULES, replace(DEAD, verdict=Verdict.WINDOWS_CUT)),
    ("dead", RULES, replace(DEAD, verdict=Verdict.LOCKED_OUT)),
    ("dead", RULES, replace(DEAD, fault="write")),
    ("long_enough", RULES, replace(DEAD, away_seconds=299)),
    ("windows_agree", RULES, replace(DEAD, windows=Windows(40, 38))),
    ("windows_agree", RULES, replace(DEAD, windows=Windows(0, 2))),
    ("windows_agree", RULES, replace(DEAD, windows=Windows(0, 0, 40))),
    ("mirror_fresh", RULES, replace(DEAD, mirror_fresh=False)),
    ("rested", RULES, replace(DEAD, since_back_minutes=59)),
]


@pytest.mark.parametrize(("missing", "rules", "now"), REFUSED, ids=[f"{n}-{row[0]}" for n, row in enumerate(REFUSED)])
def test_it_switches_by_itself_only_if_every_condition_is_met(missing: str, rules: Switching, now: Standing) -> None:
    assert switches(RULES, DEAD)
    assert not switches(rules, now)
    assert missing in [name for name, met in conditions(rules, now) if not met]


# -- where to knock ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("postgresql+psycopg2://yj:a%40b@10.1.0.5/his", (("10.1.0.5", 5432),)),
        ("postgresql+psycopg2://yj:x@a:1,b:2/his", (("a", 1), ("b", 2))),
        ("postgresql+psycopg2://yj@/his?host=/run/postgresql", ()),
        ("mssql+pyodbc://yj:x@10.1.0.5:14330/his?driver=x", (("10.1.0.5", 14330),)),
        ("mssql+pyodbc:///?odbc_connect=SERVER%3Dtcp%3Ahis.local%2C1450%3BUID%3Dyj", (("his.local", 1450),)),
        ("mariadb+pyodbc://yj:x@[fe80::1]:3307/his", (("fe80::1", 3307),)),
        ("mariadb+pyodbc://yj:x@10.1.0.5/his?driver=x&PORT=3311", (("10.1.0.5", 3311),)),
        ("mariadb+pyodbc://yj:x@localhost/his?SOCKET=/run/mysqld.sock", ()),
        ("mariadb+pyodbc:///?odbc_connect=SERVER%3Dhis%3BPORT%3D3312", (("his", 3312),)),
        ("sqlite:////his.db", ()),
        ("", ()),
    ],
)  # fmt: skip
def test_host_and_port_are_in_the_address_of_the_centre(url: str, found: tuple[tuple[str, int], ...]) -> None:
    assert places(url) == found


def test_window_pcs_do_not_knock_where_that_locks_them_out() -> None:
    assert knock("", "mssql+pyodbc://yj:x@his/his") == ("his", 1433)
    assert knock("", "mariadb+pyodbc://yj:x@his/his") is None
    assert knock("10.1.0.5:3306", "mariadb+pyodbc://yj:x@his/his") == ("10.1.0.5", 3306)
    assert knock("none", "mssql+pyodbc://yj:x@his/his") is None
    assert knock("", "postgresql+psycopg2://yj:x@a:1,b:2/his") is None  # one of two hosts is not the centre
    assert knock("b:2", "postgresql+psycopg2://yj:x@a:1,b:2/his") == ("b", 2)

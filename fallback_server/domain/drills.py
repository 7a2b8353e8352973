"""Drills (演练): the words a plan and a finding may use, and when the unattended self-test is due. Pure."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Final, Protocol

PLANNED, RUNNING, ENDED, CALLED_OFF = "planned", "running", "ended", "called_off"
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WINDOW: Final = timedelta(hours=4)  # a self-test begins within so long after its hour, never in the middle of a morning
MISSED: Final = timedelta(days=8)  # one whose day went by with the machine off is made up for on the next night
WISH: Final = timedelta(minutes=10)  # a person who asks for one sees what they do; after so long nobody waits for it
LATE: Final = MISSED + timedelta(days=1)  # the night on which it would have been made up for went by as well
# What is timed at every window, in the order of a visit.
MILESTONES: Final = ("registration", "receipt", "prescription", "handover")


class SelfTestRules(Protocol):
    """The keys of [drill] that say when the self-test runs."""

    @property
    def self_test_day(self) -> str: ...
    @property
    def self_test_at(self) -> str: ...


def state_of(incident_state: str | None, released: bool, called_off: bool) -> str:
    """What a drill is now: planned until it has an incident, running until the windows are back at the HIS."""
    if called_off:
        return CALLED_OFF
    if incident_state is None:
        return PLANNED
    return ENDED if released or incident_state == "closed" else RUNNING


def self_test_due(now: datetime, last: datetime, rules: SelfTestRules) -> bool:
    """Whether the weekly self-test is to begin. `last`: when the last one began, at first when the store was made.

    Only within the hours after `self_test_at`: on its day, or on any day where the last is more than a week gone.
    """
    begin = _last_begin(now, rules)
    if rules.self_test_day not in DAYS or not in_its_hours(now, rules) or last >= begin:
        return False
    return DAYS[begin.weekday()] == rules.self_test_day or now - last >= MISSED


def in_its_hours(now: datetime, rules: SelfTestRules) -> bool:
    """Whether a self-test that nobody asked for just now may begin: in the hours after `self_test_at` of any day."""
    return now - _last_begin(now, rules) < WINDOW


def may_begin(now: datetime, rules: SelfTestRules, asked_at: datetime | None, attempts: int) -> bool:
    """Whether one that was asked for may begin. `asked_at`: when a person asked, None for the timetable's.

    One that waited, or that a crash put back into the queue, begins in its hours only: not in the morning rush.
    """
    wished = asked_at is not None and attempts <= 1 and now - asked_at < WISH
    return wished or in_its_hours(now, rules)


def _last_begin(now: datetime, rules: SelfTestRules) -> datetime:
    at = time.fromisoformat(rules.self_test_at)
    begin = now.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
    return begin if begin <= now else begin - timedelta(days=1)

"""The curve of the mirror's age is one that a person can read, however often the mirror runs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from fallback_server.domain.clock import to_text
from fallback_server.windows.console.pages.charts import TIPS, age_points
from tests.fixtures_hospital import MONDAY


def saw(every: int, until: int = 1440) -> dict[str, Any]:
    """A day of runs, one every so many minutes: up, and down at the same moment."""
    points = []
    for minute in range(0, until, every):
        points += [_point(minute, 0), _point(minute + every, every * 60)]
    return {"points": points}


def _point(minute: int, age: int) -> dict[str, Any]:
    return {"at": to_text(_at(minute)), "age_seconds": age}


def _at(minute: int) -> datetime:
    return MONDAY + timedelta(minutes=minute)


def test_teeth_that_can_be_told_apart_are_drawn() -> None:
    group = saw(30)
    assert age_points(group, MONDAY) == [
        (60.0 * minute, age) for start in range(0, 1440, 30) for minute, age in ((start, 0.0), (start + 30, 30.0))
    ]


def test_of_many_teeth_the_tips_are_drawn_and_an_outage_stands_out() -> None:
    group = saw(5)
    group["points"] = [p for p in group["points"] if not "16:00" <= p["at"][11:16] < "17:00"]
    group["points"].append(_point(450, 3600))  # 16:00: nothing came for an hour
    group["points"].sort(key=lambda p: p["at"])
    shown = age_points(group, MONDAY)
    assert len(shown) <= TIPS + 1 and max(age for _, age in shown) == 60.0
    assert {age for at, age in shown if at > 60 * 600} == {5.0}


def test_the_last_point_is_now() -> None:
    group = saw(5)
    group["points"].append(_point(1441, 60))
    assert age_points(group, MONDAY)[-1] == (60.0 * 1441, 1.0)

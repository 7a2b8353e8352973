"""An alarm is said when it comes, when it goes, when it comes back; never in a storm."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fallback_server.domain.alerting import (
    Alert,
    Pace,
    Said,
    Saying,
    batches,
    compose,
    due,
    retry_after,
    severity_of,
)

NOW = datetime(2026, 11, 23, 3, 12, tzinfo=UTC)
PACE = Pace()
CENTRE = Alert(7, "centre", "lost", "critical", "中心连不上。", "The centre is away.", NOW - timedelta(minutes=30))
MILD = replace(CENTRE, subject="backup", severity="warning")
OVER = replace(CENTRE, closed_at=NOW - timedelta(minutes=1))
TAKEN = replace(CENTRE, acknowledged=True)


def said(minutes: float, alarm: int = 7, kind: str = "lost", on: bool = True, severity: str = "critical") -> Said:
    return Said(alarm, kind, on, NOW - timedelta(minutes=minutes), severity)


@pytest.mark.parametrize(
    ("rule", "alert", "last", "state"),
    [
        ("a new one is said at once", CENTRE, None, "on"),
        ("what was said is not said again", MILD, said(600), None),
        ("a grave one that nobody acknowledged is, after an hour", CENTRE, said(61), "again"),
        ("but not before", CENTRE, said(59), None),
        ("an acknowledged one is not", TAKEN, said(600), None),
        ("acknowledged before it was said: somebody knows", TAKEN, None, None),
        ("its end is said", OVER, said(30), "off"),
        ("the end of what was never said is not", OVER, None, None),
        ("nor twice", OVER, said(30, on=False), None),
        ("one that comes back is said again", CENTRE, said(30, alarm=5, on=False), "on"),
        ("one that came back before its end was said, too", CENTRE, said(30, alarm=5), "on"),
        ("another kind is another alarm", CENTRE, said(30, kind="slow"), "on"),
        ("a flapping one is quiet for a while", CENTRE, said(4, alarm=5, on=False), None),
        ("its end as well", OVER, said(4), None),
        ("one that grew graver waits for nothing", CENTRE, said(1, alarm=5, kind="slow", severity="warning"), "on"),
        ("nor does a grave one after the end of a mild one", CENTRE, said(1, 5, "slow", False, "warning"), "on"),
        ("one that grew milder does", MILD, said(1, alarm=5, kind="slow"), None),
        ("that it was graver for a moment is nothing to say", OVER, said(1, 5, "slow", severity="warning"), None),
        ("what is too mild is not said", replace(CENTRE, severity="info"), None, None),
        ("a clock that was set back keeps no new one quiet", CENTRE, said(-4000, alarm=5, on=False), "on"),
        ("nor an end", OVER, said(-4000), "off"),
        ("nor a grave one that nobody acknowledged", CENTRE, said(-4000), "again"),
        ("and says nothing mild again", MILD, said(-4000), None),
    ],
)
def test_what_a_channel_says(rule: str, alert: Alert, last: Said | None, state: str | None) -> None:
    found = due([alert], {alert.subject: last} if last else {}, NOW, PACE)
    assert [one.state for one in found] == ([state] if state else []), rule


def test_a_subject_that_flaps_all_day_is_said_no_more_often_than_the_quiet_time() -> None:
    last: dict[str, Said] = {}
    messages = 0
    for minute in range(0, 24 * 60):
        at = NOW + timedelta(minutes=minute)
        alert = replace(CENTRE, id=minute, closed_at=at if minute % 2 else None)
        for one in due([alert], last, at, PACE):
            messages += 1
            last["centre"] = Said(one.alert.id, one.alert.kind, one.state != "off", at, one.alert.severity)
    assert 0 < messages <= 24 * 60 // 5


def test_many_at_once_are_one_message_and_an_hour_has_its_limit() -> None:
    many = [Saying(replace(MILD, subject=f"x.{n}"), "on") for n in range(9)]
    assert [len(one) for one in batches(many, 0, PACE)] == [9]
    assert [len(one) for one in batches(many[:3], 0, PACE)] == [1, 1, 1]
    assert [len(one) for one in batches(many[:3], 19, PACE)] == [3]  # one message is left of this hour
    assert batches(many, 20, PACE) == [] and batches([], 0, PACE) == []
    grave = [Saying(CENTRE, "on"), Saying(replace(CENTRE, subject="seal"), "on"), Saying(CENTRE, "again")]
    assert batches([*grave, *many], 20, PACE) == [grave[:2]], "what is grave and new waits for no hour"


def test_a_digest_names_the_gravest_first_and_every_one_of_them() -> None:
    found = due([MILD, CENTRE], {}, NOW, PACE)
    told = compose(found, "zh", "仁和医院", "standby-1", NOW)
    assert (told.title, told.severity) == ("[HIS-YJ] 2 条告警", "critical")
    assert ["centre" in line for line in told.lines[:2]] == [True, False]
    assert compose(found[:1], "en", "x", "h", NOW).title == "[HIS-YJ] ALARM·critical The centre is away."


def test_the_pauses_of_a_channel_that_fails_grow_to_a_quarter_of_an_hour() -> None:
    pauses = [int(retry_after(n).total_seconds()) for n in range(1, 9)]
    assert pauses == [15, 30, 60, 120, 240, 480, 900, 900]


def test_how_grave_an_alarm_is() -> None:
    assert [severity_of(one) for one in ("centre", "ready.disk", "mirror.open", "new")] == [
        "critical", "critical", "warning", "warning",
    ]  # fmt: skip

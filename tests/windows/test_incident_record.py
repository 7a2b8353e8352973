"""The record of an incident: what is told stays told, what is due is asked for, and the report says what was."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, update

from fallback_server.acts import incident_due, incident_record, timeline
from fallback_server.domain import grades
from fallback_server.domain.errors import YjError
from fallback_server.domain.incident_record import due, timers
from fallback_server.domain.modes import Permit
from fallback_server.domain.policy import Policy
from fallback_server.store import alarms, audit, record
from fallback_server.store.mode import incident
from fallback_server.store.people import note_epochs
from fallback_server.store.returning import conflict, upload_run
from tests.fixtures_hospital import ADMIN, MONDAY, Hospital
from tests.windows.money_cast import charge, good, items

CALL = {"kind": "told", "whom": "褚总值班", "means": "phone", "text": "HIS 停机，已切换应急", "answer": "知道了"}


def close(yj: Hospital) -> None:
    """As if both had signed: the way there is other tests' matter."""
    with yj.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        tx.conn.execute(update(incident).values(state="closed", closed_at=tx.at))


def told(yj: Hospital, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = good(yj.window("auditor").get("/incidents/1/timeline", **query), 200)["items"]
    return found


def kept(yj: Hospital) -> dict[str, Any]:
    found: dict[str, Any] = good(yj.window("auditor").get("/incidents/1/record"), 200)
    return found


# --- pure ------------------------------------------------------------------------------------------------------------


def test_the_grade_grows_with_time_and_scope_and_the_worst_is_reported() -> None:
    after = lambda minutes: MONDAY + timedelta(minutes=minutes)  # noqa: E731
    scopes = [(MONDAY, grades.scope_class(["NK"])), (after(45), grades.scope_class(None)), (after(50), 2)]
    every = grades.history(MONDAY, after(200), scopes)
    assert [(one.scope, one.level) for one in every] == [(3, "IV"), (3, "III"), (1, "III"), (2, "III"), (2, "II")]
    assert [one.at for one in every] == [MONDAY, after(30), after(45), after(50), after(180)]
    assert grades.worst(every).name("zh") == "一类（全院）II 级"
    assert grades.history(MONDAY, after(29), scopes[:1])[-1].name("en") == "class 3 (one department), level IV"
    assert [one.level for one in grades.history(MONDAY, after(6), scopes[:1], (1, 2, 3))] == ["IV", "III", "II", "I"]


def test_a_timer_is_due_told_or_spared_by_the_end_of_the_outage() -> None:
    wanted = timers(["30 分管院领导 / hospital leader", "10 总值班", "60 卫健委 / authority"])
    assert (wanted[0].minutes, wanted[0].zh, wanted[0].en) == (10, "总值班", "总值班")
    now, ended = MONDAY + timedelta(minutes=40), MONDAY + timedelta(minutes=35)
    note = {"timer": "总值班", "id": 1}
    assert [one.state for one in due(wanted, MONDAY, None, now, [note])] == ["told", "late", "next"]
    assert [one.state for one in due(wanted, MONDAY, ended, now, [note])] == ["told", "late", "spared"]


# --- notes and calls -------------------------------------------------------------------------------------------------


def test_a_note_is_never_changed_only_amended_and_both_stand_on_the_timeline(yj: Hospital) -> None:
    duty = yj.window("duty")
    first = good(duty.post("/incidents/1/notes", {**CALL, "timer": "总值班"}))
    assert [one["state"] for one in kept(yj)["timers"]] == ["told", "next", "next"]
    better = good(duty.post("/incidents/1/notes", {"text": "只停门诊", "amends": first["id"]}))
    assert (better["whom"], better["timer"], better["happened_at"]) == ("褚总值班", "总值班", first["happened_at"])
    lines = [one for one in told(yj, only="people") if one["kind"] == "told"]
    assert [(one["amended"], one["amends"]) for one in lines] == [(False, first["id"]), (True, None)]
    assert [one["state"] for one in kept(yj)["timers"]] == ["told", "next", "next"]
    for statement in (update(record.incident_note).values(text="x"), record.incident_note.delete()):
        with pytest.raises(Exception, match="append-only"), yj.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
            tx.conn.execute(statement)


def test_an_amendment_that_tells_nobody_ticks_nothing_off_and_stands_beside_the_call(yj: Hospital) -> None:
    duty = yj.window("duty")
    first = good(duty.post("/incidents/1/notes", {**CALL, "timer": "总值班"}))
    taken_back = good(duty.post("/incidents/1/notes", {"kind": "note", "text": "没有打通", "amends": first["id"]}))
    assert (taken_back["kind"], taken_back["timer"], taken_back["whom"]) == ("note", None, None)
    found = kept(yj)
    assert [one["state"] for one in found["timers"]] == ["next", "next", "next"]
    assert [(one["id"], one["amended_by"]) for one in found["calls"]] == [(first["id"], taken_back["id"])]


def test_a_line_ticked_wrongly_is_unticked_with_a_reason_and_the_call_stays(yj: Hospital) -> None:
    duty, wrong = yj.window("duty"), {"timer": "总值班", "reason": "点错了行，打给的是院领导"}
    for _ in range(2):  # whoever tells twice ticks twice
        good(duty.post("/incidents/1/notes", {**CALL, "timer": "总值班"}))
    assert yj.window("cashier").post("/incidents/1/untick", wrong).code == "forbidden"
    timers = good(duty.post("/incidents/1/untick", wrong), 200)["timers"]
    assert [one["state"] for one in timers] == ["next", "next", "next"]
    assert duty.post("/incidents/1/untick", wrong).code == "invalid_request"
    assert [one["kind"] for one in told(yj, only="people")].count("told") == 4  # two calls, each amended by one
    (line,) = [one for one in told(yj) if one["kind"] == "timer_unticked"]
    assert "点错了行" in line["zh"] and "总值班" in line["zh"]
    with yj.store.reading() as tx:
        assert tx.conn.execute(select(audit.audit.c.action)).scalars().all().count("incident.timer_unticked") == 1
    good(duty.post("/incidents/1/notes", {**CALL, "timer": "总值班"}))
    assert kept(yj)["timers"][0]["state"] == "told"


def test_whoever_was_not_told_in_time_is_an_alarm_again_with_the_next_until_all_are(yj: Hospital) -> None:
    def look() -> list[str]:
        incident_due.look(yj.store, Policy())
        with yj.store.reading() as tx:
            return [one["kind"] for one in alarms.on(tx.conn, incident_due.TOLD)]

    assert look() == []
    yj.clock.advance(11 * 60)
    assert look() == look() == ["untold_10"]
    yj.clock.advance(20 * 60)
    assert look() == ["untold_30"]
    for timer in ("总值班", "分管院领导"):
        good(yj.window("duty").post("/incidents/1/notes", {**CALL, "timer": timer}))
    assert look() == []
    good(yj.window("duty").post("/incidents/1/untick", {"timer": "分管院领导", "reason": "没有打通"}), 200)
    assert look() == ["untold_30"]
    yj.back()
    assert look() == []


def test_a_note_can_be_amended_when_its_timer_has_left_the_policy_and_is_shown_however_old(
    yj: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incident_record, "NOTES_SHOWN", 1)
    call: dict[str, Any] = {name: CALL[name] for name in ("kind", "whom", "means", "text")}
    with yj.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        first = incident_record.note(tx, Policy(), 1, **call, timer="总值班")
        without, early = replace(Policy(), tell=()), "2026-11-23T00:15:00Z"
        better = incident_record.note(
            tx, without, 1, kind=None, text="更正", amends=int(first["id"]), happened_at=early
        )  # fmt: skip
        assert (better["timer"], better["text"], better["amends"]) == ("总值班", "更正", first["id"])
        with pytest.raises(YjError, match="invalid_request"):
            incident_record.note(tx, without, 1, **call, timer="总值班")


def test_a_note_says_when_it_was_and_never_lies_ahead(yj: Hospital) -> None:
    admin = yj.window("admin")
    good(admin.post("/incidents/1/notes", {"text": "空调停了", "happened_at": "2026-11-23T00:15:00Z"}))
    assert told(yj, only="people")[0]["at"].startswith("2026-11-23T08:15:00")
    for wrong in (
        {"text": "x", "happened_at": "2026-11-23T23:00:00+08:00"}, {"text": "x", "happened_at": "gestern"},
        {"text": ""}, {"kind": "told", "text": "x"}, {**CALL, "means": "smoke"}, {**CALL, "timer": "邻居"},
    ):  # fmt: skip
        assert admin.post("/incidents/1/notes", wrong).code == "invalid_request", wrong
    assert admin.post("/incidents/1/notes", {"text": "x", "amends": "99"}).code == "note_not_found"
    assert admin.post("/incidents/9/notes", {"text": "x"}).code == "incident_not_found"
    assert yj.window("cashier").post("/incidents/1/notes", {"text": "x"}).code == "forbidden"


def test_an_announcement_is_on_every_band_and_in_the_halls_until_the_windows_are_released(yj: Hospital) -> None:
    duty = yj.window("duty")
    good(duty.post("/mode/notice", {"text": "预计 11 点恢复"}), 200)
    hall = good(yj.window("triage").get("/triage/display", department_code="NK"), 200)
    assert (yj.window("cashier").get("/mode").json["notice"], hall["notice"]) == ("预计 11 点恢复",) * 2
    assert duty.post("/mode/notice", {"text": ""}).code == "invalid_request"
    yj.back()
    assert yj.window("cashier").get("/mode").json["notice"] is None
    assert [one["text"] for one in kept(yj)["announcements"]] == ["预计 11 点恢复", None]


# --- the timeline ----------------------------------------------------------------------------------------------------


def test_the_timeline_tells_what_the_system_knows(yj: Hospital) -> None:
    alarms.sound(yj.store, alarms.CENTRE, "lost", "中心连不上。", "The centre does not answer.")
    yj.clock.advance(20)
    for station, role in (("W0201", "cashier"), ("W0801", "console")):
        heartbeat = {"workstation": station, "role": role, "epoch": 1, "clock": yj.clock.now().isoformat()}
        good(yj.window(station[1:]).post("/workstations/heartbeat", heartbeat, key=None), 200)
    good(charge(yj.window("cashier"), items(("F001", 1))))
    good(charge(yj.window("cashier"), items(("F001", 1))))
    good(yj.window("duty").post("/incidents/1/confirm"), 200)
    good(yj.window("duty").post("/mode/insurance", {"down": True, "reason": "专线断"}), 200)
    yj.clock.advance(40 * 60)
    yj.back()
    good(yj.window("admin").post("/incidents/1/run-sheet/agreed", {"note": "DBA 同意"}))
    lines = {one["kind"]: one for one in told(yj)}
    assert [lines[kind]["zh"] for kind in ("opened", "confirmed", "alarm_on", "insurance_down")] == [
        "切换到应急（全院）：test", "第二人确认切换", "告警：中心连不上。", "医保平台中断：专线断",
    ]  # fmt: skip
    assert lines["windows_know"]["en"].startswith("1 windows heard of it, the first after 20 s")  # no console
    firsts = [one for one in told(yj, only="windows") if one["kind"] == "window_first"]
    assert len(firsts) == 1 and firsts[0]["en"].startswith("first document of window W0201: charge YJ")
    assert lines["ticked"]["zh"] == "运行单：DBA / HIS 厂商同意写入（DBA 同意）"
    assert {one["zh"] for one in told(yj) if one["kind"] == "grade"} == {
        "事件等级：一类（全院）IV 级", "事件等级：一类（全院）III 级",
    }  # fmt: skip
    assert all(one["zh"] and one["en"] and "{" not in one["zh"] + one["en"] for one in told(yj))


def test_the_pages_of_a_timeline_are_the_whole_of_it_without_gap_or_double(yj: Hospital) -> None:
    with yj.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        note_epochs(tx.conn, ["W0801"], tx.mode.epoch, tx.at)
        rows = [
            {"incident_no": 1, "kind": kind, "subject": f"s{n}", "local": {}, "central": {}, "opened_at": tx.at}
            for n in range(20)
            for kind in ("receipt_no_used", "price_gone")
        ]
        tx.conn.execute(conflict.insert(), rows)
    admin = yj.window("admin")
    for n in range(25):
        yj.clock.advance(n % 3)  # several in the same moment
        good(admin.post("/incidents/1/notes", {"text": f"记事 {n}"}))
    with yj.store.reading() as tx:
        whole, more = timeline.whole(tx, Policy(), 1)
    assert not more and sum(one["kind"] == "conflicts" for one in whole) == 1  # forty of them in one line
    found, cursor = [], ""
    while True:
        answer = good(admin.get("/incidents/1/timeline", limit=4, cursor=cursor), 200)
        found += [one["id"] for one in answer["items"]]
        cursor = answer["next_cursor"] or ""
        if not cursor:
            break
    assert found == [one["id"] for one in reversed(whole)]
    assert len(set(found)) == len(found)
    assert admin.get("/incidents/1/timeline", cursor="nonsense").code == "invalid_request"


def test_uploads_that_stopped_by_the_hundred_are_one_line_an_hour(yj: Hospital) -> None:
    with yj.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        rows = [
            {"incident_no": 1, "dry_run": False, "started_at": tx.at, "state": "stopped", "report": {}}
            for _ in range(300)
        ]
        tx.conn.execute(upload_run.insert(), [*rows, {**rows[0], "dry_run": True}])
    lines = [one for one in told(yj, only="return")]
    # One that was only tried does not go on by itself: it stands on a line of its own.
    assert [one["zh"] for one in lines] == ["上传停下 300 次，会自动继续", "试运行（第 301 次）停下：…"]


def test_no_source_of_the_timeline_reads_the_documents_of_the_incident(yj: Hospital) -> None:
    """A month of 300,000 documents must not be walked each time the page looks again."""
    plans: list[str] = []
    with yj.store.reading() as tx:
        if tx.conn.dialect.name != "sqlite":
            pytest.skip("the plan is read from SQLite")

        def explain(_conn: Any, cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
            plans.extend(row[3] for row in cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))

        event.listen(tx.conn, "before_cursor_execute", explain)
        timeline.page(tx, Policy(), 1)
    assert len(plans) > len(timeline.SOURCES)
    assert [plan for plan in plans if plan.startswith(("SCAN outbox", "SCAN charge", "SCAN registration"))] == []

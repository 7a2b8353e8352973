"""The record of an incident: what is told stays told, what is due is asked for, and the report says what was."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, update

from fallback_server.acts import incident_due, incident_record, incident_report, timeline
from fallback_server.domain import grades
from fallback_server.domain.errors import YjError
from fallback_server.domain.incident_record import due, timers
from fallback_server.domain.modes import Permit
from fallback_server.domain.policy import Policy
from fallback_server.store import alarms, audit, record
from fallback_server.store.mode import incident
from fallback_server.store.people import note_epochs, workstation
from fallback_server.store.returning import conflict, upload_run
from fallback_server.store.session import Tx
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


# --- analysis, measures, report --------------------------------------------------------------------------------------


def test_measures_have_a_day_of_their_own_and_are_tracked_until_done(yj: Hospital) -> None:
    admin = yj.window("admin")
    made = good(admin.post("/incidents/1/measures", {"text": "换存储", "responsible": "何工", "due_on": "2026-11-25"}))
    past = {"text": "x", "responsible": "y", "due_on": "2026-11-01"}
    assert admin.post("/incidents/1/measures", past).code == "invalid_request"
    yj.clock.advance(3 * 24 * 3600)
    yj._windows.clear()
    assert kept(yj)["measures"][0]["overdue"]
    incident_due.look(yj.store, Policy())
    with yj.store.reading() as tx:
        assert [one["kind"] for one in alarms.on(tx.conn, "measures")] == ["measures_overdue"]
    admin = yj.window("admin")
    moved = good(admin.post(f"/measures/{made['id']}/move", {"due_on": "2026-12-01", "note": "缺货"}), 200)
    assert not moved["overdue"]
    assert admin.post(f"/measures/{made['id']}/move", {"note": "缺货"}).code == "invalid_request"
    given = good(admin.post(f"/measures/{made['id']}/move", {"responsible": "钱工", "note": "何工休假"}), 200)
    assert (given["responsible"], given["due_on"]) == ("钱工", "2026-12-01")
    incident_due.look(yj.store, Policy())
    with yj.store.reading() as tx:
        assert alarms.on(tx.conn, "measures") == []
    yj.clock.advance(60)
    good(admin.post(f"/measures/{made['id']}/done", {"note": "已换"}), 200)
    assert admin.post(f"/measures/{made['id']}/done", {"note": "已换"}).code == "already_done"
    assert admin.post("/measures/77/done", {"note": "x"}).code == "measure_not_found"
    kinds = [one["kind"] for one in told(yj, only="people")]
    assert kinds == ["measure_done", "measure_given", "measure_moved", "measure"]


def test_of_two_who_end_a_measure_at_once_the_second_hears_that_it_is_done(
    yj: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incident_record, "_open_measure", incident_record._measure)  # both looked before either wrote
    with yj.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        key = int(incident_record.measure(tx, 1, "换存储", "何工", tx.today)["id"])
        first = incident_record.measure_done(tx, key, "已换")
        for late in (
            lambda: incident_record.measure_done(tx, key, "也换了"),
            lambda: incident_record.measure_moved(tx, key, "缺货", due_on=tx.today + timedelta(days=1)),
        ):
            with pytest.raises(YjError, match="already_done"):
                late()
        assert incident_record._measure(tx, key) == first


def test_a_report_is_made_by_itself_when_the_incident_is_closed_and_stays_as_it_was_made(yj: Hospital) -> None:
    good(charge(yj.window("cashier"), items(("F001", 1))))
    good(yj.window("duty").post("/incidents/1/notes", CALL))
    yj.back()
    draft = good(yj.window("auditor").get("/incidents/1/report"), 200)
    assert (draft["stage"], draft["number"], draft["content"]["documents"]) == ("draft", None, {"charge": 1})
    assert draft["content"]["money"]["totals"]["local"] == "25.00"
    assert incident_due.look(yj.store, Policy()) == []
    close(yj)
    yj.clock.advance(30)
    assert incident_due.look(yj.store, Policy()) == [1]
    assert incident_due.look(yj.store, Policy()) == []
    made = good(yj.window("auditor").get("/incidents/1/report"), 200)
    assert (made["stage"], made["operator_code"], made["content"]["told"][0]["whom"]) == (
        "closed",
        "system",
        "褚总值班",
    )
    with yj.store.reading() as tx:
        row = tx.conn.execute(select(record.incident_report)).mappings().one()
        head = tx.conn.execute(
            select(audit.audit.c.hash).where(audit.audit.c.sequence == row["audit_sequence"])
        ).scalar()
    assert hashlib.sha256(row["content"].encode()).hexdigest() == row["content_hash"] == made["content_hash"]
    assert json.loads(row["content"]) == made["content"] and head == row["audit_hash"]
    good(yj.window("admin").post("/incidents/1/notes", {"text": "后来想起"}))
    assert good(yj.window("auditor").get("/incidents/1/report"), 200)["content"] == made["content"]


def test_one_incident_whose_report_cannot_be_made_keeps_no_other_from_its_own(
    yj: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    yj.back()
    second = yj.emergency()
    yj.back()
    close(yj)
    whole = incident_report.content

    def content(tx: Tx, policy: Policy, number: int) -> dict[str, Any]:
        if number == 1:
            raise KeyError("a row that nobody foresaw")
        return whole(tx, policy, number)

    monkeypatch.setattr(incident_report, "content", content)
    assert incident_due.look(yj.store, Policy()) == [second]
    monkeypatch.undo()
    assert incident_due.look(yj.store, Policy()) == [1]


def test_the_final_report_needs_a_cause_is_due_in_two_days_and_late_ones_are_an_alarm(yj: Hospital) -> None:
    admin = yj.window("admin")
    assert admin.post("/incidents/1/report").code == "report_unfinished"
    yj.back()
    close(yj)
    assert admin.post("/incidents/1/report").code == "report_unfinished"
    assert kept(yj)["report_due"].startswith("2026-11-25T08:30")
    yj.clock.advance(49 * 3600)
    yj._windows.clear()
    assert kept(yj)["report_overdue"]
    incident_due.look(yj.store, Policy())
    with yj.store.reading() as tx:
        assert [one["kind"] for one in alarms.on(tx.conn, "report.1")] == ["report_overdue"]
    admin = yj.window("admin")
    good(admin.post("/incidents/1/analysis", {"cause_analysis": "存储控制器", "lessons": "演练太少"}))
    final = good(admin.post("/incidents/1/report"))
    assert (final["stage"], final["operator_code"], final["number"]) == ("final", "0801", 2)
    with yj.store.reading() as tx:
        assert alarms.on(tx.conn, "report.1") == []
    assert not kept(yj)["report_overdue"] and kept(yj)["final"]
    first = good(admin.get("/incidents/1/report", report=1), 200)
    assert first["stage"] == "closed" and first["content"]["analysis"] is None
    assert admin.get("/incidents/1/report", report=9).code == "report_not_found"
    assert good(admin.get("/incidents/1/report", draft=True), 200)["stage"] == "draft"


def test_the_final_report_is_computed_before_the_write_and_not_stored_when_somebody_kept_more_meanwhile(
    yj: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    yj.back()
    close(yj)
    admin, computed, writes = yj.window("admin"), incident_report.content, []
    good(admin.post("/incidents/1/analysis", {"cause_analysis": "存储控制器", "lessons": "演练太少"}))

    def content(tx: Tx, policy: Policy, number: int) -> dict[str, Any]:
        writes.append(tx.conn.get_execution_options().get("yj_write", False))
        return computed(tx, policy, number)

    def interrupted(tx: Tx, policy: Policy, number: int) -> dict[str, Any]:
        says = computed(tx, policy, number)
        good(yj.window("duty").post("/incidents/1/notes", {"text": "还有一句"}))
        return says

    monkeypatch.setattr(incident_report, "content", interrupted)
    assert admin.post("/incidents/1/report").code == "busy"
    monkeypatch.setattr(incident_report, "content", content)
    final = good(admin.post("/incidents/1/report"))
    assert writes == [False] and final["stage"] == "final"
    assert "还有一句" in json.dumps(good(admin.get("/incidents/1/report"), 200)["content"], ensure_ascii=False)


def test_a_drill_owes_no_report(hospital: Hospital) -> None:
    hospital.emergency(drill=True)
    hospital.back()
    admin = hospital.window("admin")
    good(admin.post("/incidents/1/analysis", {"cause_analysis": "演练", "lessons": "无"}))
    assert admin.post("/incidents/1/report").code == "drill_fenced"
    assert incident_due.look(hospital.store, replace(Policy(), report_days=1)) == []
    hospital.clock.advance(3 * 24 * 3600)
    incident_due.look(hospital.store, Policy())
    with hospital.store.reading() as tx:
        assert [one for one in alarms.on(tx.conn) if one["subject"].startswith("report")] == []


def test_a_slow_window_is_named(yj: Hospital) -> None:
    for who in ("cashier", "doctor", "triage"):
        yj.window(who)
    with yj.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        tx.conn.execute(update(workstation).values(role="cashier"))
        note_epochs(tx.conn, ["W0201"], tx.mode.epoch, tx.at)
        for station, seconds in (("W0301", 130), ("W0501", 7200)):
            later = (datetime.fromisoformat(tx.at) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
            note_epochs(tx.conn, [station], tx.mode.epoch, later)
    assert "窗口 W0301 用了 130 秒才切换" in [one["zh"] for one in told(yj, only="windows")]
    (switch,) = good(yj.window("auditor").get("/incidents/1/report"), 200)["content"]["windows"]["switches"]
    late = [{"code": "W0301", "seconds": 130}]  # the one that came after two hours had been off
    assert (switch["n"], switch["middle"], switch["late"]) == (2, 130, late)

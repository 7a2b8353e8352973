"""What follows an incident: measures tracked until done, the report that is stored, and what is still owed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from fallback_server.acts import incident_due, incident_record, incident_report
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.domain.policy import Policy
from fallback_server.store import alarms, audit, record
from fallback_server.store.people import note_epochs, workstation
from fallback_server.store.session import Tx
from tests.fixtures_hospital import ADMIN, Hospital
from tests.windows.money_cast import charge, good, items
from tests.windows.test_incident_record import CALL, close, kept, told


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

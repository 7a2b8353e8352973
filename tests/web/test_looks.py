"""Whoever opens somebody's record, or asks for what is not for them, is in the audit log."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from clients.pages import PAGES_DIR
from fallback_server.app import create_app
from fallback_server.domain.audit_words import WORDS
from fallback_server.domain.modes import Permit
from fallback_server.store import looks
from fallback_server.store.audit import audit, verify
from fallback_server.windows import all_windows
from tests.fixtures_hospital import ADMIN, Hospital, centre_id

FANG = centre_id("patient", "P1001")


def logged(hospital: Hospital, action: str) -> list[tuple[Any, ...]]:
    columns = (audit.c.operator_code, audit.c.workstation, audit.c.subject, audit.c.ok)
    with hospital.store.reading() as tx:
        rows = tx.conn.execute(select(*columns).where(audit.c.action == action).order_by(audit.c.sequence)).all()
        assert verify(tx.conn)[1] == []
        return [tuple(row) for row in rows]


def beat(hospital: Hospital) -> None:
    """What every open page says every few seconds."""
    body = {"workstation": "W0301", "role": "doctor", "epoch": 0}
    assert hospital.window("doctor").post("/workstations/heartbeat", body).status == 200


def test_a_record_that_was_opened_is_in_the_log_with_the_next_thing_that_is_written(hospital: Hospital) -> None:
    cashier, doctor = hospital.window("cashier"), hospital.window("doctor")
    for window in (cashier, cashier, doctor):
        assert window.get(f"/patients/{FANG}").status == 200
    assert cashier.get("/patients/nobody-of-ours").status == 404
    assert logged(hospital, "look.patient") == []  # nobody waited for the write lock
    beat(hospital)
    beat(hospital)
    assert logged(hospital, "look.patient") == [("0201", "W0201", FANG, True), ("0301", "W0301", FANG, True)]


def test_a_look_outlives_a_transaction_that_comes_to_nothing_and_the_end_of_the_server(hospital: Hospital) -> None:
    assert hospital.window("cashier").get(f"/patients/{FANG}").status == 200
    with pytest.raises(ZeroDivisionError), hospital.store.writing(Permit.HOUSEKEEPING, ADMIN):
        raise ZeroDivisionError
    hospital.store.note_looks()
    assert logged(hospital, "look.patient") == [("0201", "W0201", FANG, True)]


def test_who_asks_for_what_is_not_for_them_is_noted(hospital: Hospital, hospital_settings: Any) -> None:
    for _ in range(3):  # as a page does that was left open
        assert hospital.window("doctor").get("/audit").code == "forbidden"
    assert logged(hospital, "refused GET /audit") == []  # nobody waited for the write lock
    beat(hospital)
    assert hospital.window("doctor").get("/audit").code == "forbidden"
    beat(hospital)
    assert logged(hospital, "refused GET /audit") == [("0301", "W0301", None, False)]
    pages = create_app(hospital_settings, hospital.clock, PAGES_DIR, store=hospital.store)
    with pages.test_client() as client:
        client.set_cookie("yj_session", hospital.window("doctor").token)
        assert client.get("/console/audit").status_code == 403
    beat(hospital)
    hospital.clock.advance(3_600)
    assert hospital.window("doctor").get("/audit").code == "forbidden"
    beat(hospital)
    assert logged(hospital, "refused GET /audit") == [("0301", "W0301", None, False)] * 2
    assert logged(hospital, "refused page /console/audit") == [("0301", "W0301", None, False)]


def test_looks_that_find_no_room_are_said_in_the_log_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(looks, "MOST", 2)
    kept = looks.Looks()
    for number in range(5):
        kept.saw([{"operator_code": "0201", "workstation": "W0201", "action": "look.patient", "subject": str(number)}])
    assert len(kept.take()) == 2 and len(caplog.records) == 1


def test_every_look_has_words() -> None:
    actions = {route.looks for api in all_windows() for route in api.routes if route.looks}
    assert len(actions) == 5 and actions <= set(WORDS)

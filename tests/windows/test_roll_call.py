"""The roll call: who serves patients is called, a locked page is still there, and a console only looks on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from clients.pages import PAGES_DIR
from config.settings import Settings
from fallback_server.app import create_app
from tests.fixtures_hospital import PASSWORD, Hospital

BEAT = "/api/v1/workstations/heartbeat"


def beat(hospital: Hospital, who: str, epoch: int, **more: Any) -> None:
    window = hospital.window(who)
    body = {"workstation": f"W{window.operator}", "epoch": epoch, **more}
    assert window.post("/workstations/heartbeat", body).status == 200


def roll(hospital: Hospital) -> dict[str, dict[str, Any]]:
    items = hospital.window("duty").get("/workstations").json["items"]
    return {one["code"]: one for one in items}


@pytest.fixture
def hospital(hospital: Hospital, hospital_settings: Settings) -> Hospital:
    """The same with the pages."""
    return replace(hospital, app=create_app(hospital_settings, hospital.clock, PAGES_DIR, store=hospital.store))


def page_of(hospital: Hospital, address: str = "127.0.0.1") -> tuple[FlaskClient, dict[str, str]]:
    """A cashier's browser, logged in through the form, and the header its scripts send."""
    browser = hospital.app.test_client()
    browser.environ_base["REMOTE_ADDR"] = address
    form = {"operator": "0201", "password": PASSWORD, "workstation": "W0201"}
    answer = browser.post("/login", data=form, headers={"Accept": "application/json"})
    assert answer.status_code == 200, answer.text
    return browser, {"YJ-CSRF": answer.get_json()["csrf"]}


def test_a_console_is_no_window_and_stands_last(hospital: Hospital) -> None:
    beat(hospital, "admin", 0, role="console")
    beat(hospital, "cashier", 0, role="cashier")
    hospital.emergency()
    items = hospital.window("duty").get("/workstations").json["items"]
    assert [(one["code"], one["window"]) for one in items if one["role"]] == [("W0201", True), ("W0801", False)]


def test_a_locked_page_stays_in_the_roll_call_and_acknowledges_without_anybody(hospital: Hospital) -> None:
    browser, csrf = page_of(hospital)
    hospital.emergency()
    assert browser.post("/api/v1/session/end", json={}, headers=csrf).status_code == 200
    hospital.clock.advance(60)
    alive = {"workstation": "W0201", "role": "cashier", "epoch": 1}
    assert browser.post(BEAT, json=alive, headers=csrf).status_code == 401  # a page that does not know it yet
    assert browser.post(BEAT, json={**alive, "locked": True}, headers=csrf).status_code == 200
    found = roll(hospital)["W0201"]
    assert (found["live"], found["acknowledged"], found["operator_code"]) == (True, True, None)


def test_a_locked_page_speaks_for_nobody_else_and_may_nothing_else(hospital: Hospital) -> None:
    browser, csrf = page_of(hospital)
    browser.post("/api/v1/session/end", json={}, headers=csrf)
    other = {"workstation": "W0202", "epoch": 0, "locked": True}
    assert browser.post(BEAT, json=other, headers=csrf).status_code == 401
    assert browser.get("/api/v1/patients?q=w").status_code == 401
    hospital.clock.advance(12 * 3600 + 1)
    own = {"workstation": "W0201", "epoch": 0, "locked": True}
    assert browser.post(BEAT, json=own, headers=csrf).status_code == 401  # over with the session's day


def test_who_is_logged_in_speaks_for_that_workstation_and_no_other(hospital: Hospital) -> None:
    other = {"workstation": "W0202", "role": "cashier", "epoch": 0}
    assert hospital.window("cashier").post("/workstations/heartbeat", other).code == "invalid_request"
    assert "W0202" not in roll(hospital)


@pytest.mark.parametrize("body", [{"role": "x" * 17}, {"version": "x" * 33}, {"locked": "yes"}], ids=str)
def test_what_the_store_could_not_keep_is_refused(hospital: Hospital, body: dict[str, Any]) -> None:
    refused = hospital.window("cashier").post("/workstations/heartbeat", {"workstation": "W1", "epoch": 0, **body})
    assert refused.code == "invalid_request"


def test_a_pages_session_from_another_address_asks_for_the_password_again(hospital: Hospital) -> None:
    browser, csrf = page_of(hospital, "10.1.1.7")
    assert browser.get("/api/v1/departments").status_code == 200
    browser.environ_base["REMOTE_ADDR"] = "10.1.1.8"
    assert browser.get("/api/v1/departments").get_json()["code"] == "login_required"
    assert (
        browser.post(BEAT, json={"workstation": "W0201", "epoch": 0, "locked": True}, headers=csrf).status_code == 401
    )
    browser.environ_base["REMOTE_ADDR"] = "10.1.1.7"
    assert browser.get("/api/v1/departments").status_code == 200  # a stolen cookie does not end the owner's work


def test_a_program_may_change_its_address(hospital: Hospital) -> None:
    window = hospital.window("cashier")
    with hospital.app.test_client() as client:
        client.environ_base["REMOTE_ADDR"] = "10.1.1.8"
        headers = {"Authorization": f"Bearer {window.token}"}
        assert client.get("/api/v1/departments", headers=headers).status_code == 200


def test_a_file_without_a_workstation_empties_no_table(hospital: Hospital) -> None:
    admin = hospital.window("admin")
    entry = {"workstation": "W77", "window": "急诊收费", "role": "cashier"}
    assert admin.post("/workstations/table/entry", entry).status == 200
    for text in ("workstation,window\n", "workstation,window\n,\n"):
        assert admin.post("/workstations/table", {"table": text, "dry_run": False}).code == "stations_wrong"
        tried = admin.post("/workstations/table", {"table": text, "dry_run": True}).json
        assert [one["line"] for one in tried["faults"]] == [1]
    assert [one["workstation"] for one in admin.get("/workstations/table").json["items"]] == ["W77"]


def test_a_file_that_takes_out_more_than_half_of_the_table_is_asked_about_first(hospital: Hospital) -> None:
    admin = hospital.window("admin")

    def file(*codes: str) -> str:
        return "workstation,window\n" + "".join(f"{code},一楼\n" for code in codes)

    assert admin.post("/workstations/table", {"table": file("W1", "W2", "W3", "W4")}).json["shrinks"] is False
    assert admin.post("/workstations/table", {"table": file("W1", "W2", "W9")}).json["removed"] == ["W3", "W4"]
    tried = admin.post("/workstations/table", {"table": file("W9"), "dry_run": True}).json
    assert (tried["shrinks"], tried["removed"]) == (True, ["W1", "W2"])
    assert admin.post("/workstations/table", {"table": file("W9")}).code == "stations_shrink"
    assert len(admin.get("/workstations/table").json["items"]) == 3
    assert admin.post("/workstations/table", {"table": file("W9"), "sure": True}).json["applied"] is True
    assert [one["workstation"] for one in admin.get("/workstations/table").json["items"]] == ["W9"]

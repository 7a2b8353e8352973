"""The switch as people use it: who may, what windows are told, and what is kept of it."""

from __future__ import annotations

from typing import Any

import pytest

from fallback_server.store.audit import verify
from tests.fixtures_hospital import PASSWORD, Hospital
from tests.windows.money_cast import charge, items

ON = {"cause": "storage", "reason": "存储故障"}
SECOND = {"operator": "0601", "password": PASSWORD}
MODE = {
    "mode", "drill", "scope", "epoch", "incident_no", "since", "grace_until", "insurance_down", "notice", "mirror",
}  # fmt: skip


def test_one_person_switches_on_and_every_window_is_told_by_the_epoch(hospital: Hospital) -> None:
    before = hospital.window("cashier").get("/mode")
    on = hospital.window("duty").post("/mode/emergency", ON)
    assert on.status == 200 and set(on.json) >= MODE and on.json["mode"] == "emergency"
    assert set(on.json["mirror"]) == {"as_of", "age_seconds", "stale"}
    after = hospital.window("cashier").get("/mode")
    assert after.json == on.json
    assert (before.headers["YJ-Epoch"], after.headers["YJ-Epoch"]) == ("0", "1") == (
        str(before.json["epoch"]), str(after.json["epoch"]),
    )  # fmt: skip


@pytest.mark.parametrize("who", ["cashier", "doctor", "supervisor", "auditor"])
def test_nobody_else_switches(hospital: Hospital, who: str) -> None:
    window = hospital.window(who)
    assert window.post("/mode/emergency", ON).code == "forbidden"
    hospital.emergency()
    assert window.post("/mode/normal", {"upload": False, "approver": SECOND}).code == "forbidden"
    assert window.post("/mode/release", {"reason": "x"}).code == "forbidden"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"cause": "weather"}, "invalid_request"),
        ({"reason": "  "}, "invalid_request"),
        ({"departments": []}, "invalid_request"),
        ({"departments": ["NOWHERE"]}, "unknown_department"),
        ({"approver": SECOND}, "invalid_request"),
    ],
)
def test_a_switch_has_a_reason_and_departments_that_exist(
    hospital: Hospital, change: dict[str, Any], code: str
) -> None:
    assert hospital.window("admin").post("/mode/emergency", {**ON, **change}).code == code
    assert hospital.window("admin").get("/mode").json["mode"] == "normal"


def test_the_scope_grows_to_the_whole_hospital_and_counts_the_epoch(hospital: Hospital) -> None:
    console = hospital.window("admin")
    first = console.post("/mode/emergency", {**ON, "departments": ["NK"]})
    assert first.json["scope"] == ["NK"]
    grown = console.post("/mode/scope", {"departments": None, "reason": "全院"})
    assert grown.json["scope"] is None and grown.json["epoch"] == first.json["epoch"] + 1


def test_the_switch_is_confirmed_by_another_person_and_overdue_after_an_hour(hospital: Hospital) -> None:
    number = hospital.window("duty").post("/mode/emergency", ON).json["incident_no"]
    console, path = hospital.window("admin"), f"/incidents/{number}"
    assert hospital.window("duty").post(f"{path}/confirm").code == "approver_rejected"
    waiting = console.get(path).json
    assert waiting["confirm_by"] is not None and waiting["confirm_overdue"] is False
    hospital.clock.advance(3601)
    assert console.get(path).json["confirm_overdue"] is True
    assert console.get("/incidents").json["items"][0]["confirm_overdue"] is True
    done = console.post(f"{path}/confirm").json
    assert (done["confirmed_by"], done["confirm_by"], done["confirm_overdue"]) == ("0801", None, False)
    assert hospital.window("supervisor").post(f"{path}/confirm").code == "wrong_state"  # once is enough


def test_the_way_back_is_grace_then_release_and_an_empty_incident_closes(hospital: Hospital) -> None:
    console = hospital.window("admin")
    number = console.post("/mode/emergency", ON).json["incident_no"]
    back = console.post("/mode/normal", {"upload": False, "approver": SECOND}).json
    assert back["mode"] == "returning" and back["grace_until"] is not None
    assert console.post("/mode/release", {"reason": "中心已正常"}).json["mode"] == "normal"
    shown = console.get(f"/incidents/{number}").json
    assert shown["state"] == "closed" and shown["ended_approver"] == "0601"
    assert [event["arrow"] for event in shown["timeline"] if event["arrow"]] == ["a", "b", "c", "f"]
    with hospital.store.reading() as tx:
        assert verify(tx.conn)[1] == []


def test_late_documents_are_taken_in_the_grace_and_refused_after_it(hospital: Hospital) -> None:
    console = hospital.window("admin")
    console.post("/mode/emergency", ON)
    console.post("/mode/normal", {"upload": False, "approver": SECOND})
    late = charge(hospital.window("cashier"), items(("F001", 1)))
    assert late.status == 201 and late.json["late"] is True
    hospital.clock.advance(121)
    assert charge(hospital.window("cashier"), items(("F001", 1))).code == "mode_returning"


def test_an_upload_asked_for_twice_waits_once_and_a_drill_never_uploads(hospital: Hospital) -> None:
    console = hospital.window("admin")
    number = console.post("/mode/emergency", ON).json["incident_no"]
    charge(hospital.window("cashier"), items(("F001", 1)))
    assert console.post(f"/incidents/{number}/upload", {}).code == "incident_open"
    hospital.back()
    asked = [console.post(f"/incidents/{number}/upload", {"dry_run": True}) for _ in range(2)]
    assert [one.status for one in asked] == [202, 202] and asked[0].json["id"] == asked[1].json["id"]
    assert console.get(f"/incidents/{number}/upload").json["states"] == {"pending": 1}
    drill = console.post("/mode/emergency", {**ON, "drill": True}).json["incident_no"]
    charge(hospital.window("cashier"), items(("F001", 1)))
    hospital.back()
    for answer in (
        console.post(f"/incidents/{drill}/upload", {}),
        console.post(f"/incidents/{drill}/reconciliation"),
        console.get(f"/incidents/{drill}/reconciliation"),
    ):
        assert answer.code == "drill_fenced"


def test_a_second_outage_opens_while_the_first_is_not_closed(hospital: Hospital) -> None:
    console = hospital.window("admin")
    first = console.post("/mode/emergency", ON).json["incident_no"]
    charge(hospital.window("cashier"), items(("F001", 1)))
    hospital.back()
    second = console.post("/mode/emergency", ON).json["incident_no"]
    states = {one["incident_no"]: one["state"] for one in console.get("/incidents").json["items"]}
    assert states == {first: "closing", second: "open"}


def test_it_and_finance_sign_only_what_balances_and_only_as_what_they_are(hospital: Hospital) -> None:
    number = hospital.emergency()
    charge(hospital.window("cashier"), items(("F001", 1)))
    hospital.back()
    path = f"/incidents/{number}/sign"
    assert hospital.window("admin").post(path, {"as": "finance"}).code == "forbidden"
    assert hospital.window("admin").post(path, {"as": "it"}).code == "not_balanced"
    assert hospital.window("auditor").post(path, {"as": "it"}).code == "forbidden"
    assert hospital.window("auditor").get(f"/incidents/{number}").status == 200

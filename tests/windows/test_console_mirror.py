"""The mirror as the console sees it: how it stands, why a run is held, what was set aside, how old it was."""

from __future__ import annotations

from typing import Any

import pytest

from config.sections import Mirror
from fallback_server.domain.clock import from_text
from sync.central.fake import FakeCentral
from sync.mirror.refresh import refresh
from sync.mirror.rollback import go_back
from sync.mirror.run import RunReport
from tests.fixtures_hospital import Hospital
from tests.mirror.cast import mirrored

RULES = Mirror()


@pytest.fixture
def centre(hospital: Hospital) -> FakeCentral:
    return mirrored(hospital)


def run(hospital: Hospital, centre: FakeCentral, *datasets: str) -> RunReport:
    return refresh(hospital.store, centre, RULES, datasets or None)


def drug(centre: FakeCentral, code: str, **values: Any) -> None:
    centre.datasets["drug"] = [
        {**one, **values} if one["drug_code"] == code else one for one in centre.datasets["drug"]
    ]


def test_every_dataset_has_its_rows_ages_and_the_work_of_its_run(hospital: Hospital, centre: FakeCentral) -> None:
    centre.clock_offset_seconds = 20
    drug(centre, "A001", unit_price="13.0000")
    drug(centre, "A002", category="魔药")
    made = run(hospital, centre)
    hospital.clock.advance(11 * 60)
    shown = hospital.window("auditor").get("/mirror").json
    assert (shown["generation"], shown["clock_offset_seconds"], shown["ok"]) == (made.generation, 20, True)
    one = next(each for each in shown["datasets"] if each["dataset"] == "drug")
    assert (one["read"], one["rejected"], one["rows"], one["age_seconds"]) == (13, 1, 13, 660)
    assert (one["group"], one["stale"], one["run_id"]) == ("master", "ok", made.run_id)
    offset = from_text(one["as_of_centre"]) - from_text(one["as_of"])
    assert offset.total_seconds() == 20 and one["load"]["rows"] == 13
    assert {each["stale"] for each in shown["datasets"] if each["group"] == "open"} == {"warn"}


def test_rejected_rows_are_shown_with_their_reason(hospital: Hospital, centre: FakeCentral) -> None:
    drug(centre, "A002", category="魔药")
    made = run(hospital, centre)
    window = hospital.window("supervisor")
    items = window.get("/mirror/rejections").json["items"]
    assert [(one["dataset"], one["row_key"], one["reason"]) for one in items] == [("drug", "A002", "unknown_value")]
    assert window.get("/mirror/rejections", dataset="patient").json["items"] == []
    assert window.get(f"/mirror/runs/{made.run_id}/rejections").json["items"] == items
    drug(centre, "A002", category="western")
    run(hospital, centre)
    assert window.get("/mirror/rejections").json["items"] == []  # mended at the centre
    assert window.get(f"/mirror/runs/{made.run_id}/rejections").json["items"] == items  # what happened stays


def test_a_held_run_is_explained_and_approved_by_its_hash(hospital: Hospital, centre: FakeCentral) -> None:
    run(hospital, centre)
    centre.datasets["drug"] = []
    held = run(hospital, centre)
    console = hospital.window("admin")
    shown = console.get("/mirror").json
    assert not shown["ok"] and [one["id"] for one in shown["held"]] == [str(held.run_id)]
    assert "13" in shown["held"][0]["problems"][0]["zh"] and shown["alarms"][0]["subject"] == "mirror.master"
    one = console.get(f"/mirror/runs/{held.run_id}").json
    assert (one["state"], one["content_hash"]) == ("held", held.content_hash)
    path = f"/mirror/runs/{held.run_id}/approve"
    assert console.post(path, {"hash": "0" * 16, "reason": "x"}).code == "run_hash_mismatch"
    assert hospital.window("duty").post(path, {"hash": held.content_hash, "reason": "x"}).code == "forbidden"
    assert console.post(path, {"hash": held.content_hash, "reason": "药房迁移"}).status == 202


def test_stop_and_go_are_acts_with_a_name_and_a_reason(hospital: Hospital, centre: FakeCentral) -> None:
    console = hospital.window("duty")
    assert hospital.window("supervisor").post("/mirror/stop", {"reason": "x"}).code == "forbidden"
    assert console.post("/mirror/stop", {"reason": " "}).code == "invalid_request"
    order = console.post("/mirror/stop", {"reason": "重建索引"}).json["stopped"]
    assert (order["reason"], order["stopped_by"]) == ("重建索引", "0701")
    assert run(hospital, centre).state == "stopped"
    assert console.get("/mirror").json["stopped"]["reason"] == "重建索引"
    assert console.post("/mirror/go").json == {"stopped": None}
    assert run(hospital, centre).published


def test_a_second_wish_to_refresh_widens_the_one_that_waits(hospital: Hospital) -> None:
    console = hospital.window("admin")
    first = console.post("/mirror/runs", {"datasets": ["drug"]}).json
    second = console.post("/mirror/runs", {"datasets": ["patient"]}).json
    assert first["id"] == second["id"] and second["arguments"] == {"datasets": ["drug", "patient"]}
    assert console.post("/mirror/runs", {}).json["arguments"] == {"datasets": None}


def test_the_history_is_a_line_of_ages_and_the_runs(hospital: Hospital, centre: FakeCentral) -> None:
    run(hospital, centre)
    hospital.clock.advance(1800)
    run(hospital, centre)
    hospital.clock.advance(600)
    centre.reachable = False
    run(hospital, centre)
    hospital.clock.advance(300)
    shown = hospital.window("auditor").get("/mirror/history", hours=2).json
    line = shown["groups"]["master"]
    assert (line["warn_seconds"], line["fail_seconds"]) == (2700, 5400)
    assert [point["age_seconds"] for point in line["points"]][-3:] == [1800, 0, 900]
    assert [one["state"] for one in shown["runs"]][:3] == ["failed", "published", "published"]
    newest = shown["runs"][1]
    assert newest["read"] > 0 and newest["changed"] == 0 and newest["bytes_about"] > 0 and newest["group"] == "all"
    assert shown["runs"][0]["problems"] == ["unreachable"]
    assert hospital.window("auditor").get("/mirror/history", hours=200).code == "invalid_request"


def test_a_roll_back_makes_the_line_jump_up_again(hospital: Hospital, centre: FakeCentral) -> None:
    run(hospital, centre)
    hospital.clock.advance(1800)
    run(hospital, centre, "drug")
    hospital.clock.advance(60)
    run(hospital, centre)
    hospital.clock.advance(60)
    go_back(hospital.store, "0801")
    points = hospital.window("auditor").get("/mirror/history", hours=1).json["groups"]["master"]["points"]
    assert [point["age_seconds"] for point in points][-5:] == [1860, 0, 60, 1920, 1920]


@pytest.mark.parametrize("path", ["/mirror/runs/99999", "/mirror/runs/x"])
def test_a_run_that_is_not_there(hospital: Hospital, path: str) -> None:
    assert hospital.window("admin").get(path).status == 404

"""The agent of a workstation: let in by a code once, speaks for its workstation alone, and never for a form in hand."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from fallback_server.domain.modes import Permit
from fallback_server.store import agents
from fallback_server.store.audit import audit
from fallback_server.store.mode_switch import advance, begin_return
from fallback_server.store.session import Actor
from fallback_server.windows.common import usecases
from tests.fixtures_hospital import Hospital

API = "/api/v1"


def asked(hospital: Hospital, path: str, body: dict[str, Any] | None = None, token: str = "") -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with hospital.app.test_client() as client:
        send = client.get if body is None else client.post
        more = {} if body is None else {"json": body}
        return send(API + path, headers=headers, **more)


def code_for(hospital: Hospital, workstation: str) -> str:
    return str(hospital.window("admin").post("/workstations/code", {"workstation": workstation}).json["code"])


def enrolled(hospital: Hospital, workstation: str = "W0201") -> str:
    answer = asked(hospital, "/workstations/enrol", {"code": code_for(hospital, workstation)})
    assert answer.status_code == 201 and answer.get_json()["workstation"] == workstation
    return str(answer.get_json()["token"])


def beat(hospital: Hospital, token: str, epoch: int, workstation: str = "W0201", **more: Any) -> Any:
    body = {"workstation": workstation, "epoch": epoch, "role": "cashier", "version": "1", "central_ok": True, **more}
    return asked(hospital, "/workstations/heartbeat", body, token)


def known(hospital: Hospital, workstation: str = "W0201") -> dict[str, Any]:
    items = hospital.window("duty").get("/workstations").json["items"]
    return next(one for one in items if one["code"] == workstation)


def test_a_code_lets_one_agent_in_once(hospital: Hospital) -> None:
    code = code_for(hospital, "W0201")
    typed = code.lower().replace("-", " ")
    assert asked(hospital, "/workstations/enrol", {"code": typed}).status_code == 201
    again = asked(hospital, "/workstations/enrol", {"code": code})
    assert (again.status_code, again.get_json()["code"]) == (403, "enrolment_rejected")


def test_a_code_is_over_after_its_hours_and_with_the_next_one(hospital: Hospital) -> None:
    first = code_for(hospital, "W0201")
    second = code_for(hospital, "W0201")
    assert asked(hospital, "/workstations/enrol", {"code": first}).status_code == 403
    hospital.clock.advance(8 * 24 * 3600)
    assert asked(hospital, "/workstations/enrol", {"code": second}).status_code == 403


def test_neither_code_nor_token_is_kept_in_clear(hospital: Hospital) -> None:
    code, token = code_for(hospital, "W0202"), enrolled(hospital)
    with hospital.store.reading() as tx:
        kept = [*tx.conn.execute(select(agents.enrolment_code)), *tx.conn.execute(select(agents.workstation_token))]
    text = repr(kept)
    assert len(kept) == 2
    assert code not in text and code.replace("-", "") not in text and token not in text


def test_an_agent_speaks_for_its_workstation_alone_and_opens_nothing_else(hospital: Hospital) -> None:
    token = enrolled(hospital)
    assert beat(hospital, token, 0).status_code == 200
    assert beat(hospital, token, 0, "W0202").get_json()["code"] == "login_required"
    for path in ("/patients?q=w", "/workstations", "/departments"):
        assert asked(hospital, path, token=token).get_json()["code"] == "login_required"
    assert asked(hospital, "/workstations/code", {"workstation": "W9"}, token).status_code == 401


def test_a_revoked_agent_and_one_whose_place_another_took_are_turned_away(hospital: Hospital) -> None:
    first = enrolled(hospital)
    second = enrolled(hospital)
    assert beat(hospital, first, 0).status_code == 401
    assert beat(hospital, second, 0).status_code == 200
    revoke = hospital.window("admin").post("/workstations/revoke", {"workstation": "W0201"})
    assert revoke.json["ended"] is True
    assert beat(hospital, second, 0).status_code == 401


def test_an_agent_does_not_hide_who_works_there(hospital: Hospital) -> None:
    token = enrolled(hospital)
    hospital.window("cashier").post("/workstations/heartbeat", {"workstation": "W0201", "epoch": 0})
    beat(hospital, token, 0)
    assert known(hospital)["operator_code"] == "0201"


def returning(hospital: Hospital) -> None:
    with hospital.store.writing(Permit.HOUSEKEEPING, Actor("0801", "管理", frozenset({"admin"}))) as tx:
        begin_return(tx, upload=False, grace_seconds=120, hold_seconds=120)


def test_an_agent_does_not_end_the_grace_of_a_form_that_its_page_holds(hospital: Hospital) -> None:
    hospital.emergency()
    token = enrolled(hospital)
    hospital.window("cashier").post("/workstations/heartbeat", {"workstation": "W0201", "epoch": 1})
    returning(hospital)
    assert beat(hospital, token, 2).status_code == 200
    assert known(hospital)["epoch"] == 1 and advance(hospital.store) is None
    hospital.window("cashier").post("/workstations/heartbeat", {"workstation": "W0201", "epoch": 2})  # it is done
    assert advance(hospital.store) == "grace_over"


def test_an_agent_without_a_page_acknowledges_the_return_itself(hospital: Hospital) -> None:
    hospital.emergency()
    token = enrolled(hospital)
    beat(hospital, token, 1)
    returning(hospital)
    beat(hospital, token, 2)
    assert advance(hospital.store) == "grace_over"


@pytest.mark.parametrize("said", [0, 1])
def test_an_agent_behind_its_page_takes_nothing_back(hospital: Hospital, said: int) -> None:
    hospital.emergency()
    token = enrolled(hospital)
    hospital.window("cashier").post("/workstations/heartbeat", {"workstation": "W0201", "epoch": 1})
    beat(hospital, token, said)
    assert known(hospital)["acknowledged"] is True


def test_a_page_does_not_wipe_out_what_its_agent_says(hospital: Hospital) -> None:
    token = enrolled(hospital)
    beat(hospital, token, 0)
    hospital.window("cashier").post("/workstations/heartbeat", {"workstation": "W0201", "epoch": 0, "version": "p 1"})
    found = known(hospital)
    assert (found["agent_version"], found["version"], found["central_ok"]) == ("1", "p 1", True)
    hospital.clock.advance(60)
    assert (known(hospital)["agent_live"], known(hospital)["central_ok"]) == (False, None)


def test_a_cloned_agent_is_told_by_both_going_on_and_a_restarted_one_is_not(hospital: Hospital) -> None:
    token = enrolled(hospital)
    for instance in ("first", "first", "restarted", "restarted"):
        beat(hospital, token, 0, instance=instance)
        hospital.clock.advance(12)
    assert known(hospital)["doubled"] == []
    for instance in ("clone", "restarted", "clone"):
        beat(hospital, token, 0, instance=instance)
        hospital.clock.advance(12)
    assert known(hospital)["doubled"] == ["127.0.0.1"]
    hospital.clock.advance(600)
    beat(hospital, token, 0, instance="clone")
    assert known(hospital)["doubled"] == []  # the other one is gone


def test_clones_that_are_heard_in_one_moment_are_flagged_with_both_addresses(hospital: Hospital) -> None:
    token = enrolled(hospital)
    beat(hospital, token, 0)
    hospital.clock.advance(600)
    same = {"code": "W0201", "role": "cashier", "epoch": 0, "central_ok": True, "clock": None, "version": "1"}
    for _ in range(2):
        told = [
            usecases.Beat(token, address, {**same, "instance": instance})
            for address, instance in (("10.1.0.7", "first"), ("10.1.0.8", "clone"))
        ]
        assert None not in usecases.heartbeats(hospital.store, told, None)
        hospital.clock.advance(12)
    assert known(hospital)["doubled"] == ["10.1.0.7", "10.1.0.8"]


def test_what_an_agent_says_again_of_a_print_changes_nothing(hospital: Hospital) -> None:
    token = enrolled(hospital)
    printers = [{"kind": "receipt", "printer": "LQ-630K"}]
    entry = {"workstation": "W0201", "window": "一楼收费", "role": "cashier", "printers": printers}
    assert hospital.window("admin").post("/workstations/table/entry", entry).status == 200
    asked(hospital, "/workstations/prints/tests", {}, token)
    (job,) = asked(hospital, "/workstations/prints/take", {}, token).get_json()["items"]
    for ok in (False, False, True):
        answer = asked(hospital, f"/workstations/prints/{job['id']}/done", {"ok": ok, "detail": "paper"}, token)
        assert (answer.status_code, answer.get_json()["state"]) == (200, "failed")
    with hospital.store.reading() as tx:
        rows = tx.conn.execute(select(audit.c.action).where(audit.c.action == "print.failed")).all()
    tests = hospital.window("admin").get("/workstations/table").json["tests"]
    assert len(rows) == 1 and [one["test_ok"] for one in tests] == [False]


def test_two_computers_under_one_name_are_flagged_with_their_addresses(hospital: Hospital) -> None:
    cashier = hospital.window("cashier")
    headers, body = {"Authorization": f"Bearer {cashier.token}"}, {"workstation": "W0201", "epoch": 0}
    with hospital.app.test_client() as client:
        for address in ("10.1.0.7", "10.1.0.8", "10.1.0.7"):
            client.environ_base["REMOTE_ADDR"] = address
            assert client.post(API + "/workstations/heartbeat", headers=headers, json=body).status_code == 200
            hospital.clock.advance(5)
    assert known(hospital)["doubled"] == ["10.1.0.7", "10.1.0.8"]


def test_the_table_tells_who_is_unknown_and_who_was_never_heard_of(hospital: Hospital) -> None:
    hospital.window("cashier").post("/workstations/heartbeat", {"workstation": "W0201", "epoch": 0, "role": "cashier"})
    assert known(hospital)["unknown"] is False  # without a table nobody is unknown
    entry = {"workstation": "W77", "window": "急诊收费", "role": "cashier"}
    assert hospital.window("admin").post("/workstations/table/entry", entry).status == 200
    found = known(hospital, "W77")
    assert (found["place"], found["last_seen_at"], found["live"], found["missed"]) == ("急诊收费", None, False, False)
    assert known(hospital)["unknown"] is True

"""Who gets in without a directory service: passwords of every day, codes, leavers, the second person far away."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from fallback_server.app import create_app, policy_of
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.domain.policy import Policy
from fallback_server.store import alarms, credentials, readiness, second_person, staffing
from fallback_server.store.audit import audit
from fallback_server.store.people import session
from fallback_server.store.session import Store
from fallback_server.web import codes
from fallback_server.web.people import find_person
from tests.fixtures_hospital import ADMIN, CAST, PASSWORD, Hospital, Window

NEW = "New-ward-2026"


def log_in(app: Flask, operator: str = "0201", password: str = PASSWORD, **more: Any) -> Any:
    body = {"operator": operator, "password": password, "workstation": "W1", "take_over": True, **more}
    with app.test_client() as client:
        answer = client.post("/api/v1/session", json=body)
    return answer.get_json() | {"status": answer.status_code}


def post(window: Window, path: str, **body: Any) -> Any:
    reply = window.post(path, body)
    return {"status": reply.status, **(reply.json or {})}


def person_of(store: Store, code: str) -> Any:
    with store.reading() as tx:
        return find_person(tx, code)


def changed(hospital: Hospital, code: str, generation: int = 8, **values: Any) -> None:
    """The next mirror brings another row for one operator."""
    rows = [{**row, **values} if row["operator_code"] == code else row for row in CAST["operator"]]
    hospital.mirror({**CAST, "operator": rows}, generation=generation)


# --- passwords ------------------------------------------------------------------------------------------------------
def test_the_first_log_in_leaves_a_better_hash_and_the_centres_change_counts_again(hospital: Hospital) -> None:
    assert person_of(hospital.store, "0201").scheme == "sha256"
    assert log_in(hospital.app)["status"] == 200
    kept = person_of(hospital.store, "0201")
    assert kept.scheme == "argon2id" and kept.password_hash.startswith("$argon2id$")
    assert log_in(hospital.app)["status"] == 200
    changed(hospital, "0201", password_hash=hashlib.sha256(NEW.encode()).hexdigest())
    assert log_in(hospital.app)["code"] == "login_failed"
    assert log_in(hospital.app, password=NEW)["status"] == 200


def test_a_password_chosen_here_holds_until_the_centres_changes(hospital: Hospital) -> None:
    window = hospital.window("cashier")
    assert post(window, "/session/password", password="wrong-pass-1", new_password=NEW)["code"] == "login_failed"
    assert post(window, "/session/password", password=PASSWORD, new_password="short1")["code"] == "password_weak"
    assert post(window, "/session/password", password=PASSWORD, new_password=PASSWORD)["code"] == "password_used_before"
    assert post(window, "/session/password", password=PASSWORD, new_password=NEW)["status"] == 200
    assert log_in(hospital.app)["code"] == "login_failed"
    assert log_in(hospital.app, password=NEW, new_password="Third-ward-3")["status"] == 200
    assert log_in(hospital.app, password="Third-ward-3", new_password=NEW)["code"] == "password_used_before"
    changed(hospital, "0201", password_hash=hashlib.sha256(PASSWORD.encode()).hexdigest())
    assert log_in(hospital.app)["status"] == 200


def with_policy(hospital: Hospital, settings: Any, **security: Any) -> Flask:
    changed_settings = settings.model_copy(update={"security": settings.security.model_copy(update=security)})
    return create_app(changed_settings, hospital.clock, store=hospital.store)


def test_an_old_or_weak_password_is_changed_in_quiet_but_never_in_an_outage(
    hospital: Hospital, hospital_settings: Any
) -> None:
    app = with_policy(hospital, hospital_settings, password_max_age_days=90, weak_mirrored="change")
    weak = hashlib.sha256(b"123456").hexdigest()
    changed(hospital, "0202", password_hash=weak)
    assert log_in(app, "0202", "123456")["code"] == "password_change_required"
    assert log_in(app, "0201", new_password=NEW)["status"] == 200
    hospital.clock.advance(91 * 86400)
    assert log_in(app, "0201", NEW)["code"] == "password_change_required"
    hospital.emergency()
    assert log_in(app, "0201", NEW)["status"] == log_in(app, "0202", "123456")["status"] == 200
    with hospital.store.reading() as tx:
        assert [one.code for one in staffing.everyone(tx.conn, tx.now) if one.weak] == ["0202"]


# --- codes ----------------------------------------------------------------------------------------------------------
def test_a_code_lets_somebody_in_once_and_a_password_is_chosen(hospital: Hospital) -> None:
    changed(hospital, "0202", password_hash=None, password_scheme="none")
    assert log_in(hospital.app, "0202")["code"] == "activation_required"
    lead = hospital.window("supervisor")
    code = post(lead, "/operators/codes", operators=["0202"])["items"][0]["code"]
    assert log_in(hospital.app, "0202", "1234 5678")["code"] == "login_failed"
    assert log_in(hospital.app, "0202", code)["code"] == "password_change_required"
    assert log_in(hospital.app, "0202", code, new_password="12345678")["code"] == "password_weak"
    assert log_in(hospital.app, "0202", code, new_password=NEW)["status"] == 200
    assert log_in(hospital.app, "0202", code, new_password="Other-ward-1")["code"] == "login_failed"
    assert log_in(hospital.app, "0202", NEW)["status"] == 200


def test_a_code_lasts_a_day_and_a_new_one_replaces_it(hospital: Hospital) -> None:
    changed(hospital, "0202", password_hash=None)
    lead = hospital.window("supervisor")
    first, second = (post(lead, "/operators/codes", operators=["0202"])["items"][0]["code"] for _ in range(2))
    assert log_in(hospital.app, "0202", first, new_password=NEW)["code"] == "login_failed"
    hospital.clock.advance(24 * 3600 + 1)
    assert log_in(hospital.app, "0202", second, new_password=NEW)["code"] == "activation_required"


def test_a_department_gets_a_sheet_for_those_without_a_password(hospital: Hospital) -> None:
    rows = [{**row, "password_hash": None} if row["operator_code"] == "0402" else row for row in CAST["operator"]]
    hospital.mirror({**CAST, "operator": rows}, generation=8)
    lead = hospital.window("supervisor")
    assert [one["operator"] for one in post(lead, "/operators/codes", department_code="XYF")["items"]] == ["0402"]
    assert post(lead, "/operators/codes", department_code="NOPE")["code"] == "unknown_department"


def test_nobody_lets_in_those_above_or_themselves(hospital: Hospital) -> None:
    lead, admin = hospital.window("supervisor"), hospital.window("admin")
    for above in ("0801", "0701", "0901"):
        assert post(lead, "/operators/codes", operators=[above])["code"] == "forbidden"
    assert post(admin, "/operators/codes", operators=["0801"])["code"] == "approver_rejected"
    assert post(admin, "/operators/codes", operators=["0802"])["status"] == 200
    assert post(admin, "/operators/codes", operators=["9999"])["code"] == "unknown_operator"


def test_no_code_and_no_password_stands_in_the_store_or_the_audit_in_clear(hospital: Hospital) -> None:
    code = post(hospital.window("supervisor"), "/operators/codes", operators=["0201"])["items"][0]["code"]
    bare = code.replace(" ", "")
    assert log_in(hospital.app, "0201", code, new_password=NEW)["status"] == 200
    approval = post(hospital.window("duty"), "/approvals", act="refund", operator="0201")["items"][0]["code"]
    with hospital.store.reading() as tx:
        kept = [
            str(row)
            for table in credentials.metadata.sorted_tables
            for row in tx.conn.execute(select(table))
        ]  # fmt: skip
    secrets = (bare, code, NEW, approval, approval.replace(" ", ""))
    assert [line for line in kept if any(secret in line for secret in secrets)] == []


# --- who may no longer --------------------------------------------------------------------------------------------
def test_a_leaver_loses_the_open_page_with_the_next_mirror(hospital: Hospital) -> None:
    window = hospital.window("cashier")
    assert window.get("/departments").status == 200
    changed(hospital, "0201", active=False)
    assert window.get("/departments").code == "login_required"
    with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        assert staffing.end_sessions_of_leavers(tx) == ["0201"]
    changed(hospital, "0201", generation=9)
    assert window.get("/departments").code == "login_required"


def test_a_role_taken_away_at_the_centre_is_gone_from_the_open_page(hospital: Hospital) -> None:
    window = hospital.window("supervisor")
    assert window.get("/operators").status == 200
    changed(hospital, "0601", roles="registrar")
    assert window.get("/operators").code == "forbidden"


def test_somebody_locked_out_by_hand_is_out_at_once_and_comes_back_with_the_old_password(hospital: Hospital) -> None:
    window, admin = hospital.window("cashier"), hospital.window("admin")
    assert post(admin, "/operators/0201/disable", reason="离职")["sessions_ended"] == 1
    assert window.get("/departments").code == "login_required"
    assert log_in(hospital.app)["code"] == "login_failed"
    assert post(admin, "/operators/codes", operators=["0201"])["code"] == "operator_disabled"
    changed(hospital, "0201", name="钱伟二")  # a mirror does not let them in again
    assert log_in(hospital.app)["code"] == "login_failed"
    assert post(admin, "/operators/0801/disable", reason="x")["code"] == "approver_rejected"
    assert post(admin, "/operators/0201/enable", reason="回来")["status"] == 200
    assert log_in(hospital.app)["status"] == 200


def test_an_operator_of_our_own_is_added_with_a_code(hospital: Hospital) -> None:
    admin = hospital.window("admin")
    made = post(admin, "/operators", operator="9009", name="夜班", roles=["duty"])
    assert log_in(hospital.app, "9009", made["code"], new_password=NEW)["operator"]["roles"] == ["duty"]
    assert post(admin, "/operators", operator="9009", name="夜班", roles=["duty"])["code"] == "operator_exists"
    assert post(admin, "/operators", operator="0201", name="x", roles=["duty"])["code"] == "operator_exists"
    assert post(admin, "/operators", operator="9010", name="x", roles=["boss"])["code"] == "invalid_request"


# --- the second person ------------------------------------------------------------------------------------------------
def approval(hospital: Hospital, act: str, operator: str, approver: str = "supervisor", **more: Any) -> str:
    given = post(hospital.window(approver), "/approvals", act=act, operator=operator, **more)
    return str(given["items"][0]["code"])


def back(hospital: Hospital, who: str, **approver: Any) -> Any:
    return post(hospital.window(who), "/mode/normal", upload=False, approver=approver)


def test_the_duty_officer_leaves_yj_with_a_code_read_out_over_the_telephone(yj: Hospital) -> None:
    code = approval(yj, "mode_normal", "0701")
    assert back(yj, "duty", operator="0601", code=code)["mode"] == "returning"
    with yj.store.reading() as tx:
        assert tx.conn.execute(select(audit.c.approver_code).where(audit.c.action == "mode.normal")).scalar() == "0601"


@pytest.mark.parametrize(
    ("act", "operator", "named"),
    [("refund", "0701", "0601"), ("mode_normal", "0801", "0601"), ("mode_normal", "0701", "0802")],
    ids=["for another act", "for another person", "in another's name"],
)
def test_a_code_is_good_for_one_person_one_act_and_one_approver(
    yj: Hospital, act: str, operator: str, named: str
) -> None:
    assert back(yj, "duty", operator=named, code=approval(yj, act, operator))["code"] == "approver_rejected"


def test_a_code_is_used_up_by_the_act_and_lasts_ten_minutes(yj: Hospital) -> None:
    code = approval(yj, "mode_normal", "0701")
    bad = yj.window("duty").post("/mode/normal", {"upload": "?", "approver": {"operator": "0601", "code": code}})
    assert bad.code == "invalid_request"  # a refused act leaves the code as it was
    assert back(yj, "duty", operator="0601", code=code)["status"] == 200
    yj.emergency()
    assert back(yj, "duty", operator="0601", code=code)["code"] == "approver_rejected"
    late = approval(yj, "mode_normal", "0701")
    sheet = approval(yj, "mode_normal", "0701", count=3)
    yj.clock.advance(601)
    assert back(yj, "duty", operator="0601", code=late)["code"] == "approver_rejected"
    assert back(yj, "duty", operator="0601", code=sheet)["status"] == 200


def test_guessing_codes_locks_the_approver(yj: Hospital) -> None:
    good = approval(yj, "mode_normal", "0701")
    found = [back(yj, "duty", operator="0601", code=f"{n:08}")["code"] for n in range(6)]
    assert found == ["approver_rejected"] * 5 + ["too_many_requests"]
    assert back(yj, "duty", operator="0601", code=good)["code"] == "too_many_requests"


def test_who_is_alone_leaves_an_entry_until_another_signs(yj: Hospital, hospital_settings: Any) -> None:
    policy = policy_of(hospital_settings)
    assert back(yj, "duty", alone="夜间无人接听")["mode"] == "returning"
    with yj.store.reading() as tx:
        found = [one.code for one in readiness.findings(tx, policy)]
        entry = second_person.listed(tx)[0]
    assert "alone_unsigned" in found
    assert (entry["act"], entry["operator"], entry["due_at"][:16]) == ("mode_normal", "0701", "2026-11-23T12:00")
    whoever = replace(ADMIN, operator_code=credentials.SEALED)  # who may be the same person
    with pytest.raises(YjError, match="approver_rejected"), yj.store.writing(Permit.HOUSEKEEPING, whoever) as tx:
        second_person.countersign(tx, int(entry["id"]), "x")
    duty, sign = yj.window("duty"), f"/alone-acts/{entry['id']}/sign"
    assert duty.post("/incidents/1/upload").code == "second_person_required"
    assert post(duty, sign, note="x")["code"] == "approver_rejected"
    assert post(yj.window("supervisor"), sign, note="电话核实")["status"] == 200
    assert post(yj.window("admin"), sign, note="x")["code"] == "wrong_state"
    assert duty.post("/incidents/1/upload").status == 202
    assert yj.window("auditor").get("/alone-acts").json["items"] == []


def test_money_is_never_moved_alone_and_what_is_switched_off_is_noted(yj: Hospital) -> None:
    with yj.store.writing(Permit.HOUSEKEEPING, replace(ADMIN, alone="x")) as tx:
        with pytest.raises(YjError, match="second_person_required"):
            second_person.require(tx, Policy(alone_acts=frozenset({"refund"})), "refund")
        with pytest.raises(YjError, match="second_person_required"):
            second_person.require(tx, Policy(two_persons=frozenset()), "conflict")
        assert second_person.require(tx, Policy(two_persons=frozenset()), "refund") is None
        assert tx._events[-1]["action"] == "two_persons.off"


def test_many_sheets_are_made_void_by_two(yj: Hospital) -> None:
    window, many = yj.window("cashier"), {"from_no": 5030, "to_no": 5050, "reason": "受潮"}
    window.post("/receipt-book/confirm", {"next_no": 5021})
    assert window.post("/receipt-book/void", many).code == "second_person_required"
    assert window.post("/receipt-book/void", {**many, "to_no": 5049}).status == 201
    code = approval(yj, "void", "0201")
    last = {**many, "from_no": 5060, "to_no": 5090, "approver": {"operator": "0601", "code": code}}
    assert window.post("/receipt-book/void", last).status == 201


# --- the sealed account -----------------------------------------------------------------------------------------------
def test_the_sealed_account_opens_once_loudly_and_touches_no_money(yj: Hospital) -> None:
    admin = yj.window("admin")
    assert post(admin, "/seal")["code"] == "second_person_required"
    made = post(admin, "/seal", approver={"operator": "0802", "password": PASSWORD})
    opened = log_in(yj.app, credentials.SEALED, made["code"].lower())
    assert opened["operator"]["roles"] == ["admin", "duty"]
    window = Window(yj.app, yj.clock, opened["token"], credentials.SEALED)
    assert window.post("/shifts/open", {"float": "0.00"}).code == "forbidden"
    assert back(yj, "admin", operator=credentials.SEALED, password=made["code"])["code"] == "approver_rejected"
    assert window.post("/incidents/1/confirm").code == "approver_rejected"
    with yj.store.reading() as tx:
        assert [row["kind"] for row in alarms.on(tx.conn, alarms.SEAL)] == ["opened"]
    for hours in (13, -40, 27):  # half a day later; as if the clock had been far ahead; and right again
        yj.clock.advance(hours * 3600)
        works = log_in(yj.app, credentials.SEALED, made["code"])["status"] == 200
        assert works is (hours == 27)
    yj.clock.advance(13 * 3600)
    assert window.get("/departments").code == "login_required"
    assert log_in(yj.app, credentials.SEALED, made["code"])["code"] == "login_failed"
    again = post(yj.window("admin", "W99"), "/seal", approver={"operator": "0802", "password": PASSWORD})
    with yj.store.reading() as tx:
        assert alarms.on(tx.conn, alarms.SEAL) == []
    assert log_in(yj.app, credentials.SEALED, again["code"])["status"] == 200


# --- ready ----------------------------------------------------------------------------------------------------
def verdicts(hospital: Hospital) -> dict[str, bool | None]:
    with hospital.store.reading() as tx:
        found = [one for one in readiness.findings(tx, Policy()) if one.check in ("operators", "night_shift", "seal")]
        return {f"{one.code} {one.values.get('role', '')}".strip(): one.ok for one in found}


def test_ready_says_no_while_too_many_or_a_role_of_the_night_could_not_log_in(hospital: Hospital) -> None:
    assert verdicts(hospital) == {"operators_all": True, "night_roles_there": True, "seal_missing": None}
    rows = [
        {**row, "password_hash": None} if row["operator_code"] in ("0701", "0401") else row for row in CAST["operator"]
    ]
    hospital.mirror({**CAST, "operator": rows}, generation=8)
    assert verdicts(hospital) == {"operators_all": False, "night_role_empty duty": False, "seal_missing": None}
    hospital.window("cashier")  # seen: only those count, the rest is a warning
    assert verdicts(hospital)["operators_seen"] is True
    assert verdicts(hospital)["operators_all"] is None
    policy = Policy()
    codes.hand_out(hospital.store, policy, ADMIN, ["0701", "0401"])  # seconds later
    assert "night_role_empty duty" not in verdicts(hospital)
    assert verdicts(hospital)["operators_all"] is True


def test_no_session_is_left_of_somebody_who_was_reset(hospital: Hospital) -> None:
    hospital.window("cashier")
    post(hospital.window("supervisor"), "/operators/codes", operators=["0201"], log_out=True)
    with hospital.store.reading() as tx:
        live = select(session.c.token_hash).where(session.c.operator_code == "0201", session.c.ended_at.is_(None))
        assert tx.conn.execute(live).all() == []

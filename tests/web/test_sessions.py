"""Log-in: one person, one workstation, no default, growing delay."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update

from fallback_server.domain.modes import Permit
from fallback_server.store.audit import audit
from fallback_server.store.mirror import datasets
from fallback_server.store.people import session, workstation
from fallback_server.web.people import hasher
from tests.fixtures_hospital import ADMIN, CAST, PASSWORD, Hospital


def log_in(
    hospital: Hospital, operator: str = "0201", password: str = PASSWORD, station: str = "W1", **more: Any
) -> Any:
    with hospital.app.test_client() as client:
        return client.post(
            "/api/v1/session", json={"operator": operator, "password": password, "workstation": station, **more}
        )


def test_a_mirrored_operator_logs_in_with_the_password_of_every_day(hospital: Hospital) -> None:
    answer = log_in(hospital)
    assert answer.status_code == 200
    body = answer.get_json()
    assert body["operator"] == {"code": "0201", "name": "钱伟", "roles": ["cashier", "registrar"]}
    assert body["expires_at"].endswith("+08:00")


def test_wrong_password_and_unknown_operator_get_the_same_answer(hospital: Hospital) -> None:
    one, two = log_in(hospital, password="wrong-pass-1"), log_in(hospital, operator="9999")
    assert one.status_code == two.status_code == 401
    assert one.get_json() == two.get_json()


def test_after_five_failures_even_the_right_password_waits(hospital: Hospital) -> None:
    for _ in range(6):
        log_in(hospital, password="wrong-pass-1")
    answer = log_in(hospital)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    hospital.clock.advance(60)
    assert log_in(hospital).status_code == 200


def test_the_same_workstation_may_log_in_twice_and_both_stay_valid(hospital: Hospital) -> None:
    tokens = [log_in(hospital).get_json()["token"] for _ in range(2)]
    with hospital.app.test_client() as client:
        for token in tokens:
            answer = client.get("/api/v1/departments", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 200


def test_elsewhere_asks_first_and_take_over_ends_the_other(hospital: Hospital) -> None:
    first = log_in(hospital).get_json()["token"]
    assert log_in(hospital, station="W2").get_json()["code"] == "session_elsewhere"
    assert log_in(hospital, station="W2", take_over=True).status_code == 200
    with hospital.app.test_client() as client:
        answer = client.get("/api/v1/departments", headers={"Authorization": f"Bearer {first}"})
    assert answer.get_json()["code"] == "login_required"


def test_a_session_ends_by_itself_and_by_logging_out(hospital: Hospital) -> None:
    window = hospital.window("cashier")
    assert window.post("/session/end").status == 200
    assert window.get("/departments").code == "login_required"
    hospital._windows.clear()
    window = hospital.window("cashier")
    hospital.clock.advance(12 * 3600 + 1)
    assert window.get("/departments").code == "login_required"


def test_the_store_keeps_no_token_that_opens_anything(hospital: Hospital) -> None:
    token = log_in(hospital).get_json()["token"]
    with hospital.store.reading() as tx:
        kept = tx.conn.execute(select(session.c.token_hash)).scalars().all()
    assert token not in kept


def test_workstations_get_numbers_that_stay(hospital: Hospital) -> None:
    for station in ("W1", "W2", "W1"):
        log_in(hospital, station=station, take_over=True)
    with hospital.store.reading() as tx:
        numbers = {row.code: row.number for row in tx.conn.execute(select(workstation))}
    assert sorted(numbers[code] for code in ("W1", "W2")) == sorted(set(numbers.values()))[-2:]


def test_the_thousandth_workstation_is_told_and_nothing_is_kept_of_it(hospital: Hospital) -> None:
    log_in(hospital, station="W1")
    with hospital.store.writing(Permit.HOUSEKEEPING) as tx:
        tx.conn.execute(update(workstation).values(number=999))
    refused = log_in(hospital, operator="0202", station="W2")
    assert (refused.status_code, refused.get_json()["code"]) == (409, "workstations_full")
    assert log_in(hospital, station="W1").status_code == 200


def test_a_leaver_and_somebody_without_a_password_stay_out(hospital: Hospital) -> None:
    gone = [{**row, "active": row["operator_code"] != "0201"} for row in CAST["operator"]]
    gone = [{**row, "password_hash": None} if row["operator_code"] == "0202" else row for row in gone]
    hospital.mirror({**CAST, "operator": gone}, generation=8)
    assert log_in(hospital).get_json()["code"] == "login_failed"
    assert log_in(hospital, operator="0202").get_json()["code"] == "activation_required"


def test_an_operator_disabled_by_hand_hides_the_mirrored_one(hospital: Hospital) -> None:
    from fallback_server.store.people import operator

    with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        tx.conn.execute(
            operator.insert().values(
                operator_code="0201", name="钱伟", roles=["cashier"], password_hash=hasher().hash(PASSWORD),
                created_at=tx.at,
            )
        )  # fmt: skip
    assert log_in(hospital).status_code == 200
    with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        tx.conn.execute(update(operator).values(disabled_at=tx.at))
    assert log_in(hospital, take_over=True).get_json()["code"] == "login_failed"


def test_a_role_that_only_the_centre_knows_gives_nothing(hospital: Hospital) -> None:
    odd = [{**row, "roles": "boss,cashier"} if row["operator_code"] == "0201" else row for row in CAST["operator"]]
    hospital.mirror({**CAST, "operator": odd}, generation=8)
    assert log_in(hospital).get_json()["operator"]["roles"] == ["cashier", "registrar"]


def test_log_ins_and_failures_are_in_the_audit_log_without_the_password(hospital: Hospital) -> None:
    log_in(hospital, password="wrong-pass-1")
    log_in(hospital)
    with hospital.store.reading() as tx:
        opened = select(audit).where(audit.c.action == "session.open").order_by(audit.c.sequence)
        rows = tx.conn.execute(opened).mappings().all()
    assert [row["ok"] for row in rows][-2:] == [False, True]
    assert not any("wrong-pass-1" in row["text"] or PASSWORD in row["text"] for row in rows)


def test_the_operator_table_of_the_mirror_is_what_log_in_reads(hospital: Hospital) -> None:
    with hospital.store.reading() as tx:
        assert tx.conn.execute(select(datasets["operator"].c.operator_code)).scalars().all()

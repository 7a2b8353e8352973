"""Windows that work side by side: no number twice, and of two acts that exclude each other exactly one happens."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import select

from fallback_server.store.people import workstation
from tests.fixtures_hospital import Hospital, Reply, centre_id

ZHANG = centre_id("patient", "P1003")


def together(*acts: Callable[[], Reply]) -> list[Reply]:
    """Run the acts at the same time."""
    with ThreadPoolExecutor(len(acts)) as pool:
        return [future.result() for future in [pool.submit(act) for act in acts]]


def visit(hospital: Hospital) -> str:
    body = {"patient_id": ZHANG, "department_code": "NK", "type_code": "MF", "payments": []}
    return str(hospital.window("registrar").post("/registrations", body).json["id"])


def test_all_windows_of_the_hospital_log_in_at_once(yj: Hospital) -> None:
    codes = ["0101", "0201", "0202", "0301", "0302", "0401", "0501", "0601"]
    with ThreadPoolExecutor(len(codes)) as pool:
        windows = list(pool.map(yj.window, codes))
    assert len({window.token for window in windows}) == len(codes)
    with yj.store.reading() as tx:
        assert sorted(tx.conn.execute(select(workstation.c.number)).scalars()) == list(range(1, len(codes) + 1))


def test_no_queue_number_is_given_twice(yj: Hospital) -> None:
    windows = [yj.window("registrar"), yj.window("cashier"), yj.window("supervisor"), yj.window("cashier2")]
    body = {"patient_id": ZHANG, "department_code": "NK", "type_code": "MF", "payments": []}
    answers = together(*[lambda w=window: w.post("/registrations", body) for window in windows for _ in range(3)])  # type: ignore[misc]
    assert [answer.status for answer in answers] == [201] * 12
    assert sorted(answer.json["queue_no"] for answer in answers) == list(range(1, 13))
    assert len({answer.json["slip_no"] for answer in answers}) == 12
    assert [row["sequence"] for row in yj.outbox()] == list(range(1, len(yj.outbox()) + 1))


def test_the_same_act_sent_twice_at_once_makes_one_visit(yj: Hospital) -> None:
    window, key = yj.window("registrar"), "01KAJ00000000000000000TW1N"
    body = {"patient_id": ZHANG, "department_code": "NK", "type_code": "MF", "payments": []}
    first, second = together(*[lambda: window.post("/registrations", body, key=key)] * 2)
    assert (first.status, second.status) == (201, 201)
    assert first.json == second.json
    assert len(yj.outbox("registration")) == 1


def test_a_slip_shown_at_two_windows_is_taken_in_once(yj: Hospital) -> None:
    body: dict[str, Any] = {"patient_id": ZHANG, "department_code": "NK", "type_code": "PT", "centre_slip_no": "GH77"}
    answers = together(*[lambda w=w: yj.window(w).post("/registrations", body) for w in ("registrar", "cashier")])  # type: ignore[misc]
    assert sorted(answer.code or "done" for answer in answers) == ["done", "slip_known"]
    assert len(yj.outbox("registration")) == 1


def test_a_prescription_is_paid_or_cancelled_never_both(yj: Hospital) -> None:
    doctor, cashier = yj.window("doctor"), yj.window("cashier")
    visit_id = visit(yj)
    for _ in range(5):
        lines = [{"drug_code": "A001", "quantity": 1}]
        wanted = {"registration_id": visit_id, "kind": "western", "diagnoses": [], "lines": lines}
        rx = doctor.post("/prescriptions", wanted).json["id"]
        money = {
            "registration_id": visit_id,
            "prescription_ids": [rx],
            "order_ids": [],
            "payments": [{"method": "cash", "amount": "12.34"}],
            "expected_total": "12.34",
        }
        paid, cancelled = together(
            lambda body=money: cashier.post("/charges", body),  # type: ignore[misc]
            lambda rx=rx: doctor.post(f"/prescriptions/{rx}/cancel", {"reason": "改药"}),  # type: ignore[misc]
        )
        assert (paid.status == 201) != (cancelled.status == 200), (paid.json, cancelled.json)
        shown = doctor.get(f"/prescriptions/{rx}").json["status"]
        assert shown == ("paid" if paid.status == 201 else "cancelled")


def test_a_visit_is_cancelled_or_prescribed_for_never_both(yj: Hospital) -> None:
    doctor, registrar = yj.window("doctor"), yj.window("registrar")
    for _ in range(5):
        visit_id = visit(yj)
        lines = [{"drug_code": "A001", "quantity": 1}]
        wanted = {"registration_id": visit_id, "kind": "western", "diagnoses": [], "lines": lines}
        written, cancelled = together(
            lambda body=wanted: doctor.post("/prescriptions", body),  # type: ignore[misc]
            lambda v=visit_id: registrar.post(f"/registrations/{v}/cancel", {"reason": "走了"}),  # type: ignore[misc]
        )
        assert (written.status == 201) != (cancelled.status == 200), (written.json, cancelled.json)

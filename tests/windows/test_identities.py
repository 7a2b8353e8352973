"""What is shown says whose it is: an id, where it comes from, the centre's key, and our number on what is ours."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from fallback_server.domain.modes import Permit
from fallback_server.domain.numbers import is_ulid
from fallback_server.store.outbox import outbox
from tests.fixtures_hospital import ADMIN, Hospital, centre_id
from tests.windows.money_cast import RX_UNPAID, WANG, ZHANG, cash, charge, items


def whose(shown: dict[str, Any]) -> tuple[str, str | None, str | None]:
    """Origin, central key and our number; the id fits the origin."""
    assert is_ulid(shown["id"]) is (shown["origin"] == "yj")
    return shown["origin"], shown["central_key"], shown["yj_no"]


def test_our_documents_carry_our_number_and_no_key_before_they_arrive(yj: Hospital) -> None:
    desk, doctor = yj.window("cashier"), yj.window("doctor")
    patient = desk.post("/patients", {"name": "赵一", "sex": "M", "birth_date": "1990-01-01"}).json
    visit = {"patient_id": patient["id"], "department_code": "NK", "type_code": "PT", "payments": [cash("10.00")]}
    visit = desk.post("/registrations", visit).json
    lines = [{"drug_code": "A001", "quantity": 1}]
    rx = doctor.post(
        "/prescriptions", {"registration_id": visit["id"], "kind": "western", "diagnoses": [], "lines": lines}
    ).json
    for shown, number in (
        (patient, patient["patient_no"]),
        (visit, visit["slip_no"]),
        (rx, rx["rx_no"]),
        (visit["charge"], visit["charge"]["yj_no"]),
        (desk.get(f"/patients/{patient['id']}").json, patient["patient_no"]),
        (desk.get(f"/registrations/{visit['id']}").json, visit["slip_no"]),
        (desk.get("/prescriptions", registration_id=visit["id"]).json["items"][0], rx["rx_no"]),
    ):
        assert number.startswith("YJ") and whose(shown) == ("yj", None, number)


def test_what_is_the_centre_s_carries_its_key_and_no_number_of_ours(yj: Hospital) -> None:
    desk = yj.window("cashier")
    assert whose(desk.get(f"/patients/{WANG}").json) == ("centre", "P1001", None)
    assert whose(desk.get(f"/prescriptions/{RX_UNPAID}").json) == ("centre", "3001", None)
    assert whose(desk.get("/registrations", patient_id=ZHANG).json["items"][0])[::2] == ("centre", None)


def test_a_charge_shows_its_central_key_once_it_arrived(yj: Hospital) -> None:
    desk = yj.window("cashier")
    made = charge(desk, items(("F001", 1))).json
    assert made["central_key"] is None
    with yj.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        tx.conn.execute(update(outbox).where(outbox.c.yj_id == made["id"]).values(central_key="88"))
    assert desk.get(f"/charges/{made['id']}").json["central_key"] == "88"


@pytest.mark.parametrize(
    ("path", "dataset", "column"),
    [("/drugs", "drug", "drug_code"), ("/departments", "department", "department_code"),
     ("/schedules", "schedule", "schedule_id")],
)  # fmt: skip
def test_master_lists_carry_stable_ids_and_the_centre_s_key(yj: Hospital, path: str, dataset: str, column: str) -> None:
    for item in yj.window("cashier").get(path).json["items"]:
        assert (item["origin"], item["central_key"]) == ("centre", item[column])
        assert item["id"] == centre_id(dataset, item[column])


def test_a_dictionary_names_its_codes(yj: Hospital) -> None:
    item = yj.window("cashier").get("/dictionaries/usage").json["items"][0]
    assert (item["origin"], item["central_key"]) == ("centre", item["code"])

"""The console shows a document field by field: no field stands there as its bare name."""

from __future__ import annotations

import json

from babel.messages.pofile import read_po

from clients.pages import PAGES_DIR
from fallback_server.windows.console.pages.returning import TECHNICAL
from tests.fixtures_hospital import Hospital
from tests.windows.money_cast import WANG, cash, good


def test_every_field_of_a_document_has_a_word(yj: Hospital) -> None:
    visit = {"department_code": "NK", "type_code": "PT"}
    body = {"patient_id": WANG, **visit, "payments": [cash("10.00")]}
    made = good(yj.window("registrar").post("/registrations", body))
    paid_before = {"patient_id": WANG, **visit, "centre_slip_no": "GH1", "payments": []}
    good(yj.window("registrar").post("/registrations", paid_before))
    lines = [{"drug_code": "A002", "quantity": 1}]
    written = {"registration_id": made["id"], "kind": "western", "diagnoses": ["J06.900"], "lines": lines}
    good(yj.window("doctor").post("/prescriptions", written))
    fields = {name for row in yj.outbox() for name in json.loads(row["payload"])} - TECHNICAL
    assert {"pharmacy_code", "centre_slip_no"} <= fields
    with (PAGES_DIR / "catalogues/zh/console.po").open("rb") as file:
        words = {message.id for message in read_po(file)}
    assert {name for name in fields if f"console.field_{name}" not in words} == set()

"""Bad input to the most dangerous route: a problem with a stable code and a clear sentence, and nothing changed."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from fallback_server.domain.numbers import new_ulid
from tests.fixtures_hospital import Hospital, Window
from tests.windows.money_cast import WANG, cash, charge, counts, good, items

GOOD = {**items(("F001", 1)), "payments": [cash("25.00")], "expected_total": "25.00"}


def send(window: Window, data: bytes | str, **headers: str) -> Any:
    """POST raw bytes to /charges."""
    with window.app.test_client() as client:
        given = {"Content-Type": "application/json", "Idempotency-Key": new_ulid(window.clock.now()), **headers}
        return client.post(
            "/api/v1/charges",
            data=data,
            headers={"Authorization": f"Bearer {window.token}", **{k: v for k, v in given.items() if v}},
        )


def body(**changes: Any) -> bytes:
    """A good charge with some fields changed; None takes a field away."""
    merged = {**GOOD, **changes}
    return json.dumps({name: value for name, value in merged.items() if value is not None}).encode()


def item(**changes: Any) -> bytes:
    """A good charge whose one line has some fields changed."""
    return body(lines=[{"item_code": "F001", "quantity": 1, **changes}])


@pytest.mark.parametrize(
    ("data", "headers", "status", "code"),
    [
        pytest.param(b"{", {}, 400, "malformed_json", id="malformed"),
        pytest.param(b"\xff\xfe", {}, 400, "malformed_json", id="not-utf8"),
        pytest.param(b"[" * 100_000, {}, 400, "malformed_json", id="nested"),
        pytest.param(b"[]", {}, 422, "invalid_request", id="list"),
        pytest.param(b"null", {}, 422, "invalid_request", id="null"),
        pytest.param(b'{"x":"' + b"y" * 10_000_000 + b'"}', {}, 413, "body_too_large", id="10MB"),
        pytest.param(body(), {"Content-Type": "text/plain"}, 415, "unsupported_media_type", id="wrong-type"),
        pytest.param(body(), {"Content-Type": "application/xml"}, 415, "unsupported_media_type", id="xml"),
        pytest.param(body(), {"Idempotency-Key": ""}, 400, "idempotency_key_missing", id="no-key"),
        pytest.param(body(), {"Idempotency-Key": "short"}, 400, "idempotency_key_missing", id="short-key"),
        pytest.param(body(), {"Idempotency-Key": "k" * 81}, 400, "idempotency_key_missing", id="long-key"),
        pytest.param(body(), {"Authorization": "Bearer nobody"}, 401, "login_required", id="no-session"),
        pytest.param(body(), {"YJ-Epoch": "999"}, 409, "epoch_changed", id="epoch"),
        pytest.param(body(expected_total=None), {}, 422, "invalid_request", id="no-total"),
        pytest.param(body(expected_total="25"), {}, 201, "", id="total-without-decimals"),
        pytest.param(body(expected_total="25.001"), {}, 422, "invalid_request", id="three-decimals"),
        pytest.param(body(expected_total=25.0), {}, 422, "invalid_request", id="float-total"),
        pytest.param(body(expected_total="NaN"), {}, 422, "invalid_request", id="nan"),
        pytest.param(body(expected_total="99999999999.00"), {}, 422, "invalid_request", id="huge-total"),
        pytest.param(body(expected_total="24.99"), {}, 409, "total_changed", id="wrong-total"),
        pytest.param(body(payments=[cash("10.00")]), {}, 422, "payments_mismatch", id="too-little"),
        pytest.param(item(item_code="NOPE"), {}, 422, "unknown_fee_item", id="unknown-item"),
        pytest.param(item(quantity=-1), {}, 422, "invalid_request", id="negative"),
        pytest.param(item(quantity=0), {}, 422, "invalid_request", id="zero"),
        pytest.param(item(quantity=1.5), {}, 422, "invalid_request", id="fraction"),
        pytest.param(item(quantity=1.0), {}, 422, "invalid_request", id="float-quantity"),
        pytest.param(item(quantity=True), {}, 422, "invalid_request", id="bool-quantity"),
        pytest.param(item(quantity=10**18), {}, 422, "invalid_request", id="huge-quantity"),
        pytest.param(item(price="0.01"), {}, 422, "invalid_request", id="own-price"),
        pytest.param(body(patient_id=WANG + "\x00"), {}, 400, "malformed_json", id="nul-in-id"),
        pytest.param(body(receipt_no="' OR 1=1 --"), {}, 409, "receipt_no_mismatch", id="injection"),
    ],
)  # fmt: skip
def test_bad_input_gets_its_problem_and_changes_nothing(
    yj: Hospital, data: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    window = yj.window("cashier")
    before = counts(yj)
    answer = send(window, data, **headers)
    assert answer.status_code == status, answer.get_data(as_text=True)[:500]
    if status == 201:
        return
    assert answer.content_type.startswith("application/problem+json")
    problem = answer.get_json(force=True)
    assert problem["code"] == code
    assert re.search(r"[一-鿿]", problem["title"])
    assert "Traceback" not in answer.get_data(as_text=True)
    assert counts(yj) == before


def test_a_key_used_for_another_body_is_refused_and_the_first_act_stands(yj: Hospital) -> None:
    window, key = yj.window("cashier"), "window-7-act-0001"
    first = good(window.post("/charges", GOOD, key=key))
    before = counts(yj)
    other = {**items(("F001", 2)), "payments": [cash("50.00")], "expected_total": "50.00"}
    assert window.post("/charges", other, key=key).code == "idempotency_key_reused"
    assert window.post(f"/charges/{first['id']}/refund", {"reason": "x"}, key=key).code == "idempotency_key_reused"
    assert counts(yj) == before
    assert good(window.post("/charges", GOOD, key=key)) == first


def test_a_refusal_frees_the_key(yj: Hospital) -> None:
    window, key = yj.window("cashier"), "window-7-act-0002"
    assert window.post("/charges", {**GOOD, "payments": []}, key=key).code == "payments_mismatch"
    assert good(window.post("/charges", GOOD, key=key))["total"] == "25.00"


def test_other_roles_take_no_money(yj: Hospital) -> None:
    before = counts(yj)
    for who in ("registrar", "doctor", "pharmacist", "triage", "duty", "admin", "auditor"):
        assert yj.window(who).post("/charges", GOOD).code == "forbidden"
    assert counts(yj) == before
    assert charge(yj.window("supervisor"), items(("F001", 1))).status == 201

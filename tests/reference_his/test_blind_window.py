"""What the centre does meanwhile is seen through the blind-window files, and meets the returning documents."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection

from sync.reference_his.acts import ActError
from sync.reference_his.blind_window import BlindWindow
from sync.reference_his.create import create_reference
from sync.reference_his.moments import centre_now
from tests.reference_his.conftest import query, scalar

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def filled(module_database: str) -> str:
    create_reference(module_database, "clinic")
    return module_database


@pytest.fixture
def hands(filled: str) -> Iterator[BlindWindow]:
    window = BlindWindow(filled)
    yield window
    window.close()


@pytest.fixture
def view(filled: str) -> Iterator[Connection]:
    engine = create_engine(filled)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def period() -> dict[str, str]:
    now = centre_now()
    return {"since": str(now - timedelta(minutes=1)), "until": str(now + timedelta(minutes=1))}


def test_a_prescription_charged_at_the_centre_shows_with_its_charge(hands: BlindWindow, view: Connection) -> None:
    key = scalar(view, "SELECT max(cfxh) FROM cf_zb WHERE coalesce(zt, '0') = '0'")
    view.rollback()
    paid = hands.charge_prescription(key)
    assert paid in {row["central_key"] for row in query(view, "blind_window/charge", **period())}
    (row,) = [r for r in query(view, "blind_window/prescription", **period()) if r["central_key"] == str(key)]
    assert (row["status"], row["charge_key"]) == ("paid", paid)
    with pytest.raises(ActError, match="not unpaid"):
        hands.charge_prescription(key)


def test_a_receipt_number_can_be_used_at_the_centre(hands: BlindWindow, view: Connection) -> None:
    key = hands.use_receipt_number("MZ88880001", patient_no="1")
    rows = {row["central_key"]: row for row in query(view, "blind_window/charge", **period())}
    assert (rows[key]["receipt_no"], rows[key]["yj_mark"]) == ("MZ88880001", 0)


def test_a_patient_made_twice_is_found_by_id_number(hands: BlindWindow, view: Connection) -> None:
    key = hands.create_patient(name="赵一", sex="M", birth_date="2019-05-06", id_no="110199201905060014")
    assert key in {row["central_key"] for row in query(view, "blind_window/patient", **period())}
    match = query(
        view, "upload/match_patient", id_no="110199201905060014", name="赵一", sex="M", birth_date="2019-05-06"
    )
    assert [(row["patient_no"], row["sex"], row["birth_date"]) for row in match] == [(key, "M", "2019-05-06")]


def test_a_price_changes_and_a_drug_stops_without_any_mark(hands: BlindWindow, view: Connection) -> None:
    hands.change_price("1", Decimal("99.90"))
    hands.stop_drug("1")
    (row,) = [row for row in query(view, "mirror/drug") if row["drug_code"] == "1"]
    assert (row["unit_price"], row["active"]) == (Decimal("99.9000"), 0)
    view.rollback()
    hands.stop_drug("1", stopped=False)
    assert next(row["active"] for row in query(view, "mirror/drug") if row["drug_code"] == "1") == 1


def test_a_registration_is_cancelled_with_its_fee_refunded(hands: BlindWindow, view: Connection) -> None:
    key = scalar(view, "SELECT max(ghxh) FROM gh_mx WHERE coalesce(zt, '0') IN ('0', '1')")
    view.rollback()
    hands.cancel_registration(key)
    fee = scalar(view, "SELECT sfxh FROM gh_mx WHERE ghxh = :key AND zt = '9'", key=key)
    refunds = [row for row in query(view, "blind_window/charge", **period()) if row["refund_of"] == str(fee)]
    assert len(refunds) == 1
    assert refunds[0]["total"] < 0

"""Reading, through the API, what the desks need: master data, known patients, and the centre's open work."""

from __future__ import annotations

import random
from collections.abc import Collection
from decimal import Decimal
from typing import Any

from clients.console.context import NotInOrder
from clients.console.demo.plan import Case, Shelf
from clients.sdk import YjClient

PAGE = 200
FOUND = 50
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
DEAREST = Decimal("150.00")
OPEN_PAPERS, OPEN_VISITS, OPEN_PAID = 4, 3, 3


def read_shelf(client: YjClient, logins: Collection[str], patients: int) -> tuple[Shelf, list[str]]:
    """The shelf, and the doctors who have a schedule today and can log in."""
    today = str(client.mode()["mirror"]["as_of"])[:10]
    slots = [
        one for one in client.schedules() if one["date"] == today and one["staff_code"] in logins and _has_room(one)
    ]
    if not slots:
        raise NotInOrder("no doctor with a schedule today was mirrored")
    drugs = [one for one in client.drugs(limit=PAGE) if _plain(one) and one["category"] == "western"]
    fees = [
        one
        for one in client.fee_items(limit=PAGE)
        if one["active"] and Decimal("0") < Decimal(one["unit_price"]) < DEAREST
    ]
    types = {one["type_code"]: one for one in client.register_types()}
    known = known_patients(client, patients)
    insured = [one for one in known if one.get("insurance_type")]
    rest = [one for one in known if one not in insured[: patients // 6]]
    doctors = list(dict.fromkeys(one["staff_code"] for one in slots))
    shelf = Shelf(drugs, fees, client.diagnoses(limit=PAGE), slots, types, rest, insured[: patients // 6])
    return shelf, doctors


def known_patients(client: YjClient, count: int) -> list[dict[str, Any]]:
    """Enough patients of the centre, found by name as a registrar finds them."""
    found: dict[str, dict[str, Any]] = {}
    for surname in SURNAMES:
        for one in client.find_patients(surname, limit=FOUND):
            if one["origin"] == "centre":
                found[one["id"]] = one
        if len(found) >= count:
            return list(found.values())
    raise NotInOrder(f"only {len(found)} patients were found, {count} are needed; give fewer --visits")


def open_cases(client: YjClient, first_number: int, seed: int) -> list[tuple[str, Case]]:
    """Work the centre had left: unpaid prescriptions, waiting patients, paid drugs; each with its room."""
    rng = random.Random(f"{seed}:open")  # noqa: S311 - a play, not a secret
    papers = [one for one in client.prescriptions(status="unpaid") if one["origin"] == "centre"][:OPEN_PAPERS]
    visits = [one for one in client.registrations(status="waiting") if one["origin"] == "centre"]
    paid = [one for one in client.prescriptions(status="paid") if one["origin"] == "centre"][:OPEN_PAID]
    cases: list[tuple[str, Case]] = []
    for paper in papers:
        case = Case(first_number + len(cases), frozenset({"open_paper"}), rng, prescriptions=[paper])
        case.patient = {"id": paper["patient_id"]}
        cases.append(("cashier", case))
    for visit in visits[:OPEN_VISITS]:
        case = Case(first_number + len(cases), frozenset({"open_visit"}), rng, visit=visit)
        case.department = visit["department_code"]
        cases.append(("nurse", case))
    for paper in paid:
        cases.append(
            ("pharmacist", Case(first_number + len(cases), frozenset({"open_paid"}), rng, prescriptions=[paper]))
        )
    return cases


def _has_room(slot: dict[str, Any]) -> bool:
    capacity, used = slot.get("capacity"), slot.get("used")
    return capacity is None or int(used or 0) + 3 < int(capacity)


def _plain(drug: dict[str, Any]) -> bool:
    """A drug any doctor may write on an ordinary form."""
    return (
        bool(drug["active"]) and not drug.get("control_class") and Decimal("0") < Decimal(drug["unit_price"]) < DEAREST
    )

"""Every dataset's SQL gives the contract's columns, with keys, choices and NULLs as the contract allows them."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from sqlalchemy.engine import Connection

from fallback_server.domain.datasets import DATASETS, Dataset
from sync.central.mapping import load
from tests.reference_his.conftest import MAPPING, money, query

BINDS = {"now_at": "2026-11-22T10:30:00+08:00", "horizon_from": "2026-11-20T00:00:00+08:00"}
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
TIME = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")


def test_the_mapping_loads_without_a_complaint() -> None:
    assert set(load(MAPPING).datasets) == set(DATASETS)


@pytest.mark.parametrize("dataset", list(DATASETS.values()), ids=list(DATASETS))
def test_a_dataset_has_the_contracts_columns(dataset: Dataset, centre: Connection) -> None:
    rows = query(centre, f"mirror/{dataset.name}", **BINDS)
    assert rows
    watermark = load(MAPPING).dataset_options(dataset.name).watermark
    assert set(rows[0]) == {*dataset.names, *([watermark] if watermark else ())}
    for column in dataset.columns:
        values = [row[column.name] for row in rows]
        if not column.nullable:
            assert None not in values, column.name
        texts = [value for value in values if isinstance(value, str)]
        assert all(value and value == value.strip(" ") for value in texts), column.name
        if column.choices:
            assert {value for value in values if value is not None} <= set(column.choices), column.name
        if column.nullable and dataset.group == "open" and column.name not in NEVER:
            assert any(value is not None for value in values), column.name
    keys = Counter(tuple(row[name] for name in dataset.keys) for row in rows)
    assert max(keys.values()) == 1


NEVER = {"note"}  # nobody writes remarks at this centre


def test_times_are_iso_and_sentinels_are_gone(centre: Connection) -> None:
    for row in query(centre, "mirror/patient"):
        assert row["birth_date"] is None or (DATE.fullmatch(row["birth_date"]) and row["birth_date"] > "1900-01-01")
    for row in query(centre, "mirror/open_registration", **BINDS):
        assert TIME.fullmatch(row["registered_at"])


def test_open_work_comes_in_all_states(centre: Connection) -> None:
    assert {row["status"] for row in query(centre, "mirror/open_registration", **BINDS)} == {"waiting", "seen"}
    prescriptions = query(centre, "mirror/open_prescription", **BINDS)
    assert {row["status"] for row in prescriptions} == {"unpaid", "paid", "dispensed"}
    orders = query(centre, "mirror/open_order", **BINDS)
    assert {row["status"] for row in orders} == {"unpaid", "paid", "executed"}


def test_lines_of_open_work_sum_up_to_their_heads(centre: Connection) -> None:
    for kind in ("prescription", "order"):
        sums: Counter[str] = Counter()
        for line in query(centre, f"mirror/open_{kind}_line", **BINDS):
            sums[line[f"{kind}_key"]] += money(line["amount"])
        heads = {row[f"{kind}_key"]: money(row["total"]) for row in query(centre, f"mirror/open_{kind}", **BINDS)}
        assert heads == sums


def test_operators_bring_our_roles_and_their_hashes(centre: Connection) -> None:
    rows = query(centre, "mirror/operator")
    roles = {role for row in rows for role in row["roles"].split(",")}
    assert roles == {
        "registrar", "cashier", "doctor", "pharmacist", "triage", "supervisor", "duty", "auditor", "admin",
    }  # fmt: skip
    assert {row["password_scheme"] for row in rows} == {"sha256"}


def test_a_receipt_book_keeps_the_width_of_its_numbers(centre: Connection) -> None:
    for row in query(centre, "mirror/receipt_book"):
        assert len(str(row["start_no"])) == len(str(row["next_no"])) == 8
        assert int(row["start_no"]) <= int(row["next_no"]) <= int(row["end_no"]) + 1

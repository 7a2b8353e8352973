"""Whatever the centre holds and whoever edits it: after a published run the mirror is an independent reading of it.

The reading below knows docs/mirror-rules.md only, not the code of the mirror.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from config.sections import Mirror
from fallback_server.domain.clock import SettableClock
from fallback_server.store.mirror import datasets
from fallback_server.store.session import Store
from migrations.upgrade import upgrade
from sync.central.fake import FakeCentral
from sync.central.gateway import DatasetHints
from sync.mirror.run import run_mirror
from tests.mirror.hospital import drug, patient, prescription, prescription_line

MORNING = datetime.fromisoformat("2026-11-23T08:00:00+08:00")
# Guards are looked at elsewhere: here everything may change at once.
OPEN = Mirror(
    guard_shrink_percent=100, guard_patient_shrink_percent=100, guard_changed_percent=100, guard_price_rows=1000
)
HEADS, LINES = "open_prescription", "open_prescription_line"
Rows = list[dict[str, Any]]
Seen = dict[tuple[str, ...], dict[str, Any]]

# -- the independent reading ------------------------------------------------------------------------------------------


class Aside(Exception):
    """The row cannot be taken."""


def text(value: Any, needed: bool) -> str | None:
    if value is not None:
        if "\ufffd" in value:
            raise Aside
        value = "".join(
            " " if sign in "\t\n\v\f\r" else sign for sign in value.strip() if sign >= " " or sign in "\t\n\v\f\r"
        )
        value = value.strip() or None
    if value is None and needed:
        raise Aside
    return value


def number(value: Any, places: int, least: Decimal) -> Decimal:
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        raise Aside from None
    if not found.is_finite() or found < least or found != round(found, places) or found >= 10**12:
        raise Aside
    return found


def flag(value: Any) -> bool:
    if str(value).strip().lower() not in ("1", "0", "true", "false"):
        raise Aside
    return str(value).strip().lower() in ("1", "true")


def read_drug(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "drug_code": text(row["drug_code"], True), "name": text(row["name"], True),
        "trade_name": text(row["trade_name"], False), "unit_price": number(row["unit_price"], 4, Decimal(0)),
        "active": flag(row["active"]),
    }  # fmt: skip


def read_patient(row: Mapping[str, Any]) -> dict[str, Any]:
    if row["sex"] not in ("M", "F", "U"):
        raise Aside
    return {"patient_no": text(row["patient_no"], True), "name": text(row["name"], True), "sex": row["sex"]}


def read_head(row: Mapping[str, Any]) -> dict[str, Any]:
    if row["status"] not in ("unpaid", "paid", "dispensed"):
        raise Aside
    total = number(row["total"], 2, Decimal(0))
    return {"prescription_key": text(row["prescription_key"], True), "total": total, "status": row["status"]}


def read_line(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "prescription_key": row["prescription_key"], "line_no": row["line_no"],
        "quantity": int(number(row["quantity"], 0, Decimal(1))), "amount": number(row["amount"], 2, Decimal(0)),
    }  # fmt: skip


READ = {"drug": read_drug, "patient": read_patient, HEADS: read_head, LINES: read_line}
KEYS = {
    "drug": ("drug_code",),
    "patient": ("patient_no",),
    HEADS: ("prescription_key",),
    LINES: ("prescription_key", "line_no"),
}


def reading(name: str, rows: Iterable[Mapping[str, Any]], before: Seen) -> tuple[Seen, set[tuple[str, ...]]]:
    """What the mirror should hold of a dataset now, and the keys that were set aside (their last version stays)."""
    found: Seen = {}
    aside: set[tuple[str, ...]] = set()
    for row in rows:
        key = tuple(str(row[part]).strip() for part in KEYS[name])
        try:
            found[key] = READ[name](row)
        except Aside:
            aside.add(key)
            if key in before:
                found[key] = before[key]
    return found, aside


def families(centre: FakeCentral, before: dict[str, Seen]) -> tuple[Seen, Seen]:
    """Heads with all their lines, or as they last were with all of those, or not at all."""
    heads, bad_heads = reading(HEADS, centre.datasets[HEADS], {})
    lines, bad_lines = reading(LINES, centre.datasets[LINES], {})
    bad = {key[0] for key in bad_heads | bad_lines}
    old = {key: row for key, row in before[HEADS].items() if key[0] in bad and _there(centre, key[0])}
    kept = {key: row for key, row in before[LINES].items() if (key[0],) in old}
    heads = {key: row for key, row in heads.items() if key[0] not in bad} | old
    lines = {key: row for key, row in lines.items() if key[0] not in bad and (key[0],) in heads} | kept
    return heads, lines


def _there(centre: FakeCentral, key: str) -> bool:
    return any(row["prescription_key"] == key for row in centre.datasets[HEADS])


def expected(centre: FakeCentral, before: dict[str, Seen]) -> dict[str, Seen]:
    heads, lines = families(centre, before)
    masters = {name: reading(name, centre.datasets[name], before[name])[0] for name in ("drug", "patient")}
    return {**masters, HEADS: heads, LINES: lines}


def mirrored(store: Store) -> dict[str, Seen]:
    found: dict[str, Seen] = {}
    with store.reading() as tx:
        for name, keys in KEYS.items():
            shown = {"drug": read_drug, "patient": read_patient, HEADS: read_head, LINES: read_line}[name]
            rows = [dict(row) for row in tx.conn.execute(select(datasets[name])).mappings()]
            found[name] = {tuple(str(row[part]) for part in keys): shown(row) for row in rows}
    return found


# -- a centre and its editors -----------------------------------------------------------------------------------------


NAMES = st.sampled_from(
    ["王芳", " 单小明 ", "𠮷田", "a\tb", "\u3000李\u3000", "", None, "坏\ufffd", "é", "\x00x", "名\n字"]
)
PRICES = st.sampled_from(["12.5", "0", "3.3333", "0.33333", "-1", "NaN", "x", " 7 ", "99999999999", Decimal("1.50")])
DRUGS = st.builds(
    lambda n, name, price, trade, active: {**drug(n, name=name, unit_price=price, trade_name=trade), "active": active},
    st.integers(1, 12), NAMES, PRICES, NAMES, st.sampled_from([1, "0", "?", True]),
)  # fmt: skip
PATIENTS = st.builds(
    lambda n, name, sex: patient(n, name=name, sex=sex),
    st.integers(1, 12),
    NAMES,
    st.sampled_from(["M", "F", "U", "?"]),
)
PRESCRIPTIONS = st.builds(
    lambda n, total, status: prescription(n, total=total, status=status),
    st.integers(1, 5), st.sampled_from(["25.00", "x", "-1", "7"]),
    st.sampled_from(["unpaid", "paid", "dispensed", "?"]),
)  # fmt: skip
PRESCRIBED = st.builds(
    lambda n, line, quantity, amount: prescription_line(n, line, quantity=quantity, amount=amount),
    st.integers(1, 6), st.integers(1, 3), st.sampled_from([1, "2", 0, "x", None, "1.5"]),
    st.sampled_from(["25", "-3", "1.234"]),
)  # fmt: skip


def unique(rows: Rows, *keys: str) -> Rows:
    return list({tuple(row[key] for key in keys): row for row in rows}.values())


STATES = st.fixed_dictionaries({
    "drug": st.lists(DRUGS, min_size=1, max_size=12).map(lambda rows: unique(rows, "drug_code")),
    "patient": st.lists(PATIENTS, min_size=1, max_size=12).map(lambda rows: unique(rows, "patient_no")),
    HEADS: st.lists(PRESCRIPTIONS, max_size=5).map(lambda rows: unique(rows, "prescription_key")),
    LINES: st.lists(PRESCRIBED, max_size=9).map(lambda rows: unique(rows, "prescription_key", "line_no")),
})  # fmt: skip


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a new store, to copy."""
    folder = tmp_path_factory.mktemp("empty")
    upgrade(f"sqlite:///{folder}/yj.db", SettableClock(MORNING))
    return folder


@pytest.mark.parametrize("how", ["whole", "swept", "marked"])
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(states=st.lists(STATES, min_size=2, max_size=4))
def test_the_mirror_is_an_independent_reading_of_the_centre(
    empty: Path, monkeypatch: pytest.MonkeyPatch, how: str, states: list[dict[str, Rows]]
) -> None:
    monkeypatch.setattr("sync.mirror.reading.SWEEP_FROM_ROWS", 10**9 if how == "whole" else 1)
    clock = SettableClock(MORNING)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(empty, folder, dirs_exist_ok=True)
        store = Store(f"sqlite:///{folder}/yj.db", clock)
        try:
            _follow(store, clock, states, marked=how == "marked")
        finally:
            store.close()


def _follow(store: Store, clock: SettableClock, states: list[dict[str, Rows]], *, marked: bool) -> None:
    centre = FakeCentral(clock=clock, page_rows=3)
    if marked:
        centre.dataset_hints["patient"] = DatasetHints(watermark="changed_at")
    old: dict[str, dict[str, Any]] = {}
    for state in states:
        clock.advance(1200)
        now = clock.now().strftime("%Y-%m-%d %H:%M:%S")
        centre.datasets = {**state, "patient": _stamped(state["patient"], old, now) if marked else state["patient"]}
        old = {row["patient_no"]: row for row in centre.datasets["patient"]}
        _one_run(store, centre, sweep=(), final=not marked)
        if marked:
            clock.advance(60)
            _one_run(store, centre, sweep=("patient",), final=True)


def _stamped(rows: Rows, old: Mapping[str, Mapping[str, Any]], now: str) -> Rows:
    """Every row with the time of its last change, as a centre keeps it."""
    found = []
    for row in rows:
        known = old.get(row["patient_no"])
        same = known is not None and all(known[name] == value for name, value in row.items())
        found.append({**row, "changed_at": known["changed_at"] if same and known is not None else now})
    return found


def _one_run(store: Store, centre: FakeCentral, *, sweep: tuple[str, ...], final: bool) -> None:
    before = mirrored(store)
    report = run_mirror(store, centre, OPEN, sweep=sweep)
    after, wanted = mirrored(store), expected(centre, before)
    if not report.published:
        assert report.state == "held" and after == before
        return
    if not final:
        # Deletes carry no mark: they wait for the sweep. What is there is as it should be.
        assert {key: after["patient"][key] for key in wanted["patient"]} == wanted["patient"]
        after, wanted = {**after, "patient": {}}, {**wanted, "patient": {}}
    assert after == wanted

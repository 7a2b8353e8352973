"""Receipt numbers: whatever the windows do, at once or over restarts, each has one fate, none is skipped in silence."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from config.settings import Settings
from fallback_server.app import create_app
from fallback_server.store import cash as tables
from fallback_server.store.session import Store
from tests.fixtures_hospital import Hospital, Reply, Window
from tests.windows.money_cast import RX_UNPAID, cash, good, items

BODY = {**items(("F001", 1)), "payments": [cash("25.00")], "expected_total": "25.00"}
STARTS = {"0201": ("A", 5021), "0601": ("Z", 1)}
Fates = dict[tuple[str, int], tuple[str, str | None]]


def fates(hospital: Hospital) -> Fates:
    """(prefix, number) → (state, charge)."""
    with hospital.store.reading() as tx:
        rows = tx.conn.execute(select(tables.receipt_number)).mappings()
        return {(row["prefix"], row["number"]): (row["state"], row["charge_id"]) for row in rows}


def check(hospital: Hospital, before: Fates) -> Fates:
    """No number below `next` is without a fate; a fate changes only from used to void, with the same charge."""
    now = fates(hospital)
    with hospital.store.reading() as tx:
        books = tx.conn.execute(select(tables.receipt_book)).mappings().all()
    for book in books:
        first = STARTS[book["operator_code"]][1]
        assert [n for n in range(first, book["next_no"]) if (book["prefix"], n) not in now] == []
    for number, (state, charge_id) in before.items():
        assert now[number] in ((state, charge_id), ("void", charge_id))
    used = Counter(charge_id for state, charge_id in now.values() if state == "used")
    assert all(count == 1 for count in used.values())
    return now


def restarted(hospital: Hospital, settings_: Settings) -> None:
    """The server goes down and comes back on the same store; windows keep their sessions."""
    hospital.store.close()
    hospital.store = Store(hospital.url, hospital.clock, pool_size=4)
    hospital.app = create_app(settings_, hospital.clock, store=hospital.store)
    for window in hospital._windows.values():
        window.app = hospital.app


def act(window: Window, kind: str, size: int, made: list[str]) -> Reply | None:
    """One act of a cashier; `size` says how far or how many."""
    if kind == "charge":
        reply = window.post("/charges", BODY)
        if reply.status == 201:
            made.append(reply.json["id"])
        return reply
    if kind == "confirm":
        return window.post("/receipt-book/confirm", {"next_no": window.get("/receipt-book").json["next_no"] + size})
    if kind == "void":
        start = window.get("/receipt-book").json["next_no"] + size
        return window.post("/receipt-book/void", {"from_no": start, "to_no": start + size, "reason": "污损"})
    if kind == "reissue" and made:
        return window.post(f"/charges/{made[size % len(made)]}/reissue", {"reason": "卡纸"})
    return None


acts = st.lists(
    st.tuples(
        st.sampled_from(["cashier", "supervisor"]),
        st.sampled_from(["charge", "charge", "confirm", "void", "reissue", "restart"]),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(sequence=acts)
def test_no_number_is_used_twice_or_skipped_in_silence(
    yj: Hospital, hospital_settings: Settings, sequence: list[Any]
) -> None:
    known = check(yj, {})
    made: list[str] = []
    for who, kind, size in sequence:
        if kind == "restart":
            restarted(yj, hospital_settings)
            continue
        reply = act(yj.window(who), kind, size, made)
        assert reply is None or reply.status < 300 or reply.code == "receipt_number_used", reply.json
        known = check(yj, known)


def test_windows_that_charge_at_the_same_moment_get_different_numbers(yj: Hospital) -> None:
    windows = [yj.window("cashier"), yj.window("supervisor")]

    def one(number: int) -> str:
        return str(good(windows[number % 2].post("/charges", BODY))["receipt_no"])

    with ThreadPoolExecutor(6) as pool:
        numbers = list(pool.map(one, range(30)))
    assert len(set(numbers)) == 30
    assert sorted(n for n in numbers if n.startswith("A")) == [f"A{n:08d}" for n in range(5021, 5036)]
    assert sorted(n for n in numbers if n.startswith("Z")) == [f"Z{n:08d}" for n in range(1, 16)]
    check(yj, {})


def test_the_same_document_paid_at_two_windows_at_once_is_paid_once(yj: Hospital) -> None:
    windows = [yj.window("cashier"), yj.window("supervisor")]
    body = {"prescription_ids": [RX_UNPAID], "payments": [cash("37.00")], "expected_total": "37.00"}
    with ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda n: windows[n % 2].post("/charges", body), range(12)))
    assert Counter(reply.status for reply in replies) == {201: 1, 409: 11}
    assert {reply.code for reply in replies} == {"", "already_paid"}
    assert len(fates(yj)) == 1  # a refused charge takes no number


def test_refunds_of_one_charge_at_the_same_moment_never_give_back_too_much(yj: Hospital) -> None:
    made = good(yj.window("cashier").post("/charges", BODY))
    windows = [yj.window("cashier"), yj.window("supervisor")]
    with ThreadPoolExecutor(6) as pool:
        path = f"/charges/{made['id']}/refund"
        replies = list(pool.map(lambda n: windows[n % 2].post(path, {"reason": "x"}), range(8)))
    assert Counter(reply.code for reply in replies) == {"": 1, "nothing_to_refund": 7}

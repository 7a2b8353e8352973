"""Any bill, refunded in any sequence through the windows: every document balances and the whole comes to nothing."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fixtures_hospital import PASSWORD, Hospital
from tests.windows.money_cast import charge, good, items, wechat

CODES = ("F001", "F002", "F003", "F004")
baskets = st.lists(st.tuples(st.sampled_from(CODES), st.integers(1, 7)), min_size=1, max_size=4)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data(), basket=baskets, share=st.integers(0, 100))
def test_any_sequence_of_refunds_balances_to_the_cent(
    yj: Hospital, data: st.DataObject, basket: list[Any], share: int
) -> None:
    window = yj.window("cashier")
    wanted = items(*basket)
    total = Decimal(window.post("/charges/quote", wanted).json["total"])
    scanned = (total * share / 100).quantize(Decimal("0.01"))
    parts = [wechat(str(scanned))] if scanned else []
    parts += [{"method": "cash", "amount": str(total - scanned)}] if total > scanned else []
    made = good(charge(window, wanted, *parts))
    ids = [line["line_id"] for line in made["lines"]]
    left = [line["quantity"] for line in made["lines"]]
    while any(left):
        chosen = data.draw(st.lists(st.sampled_from([n for n, q in enumerate(left) if q]), min_size=1, unique=True))
        sizes = {n: data.draw(st.integers(1, left[n])) for n in chosen}
        lines = [{"line_id": ids[n], "quantity": size} for n, size in sizes.items()]
        body = {"reason": "x", "lines": lines, "approver": {"operator": "0601", "password": PASSWORD}}
        back = good(window.post(f"/charges/{made['id']}/refund", body))
        left = [quantity - sizes.get(n, 0) for n, quantity in enumerate(left)]
        assert Decimal(back["total"]) == sum(Decimal(line["amount"]) for line in back["lines"])
    shown = window.get(f"/charges/{made['id']}").json
    assert (shown["status"], len(set(shown["refunds"]))) == ("refunded", len(shown["refunds"]))
    methods: dict[str, Decimal] = defaultdict(Decimal)
    amount = Decimal(0)
    for row in yj.outbox():
        payload = json.loads(row["payload"])
        if payload["yj_id"] != made["id"] and (payload["refs"].get("original") or {}).get("id") != made["id"]:
            continue
        amount += row["amount"]
        paid = [(p["method"], Decimal(p["amount"])) for p in payload["payments"]]
        assert sum((p for _, p in paid), Decimal(0)) == Decimal(payload["total"])
        for method, part in paid:
            methods[method] += part
    assert amount == 0
    assert all(value == 0 for value in methods.values())

"""Saturated charges on SQLite with synchronous=FULL, beside the same server doing no database work."""

from __future__ import annotations

import httpx

from bench.run import Figure
from bench.stage import Stage, free_port, load_from_outside, median, process, stage

RUNS = 3
CLIENTS = 50
SECONDS = 8
PATH = "/api/v1/charges"


def measure() -> list[Figure]:
    """A B A B A B: charges a second, and requests a second of the empty server, from the same load process."""
    ours: list[dict[str, float]] = []
    empty: list[dict[str, float]] = []
    with stage() as here:
        here.open_for_business()
        serve = ("-m", "clients.console", "--home", str(here.settings.home), "serve", "--host", "127.0.0.1")
        with process(*serve, "--port", str(free_port())) as address, process("-m", "bench.empty_server") as nothing:
            tokens, body = desks(here, address)
            for _ in range(RUNS):
                plan = {"path": PATH, "clients": CLIENTS, "seconds": SECONDS, "tokens": tokens, "body": body}
                ours.append(load_from_outside({**plan, "address": address}))
                empty.append(load_from_outside({**plan, "address": nothing}))
    if any(run["errors"] for run in (*ours, *empty)):
        raise RuntimeError("a request failed; the figure would not be one of charges")
    rate, limit = median([r["per_second"] for r in ours]), median([r["per_second"] for r in empty])
    slow, quick = median([r["p99_ms"] for r in ours]), median([r["p99_ms"] for r in empty])
    words = f"charges, saturated, {CLIENTS} clients, SQLite FULL"
    return [
        Figure(words, rate, "requests/s", "no database work", limit, rate / limit, ">= 0.4", RUNS),
        Figure(f"p99, {words}", slow, "ms", "no database work", quick, slow / quick, "—", RUNS),
    ]


def desks(here: Stage, address: str) -> tuple[list[str], dict[str, object]]:
    """Sessions of a dozen cashiers with receipt books that last, and the charge they all write."""
    tokens = []
    lead = _log_in(address, here.operators("supervisor", 1)[0], "LEAD")
    for number, cashier in enumerate(here.operators("cashier", 12)):
        tokens.append(_log_in(address, cashier, f"W{number}"))
        first = 1_000_000 * (number + 1)
        book = {"operator": cashier["operator"], "prefix": "B", "start_no": first, "end_no": first + 9_999}
        _post(address, lead, "/receipt-books", book, f"bench-book-{number}")
    patient = _get(address, tokens[0], "/patients", q="王")["items"][0]["id"]
    items = _get(address, tokens[0], "/fee-items", limit="3")["items"]
    body: dict[str, object] = {
        "patient_id": patient,
        "prescription_ids": [],
        "order_ids": [],
        "lines": [{"item_code": item["item_code"], "quantity": 2} for item in items],
    }
    total = _post(address, tokens[0], "/charges/quote", body, "bench-quote")["total"]
    return tokens, {**body, "expected_total": total, "payments": [{"method": "cash", "amount": total}]}


def _log_in(address: str, login: dict[str, str], station: str) -> str:
    body = {"operator": login["operator"], "password": login["password"], "workstation": station, "take_over": True}
    return str(httpx.post(f"{address}/api/v1/session", json=body, trust_env=False).raise_for_status().json()["token"])


def _get(address: str, token: str, path: str, **query: str) -> dict[str, list[dict[str, str]]]:
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.get(f"{address}/api/v1{path}", params=query, headers=headers, trust_env=False)
    found: dict[str, list[dict[str, str]]] = answer.raise_for_status().json()
    return found


def _post(address: str, token: str, path: str, body: dict[str, object], key: str) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
    answer = httpx.post(f"{address}/api/v1{path}", json=body, headers=headers, trust_env=False, timeout=60)
    if answer.is_error:
        raise RuntimeError(answer.text)
    found: dict[str, str] = answer.json()
    return found

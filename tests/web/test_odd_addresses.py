"""Whatever stands in an address, a page or a look-up answers with words: never a fault of ours, in both stores."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from clients.pages import PAGES_DIR
from config.settings import Settings
from fallback_server.app import create_app
from fallback_server.domain.clock import SettableClock
from fallback_server.store.session import Store
from tests.fixtures_hospital import CODES, PASSWORD

# Digits to `isdigit` that `int` does not know; more digits than `int` reads; numbers no column holds; NUL; not UTF-8.
ODD = [
    "²", "٣", "9" * 30, "9" * 5000, "-1", "1e400", "%00", "%ff%fe", "%ed%a0%80", "'\"<>;--", "../..", "0001-01-01",
    "9999-12-31T23:59:59-23:59",
]  # fmt: skip
ODD_TO_POSTGRESQL = ["9" * 30, "%00"]
ONE_BY_ONE = ["cursor", "incident", "limit", "run", "report", "page"]
NAMES = [
    "q", "cursor", "limit", "only", "since", "until", "operator", "workstation", "action", "incident", "document",
    "failed", "department_code", "departments", "report", "draft", "lang", "name", "place", "kind", "state", "status",
    "page", "date", "from", "to", "patient_id", "registration_id", "slip_no", "at", "month", "drill", "run", "below",
]  # fmt: skip


@pytest.fixture
def app(store: Store, clock: SettableClock, hospital_settings: Settings) -> Flask:
    """An instance with its pages, in an outage."""
    made = create_app(hospital_settings, clock, PAGES_DIR, store=store)
    made.config["PROPAGATE_EXCEPTIONS"] = False
    return made


def addresses(app: Flask) -> list[str]:
    """Every address that can be read, with a place for each part that varies."""
    rules = [rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ()) and rule.rule != "/logout"]
    return sorted({re.sub(r"<[^>]+>", "{}", rule) for rule in rules if not rule.startswith("/static")})


def test_no_address_is_a_fault_of_ours(app: Flask, store: Store) -> None:
    faults = []
    clients = {}
    for role in ("admin", "cashier"):
        clients[role] = app.test_client()
        form = {"operator": CODES[role], "password": PASSWORD, "workstation": f"W{role}"}
        assert clients[role].post("/login", data=form).status_code == 303
    for address in addresses(app):
        for odd in ODD if store.url.startswith("sqlite") else ODD_TO_POSTGRESQL:
            path = address.replace("{}", odd if odd != "../.." else "..%2f..")
            asked = path if "{}" in address else path + "?" + "&".join(f"{name}={odd}" for name in NAMES)
            for role, client in clients.items():
                status = client.get(asked).status_code
                if status >= 500 and status not in (501, 503):
                    faults.append((role, address, odd[:20], status))
                if status != 403:
                    break
    for one in ONE_BY_ONE:  # a slip in the first must not hide the next
        for address in [one for one in addresses(app) if one.startswith("/console") and "{}" not in one]:
            status = clients["admin"].get(f"{address}?{one}=²").status_code
            if status >= 500 and status not in (501, 503):
                faults.append(("admin", address, f"{one}=²", status))
    assert faults == []

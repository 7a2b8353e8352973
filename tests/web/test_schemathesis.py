"""The API as described, asked by a machine as every role and as nobody: no 5xx, nothing undocumented, no unauthorised
success. A sample: some requests for every route, the same ones every time; `SCHEMATHESIS_EXAMPLES` asks more."""

from __future__ import annotations

import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from fallback_server.app import create_app
from fallback_server.domain.categories import effective_roles
from fallback_server.domain.clock import SettableClock
from fallback_server.domain.errors import CATALOG
from fallback_server.domain.modes import Permit
from fallback_server.store.people import session
from fallback_server.store.session import Store
from fallback_server.web.login import token_hash
from fallback_server.web.routes import Route
from fallback_server.windows import all_windows
from tests.fixtures_hospital import CODES, Hospital

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "4"))
ROUTES = {f"{route.method} /api/v1{route.path}": route for api in all_windows() for route in api.routes}
WHO = ["nobody", *sorted(set(CODES) - {"cashier2", "paediatrician", "trainee", "pharmacist2", "admin2"})]

# Somebody who may not is told so, or that the request made no sense before anybody asked who they are.
REFUSED = (400, 401, 403, 404, 413, 415, 422)


def token(store: Store, role: str) -> str:
    """A session of this role that no request before has ended."""
    secret = f"token-of-{role}"
    row = {"token_hash": token_hash(secret), "operator_code": CODES[role], "operator_name": role, "roles": [role]}
    times = {"issued_at": "2026-11-23T08:00:00.000+08:00", "expires_at": "2099-01-01T00:00:00.000+08:00"}
    with store.writing(Permit.HOUSEKEEPING) as tx:
        tx.conn.execute(session.delete().where(session.c.token_hash == row["token_hash"]))
        tx.conn.execute(session.insert().values(**row, **times, workstation="W1"))
    return secret


def may(route: Route, role: str) -> bool:
    """Whether the table lets this role in."""
    return not route.roles or (role != "nobody" and route.allows(effective_roles(frozenset({role}))))


@pytest.fixture
def asked(sqlite_store_url: str, clock: SettableClock, hospital_settings: Any) -> Hospital:
    """An instance in YJ mode, where most routes do something."""
    store = Store(sqlite_store_url, clock, pool_size=4)
    hospital = Hospital(sqlite_store_url, clock, store, create_app(hospital_settings, clock, store=store))
    hospital.emergency()
    return hospital


@pytest.mark.timeout(600)
def test_whatever_is_asked_by_whomever_the_answer_is_one_of_those_described(asked: Hospital) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", asked.app)
    operations = [found.ok() for found in schema.get_all_operations()]
    assert {operation.label for operation in operations} == set(ROUTES)
    for operation in operations:
        _ask(asked, operation, ROUTES[operation.label])


def _ask(asked: Hospital, operation: Any, route: Route) -> None:
    """Some requests for one route, each as somebody."""

    @seed(20261123)
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(), who=st.sampled_from(WHO))
    def ask(case: Any, who: str) -> None:
        headers = {} if who == "nobody" else {"Authorization": f"Bearer {token(asked.store, who)}"}
        answer = case.call(headers=headers)
        problem = answer.json() if answer.status_code >= 400 else {}
        seen = (route.name, who, answer.status_code, problem)
        assert answer.status_code < 500 or problem.get("code") in ("not_available", "busy"), seen
        assert answer.status_code < 400 or problem.get("code") in CATALOG, seen
        assert may(route, who) or answer.status_code in REFUSED, seen
        case.validate_response(
            answer, checks=[status_code_conformance, content_type_conformance, response_schema_conformance]
        )

    ask()

"""Policy over every route: roles as the contract says, at-most-once, permits, no route open by accident."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from fallback_server.domain.categories import ROLES, effective_roles
from fallback_server.domain.modes import Permit
from fallback_server.domain.two_persons import ACTS
from fallback_server.web.routes import READ_EVERYTHING, Route
from fallback_server.windows import all_windows
from tests.fixtures_hospital import CODES, Hospital
from tests.web.role_table import PAGE, table

ROUTES = [route for api in all_windows() for route in api.routes]
WRITING = [route for route in ROUTES if route.method == "POST" and (route.permit is not None or route.free is not None)]
# The screen in the waiting hall logs nobody in and shows numbers and masked names only; an agent has but its code, and
# trusts nobody before it has the authority; what waits for printers and which queues moved is answered to the front
# door alone, and it alone hands in the heartbeats of many agents, each with its token.
OPEN_TO_ALL = {
    "POST /session", "GET /mode", "GET /mode/events", "GET /triage/display", "POST /workstations/enrol",
    "GET /authority", "GET /workstations/prints/waiting", "GET /triage/marks", "GET /pharmacy/marks",
    "POST /workstations/heartbeats",
}  # fmt: skip


def ids(routes: list[Route]) -> list[str]:
    return [route.name for route in routes]


def test_no_route_is_declared_twice() -> None:
    assert len(set(ids(ROUTES))) == len(ROUTES)


def test_only_the_mode_the_log_in_and_the_hall_are_open_to_everybody() -> None:
    assert {route.name for route in ROUTES if not route.roles} == OPEN_TO_ALL


def test_every_role_that_a_route_names_exists() -> None:
    assert {role for route in ROUTES for role in route.roles} <= set(ROLES)


@pytest.mark.parametrize("route", WRITING, ids=ids(WRITING))
def test_a_writing_route_is_at_most_once_or_says_why_not(route: Route) -> None:
    assert route.keyed or len(route.reason) > 20


@pytest.mark.parametrize("route", WRITING, ids=ids(WRITING))
def test_nobody_who_may_only_read_can_write(route: Route) -> None:
    own = {"POST /session", "POST /session/end", "POST /session/password", "POST /workstations/heartbeat"}
    own |= {"POST /audit/verify"}  # asks the worker to walk the chain: an auditor's business
    assert route.name in own or "auditor" not in route.roles


MONEY = re.compile(r"^/(charges|shifts|receipt-book)")


@pytest.mark.parametrize("route", [r for r in WRITING if MONEY.match(r.path)], ids=lambda r: r.name)
def test_an_administrator_never_touches_money(route: Route) -> None:
    assert "admin" not in route.roles


@pytest.mark.parametrize("role", sorted(ROLES))
def test_every_route_admits_exactly_the_roles_it_names(hospital: Hospital, role: str) -> None:
    """Each route is called by each role without a body: 403 exactly where the role is not named."""
    window = hospital.window(role)
    own = effective_roles(frozenset({role}))
    for route in ROUTES:
        if not route.roles:
            continue
        path = re.sub(r"{\w+}", "1", route.path)
        reply = window.get(path) if route.method == "GET" else window.post(path)
        reads = route.permit is None and route.free is None
        allowed = bool(own & route.roles) or (reads and bool(own & READ_EVERYTHING))
        assert (reply.code == "forbidden") == (not allowed), (route.name, role, reply.status, reply.json)
        window = hospital.window(role, f"W{CODES[role]}") if route.path != "/session/end" else _again(hospital, role)


def _again(hospital: Hospital, role: str) -> Any:
    hospital._windows.clear()
    return hospital.window(role)


def test_nobody_gets_past_a_route_without_a_log_in(hospital: Hospital) -> None:
    """Whatever names a role asks who it is before it looks at anything else."""
    with hospital.app.test_client() as client:
        for route in ROUTES:
            if not route.roles:
                continue
            path = "/api/v1" + re.sub(r"{\w+}", "1", route.path)
            for headers in ({}, {"Authorization": "Bearer of-nobody"}, {"Cookie": "yj_session=of-nobody"}):
                body = {"json": {}} if route.method == "POST" and "Cookie" not in headers else {}
                answer = client.open(path, method=route.method, headers=headers, **body)
                code = answer.get_json()["code"]
                assert code == "login_required" or ("Cookie" in headers and code == "csrf_rejected"), (route.name, code)


def test_a_document_needs_yj_mode_in_every_route_that_makes_one(hospital: Hospital) -> None:
    """In normal mode nothing that makes a document is let in, whatever its body says."""
    for route in ROUTES:
        if route.permit is not Permit.DOCUMENT or route.body is None:
            continue
        role = next(iter(sorted(route.roles & set(CODES))))
        reply = hospital.window(role).post(re.sub(r"{\w+}", "1", route.path), {})
        assert reply.code in {"mode_normal", "invalid_request"}, (route.name, reply.json)


def test_the_open_api_document_lists_every_route(hospital: Hospital) -> None:
    with hospital.app.test_client() as client:
        shape = client.get("/api/v1/openapi.json").get_json()
    listed = {
        f"{method.upper()} {path.removeprefix('/api/v1')}" for path, ops in shape["paths"].items() for method in ops
    }
    assert listed == set(ids(ROUTES))
    assert json.dumps(shape).count('"$ref"') > 0


def test_every_endpoint_of_the_contract_is_there() -> None:
    """The names that hospitals and scripts rely on."""
    expected = (Path(__file__).parent / "contract_endpoints.txt").read_text(encoding="utf-8").split("\n")
    shapes = {re.sub(r"{\w+}", "{}", name) for name in ids(ROUTES)}
    assert [line for line in expected if line and line not in shapes] == []


def test_the_table_of_roles_is_the_one_on_the_page() -> None:
    """Who may call what was looked at by a person: a new line is written by `python -m tests.web.role_table`."""
    assert PAGE.read_text(encoding="utf-8") == table(), "python -m tests.web.role_table"


@pytest.mark.parametrize("route", [r for r in ROUTES if r.acts], ids=lambda r: r.name)
def test_an_act_of_two_persons_is_in_the_table_and_takes_an_approver(route: Route) -> None:
    assert set(route.acts) <= set(ACTS)
    assert route.body is not None and "approver" in route.body.model_fields


@pytest.mark.parametrize("route", WRITING, ids=ids(WRITING))
def test_a_route_that_takes_an_approver_says_for_what(route: Route) -> None:
    assert route.acts or route.body is None or "approver" not in route.body.model_fields

"""What only a real database can show: waits, locks, grants, error classes, and that errors carry no row values."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from fallback_server.domain.clock import SystemClock
from sync.central.dialects import Phase, Timeouts, verdict
from sync.central.gateway import (
    CentralError,
    OutcomeUnknown,
    Outgoing,
    Systemic,
    Transient,
    Unreachable,
)
from sync.central.sql_file import MappingError
from sync.central.sql_gateway import open_gateway
from tests.contract.centres import MAPPING, US, PostgresCentre, charge

OPENED = "2026-11-22T08:00:00.000+08:00"
pytestmark = pytest.mark.postgres


@pytest.fixture
def centre(real: PostgresCentre) -> PostgresCentre:
    """A real centre at which our incident 1 is registered."""
    real.gateway.register_incident(US, 1, 1, OPENED)
    return real


def changed(document: Outgoing, **fields: Any) -> Outgoing:
    return replace(document, payload={**document.payload, **fields})


def rows(centre: PostgresCentre, sql: str) -> list[Any]:
    with centre.direct.begin() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


def test_a_connection_killed_in_the_middle_leaves_nothing_and_does_not_count(centre: PostgresCentre) -> None:
    with centre.direct.connect() as blocker:
        blocker.execute(text("LOCK TABLE bill_line"))
        kill = text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'his-yj' AND state = 'active'"
        )

        def end() -> None:
            with centre.direct.begin() as connection:
                connection.execute(kill)

        threading.Timer(0.3, end).start()
        with pytest.raises(Unreachable):
            centre.gateway.apply(charge(1))
    assert centre.arrived() == []


def test_a_wrong_password_is_not_an_outage(centre: PostgresCentre, new_database: Callable[[], str]) -> None:
    wrong = make_url(new_database()).set(password="nonsense").render_as_string(hide_password=False)
    gateway = open_gateway(wrong, MAPPING, SystemClock(), timeouts=Timeouts(connect=2))
    with pytest.raises(Systemic) as refused:
        gateway.probe()
    assert "nonsense" not in refused.value.detail
    gateway.close()


def test_the_address_must_fit_the_mapping() -> None:
    with pytest.raises(MappingError, match="does not fit"):
        open_gateway("sqlite:///x.db", MAPPING, SystemClock())


def test_preflight_makes_the_ledger_once_and_finds_what_is_wrong(real: PostgresCentre) -> None:
    with real.direct.begin() as connection:
        connection.execute(text("DROP TABLE yj_ledger; DROP TABLE yj_incident"))
    report = real.gateway.preflight(["charge"])
    assert (list(report.problems), report.facts["ledger"]) == ([], "made now")
    assert real.gateway.preflight(["charge"]).facts["ledger"] == "present"
    assert rows(real, "SELECT count(*) FROM yj_ledger") == [(0,)]
    assert report.facts["free_megabytes"] == "not told"
    with real.direct.begin() as connection:
        connection.execute(text("ALTER TABLE bill_line DROP COLUMN code"))
        connection.execute(
            text(
                "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
                "CREATE TRIGGER bill_known AFTER INSERT ON bill EXECUTE FUNCTION f();"
                "CREATE TRIGGER bill_sms AFTER INSERT ON bill EXECUTE FUNCTION f()"
            )
        )
    broken = real.gateway.preflight(["charge", "refund"])
    assert any("step line" in problem for problem in broken.problems)
    assert any("upload/refund.sql is missing" in problem for problem in broken.problems)
    assert broken.facts["unknown_triggers"] == "bill.bill_sms"
    assert any(problem.startswith("bill.bill_sms: a trigger") for problem in broken.problems)
    assert broken.facts["schema_fingerprint"] != report.facts["schema_fingerprint"]


def test_without_the_right_to_write_the_ledger_preflight_says_so(real: PostgresCentre) -> None:
    address = make_url(str(real.direct.url.render_as_string(hide_password=False)))
    role = f"reader_{address.database}"
    with real.direct.begin() as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN PASSWORD 'reads'"))
        connection.execute(text(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"))
    url = address.set(username=role, password="reads").render_as_string(hide_password=False)
    gateway = open_gateway(url, MAPPING, SystemClock(), timeouts=Timeouts(connect=2))
    problems = gateway.preflight(["charge"]).problems
    assert any("ledger cannot be written" in problem for problem in problems)
    assert any("upload/charge.sql" in problem and "42501" in problem for problem in problems)
    gateway.close()


@pytest.mark.parametrize(
    ("sqlstate", "phase", "lost", "meaning"),
    [
        (None, Phase.CONNECT, False, Unreachable),
        (None, Phase.STATEMENT, True, Unreachable),
        (None, Phase.COMMIT, True, OutcomeUnknown),
        (None, Phase.COMMIT, False, OutcomeUnknown),
        ("57014", Phase.COMMIT, False, OutcomeUnknown),
        ("08007", Phase.COMMIT, False, OutcomeUnknown),
        ("40003", Phase.COMMIT, False, OutcomeUnknown),
        ("40001", Phase.COMMIT, False, Transient),
        ("23503", Phase.COMMIT, False, "constraint_violation"),
        ("23503", Phase.COMMIT, True, OutcomeUnknown),
        ("40P01", Phase.STATEMENT, False, Transient),
        ("55P03", Phase.STATEMENT, False, Transient),
        ("57014", Phase.STATEMENT, False, Transient),
        ("57P01", Phase.STATEMENT, False, Unreachable),
        ("23505", Phase.STATEMENT, False, "constraint_violation"),
        ("22001", Phase.STATEMENT, False, "value_not_accepted"),
        ("P0001", Phase.STATEMENT, False, "refused_by_centre"),
        ("42P01", Phase.STATEMENT, False, Systemic),
        ("42501", Phase.STATEMENT, False, Systemic),
        ("53100", Phase.STATEMENT, False, Systemic),
        ("53300", Phase.CONNECT, False, Transient),
        ("28P01", Phase.CONNECT, False, Systemic),
        ("25006", Phase.STATEMENT, False, Systemic),
        ("ZZ999", Phase.STATEMENT, False, "central_error"),
        (None, Phase.STATEMENT, False, "central_error"),
    ],
)
def test_what_an_error_means(sqlstate: str | None, phase: Phase, lost: bool, meaning: type[CentralError] | str) -> None:
    assert verdict(sqlstate, phase, lost=lost) == meaning


def test_documents_are_written_read_committed_whatever_the_servers_default_is(real: PostgresCentre) -> None:
    name = real.direct.url.database
    real.run(f'ALTER DATABASE "{name}" SET default_transaction_isolation = serializable')
    gateway = open_gateway(real.direct.url.render_as_string(hide_password=False), MAPPING, SystemClock())
    with gateway.writing("test", rehearse=True) as connection:
        assert connection.execute(text("SHOW transaction_isolation")).scalar() == "read committed"
    with gateway.snapshot() as snapshot:
        shown = snapshot.connection.execute(text("SHOW transaction_isolation")).scalar()
        assert (shown, snapshot.connection.execute(text("SHOW transaction_read_only")).scalar()) == (
            "repeatable read",
            "on",
        )
    gateway.close()


def test_a_read_given_up_half_way_leaves_nothing_behind_on_its_connection(centre: PostgresCentre) -> None:
    with centre.direct.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO dept SELECT 'x' || n, repeat('长', 50), 'outpatient', NULL, 1"
                " FROM generate_series(1, 20000) n"
            )
        )
    kept = []  # as a traceback would keep it
    for _ in range(3):
        with pytest.raises(RuntimeError, match="enough"), centre.gateway.snapshot() as snapshot:
            pages = snapshot.pages("department", {"from_code": "00"})
            kept.append(pages)
            assert len(next(pages)) < 20_000
            raise RuntimeError("enough")
        with centre.gateway.snapshot() as snapshot:
            assert sum(map(len, snapshot.pages("department", {"from_code": "00"}))) == 20_000
        assert centre.gateway.ask("upload/find_charge", {"yj_no": "none"}) == []

"""after/*.sql of the reference centre, in every database that can be run."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection

from tests.reference_his.conftest import file_of, query, scalar

pytestmark = pytest.mark.slow


def change(centre: Connection, name: str, **binds: object) -> int:
    """Rows that a file of one statement changes."""
    (step,) = file_of(centre, name).steps
    values = {bind: binds.get(bind) for bind in step.statement_binds}
    return centre.execute(step.statement, values).rowcount


def test_the_centre_says_whether_a_prescription_is_dispensed(centre: Connection) -> None:
    key = scalar(centre, "SELECT max(cfxh) FROM cf_zb WHERE zt = '1'")
    (row,) = query(centre, "after/dispensed", prescription_key=str(key))
    assert (row["status"], row["dispensed_at"]) == ("open", None)
    centre.execute(
        text("UPDATE cf_zb SET zt = '2', fyrq = '2026112209:00:00', fyczy = '0412' WHERE cfxh = :key"), {"key": key}
    )
    (row,) = query(centre, "after/dispensed", prescription_key=str(key))
    assert (row["status"], row["dispensed_by"].strip()) == ("dispensed", "0412")
    for state in ("3", "9"):
        centre.execute(text("UPDATE cf_zb SET zt = :zt WHERE cfxh = :key"), {"zt": state, "key": key})
        assert query(centre, "after/dispensed", prescription_key=str(key))[0]["status"] == "void"
    assert query(centre, "after/dispensed", prescription_key="999999999") == []


def test_a_visit_seen_here_is_seen_there_and_one_that_moved_on_stays(centre: Connection) -> None:
    key = scalar(centre, "SELECT max(ghxh) FROM gh_mx WHERE coalesce(zt, '0') = '0'")
    assert change(centre, "after/queue_seen", registration_key=str(key)) == 1
    assert scalar(centre, "SELECT zt FROM gh_mx WHERE ghxh = :key", key=key) == "2"
    assert change(centre, "after/queue_seen", registration_key=str(key)) == 0
    gone = scalar(centre, "SELECT max(ghxh) FROM gh_mx WHERE zt = '9'")
    assert change(centre, "after/queue_seen", registration_key=str(gone)) == 0

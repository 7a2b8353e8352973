"""入账 The time of the act and the day of posting are two things.

The cashiers close their day at the centre before the documents come back. What happened in YJ keeps its own time, is
posted to the first open day, listed as such, and taken by that day's closing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from sync.reference_his import acts
from tests.proof.record import Entry
from tests.proof.stage import Case

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(300)]


def _close(case: Case, operators: list[str], day: datetime) -> None:
    with case.his.begin() as connection:
        for code in operators:
            acts.close_day(connection, day, code)


def test_documents_of_a_closed_day_go_to_the_first_open_one_and_their_closing_is_shown(
    case: Case, entry: Entry
) -> None:
    taken = [row for row in case.documents() if row["entity"] in ("charge", "refund")]
    operators = sorted({row["operator_code"] for row in taken})
    day = max(datetime.fromisoformat(row["business_date"]) for row in taken).replace(tzinfo=ZoneInfo("Asia/Shanghai"))
    _close(case, operators, day)
    case.upload_until_done()
    account = case.reconcile()
    assert account.balanced, account.differences
    moved = account.posting["closed_period"]
    tomorrow = (day + timedelta(days=1)).date().isoformat()
    assert {one["yj_no"] for one in moved} == {row["yj_no"] for row in taken}
    assert {one["posting_date"] for one in moved} == {tomorrow}
    assert {one["business_date"] for one in moved} == {row["business_date"] for row in taken}
    assert account.posting["closings"] == [] and {one["posting_date"] for one in account.posting["not_yet"]} == {
        tomorrow
    }
    _close(case, operators, day + timedelta(days=1))
    account = case.reconcile()
    closings = account.posting["closings"]
    assert account.balanced and account.posting["not_yet"] == []
    assert sorted(no for one in closings for no in one["yj_nos"]) == sorted(row["yj_no"] for row in taken)
    assert sum(Decimal(one["amount"]) for one in closings) == Decimal(account.totals["local"])
    entry.count(posted_later=len(moved), closings=len(closings))

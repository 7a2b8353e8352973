"""台账 Two that come first at the same moment make one ledger.

Our two tables at the centre are made by whoever comes first. If two do, the slower one finds them there.
"""

from __future__ import annotations

import threading

import pytest

from tests.proof.record import Entry
from tests.proof.stage import Case

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(300)]


def look_at_once(case: Case) -> list[str]:
    """What two pre-flights that begin at the same moment complain about."""
    gateways = [case.gateway() for _ in range(2)]
    barrier, problems = threading.Barrier(2), list[str]()

    def look(number: int) -> None:
        barrier.wait(30)
        problems.extend(gateways[number].preflight(["charge"]).problems)

    threads = [threading.Thread(target=look, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for gateway in gateways:
        gateway.close()
    return problems


def test_two_preflights_at_once_find_nothing_wrong(empty_case: Case, entry: Entry) -> None:
    for _ in range(3):
        assert look_at_once(empty_case) == []
        empty_case.run("DROP TABLE yj_ledger, yj_incident")
        entry.inject(["two pre-flights at once"])

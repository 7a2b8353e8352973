"""Looks at a real centre: a ledger that is not there is asked about once an hour, unless it was there before."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from fallback_server.domain.clock import SystemClock
from sync.central.gateway import LookFailed, Systemic
from sync.central.sql_gateway import SqlGateway, open_gateway
from tests.contract.centres import MAPPING

pytestmark = pytest.mark.postgres


@pytest.fixture
def bare(new_database: Callable[[], str]) -> Iterator[SqlGateway]:
    """A centre without our tables."""
    gateway = open_gateway(new_database(), MAPPING, SystemClock())
    yield gateway
    gateway.close()


def test_a_ledger_that_is_missing_does_not_fill_the_centres_log(bare: SqlGateway) -> None:
    with pytest.raises(LookFailed) as refused:
        list(bare.look())
    assert refused.value.step == "write" and isinstance(refused.value.error, Systemic)
    again = list(bare.look())
    assert again[-1].step == "read" and again[-1].note == "refused"
    with pytest.raises(LookFailed):
        list(bare.look(insist=True))

"""How far two clocks may be apart: one rule for the mirror, the pre-flight, the check and `yj ready`."""

from datetime import UTC, datetime

import pytest

from fallback_server.domain.readiness import Standards
from fallback_server.store.readiness import clocks
from sync.central.gateway import ClockLimits, Probe
from sync.central.preflight import clock_problems


@pytest.mark.parametrize(
    ("offset", "word", "ready"),
    [(0, "ok", True), (-30, "ok", True), (-30.5, "warn", None), (300, "warn", None), (-301, "fail", False)],
)
def test_a_clock_warns_first_and_then_stops(offset: float, word: str, ready: bool | None) -> None:
    probe = Probe(datetime(2026, 11, 22, tzinfo=UTC), "", 0.0, offset, ClockLimits().judge(offset))
    assert probe.clock == word
    assert bool(clock_problems(probe)) is (word == "fail")
    assert clocks.centre(offset, Standards()).ok is ready


def test_the_hospital_sets_the_limits() -> None:
    assert [ClockLimits(5, 10).judge(offset) for offset in (5, 6, 11)] == ["ok", "warn", "fail"]

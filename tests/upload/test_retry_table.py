"""Retry policy as a table: what becomes of a document, and of the run, after each error."""

from __future__ import annotations

import pytest

from fallback_server.domain.outbox import OutboxState
from sync.central.fake import FakeCentral
from sync.central.gateway import (
    CentralError,
    IntegrityAlarm,
    OutcomeUnknown,
    Proof,
    Refused,
    Systemic,
    Transient,
    Unreachable,
)
from sync.upload.doubt import handfuls
from sync.upload.retry import RunEnd, judge, pause_seconds
from tests.fixtures_return import Rules

TABLE = [
    (Refused("price_gone", ""), 3, "conflict", 3, "price_gone", 0, RunEnd.GO_ON),
    (Transient(""), 0, "pending", 1, "transient", 5, RunEnd.GO_ON),
    (Transient(""), 1, "pending", 2, "transient", 10, RunEnd.GO_ON),
    (Transient(""), 6, "pending", 7, "transient", 300, RunEnd.GO_ON),
    (Transient(""), 7, "conflict", 8, "too_many_attempts", 0, RunEnd.GO_ON),
    (Unreachable(""), 7, "pending", 7, "unreachable", 0, RunEnd.STOPPED),
    (OutcomeUnknown(""), 7, "unknown", 7, "outcome_unknown", 0, RunEnd.GO_ON),
    (Systemic(""), 7, "pending", 7, "systemic", 0, RunEnd.BROKEN),
    (IntegrityAlarm(""), 0, "conflict", 0, "integrity_alarm", 0, RunEnd.BROKEN),
]


@pytest.mark.parametrize(("error", "attempts", "state", "counted", "code", "wait", "run"), TABLE)
def test_each_error_has_its_verdict(
    error: CentralError, attempts: int, state: str, counted: int, code: str, wait: float, run: RunEnd
) -> None:
    verdict = judge(error, attempts, Rules())
    assert (verdict.state, verdict.attempts, verdict.code) == (OutboxState(state), counted, code)
    assert (verdict.wait_seconds, verdict.run) == (wait, run)


def test_pauses_double_from_five_seconds_to_five_minutes_and_jitter_only_shortens() -> None:
    assert [pause_seconds(n, Rules()) for n in (1, 2, 3, 6, 7, 8, 1000)] == [5, 10, 20, 160, 300, 300, 300]
    assert pause_seconds(2, Rules(), 0.999) >= 5


def test_an_error_without_a_rule_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError):
        judge(CentralError("new kind"), 0, Rules())


def test_what_only_a_person_can_settle_is_claimed_alone_and_confirmed_before_the_next_claim(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    centre = FakeCentral()
    monkeypatch.setattr(centre, "proof", lambda entity: Proof.PERSON if entity == "refund" else Proof.LEDGER)
    kinds = {"a": "charge", "b": "charge", "c": "refund", "d": "refund", "e": "charge", "f": "charge", "g": "charge"}
    assert handfuls(centre, kinds, 2) == [["a", "b"], [], ["c"], [], ["d"], [], ["e", "f"], ["g"]]

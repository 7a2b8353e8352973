"""What becomes of a document after an error: a pure function of (error, attempts), tested as a table (U7)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from fallback_server.domain.outbox import OutboxState
from sync.central.gateway import (
    CentralError,
    IntegrityAlarm,
    OutcomeUnknown,
    Refused,
    Systemic,
    TransactionEnded,
    Transient,
    Unreachable,
)


class RetryRules(Protocol):
    """The part of [upload] that decides about retries."""

    @property
    def transient_retries(self) -> int: ...
    @property
    def retry_first_seconds(self) -> int: ...
    @property
    def retry_max_seconds(self) -> int: ...


class RunEnd(StrEnum):
    """What an error means for the run. `stopped` is resumed later by itself, `broken` waits until the cause is gone."""

    GO_ON = "go_on"
    STOPPED = "stopped"
    BROKEN = "broken"


@dataclass(frozen=True)
class Verdict:
    """Where the document goes, with how many attempts counted, when again, under which code, and what the run does."""

    state: OutboxState
    attempts: int
    code: str
    wait_seconds: float = 0.0
    run: RunEnd = RunEnd.GO_ON


def judge(error: CentralError, attempts: int, rules: RetryRules, jitter: float = 0.0) -> Verdict:
    """The verdict on a document that failed with `error` after `attempts` counted attempts. `jitter` is in [0, 1)."""
    if isinstance(error, Refused):
        return Verdict(OutboxState.CONFLICT, attempts, error.code)
    if isinstance(error, Transient):
        counted = attempts + 1
        if counted >= rules.transient_retries:
            return Verdict(OutboxState.CONFLICT, counted, "too_many_attempts")
        return Verdict(OutboxState.PENDING, counted, "transient", pause_seconds(counted, rules, jitter))
    if isinstance(error, OutcomeUnknown):
        return Verdict(OutboxState.UNKNOWN, attempts, "outcome_unknown")
    if isinstance(error, TransactionEnded):
        return Verdict(OutboxState.CONFLICT, attempts, "transaction_ended", run=RunEnd.BROKEN)
    if isinstance(error, IntegrityAlarm):
        return Verdict(OutboxState.CONFLICT, attempts, "integrity_alarm", run=RunEnd.BROKEN)
    if isinstance(error, Unreachable):
        # Never counts: a cut cable must not eat a document's attempts.
        return Verdict(OutboxState.PENDING, attempts, "unreachable", run=RunEnd.STOPPED)
    if isinstance(error, Systemic):
        return Verdict(OutboxState.PENDING, attempts, "systemic", run=RunEnd.BROKEN)
    raise TypeError(f"an error of the centre without a rule: {type(error).__name__}")


def pause_seconds(failures: int, rules: RetryRules, jitter: float = 0.0) -> float:
    """How long to wait after the n-th failure in a row: doubling from first to longest, less up to half by jitter.

    Also the pause between runs of the worker while the centre cannot be reached.
    """
    longest = min(float(rules.retry_max_seconds), rules.retry_first_seconds * 2.0 ** min(max(failures, 1) - 1, 30))
    return longest * (1.0 - jitter / 2)

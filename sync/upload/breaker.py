"""The breaker: when every patient meets the same error, it is the system that is ill, not the documents (U6)."""

from __future__ import annotations

from dataclasses import dataclass, field

from fallback_server.domain.outbox import OutboxState
from fallback_server.store.conflicts import kind_of
from sync.upload.sender import Sent

PATIENTS = 5


@dataclass
class Breaker:
    """Five different patients in a row with the same error are one fault of the system, not five cases."""

    code: str = ""
    chains: set[str] = field(default_factory=set)

    def note(self, sent: Sent) -> bool:
        """Count; True when it trips."""
        code = sent.verdict.code
        if sent.verdict.state is OutboxState.CONFIRMED or not (code == "transient" or kind_of(code).breaks):
            self.code, self.chains = "", set()
            return False
        if code != self.code:
            self.code, self.chains = code, set()
        self.chains.add(sent.chain)
        return len(self.chains) >= PATIENTS

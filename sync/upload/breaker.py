"""The breaker: when every patient meets the same error, it is the system that is ill, not the documents (U6)."""

from __future__ import annotations

from dataclasses import dataclass, field

from fallback_server.domain.outbox import OutboxState
from fallback_server.store.conflicts import kind_of
from sync.upload.sender import Sent

PATIENTS = 5


@dataclass
class Breaker:
    """Five different patients in a row with the same error are one fault of the system, not five cases.

    It is half open at the begin of the run after: one document goes as a probe. The same fault opens it again at once,
    anything else closes it.
    """

    code: str = ""
    chains: set[str] = field(default_factory=set)
    probing: str = ""  # the fault that opened it in the run before: the first document is the probe

    @property
    def half_open(self) -> bool:
        """Whether only one document may go, to see."""
        return bool(self.probing)

    def note(self, sent: Sent) -> bool:
        """Count; True when it trips."""
        code, probing, self.probing = sent.verdict.code, self.probing, ""
        if sent.verdict.state is OutboxState.CONFIRMED or not (code == "transient" or kind_of(code).breaks):
            self.code, self.chains = "", set()
            return False
        if code != self.code:
            self.code, self.chains = code, set()
        self.chains.add(sent.chain)
        return code == probing or len(self.chains) >= PATIENTS

"""An honest centre in memory, with failures on request. It passes the same contract suite as the real adapters.

Honest means: ledger first and unique, all or nothing, repeats answered from the ledger, fenced incidents refused; in
the other ledger modes what a procedure, a unique column or nobody can keep.
Tests set what the centre holds (`datasets`, `answers`) and when it breaks (`fail_next`, `reachable`, `refuse`).
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from fallback_server.domain.clock import Clock, SystemClock
from sync.central.fake_snapshot import FakeSnapshot
from sync.central.gateway import (
    Applied,
    CentralError,
    CentralIncident,
    ClockLimits,
    DatasetHints,
    IntegrityAlarm,
    LedgerMode,
    LedgerRow,
    Looked,
    LookFailed,
    OutcomeUnknown,
    Outgoing,
    PreflightReport,
    Probe,
    Proof,
    Refused,
    Row,
    Systemic,
    Unreachable,
)

Moment = Literal["before", "during", "at_commit", "after_commit"]
Answer = Sequence[Row] | Callable[[Row], Sequence[Row]]


@dataclass(frozen=True)
class Incident:
    """One row of yj_incident."""

    epoch: int
    opened_at: str
    closed_at: str | None = None


_PROOFS: Mapping[LedgerMode, Proof] = {
    LedgerMode.SAME_TRANSACTION: Proof.LEDGER,
    LedgerMode.PROCEDURE: Proof.REFUSED_TWICE,
    LedgerMode.UNIQUE_COLUMN: Proof.ASKED,
    LedgerMode.NONE: Proof.PERSON,
}


@dataclass
class FakeCentral:
    """See the module. `documents` are the business rows: what really arrived, in order."""

    clock: Clock = field(default_factory=SystemClock)
    ledger_mode: LedgerMode = LedgerMode.SAME_TRANSACTION
    datasets: dict[str, list[Row]] = field(default_factory=dict)
    dataset_hints: dict[str, DatasetHints] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    reachable: bool = True
    delay_seconds: float = 0.0
    clock_offset_seconds: float = 0.0
    preflight_problems: list[str] = field(default_factory=list)
    ledger: dict[str, LedgerRow] = field(default_factory=dict)
    incidents: dict[tuple[str, int], Incident] = field(default_factory=dict)
    documents: list[Outgoing] = field(default_factory=list)
    told: list[tuple[str, Row]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    page_rows: int = 2000
    oldest_running: datetime | None = None
    row_version_limit: int | None = None
    shapes: dict[str, str] = field(default_factory=dict)
    one_moment: bool = True  # False: every page is as of its own moment
    at_page: Callable[[str, int], None] | None = None  # called before each page: what happens at the centre meanwhile
    at_step: Callable[[str], None] | None = None  # called before each step of a look
    look_fails: dict[str, CentralError] = field(default_factory=dict)  # step → why it is not done, until taken out
    _page_failures: dict[tuple[str, int], CentralError] = field(default_factory=dict)
    _refusals: dict[str, Refused] = field(default_factory=dict)
    _failures: dict[str, list[CentralError]] = field(default_factory=lambda: defaultdict(list))
    _last_key: int = 0

    # -- what tests set ---------------------------------------------------------------------------------------------

    def fail_next(self, moment: Moment, error: CentralError | None = None) -> None:
        """Break the next `apply` at `moment`; several calls break several in turn.

        before, during and at_commit leave nothing at the centre; after_commit leaves everything and loses the answer.
        Without an error: Unreachable before and during, OutcomeUnknown at and after the commit.
        """
        default = OutcomeUnknown if moment in ("at_commit", "after_commit") else Unreachable
        self._failures[moment].append(error or default(f"made to fail {moment}"))

    def fail_at_page(self, dataset: str, number: int, error: CentralError | None = None) -> None:
        """Cut the connection once, when page `number` (from 1) of a dataset is asked for."""
        self._page_failures[dataset, number] = error or Unreachable(f"made to fail at page {number} of {dataset}")

    def refuse(self, what: str, refusal: Refused) -> None:
        """Refuse a document (by yj_id) or all of an entity, until `accept`."""
        self._refusals[what] = refusal

    def accept(self, what: str) -> None:
        """Take a `refuse` back."""
        self._refusals.pop(what, None)

    def forget(self, *yj_ids: str) -> None:
        """Lose documents and their ledger rows, as a centre that came back from last night's backup."""
        for yj_id in yj_ids:
            self.ledger.pop(yj_id, None)
        self.documents = [document for document in self.documents if document.ledger.yj_id not in yj_ids]

    # -- the port ---------------------------------------------------------------------------------------------------

    def offers(self) -> Sequence[str]:
        return tuple(self.datasets)

    def hints(self, dataset: str) -> DatasetHints:
        return self.dataset_hints.get(dataset, DatasetHints())

    def probe(self) -> Probe:
        self._arrive("probe")
        now = self.clock.now()
        judged = ClockLimits().judge(self.clock_offset_seconds)
        return Probe(now, "FakeCentral", self.delay_seconds, self.clock_offset_seconds, judged)

    def look(self, *, insist: bool = False) -> Iterator[Looked]:
        self.calls.append("look")
        steps: tuple[Literal["tcp", "login", "read", "write"], ...] = ("tcp", "login", "read", "write")
        for step in steps:
            if self.at_step is not None:
                self.at_step(step)
            error = self.look_fails.get(step)
            if error is not None or not self.reachable:
                raise LookFailed(step, error or Unreachable("the centre does not answer"))
            read = step == "read"
            offset = self.clock_offset_seconds if read else None
            yield Looked(step, self.delay_seconds, offset, "FakeCentral" if read else "")

    @contextmanager
    def snapshot(self) -> Iterator[FakeSnapshot]:
        self._arrive("snapshot")
        marks = {name: hints.watermark for name, hints in self.dataset_hints.items() if hints.watermark}
        taken: Any = {name: tuple(rows) for name, rows in self.datasets.items()} if self.one_moment else self.datasets
        yield FakeSnapshot(
            self.clock.now(),
            taken,
            marks,
            self._break_page,
            self.page_rows,
            self.oldest_running,
            self.row_version_limit,
            dict(self.shapes),
            self.one_moment,
        )

    def preflight(self, entities: Sequence[str]) -> PreflightReport:
        self._arrive("preflight")
        return PreflightReport(tuple(self.preflight_problems), {"version": "FakeCentral"})

    def proof(self, entity: str) -> Proof:
        return _PROOFS[self.ledger_mode]

    def arrived(self, rows: Sequence[LedgerRow]) -> Mapping[str, LedgerRow]:
        self._arrive("arrived")
        if self.ledger_mode is LedgerMode.NONE:
            return {}
        return {row.yj_id: self.ledger[row.yj_id] for row in rows if row.yj_id in self.ledger}

    def evidence(self, outgoing: Outgoing) -> Sequence[Row]:
        self._arrive("evidence")
        known = self.ledger.get(outgoing.ledger.yj_id)
        return [] if known is None else [{"central_key": known.central_key, "amount": known.amount}]

    def register_incident(self, installation_id: str, incident_no: int, epoch: int, opened_at: str) -> None:
        self._arrive("register_incident")
        if not self._tables:
            return
        known = self.incidents.get((installation_id, incident_no))
        if known == Incident(epoch, opened_at) or (known and known.epoch == epoch and known.closed_at is None):
            return
        for (installation, _), other in self.incidents.items():
            foreign = installation != installation_id
            younger = other.epoch > epoch and not (known and known.epoch == epoch)
            if other.closed_at is None and (foreign or younger):
                raise Refused("fenced", "another installation or a later epoch holds an open incident")
        if known and known.epoch != epoch:
            raise Refused("fenced", "the centre knows this incident with another epoch")
        self.incidents[installation_id, incident_no] = Incident(epoch, opened_at)

    def identity(self) -> str:
        self._arrive("identity")
        return f"fake {id(self.documents)}"

    def known_incidents(self) -> Sequence[CentralIncident]:
        self._arrive("known_incidents")
        return [
            CentralIncident(*key, known.epoch, known.opened_at, known.closed_at)
            for key, known in sorted(self.incidents.items())
        ]

    def renew_fence(self, installation_id: str, incident_no: int, epoch: int) -> None:
        self._arrive("renew_fence")
        known = self.incidents.get((installation_id, incident_no))
        if known is not None:
            self.incidents[installation_id, incident_no] = replace(known, epoch=epoch)

    def close_incident(self, installation_id: str, incident_no: int, closed_at: str) -> None:
        self._arrive("close_incident")
        known = self.incidents.get((installation_id, incident_no))
        if known is not None:
            self.incidents[installation_id, incident_no] = replace(known, closed_at=closed_at)

    def apply(self, outgoing: Outgoing, *, rehearse: bool = False) -> Applied:
        self._arrive("apply")
        self._break("before")
        self._check_fence(outgoing.ledger, rehearse)
        repeated = self._repeated(outgoing.ledger)
        if repeated is not None:
            return repeated
        if self.ledger_mode is LedgerMode.NONE and not outgoing.not_there and self.evidence(outgoing):
            raise Refused("maybe_there", "the centre shows something under this number")
        self._break("during")
        refusal = self._refusals.get(outgoing.ledger.yj_id) or self._refusals.get(outgoing.ledger.entity)
        if refusal is not None:
            raise refusal
        key = f"F{self._last_key + 1}"
        if rehearse:
            return Applied(key)
        self._commit(outgoing, key, [outgoing])
        return Applied(key)

    def apply_link(self, outgoing: Outgoing, central_key: str) -> Applied:
        self._arrive("apply_link")
        if not self._tables:
            return Applied(central_key)
        self._break("before")
        self._check_fence(outgoing.ledger, rehearse=False)
        repeated = self._repeated(outgoing.ledger)
        if repeated is not None:
            return repeated
        self._break("during")
        self._commit(outgoing, central_key, [])
        return Applied(central_key)

    def take_link_back(self, row: LedgerRow, central_key: str) -> bool:
        self._arrive("take_link_back")
        if not self._tables:
            return True
        known = self.ledger.get(row.yj_id)
        if known is None or known.central_key != central_key:
            return False
        if any(document.ledger.yj_id == row.yj_id for document in self.documents):
            return False  # it was written, not linked
        del self.ledger[row.yj_id]
        return True

    def ledger_head(self, installation_id: str) -> int:
        self._arrive("ledger_head")
        return max((row.sequence for row in self._rows() if row.installation_id == installation_id), default=0)

    def ledger_find(self, yj_ids: Sequence[str]) -> Mapping[str, LedgerRow]:
        self._arrive("ledger_find")
        return {row.yj_id: row for row in self._rows() if row.yj_id in set(yj_ids)}

    def ledger_rows(self, installation_id: str, incident_no: int | None = None) -> Iterator[LedgerRow]:
        self._arrive("ledger_rows")
        rows = [row for row in self._rows() if row.installation_id == installation_id]
        rows = [row for row in rows if incident_no in (None, row.incident_no)]
        yield from sorted(rows, key=lambda row: row.sequence)

    def ask(self, name: str, binds: Row) -> Sequence[Row]:
        self._arrive(f"ask {name}")
        return list(self._answer(name, binds))

    def tell(self, name: str, binds: Row) -> int:
        self._arrive(f"tell {name}")
        changed = len(self._answer(name, binds))
        self.told.append((name, dict(binds)))
        return changed

    def has(self, name: str) -> bool:
        return name in self.answers

    def close(self) -> None:
        self.calls.append("close")

    # -- inside -----------------------------------------------------------------------------------------------------

    @property
    def _tables(self) -> bool:
        return self.ledger_mode is LedgerMode.SAME_TRANSACTION

    def _rows(self) -> Sequence[LedgerRow]:
        """What our table at the centre has, where there is one."""
        return tuple(self.ledger.values()) if self._tables else ()

    def _arrive(self, call: str) -> None:
        self.calls.append(call)
        if self.delay_seconds:
            time.sleep(self.delay_seconds)
        if not self.reachable:
            raise Unreachable("the centre does not answer")

    def _break_page(self, dataset: str, number: int) -> None:
        if self.at_page is not None:
            self.at_page(dataset, number)
        error = self._page_failures.pop((dataset, number), None)
        if error is not None:
            raise error

    def _break(self, moment: Moment) -> None:
        if self._failures[moment]:
            raise self._failures[moment].pop(0)

    def _commit(self, outgoing: Outgoing, key: str, documents: Sequence[Outgoing]) -> None:
        """Everything or nothing, and perhaps no answer."""
        self._break("at_commit")
        self._last_key += 1
        self.ledger[outgoing.ledger.yj_id] = replace(outgoing.ledger, central_key=key)
        self.documents += documents
        self._break("after_commit")

    def _check_fence(self, row: LedgerRow, rehearse: bool) -> None:
        if not self._tables:
            return
        known = self.incidents.get((row.installation_id, row.incident_no))
        if not rehearse and (known is None or known.closed_at is not None):
            raise Refused("fenced", "this incident is not registered at the centre")

    def _repeated(self, row: LedgerRow) -> Applied | None:
        if self.ledger_mode is LedgerMode.NONE:
            return None
        known = self.ledger.get(row.yj_id)
        if known is not None and known.payload_hash == row.payload_hash:
            return Applied(known.central_key, repeated=True)
        taken = self._tables and any(
            (other.installation_id, other.sequence) == (row.installation_id, row.sequence)
            for other in self.ledger.values()
        )
        if known is not None or taken:
            raise IntegrityAlarm("the ledger knows this identity or sequence with other contents")
        return None

    def _answer(self, name: str, binds: Row) -> Sequence[Row]:
        if name not in self.answers:
            raise Systemic(f"{name}.sql is missing")
        answer: Any = self.answers[name]
        rows: Sequence[Row] = answer(binds) if callable(answer) else answer
        return rows

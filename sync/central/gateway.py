"""The port to the centre. Real adapters and the fake pass one contract suite (tests/contract).

Errors are types, because the uploader decides by them what happens to a document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Protocol

Row = Mapping[str, Any]


class CentralError(Exception):
    """Something went wrong at the centre. `detail` is for IT and carries no patient data."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Unreachable(CentralError):
    """Nothing reached the centre. Never counts as an attempt."""


class Transient(CentralError):
    """The centre refused for the moment: deadlock, lock time-out, failover. Nothing was applied. Counts."""


class OutcomeUnknown(CentralError):
    """The connection broke at or after commit: only the ledger knows. Never answered by sending again."""


class Refused(CentralError):
    """The centre or an `-- expect` of the mapping refused this document; nothing was applied; a person decides.

    `code` is the conflict's kind, `central` what the centre shows about it.
    """

    def __init__(self, code: str, detail: str, central: Row | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.central = dict(central or {})


class Duplicate(Refused):
    """A unique index of the centre refused a row."""


class Systemic(CentralError):
    """The whole return cannot go on: log-in, missing table, no space, missing mapping file."""


class ColumnMissing(Systemic):
    """A mirror file, or a table behind it, no longer gives a column of its dataset."""


class IntegrityAlarm(CentralError):
    """The ledger has this yj_id with another hash, or this sequence under another yj_id. Stop and tell people."""


class TransactionEnded(IntegrityAlarm):
    """A statement or procedure of the mapping ended our transaction: part of the document may be at the centre."""


class LedgerMode(StrEnum):
    """`[ledger] mode` of a mapping: what keeps the return exactly-once at this centre."""

    SAME_TRANSACTION = "same_transaction"
    PROCEDURE = "procedure"
    UNIQUE_COLUMN = "unique_column"
    NONE = "none"


class Proof(StrEnum):
    """How it is found out, after any doubt, whether a document of one kind has arrived.

    `ledger`: our table is asked. `asked`: `upload/find_<entity>.sql` is asked by our number, which the centre holds
    once at most. `refused_twice`: nobody is asked, sending again is the question. `person`: nothing proves it.
    """

    LEDGER = "ledger"
    ASKED = "asked"
    REFUSED_TWICE = "refused_twice"
    PERSON = "person"


@dataclass(frozen=True)
class LedgerRow:
    """One row of yj_ledger, amounts as text with two decimals, times as text."""

    yj_id: str
    entity: str
    incident_no: int
    installation_id: str
    sequence: int
    payload_hash: str
    central_key: str | None
    amount: str
    operator_code: str
    receipt_no: str | None
    yj_no: str
    business_date: str


@dataclass(frozen=True)
class CentralIncident:
    """One row of yj_incident."""

    installation_id: str
    incident_no: int
    epoch: int
    opened_at: str
    closed_at: str | None


@dataclass(frozen=True)
class Outgoing:
    """One document ready to go: its frozen payload, its ledger row, and the central keys its references resolve to.

    `keys` maps every id of ours that the payload mentions to the key the centre gave it. `not_there`: a person looked,
    and what the centre may show under its number is not this document.
    """

    ledger: LedgerRow
    payload: Row
    keys: Mapping[str, str]
    not_there: bool = False


@dataclass(frozen=True)
class Applied:
    """What became of a document at the centre. `repeated` means that the ledger had it already, with the same hash."""

    central_key: str | None
    repeated: bool = False


@dataclass(frozen=True)
class ClockLimits:
    """How far the centre's clock may be from ours before somebody is warned, and before it is a fault."""

    warn_seconds: float = 30
    fail_seconds: float = 300

    def judge(self, offset: float) -> Literal["ok", "warn", "fail"]:
        """What an offset in seconds means; exactly at a limit is still the milder."""
        if abs(offset) > self.fail_seconds:
            return "fail"
        return "warn" if abs(offset) > self.warn_seconds else "ok"


@dataclass(frozen=True)
class Probe:
    """One look at the centre. `clock_offset_seconds` is centre minus standby, `clock` what the limits say of it."""

    server_time: datetime
    version: str
    seconds: float
    clock_offset_seconds: float
    clock: Literal["ok", "warn", "fail"] = "ok"


@dataclass(frozen=True)
class Looked:
    """One step of a look that was done, and how long it took. `clock_offset_seconds` and `version` come with the read;
    `note` says why there was no write to try."""

    step: Literal["tcp", "login", "read", "write"]
    seconds: float
    clock_offset_seconds: float | None = None
    version: str = ""
    note: str = ""


class LookFailed(Exception):
    """A step of a look that was not done, and the error of the port that says why."""

    def __init__(self, step: str, error: CentralError) -> None:
        super().__init__(f"{step}: {error.detail}")
        self.step, self.error = step, error


@dataclass(frozen=True)
class PreflightReport:
    """What must be in order before the first document. `problems` empty means: go."""

    problems: Sequence[str] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DatasetHints:
    """What a mapping says about one dataset; None means what the instance's settings say."""

    horizon_days: int | None = None
    shrink_percent: int | None = None
    changed_percent: int | None = None
    price_factor: int | None = None
    price_rows: int | None = None
    may_be_empty: bool = False
    watermark: str | None = None
    watermark_kind: Literal["time", "number"] = "time"
    rests: bool = False  # read in the hours of sweeps only


class Snapshot(Protocol):
    """One consistent read of the centre."""

    @property
    def as_of(self) -> datetime:
        """The standby's time at which the snapshot was taken."""

    @property
    def one_moment(self) -> bool:
        """Whether all of it is as of one moment; not where the centre allows short statements only."""

    @property
    def oldest_running(self) -> datetime | None:
        """When the oldest transaction began that ran at the centre when the snapshot was taken, by the centre's clock.

        Rows with later change times may still be committed. None: there was none, or the centre does not show it.
        """

    @property
    def row_version_limit(self) -> int | None:
        """The greatest row version below which nothing could still come when the snapshot was taken; None: unknown."""

    def shape(self, dataset: str) -> str | None:
        """Once a dataset's pages are under way: the columns it gave and their types, one a line; None: not known."""

    def pages(
        self, dataset: str, binds: Row | None = None, *, changed: bool = False
    ) -> Iterator[Sequence[tuple[Any, ...]]]:
        """The rows of mirror/<dataset>.sql, streamed in pages of bounded size, values as the driver gave them.

        A row is a tuple in the order of `DATASETS[dataset].names`; where `hints` names a watermark column, that comes
        last. `changed` reads only what changed since `:changed_from` of the binds (the `-- changed` line of the file).
        Raises Systemic if the file is missing, ColumnMissing if a column is, Unreachable if the connection breaks.
        """

    def rows(self, dataset: str, binds: Row | None = None) -> Iterator[Row]:
        """The same rows by name, for looks that are in no hurry."""


class CentralGateway(Protocol):
    """Everything the standby ever asks of the centre."""

    def offers(self) -> Sequence[str]:
        """The datasets this mapping has files for."""

    def hints(self, dataset: str) -> DatasetHints:
        """What the mapping says about one dataset."""

    def probe(self) -> Probe:
        """Raises Unreachable or Systemic."""

    def look(self, *, insist: bool = False) -> Iterator[Looked]:
        """Go one step after the other on a connection of its own: knock at the port, log in, read, write and take it
        back. Each is handed on when it is done, with short time-outs; raises LookFailed at the first that is not.

        A port or a write that cannot be tried here is left out. A write that is refused is not tried again for an hour,
        lest the centre's log fill with it; `insist` where it worked before.
        """

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """A read-only transaction in which every dataset is as of one moment."""

    @property
    def ledger_mode(self) -> LedgerMode:
        """What keeps the return exactly-once here. Only with `same_transaction` are there tables of ours: with every
        other mode no incident is registered, the fence lets all pass, and `ledger_…` answer that there is nothing."""

    def proof(self, entity: str) -> Proof:
        """How it is found out whether a document of this kind has arrived."""

    def arrived(self, rows: Sequence[LedgerRow]) -> Mapping[str, LedgerRow]:
        """Those of these documents that are surely at the centre, by id, as the proof of their kind shows them.

        Where that shows other contents, the row's payload_hash is not ours. A document that only a person can find is
        never among them.
        """

    def evidence(self, outgoing: Outgoing) -> Sequence[Row]:
        """What `upload/find_<entity>.sql` finds about a document, for a person; nothing without such a file."""

    def preflight(self, entities: Sequence[str]) -> PreflightReport:
        """Ledger present (made if allowed), grants, write probe, clock offset, mapping files for `entities`."""

    def register_incident(self, installation_id: str, incident_no: int, epoch: int, opened_at: str) -> None:
        """Enter the incident in yj_incident; again is harmless. Raises Refused('fenced') if another installation holds
        an open incident there, or this one with a later epoch."""

    def identity(self) -> str:
        """What no other database answers the same, by whatever address it is reached. Reads only."""

    def known_incidents(self) -> Sequence[CentralIncident]:
        """Every incident the centre knows, of whichever installation."""

    def renew_fence(self, installation_id: str, incident_no: int, epoch: int) -> None:
        """Give an incident of ours a new epoch at the centre: whoever still holds the old one is refused. An incident
        the centre does not know is left to `register_incident`."""

    def close_incident(self, installation_id: str, incident_no: int, closed_at: str) -> None:
        """Mark the incident closed at the centre."""

    def apply(self, outgoing: Outgoing, *, rehearse: bool = False) -> Applied:
        """One document, one central transaction, ledger row first. With `rehearse` everything is rolled back.

        Same yj_id and hash in the ledger (or whatever proves it): returns its key with `repeated`. Raises every error
        above. With proof `person`, a document that find_<entity>.sql finds is Refused('maybe_there').
        """

    def apply_link(self, outgoing: Outgoing, central_key: str) -> Applied:
        """A document that is at the centre already as `central_key`: only its ledger row is entered.

        No business row is touched. Same rules as `apply`: one transaction, the same yj_id and hash in the ledger is
        `repeated`, every error above, the fence of the incident.
        """

    def take_link_back(self, row: LedgerRow, central_key: str) -> bool:
        """Take the ledger row of a document out that was linked to `central_key` and never written; whether it was
        there. Raises every error above."""

    def ledger_head(self, installation_id: str) -> int:
        """The greatest sequence the ledger has of this installation, 0 for none; ahead of ours: we were restored."""

    def ledger_find(self, yj_ids: Sequence[str]) -> Mapping[str, LedgerRow]:
        """The ledger rows of these ids, by id."""

    def ledger_rows(self, installation_id: str, incident_no: int | None = None) -> Iterator[LedgerRow]:
        """All ledger rows of an installation (of one incident), by sequence."""

    def ask(self, name: str, binds: Row) -> Sequence[Row]:
        """The rows of a named question of the mapping, e.g. `upload/match_patient`, `upload/settle_check_prescription`,
        `blind_window/charge`, `verify/payment`. Read-only. Raises Systemic if the file is missing."""

    def tell(self, name: str, binds: Row) -> int:
        """Run a named statement of the mapping in its own transaction, e.g. `upload/advance_receipt_book`.

        Returns the rows changed.
        """

    def has(self, name: str) -> bool:
        """Whether the mapping has this file."""

    def close(self) -> None:
        """Give all connections back."""

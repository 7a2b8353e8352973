"""One upload run, from pre-flight to "nothing clean is left". One uploader at a time; running again is always right."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from fallback_server.domain.clock import from_text
from fallback_server.domain.modes import IncidentState, Permit
from fallback_server.domain.outbox import OutboxState
from fallback_server.store.locks import single_instance
from fallback_server.store.mode import SYSTEM_OPERATOR, incident
from fallback_server.store.mode_switch import set_incident_state
from fallback_server.store.outbox import outbox
from fallback_server.store.returns_queries import clean_left, upload_progress
from fallback_server.store.session import Actor, Store, Tx
from sync.central.gateway import (
    CentralError,
    CentralGateway,
    IntegrityAlarm,
    OutcomeUnknown,
    Refused,
    TransactionEnded,
    Transient,
    Unreachable,
)
from sync.upload import blind_window, books, doubt, work
from sync.upload.admission import Admission, in_grace
from sync.upload.breaker import PATIENTS, Breaker
from sync.upload.choose import choose_incident, older_to_enter
from sync.upload.heartbeat import heartbeat
from sync.upload.pace import Pace
from sync.upload.rehearse import rehearse, rehearse_each
from sync.upload.report import Progress, RunStopped, UploadReport
from sync.upload.retry import RunEnd, pause_seconds
from sync.upload.run_row import RunRow
from sync.upload.sender import (
    Crash,
    Sender,
    Sent,
    UploadRules,
    enter_links,
    no_crash,
    recover_leases,
    stop_if_it_must,
    take_links_back,
)

LOCK = "upload"
PATIENCE_SECONDS = 60.0  # how long a run waits for a next attempt before it leaves that to the next run
GRACE_LOOK_SECONDS = 1.0
TOGETHER = 100  # documents claimed and confirmed in one local transaction


def run_upload(
    store: Store,
    gateway: CentralGateway,
    rules: UploadRules,
    incident_no: int | None = None,
    *,
    dry_run: bool = False,
    requested_by: str = SYSTEM_OPERATOR,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    pause: Callable[[float], None] | None = None,
    crash: Crash = no_crash,
    patience: float = PATIENCE_SECONDS,
) -> UploadReport:
    """Return the documents of an incident; without a number, of the oldest that is not closed.

    Waits for a running uploader. Raises incident_not_found, incident_open, incident_closed, drill_fenced; all else
    is in the report, whose `complete` says whether nothing is left.
    """
    with single_instance(store.url, LOCK):
        chosen = choose_incident(store, incident_no)
        if chosen is None:
            return UploadReport(None, dry_run).finish("done", "no_incident")
        stop = stop or threading.Event()
        wait = pause or (lambda seconds: void(stop.wait(seconds)))
        actor = Actor(requested_by, requested_by)
        run = _Run(store, gateway, rules, chosen, actor, dry_run, progress or _silent, stop, wait, crash, patience)
        return run.go()


def void(_: object) -> None:
    """Drop a value."""


def _silent(step: str, done: int, total: int) -> None:
    pass


@dataclass
class _Run:
    store: Store
    gateway: CentralGateway
    rules: UploadRules
    incident: Mapping[str, Any]
    actor: Actor
    dry_run: bool
    progress: Progress
    stop: threading.Event
    pause: Callable[[float], None]
    crash: Crash
    patience: float
    report: UploadReport = field(init=False)
    row: RunRow = field(init=False)
    sender: Sender = field(init=False)
    admission: Admission = field(init=False)
    total: int = 0
    pace: Pace = field(default_factory=Pace)
    changed: Callable[[], bool] = field(init=False)  # whether the store may say something else than before
    _begun: datetime = field(init=False)

    @property
    def number(self) -> int:
        return int(self.incident["incident_no"])

    def go(self) -> UploadReport:
        """The whole run; its row says `running` until the end, whatever way it ends."""
        self.report = UploadReport(self.number, self.dry_run)
        self.row = RunRow(self.store, self.actor, self.report)
        own = self.row.start()
        self.sender = Sender(self.store, self.gateway, self.rules, own, self.actor, crash=self.crash)
        self.admission = Admission(self.store, self.gateway, self.incident, self.actor, self.dry_run, self.report)
        try:
            self._steps()
        except RunStopped as ended:
            self.report.finish(ended.state, ended.code).problems += ended.problems
        except CentralError as error:
            self._centre_failed(error)
        finally:
            if self.report.state == "running":
                self.report.finish("stopped", "interrupted")
            self.row.end()
        return self.report

    def _steps(self) -> None:
        admission = self.admission
        if not admission.restored() and admission.nothing_to_do():
            self.report.finish("done", "nothing")
            return
        self._step("preflight", admission.preflight)
        self._step("rewound", admission.rewound)
        self._step("ledger", admission.ledger)
        self.incident = admission.incident
        if admission.restored() and not self.dry_run:
            raise RunStopped("refused", "restored", ["`yj upload recover --operator … --approver … --note …`"])
        if self.dry_run:
            self._step("rehearse", self._rehearse)
            return
        if self.rules.rehearse_first:
            self._step("rehearse", self._rehearse_each)
        self._step("register", self._register)
        self._step("unknown", self._settle_doubts)
        self._step("links", self._links)
        self._step("blind_window", self._blind_window)
        self._step("books", lambda: self._fact("books_moved", books.advance(self.store, self.gateway, self.number)))
        self._step("send", self._send)
        self._step("blind_window_end", self._blind_window)
        self._step("finish", self._finish)

    # -- before the first document ---------------------------------------------------------------------------------

    def _rehearse(self) -> None:
        rehearse(self.store, self.gateway, self.sender.installation_id, self.number, self.report)

    def _rehearse_each(self) -> None:
        """One document of each kind, rolled back: a fault of the centre shows before the first thing is written."""
        self._fact("rehearsed", rehearse_each(self.store, self.gateway, self.sender.installation_id, self.number))

    def _register(self) -> None:
        own = self.sender.installation_id
        with self.store.reading() as tx:
            # An older outage that is not back yet: entered after this one, its epoch would be refused for good.
            older = older_to_enter(tx.conn, self.number)
        for one in older:
            with suppress(Refused):  # its own run says why
                self.gateway.register_incident(own, int(one["incident_no"]), one["epoch"], one["opened_at"])
        try:
            self.gateway.register_incident(own, self.number, self.incident["epoch"], self.incident["opened_at"])
        except Refused as error:
            raise RunStopped("refused", "fenced", [error.detail]) from error
        with self._writing() as tx:
            stop_if_it_must(tx)
            state = tx.conn.execute(select(incident.c.state).where(incident.c.incident_no == self.number)).scalar_one()
            waiting = work.ready(tx.conn, self.number, tx.at, 1) or clean_left(tx.conn, self.number)
            if state == IncidentState.CLOSING.value or (state == IncidentState.RECONCILING.value and waiting):
                set_incident_state(tx, self.number, IncidentState.UPLOADING)

    def _settle_doubts(self) -> None:
        freed, _ = recover_leases(self.store, self.actor)
        found, again, asked = doubt.resolve_unknown(self.store, self.gateway, self.actor)
        self.report.counts.update(recovered=freed, found_in_ledger=found, sent_again=again)
        if asked:
            self.report.counts["to_a_person"] += asked

    def _links(self) -> None:
        self._fact("links_taken_back", take_links_back(self.sender, self.number))
        self._fact("linked", enter_links(self.sender, self.number))

    def _blind_window(self) -> None:
        counts = blind_window.read(self.store, self.gateway, self.incident, self.actor)
        self._fact("blind_rows", counts)
        self._fact("in_doubt", blind_window.compare(self.store, self.number, self.actor))

    # -- the documents ---------------------------------------------------------------------------------------------

    def _send(self) -> None:
        breaker, waited = Breaker(probing=self.row.broke_with()), 0.0
        with self.store.reading() as tx:
            self.total = clean_left(tx.conn, self.number)
        with heartbeat(self.store, self.sender.owner, self.rules), self.store.watching() as self.changed, self._paced():
            while True:
                with self.store.reading() as tx:
                    batch = work.ready(tx.conn, self.number, tx.at, 1 if breaker.half_open else work.BATCH)
                if not batch:
                    seconds = self._wait_for()
                    if seconds is None:
                        return
                    waited += seconds
                    if waited > self.patience and not self._grace_runs():
                        self.report.retry_after_seconds = seconds
                        raise RunStopped("stopped", "waiting")
                    self._look_up()
                    self.pause(seconds)
                    continue
                together = doubt.handfuls(self.gateway, batch, TOGETHER)
                self.sender.send(together, self._before, lambda sent: self._after(sent, breaker))

    @contextmanager
    def _paced(self) -> Iterator[None]:
        """The report tells the pace, however the sending ends."""
        try:
            yield
        finally:
            self._fact("pace", self.pace.shown())

    def _before(self) -> None:
        """Before every document: may it still go?"""
        self._look_up()
        if self.changed():
            with self.store.reading() as tx:
                stop_if_it_must(tx)
        self._begun = self.store.clock.now()

    def _after(self, sent: Sent, breaker: Breaker) -> None:
        self.report.counts[sent.verdict.state.value] += 1
        self.report.counts["linked"] += sent.linked
        self.report.counts["repeated"] += sent.repeated
        if sent.verdict.run is not RunEnd.GO_ON:
            self._run_ends(sent)
        if breaker.note(sent):
            state = "stopped" if breaker.code == "transient" else "broken"
            # Tried again by itself: the next run begins with one document, and the first good one closes the breaker.
            self.report.retry_after_seconds = float(self.rules.retry_max_seconds)
            self._fact("breaker", breaker.code)
            raise RunStopped(state, "breaker", [f"{breaker.code} for {PATIENTS} patients in a row"])
        if sent.verdict.state is OutboxState.UNKNOWN:
            doubt.resolve_unknown(self.store, self.gateway, self.actor)
        spent = (self.store.clock.now() - self._begun).total_seconds()
        pause = max(0.0, 1 / self.rules.max_rate - spent) if self.rules.max_rate else 0.0
        pause = max(pause, self.pace.pause(max(0.0, spent)))
        self._note()
        if pause:
            self.pause(pause)

    def _run_ends(self, sent: Sent) -> None:
        if sent.verdict.run is RunEnd.STOPPED:
            self.report.retry_after_seconds = self._next_pause()
        with self.store.reading() as tx:
            detail = tx.conn.execute(
                select(outbox.c.last_error)
                .where(outbox.c.incident_no == self.number, outbox.c.last_error.is_not(None))
                .order_by(outbox.c.sequence.desc())
                .limit(1)
            ).scalar()
        raise RunStopped(sent.verdict.run.value, sent.verdict.code, [str(detail)] if detail else [])

    def _wait_for(self) -> float | None:
        """Seconds until something may be ready: a next attempt, or a late document in the grace; None: nothing."""
        with self.store.reading() as tx:
            due = work.next_due(tx.conn, self.number)
            if due is not None:
                return max(0.1, (from_text(due) - tx.now).total_seconds())
            return GRACE_LOOK_SECONDS if in_grace(tx, self.number) else None

    def _grace_runs(self) -> bool:
        with self.store.reading() as tx:
            return in_grace(tx, self.number)

    def _look_up(self) -> None:
        if self.stop.is_set():
            raise RunStopped("stopped", "asked_to_stop")

    def _finish(self) -> None:
        """Arrow e when nothing that can move by itself is left."""
        with self._writing() as tx:
            state = tx.conn.execute(select(incident.c.state).where(incident.c.incident_no == self.number)).scalar_one()
            if clean_left(tx.conn, self.number) == 0 and state == IncidentState.UPLOADING.value:
                set_incident_state(tx, self.number, IncidentState.RECONCILING)
            rest = upload_progress(tx.conn, self.number)
        self.report.finish("done", "done_with_rest" if rest["left"] or rest["open_conflicts"] else "done")

    def _step(self, name: str, work_of_it: Callable[[], None]) -> None:
        self._look_up()
        self.report.step = name
        self.report.steps.append({"step": name, "at": self.row.write()})
        self.progress(name, 0, 0)
        work_of_it()

    def _note(self) -> None:
        """Progress, at most once a second in the run row."""
        self.progress("send", self.report.counts[OutboxState.CONFIRMED.value], self.total)
        if self.row.due:
            self._fact("pace", self.pace.shown())
            self.row.write()

    def _centre_failed(self, error: CentralError) -> None:
        """The centre failed between documents: nothing is in hand, and what was asked there may be asked again.

        So an answer lost at the commit of a book or of the incident is a connection like any other.
        """
        if isinstance(error, Unreachable | Transient | OutcomeUnknown):
            self.report.retry_after_seconds = self._next_pause()
            self.report.finish("stopped", "transient" if isinstance(error, Transient) else "unreachable")
        elif isinstance(error, IntegrityAlarm):
            torn = isinstance(error, TransactionEnded)
            self.report.finish("broken", "transaction_ended" if torn else "integrity_alarm")
        else:
            self.report.finish("broken", "systemic")
        self.report.problems.append(f"{self.report.step}: {error.detail}")

    def _next_pause(self) -> float:
        """Longer after every run in a row that could not reach the centre."""
        return pause_seconds(1 + self.row.away_in_a_row(), self.rules, self.sender.jitter())

    def _fact(self, name: str, value: Any) -> None:
        self.report.facts[name] = value

    def _writing(self) -> AbstractContextManager[Tx]:
        return self.store.writing(Permit.HOUSEKEEPING, self.actor)

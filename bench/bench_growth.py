"""What one act, one list, one look and one document of the return cost in a store that holds many documents.

`python -m bench.bench_growth --sizes 1000 10000 100000 500000` for the figures of docs/architecture.md; `make bench`
takes fewer. Stores of all sizes are measured in turns, the smallest is what the others are held against. CPU is that of
this process, SQLite included; the centre of the return answers from the store's rows, and its part is taken off.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from bench.growth_centre import MirrorOfStore, Spent
from bench.growth_desk import Desk, afternoon, cashier
from bench.growth_rows import TODAY, Caster, Mould, confirm, take_moulds
from bench.run import Figure, table
from bench.stage import CLOCK, Stage, median, stage
from config.sections import Upload
from fallback_server.acts import marks, shifts
from fallback_server.app import policy_of
from fallback_server.domain.clock import SettableClock
from fallback_server.domain.modes import Permit
from fallback_server.domain.policy import Policy
from fallback_server.store import audit as audit_log
from fallback_server.store import pulse, readiness
from fallback_server.store.mode_switch import begin_return, incident_row, release
from fallback_server.store.outbox import outbox
from fallback_server.store.returns_queries import upload_progress
from fallback_server.store.session import Actor, Store, Tx
from fallback_server.windows.billing import queries as billing
from fallback_server.windows.console.queries import incident_detail
from fallback_server.windows.console.queries.situation import situation
from fallback_server.windows.pharmacy import queries as pharmacy
from fallback_server.windows.triage import queries as triage
from sync.reconcile import centre as periods
from sync.reconcile.ids import IdSets
from sync.reconcile.run import run_reconcile
from sync.upload import work
from sync.upload.run import run_upload

SIZES = tuple(int(size) for size in os.environ.get("YJ_BENCH_DOCUMENTS", "1000 20000").split())
RUNS = int(os.environ.get("YJ_BENCH_RUNS", "3"))
ACCOUNTS = int(os.environ.get("YJ_BENCH_ACCOUNTS", "3"))  # of half a million documents one takes minutes
CHARGES, VISITS, LOOKS, SENT = 40, 8, 5, 64
PAIR = Actor("bench", "bench", frozenset({"admin"}), approver_code="bench-2")
TARGET = "<= 1.3"

Samples = dict[str, dict[int, list[Spent]]]
"""By figure and size: what one unit took, turn by turn."""


@dataclass
class Grown:
    """A store with so many documents, a desk in it, and the centre it returns to."""

    size: int
    store: Store
    desk: Desk
    policy: Policy
    number: int
    centre: MirrorOfStore
    turn: int = 0

    def reading(self, look: Callable[[Tx], object], times: int = LOOKS) -> int:
        """The same look several times, as a cashier who sits there."""
        for _ in range(times):
            with self.store.reading(cashier(0)) as tx:
                look(tx)
        return times


def measure(sizes: Sequence[int] = SIZES, runs: int = RUNS) -> list[Figure]:
    """A B A B …: every store in turn, first in the outage, then on the way back."""
    samples: Samples = defaultdict(lambda: defaultdict(list))
    with stage() as here:
        here.open_for_business()
        stores = list(_grown(here, sorted(sizes)))
        _take(samples, stores, _OUTAGE, runs)
        for one in stores:
            _leave(one)
        _take(samples, stores, _UPLOAD, runs)
        for one in stores:
            confirm(one.store, ["charge", "dispense_note"])
            one.centre.learn()
        _take(samples, stores, _ACCOUNT, min(runs, ACCOUNTS))
        for one in stores:
            one.store.close()
    return [figure for name in samples for figure in _figures(name, samples[name])]


def _figures(name: str, by_size: dict[int, list[Spent]]) -> Iterator[Figure]:
    first, *others = sorted(by_size)
    for size in others:
        for unit, of in (("ms CPU", "cpu"), ("ms", "clock")):
            here, there = (median([getattr(one, of) * 1000 for one in by_size[n]]) for n in (size, first))
            words = f"{name}, {size:,} documents"
            yield Figure(words, here, unit, f"at {first:,}", there, here / there, TARGET, len(by_size[size]))


def _take(samples: Samples, stores: Sequence[Grown], works: dict[str, Callable[[Grown], int]], runs: int) -> None:
    for turn in range(runs):
        for one in stores:
            one.turn = turn
            for name, unit in works.items():
                samples[name][one.size].append(_per_unit(one, unit))


def _per_unit(one: Grown, work: Callable[[Grown], int]) -> Spent:
    """What one unit of the work took, without what the centre's answers took."""
    aside, whole = replace(one.centre.spent), Spent()
    with whole.running():
        units = work(one)
    own = whole.less(one.centre.spent.less(aside))
    return Spent(own.clock / units, own.cpu / units)


# -- the stores -------------------------------------------------------------------------------------------------------


def _grown(here: Stage, sizes: Sequence[int]) -> Iterator[Grown]:
    """Copies of one store with some real visits, filled up with casts of these."""
    clock = SettableClock(afternoon(CLOCK.now()))
    store = Store(here.settings.database.url, clock)
    desk = Desk(store, clock, policy_of(here.settings))
    desk.furnish()
    moulds = take_moulds(desk)
    with store.reading() as tx:
        there, number = tx.conn.execute(select(func.count(), func.max(outbox.c.incident_no))).one()
    store.close()
    for size in sizes:
        yield _filled(here, size, moulds, there, number, clock)


def _filled(here: Stage, size: int, moulds: list[Mould], there: int, number: int, clock: SettableClock) -> Grown:
    home = Path(here.folder, f"grown-{size}")
    shutil.copytree(here.settings.home, home)
    own = SettableClock(clock.now())  # every store has its own afternoon
    store = Store(f"sqlite:///{home / 'yj.db'}", own)
    desk = Desk(store, own, policy_of(here.settings))
    begun = time.perf_counter()
    Caster(store, moulds, desk.patients, own.now(), max(size - there, TODAY // 2) // moulds[0].documents).fill()
    megabytes = (home / "yj.db").stat().st_size // 1_000_000
    sys.stderr.write(f"{size:,} documents: {time.perf_counter() - begun:.0f} s to fill, {megabytes:,} MB\n")
    return Grown(size, store, desk, desk.policy, number, MirrorOfStore(store=store))


def _leave(one: Grown) -> None:
    """YJ is left; visits and prescriptions have returned, every charge still waits."""
    with one.store.writing(Permit.HOUSEKEEPING, PAIR) as tx:
        begin_return(tx, upload=False, grace_seconds=0, hold_seconds=0)
    with one.store.writing(Permit.HOUSEKEEPING, PAIR) as tx:
        release(tx, "benchmark")
    confirm(one.store, ["registration", "prescription"])


# -- in the outage ----------------------------------------------------------------------------------------------------


def _charges(one: Grown) -> int:
    for number in range(CHARGES):
        one.desk.walk_in(one.turn * CHARGES + number)
    return CHARGES


def _visits(one: Grown) -> int:
    for number in range(VISITS):
        one.desk.visit(one.turn * VISITS + number, "B2")
    return VISITS


def _todays(tx: Tx) -> object:
    blank: dict[str, Any] = dict.fromkeys(("registration_id", "patient_id", "receipt_no", "yj_no", "cursor"))
    mine = {"operator": tx.who.operator_code, "business_date": tx.today.isoformat()}
    return billing.find_charges(tx, **blank, **mine, limit=50)


def _sheet(tx: Tx) -> object:
    return shifts.get(tx, str(shifts.open_shift_id(tx)))


def _to_hand_over(tx: Tx) -> object:
    return pharmacy.listed(tx, pharmacy.Filter("to_hand_over", None, None, True, 50))


def _marks(tx: Tx) -> object:
    return marks.of_halls(tx), marks.of_pharmacies(tx)


def _charts(tx: Tx) -> object:
    cut = pulse.slots(tx.now - timedelta(hours=7), tx.now)
    return pulse.per_minute(tx.conn, None, cut), pulse.waiting(tx.conn, cut)


def _audited(tx: Tx) -> object:
    return list(audit_log.selected(tx.conn, newest_first=True, limit=100))


def _walked(one: Grown) -> int:
    with one.store.reading() as tx:
        rows, breaks = audit_log.verify(tx.conn)
    if breaks:
        raise RuntimeError(f"the chain is broken: {breaks[:3]}")
    return rows


def _situation(one: Grown) -> Callable[[Tx], object]:
    return lambda tx: situation(tx, one.policy, readiness.findings(tx, one.policy))


_OUTAGE: dict[str, Callable[[Grown], int]] = {
    "a charge of three items, quoted and written": _charges,
    "a visit: number, prescription, payment": _visits,
    "a desk's charges of today": lambda one: one.reading(_todays),
    "a shift's sheet": lambda one: one.reading(_sheet),
    "a hall's queue": lambda one: one.reading(lambda tx: triage.hall(tx, one.desk.departments[0])),
    "the marks of all halls and pharmacies": lambda one: one.reading(_marks),
    "what a pharmacy has to hand over": lambda one: one.reading(_to_hand_over),
    "the newest hundred rows of the audit log": lambda one: one.reading(_audited),
    "readiness": lambda one: one.reading(lambda tx: readiness.findings(tx, one.policy)),
    "the console's first page": lambda one: one.reading(_situation(one)),
    "the console's charts of the day": lambda one: one.reading(_charts),
    "an incident's page": lambda one: one.reading(lambda tx: incident_detail(tx, one.policy, one.number)),
    "the audit chain walked, a row": _walked,
}


# -- on the way back --------------------------------------------------------------------------------------------------


class _Laps:
    """Stops an upload after so many documents; what was before and with the first one is laid aside."""

    def __init__(self, one: Grown, documents: int) -> None:
        self.stop, self._one, self._wanted = threading.Event(), one, documents
        self._begun = (time.perf_counter(), time.process_time(), replace(one.centre.spent))

    def __call__(self, step: str, done: int, total: int) -> None:
        if step == "send" and done == 1:
            clock, cpu, aside = self._begun
            spent = Spent(time.perf_counter() - clock, time.process_time() - cpu)
            self._one.centre.spent = Spent(aside.clock + spent.clock, aside.cpu + spent.cpu)
        if step == "send" and done >= self._wanted:
            self.stop.set()


def _sent(one: Grown, documents: int = SENT) -> int:
    laps, rules = _Laps(one, documents), Upload(rehearse_first=False)
    report = run_upload(one.store, one.centre, rules, one.number, progress=laps, stop=laps.stop, patience=0)
    if report.counts["confirmed"] < documents or report.code != "asked_to_stop":
        raise RuntimeError(f"the upload ended otherwise: {report.code} {report.problems}")
    return max(1, report.counts["confirmed"] - 1)


def _how_far(tx: Tx, number: int) -> object:
    return pulse.upload_pace(tx.conn, number, upload_progress(tx.conn, number), tx.now)


_UPLOAD: dict[str, Callable[[Grown], int]] = {
    "an upload before its first document, a document": lambda one: _sent(one, 0) * one.size,
    "claim and confirmation of a document": _sent,
    "the next two hundred to be sent": lambda one: one.reading(lambda tx: work.ready(tx.conn, one.number, tx.at)),
    "how far the return is, and how fast": lambda one: one.reading(lambda tx: _how_far(tx, one.number)),
}


def _account(one: Grown) -> int:
    report = run_reconcile(one.store, one.centre, one.number)
    if report.differences:
        raise RuntimeError(f"the account does not balance: {report.differences[:3]}")
    return sum(map(len, one.centre.places.values()))


def _bisected(one: Grown) -> int:
    with one.store.reading() as tx:
        since, until = periods.period(tx.conn, incident_row(tx.conn, one.number), tx.now)
    sets = IdSets(one.store, one.centre, one.number, set())
    if only := sets.compare(since - timedelta(hours=1), until + timedelta(hours=1)):
        raise RuntimeError(f"one side alone has {only[:3]}")
    return sets.compared


_ACCOUNT: dict[str, Callable[[Grown], int]] = {
    "ids of both sides bisected, a document": _bisected,
    "the account in five layers, a document": _account,
}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--runs", type=int, default=RUNS)
    asked = parser.parse_args()
    sys.stdout.write(table(measure(asked.sizes, asked.runs)) + "\n")

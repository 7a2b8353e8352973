"""One reconciliation: three totals, every difference, stored for ever. Run again unchanged, it says the same."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select, update

from fallback_server.domain import differences, money
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.store.cash import receipt_number, used_there
from fallback_server.store.locks import single_instance
from fallback_server.store.mode import SYSTEM_OPERATOR, incident, incident_event
from fallback_server.store.mode_switch import incident_row, note_event
from fallback_server.store.returning import blind_row
from fallback_server.store.session import Actor, Store, Tx, installation_id
from fallback_server.store.sign_off import record_differences, settled, standing, store_reconciliation
from sync.central.gateway import CentralGateway, LedgerMode, LedgerRow
from sync.reconcile import books, cash, cells, centre, ids, match, outside_period, posting, totals
from sync.reconcile.report import ReconciliationReport
from sync.reconcile.totals import Drawer, Drawers
from sync.reconcile.visits import TABLES, Visits

CENTRE_TOLD = "closed_at_centre"
CELLS_NAMED = 200
LOCK = "upload"  # an upload at work would look like missing rows


def run_reconcile(
    store: Store, gateway: CentralGateway, incident_no: int, *, requested_by: str = SYSTEM_OPERATOR
) -> ReconciliationReport:
    """Compare our tables, the ledger and the centre's own tables for one incident, and store the account.

    Waits for a running upload. Raises incident_not_found, drill_fenced, incident_open, and the port's errors, with
    nothing stored.
    """
    with single_instance(store.url, LOCK):
        row = _choose(store, incident_no)
        account = _Account(store, gateway, row)
        account.read()
        with store.writing(Permit.HOUSEKEEPING, Actor(requested_by, requested_by)) as tx:
            return account.keep(tx)


def _choose(store: Store, incident_no: int) -> Mapping[str, Any]:
    with store.reading() as tx:
        row = incident_row(tx.conn, incident_no)
    if row["drill"]:
        raise YjError("drill_fenced")
    if row["state"] == "open":
        raise YjError("incident_open", state="open")
    return row


class _Account:
    """What is gathered while both sides are read; the size of it follows the differences, not the documents."""

    def __init__(self, store: Store, gateway: CentralGateway, row: Mapping[str, Any]) -> None:
        self.store = store
        self.gateway = gateway
        self.incident = row
        self.number = int(row["incident_no"])
        self.drawers: Drawers = {}
        self.grid = cells.Grid()
        self.found: list[match.Difference] = []
        self.ledger_total: Decimal | None = None
        self.ledger_rows = 0
        self.compared: Counter[str] = Counter()
        self.seconds: Counter[str] = Counter()  # by layer, in milliseconds
        self.posting: dict[str, Any] = {}
        self.bisected: dict[str, int] = {}
        self.books: list[books.Book] = []

    @contextmanager
    def _layer(self, name: str) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] += round((time.monotonic() - begun) * 1000)

    def read(self) -> None:
        """Both sides, page by page; every local page in a short read of its own."""
        with self.store.reading() as tx:
            since, until = centre.period(tx.conn, self.incident, tx.now)
            spans = centre.pages(tx.conn, self.number, since, until)
            linked = match.linked(tx.conn, self.number)
            own = installation_id(tx.conn)
            self.covers = standing(tx.conn, self.number)
            self.found += match.unsent(tx.conn, self.number)
        self.matcher = match.Matcher(self.number)
        with self._layer("fields"):
            self._money(spans, linked)
            self._visits(linked, since, until)
        with self._layer("ids"):
            self._ledger(own)
            self.found = outside_period.named(self.gateway, self.found)
            self._bisect(linked, since, until)
        with self._layer("totals"):
            self._totals_two_ways(spans)
        self.posting = posting.read(self.store, self.gateway, self.number, spans)

    def _ledger(self, own: str) -> None:
        if self.gateway.ledger_mode is not LedgerMode.SAME_TRANSACTION:
            self.grid.has_ledger = False  # there is no third side: the centre's own tables are the only witness
            with self.store.reading() as tx:
                self.found += match.recovered_here(tx.conn, self.number, self.matcher.lost_there)
            return
        self.ledger_total = money.ZERO
        entries = self._counted(self.gateway.ledger_rows(own, self.number))
        self.found += match.ledger(self.store, self.number, entries)

    def _money(self, spans: Sequence[tuple[str, str]], linked: set[str]) -> None:
        for page in centre.charges(self.gateway, spans):
            with self.store.reading() as tx:
                counted, found = self.matcher.page(tx.conn, page)
            self.found += found
            self.grid.add_central(page, self.grid.central_all)
            self.grid.add_central(counted, self.grid.central)
            self.compared["fields"] += len(counted)
            for one in counted:
                totals.add_central(self.drawers, one.operator, one.total, one.by_method, one.by_category)
        with self.store.reading() as tx:
            for mine in totals.local_charges(tx.conn, self.number):
                for own in mine:
                    totals.add_local(self.drawers, own)
                    self.grid.add_payload(own)
                    missing = self.matcher.missing(own, own.id in linked)
                    self.found += [missing] if missing else []

    def _visits(self, linked: set[str], since: datetime, until: datetime) -> None:
        for entity in TABLES:
            visits = Visits(self.store, self.number, entity, linked)
            for rows in centre.rows(self.gateway, entity, since, until):
                self.compared["fields"] += len(rows)
                self.found += visits.page(rows)
            if self.gateway.has(f"verify/{entity}"):
                self.found += visits.missing()

    def _bisect(self, linked: set[str], since: datetime, until: datetime) -> None:
        """The ids once more, by counting: what only that finds says that a question of the mapping is wrong."""
        sets = ids.IdSets(self.store, self.gateway, self.number, linked)
        only = sets.compare(since - centre.EARLIER, until + centre.MARGIN)
        named = {key for one in self.found if differences.layer_of(one.kind) == "ids"
                 for key in (one.central_key, one.subject.rpartition(":")[2]) if key}  # fmt: skip
        named |= {str(one.central_key) for one in self.found if one.kind == "date"}
        self.found += ids.unnamed(only, named)
        self.compared["ids"] = self.ledger_rows + sets.compared
        self.bisected = {"questions": sets.questions, "rows_read": sets.rows, "one_side_only": len(only)}

    def _totals_two_ways(self, spans: Sequence[tuple[str, str]]) -> None:
        with self.store.reading() as tx:
            self.grid.local = cells.local_sums(tx.conn, self.number)
        summed = cells.central_sums(self.gateway, spans[0][0], spans[-1][1])
        self.found += self.grid.two_ways(summed)
        self.found += self.grid.apart(self.found)

    def _counted(self, rows: Iterator[LedgerRow]) -> Iterator[LedgerRow]:
        for row in rows:
            self.ledger_rows += 1
            if row.entity in match.MONEY:
                self.ledger_total = (self.ledger_total or money.ZERO) + Decimal(row.amount)
                self.grid.add_ledger(row)
            yield row

    def keep(self, tx: Tx) -> ReconciliationReport:
        """Ask for the unknown numbers, store the differences, then the report that names them."""
        with self._layer("numbers"):
            settle_unknown_numbers(tx, self.number)
            self.books = books.read(tx.conn, self.number, self.matcher.doubled)
            self.found += books.differences(self.books)
            self.compared["numbers"] = sum(book.range for book in self.books)
        with self._layer("cash"):
            shifts = cash.read(tx.conn, self.number)
            self.found += cash.differences(shifts)
            self.compared["cash"] = sum(one["counted"] for one in shifts)
        listed = record_differences(tx, self.number, [asdict(one) for one in self.found])
        numbers = books.by_operator(self.books)
        report = ReconciliationReport(
            incident_no=self.number,
            balanced=settled(tx.conn, self.number, listed),
            totals=self._totals(),
            cashiers=[self._cashier(code, numbers) for code in sorted({*self.drawers, *numbers})],
            differences=listed,
            layers=self._layers(listed, shifts),
            windows=self.grid.shown(tx.conn),
            books=[book.shown() for book in self.books],
            cash=shifts,
            posting=self.posting,
            covers=self.covers,
            seconds={name: f"{self.seconds[name] / 1000:.2f}" for name in differences.LAYERS},
        )
        report.id = store_reconciliation(tx, self.number, report.to_json(), report.seconds)
        report.at = tx.at
        return report

    def _layers(self, listed: Sequence[Mapping[str, Any]], shifts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """What each layer found by itself. A layer with differences is not ok, explained or not."""
        count = Counter(differences.layer_of(item["kind"]) for item in listed if item["kind"] != "totals_apart")
        differing = self.grid.differing()
        count["totals"] += len(differing)
        self.compared["totals"] = len({*self.grid.local, *self.grid.central, *self.grid.ledger})
        more: dict[str, dict[str, Any]] = {
            "totals": {"cells": ["/".join(cell) for cell in differing][:CELLS_NAMED]},
            "ids": self.bisected,
            "numbers": {"books": len(self.books), "doubled": sum(len(book.doubled) for book in self.books)},
            "cash": {"shifts": len(shifts), "not_counted": sum(not one["counted"] for one in shifts)},
        }
        return [
            {"layer": number, "name": name, "ok": count[name] == 0, "compared": self.compared[name],
             "differences": count[name], **more.get(name, {})}
            for number, name in enumerate(differences.LAYERS, start=1)
        ]  # fmt: skip

    def _totals(self) -> dict[str, str | None]:
        drawers = self.drawers.values()
        return {
            "local": money.to_text(money.total(drawer.local for drawer in drawers)),
            "ledger": None if self.ledger_total is None else money.to_text(self.ledger_total),
            "central": money.to_text(money.total(drawer.central for drawer in drawers)),
        }

    def _cashier(self, code: str, numbers: Mapping[str, books.Numbers]) -> dict[str, Any]:
        drawer = self.drawers.get(code, Drawer())
        return {
            "operator": code,
            "by_method": totals.texts(drawer.by_method),
            "by_category": totals.texts(drawer.by_category),
            "receipts": numbers.get(code, books.Numbers()).shown(),
            "local": money.to_text(drawer.local),
            "central": money.to_text(drawer.central),
            "central_by_method": totals.texts(drawer.central_by_method),
            "central_by_category": totals.texts(drawer.central_by_category),
            "difference": money.to_text(drawer.local - drawer.central),
        }


def settle_unknown_numbers(tx: Tx, incident_no: int) -> int:
    """Numbers skipped at a window and found used by the centre's own charges become void, with that reason.

    What the centre does not show stays unknown for a person to explain; it is never used again. Returns how many.
    """
    used = _used_at_centre(tx.conn, incident_no)
    unknown = tx.conn.execute(
        select(receipt_number.c.receipt_no)
        .where(receipt_number.c.incident_no == incident_no, receipt_number.c.state == "unknown")
        .order_by(receipt_number.c.receipt_no)
    ).scalars()
    found = [number for number in unknown if number in used]
    for number in found:
        tx.conn.execute(
            update(receipt_number)
            .where(receipt_number.c.receipt_no == number, receipt_number.c.state == "unknown")
            .values(state="void", reason=used_there(used[number]))
        )
    if found:
        tx.audit("receipt.unknown_settled", subject=str(incident_no), numbers=found)
    return len(found)


def _used_at_centre(conn: Connection, incident_no: int) -> dict[str, str]:
    rows = conn.execute(
        select(blind_row.c.central_key, blind_row.c.row).where(
            blind_row.c.incident_no == incident_no, blind_row.c.kind == "charge"
        )
    )
    return {str(row.row["receipt_no"]): row.central_key for row in rows if row.row.get("receipt_no")}


def close_at_centre(store: Store, gateway: CentralGateway) -> list[int]:
    """Tell the centre about incidents that were signed off here; repeated until it was reached. Returns their numbers.

    Raises the port's errors; what was told before stays told.
    """
    told = (  # since it was last closed: one that was open again is closed there again, too
        select(incident_event.c.id)
        .where(incident_event.c.kind == CENTRE_TOLD, incident_event.c.incident_no == incident.c.incident_no)
        .where(incident_event.c.at >= incident.c.closed_at)
        .correlate(incident)
        .exists()
    )
    uploaded = select(incident_event.c.incident_no).where(incident_event.c.kind == "uploading")
    with store.reading() as tx:
        waiting = tx.conn.execute(
            select(incident.c.incident_no, incident.c.closed_at)
            .where(incident.c.state == "closed", ~incident.c.drill)
            .where(incident.c.incident_no.in_(uploaded), ~told)
            .order_by(incident.c.incident_no)
        ).all()
        own = installation_id(tx.conn)
    for row in waiting:
        gateway.close_incident(own, row.incident_no, row.closed_at)
        with store.writing(Permit.HOUSEKEEPING, Actor(SYSTEM_OPERATOR, SYSTEM_OPERATOR)) as writing:
            note_event(writing, row.incident_no, CENTRE_TOLD, None)
    return [row.incident_no for row in waiting]

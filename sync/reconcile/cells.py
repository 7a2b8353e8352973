"""Layer 1: sums by business day, window, cashier, and within them by method and by category, each side in two ways.

Here: summed by the database over the tables of money, and added up from the frozen payloads. At the centre: added up
row by row, and summed by the centre's own database (`verify/totals.sql`). Two ways that disagree are a difference of
their own: then no single document is wrong, but one of the questions is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, func, select

from fallback_server.domain import money
from fallback_server.store.cash import charge, charge_line, payment
from fallback_server.store.people import workstation
from sync.central.gateway import CentralGateway, LedgerRow, Row
from sync.reconcile.centre import CentralCharge
from sync.reconcile.match import Difference
from sync.reconcile.totals import LocalCharge

SUMMED = "verify/totals"
TOTAL, METHOD, CATEGORY = "total", "method", "category"


class Cell(NamedTuple):
    """Where an amount belongs. `window` is the three digits in our number, '' for a row without one."""

    day: str
    window: str
    operator: str
    kind: str  # total | method | category
    code: str


Cells = Counter[Cell]  # whole cents
# Differences of rows that stand in another cell than their number says, or that have none.
_ANYWHERE: Final = frozenset({"date", "yj_no", "extra_at_centre", "doubled", "counted", "ledger_date", "ledger_extra"})


def window_of(yj_no: str | None) -> str:
    """The three digits of the workstation in a YJ number."""
    return (yj_no or "")[8:11]


def place_of(yj_no: str) -> tuple[str, str]:
    """(business day, window) that stand in a YJ number."""
    return f"20{yj_no[2:4]}-{yj_no[4:6]}-{yj_no[6:8]}", window_of(yj_no)


@dataclass
class Grid:
    """The cells of every source, filled while both sides are read."""

    local: Cells = field(default_factory=Counter)
    payloads: Cells = field(default_factory=Counter)
    ledger: Cells = field(default_factory=Counter)
    central: Cells = field(default_factory=Counter)
    central_all: Cells = field(default_factory=Counter)  # rows of other incidents in the same hours included
    has_ledger: bool = True  # whether there is a table of ours at the centre
    dated: bool = True  # whether the centre's rows say when they were

    def add_payload(self, own: LocalCharge) -> None:
        """A document of ours as it was frozen."""
        place = (own.business_date, window_of(own.yj_no), own.operator)
        body = own.payload
        _add(self.payloads, place, TOTAL, [("all", body.get("total", "0"))])
        _add(self.payloads, place, METHOD, ((one["method"], one["amount"]) for one in body.get("payments") or ()))
        lines = body.get("lines") or ()
        _add(self.payloads, place, CATEGORY, ((one["receipt_category"], one["amount"]) for one in lines))

    def add_central(self, rows: Iterable[CentralCharge], cells: Cells) -> None:
        """Rows of the centre."""
        for row in rows:
            self.dated = self.dated and row.occurred_at is not None
            place = ((row.occurred_at or "")[:10], window_of(row.yj_no), row.operator)
            _add(cells, place, TOTAL, [("all", row.total)])
            _add(cells, place, METHOD, row.by_method.items())
            _add(cells, place, CATEGORY, row.by_category.items())

    def add_ledger(self, row: LedgerRow) -> None:
        """A row of money of the ledger, which knows neither methods nor categories."""
        place = (str(row.business_date)[:10], window_of(row.yj_no), row.operator_code or "")
        _add(self.ledger, place, TOTAL, [("all", row.amount)])

    def differing(self) -> list[Cell]:
        """Cells in which the sides do not agree."""
        found = []
        for cell in sorted({*self.local, *self.central, *self.ledger}):
            sides = [self.local[cell], self.central[cell]] + ([self.ledger[cell]] if self._told(cell) else [])
            if len(set(sides)) > 1:
                found.append(cell)
        return found

    def apart(self, found: Iterable[Difference]) -> Iterator[Difference]:
        """Cells in which the sides differ though no difference of `found` is of that day and window: "balanced" means
        equal. One whose place is not known may be anywhere and explains all."""
        places: set[tuple[str, str]] = set()
        for one in found:
            if one.kind in _ANYWHERE:
                return
            places |= {place_of(side["yj_no"]) for side in (one.local, one.central) if side.get("yj_no")}
        if not self.dated:
            return
        for cell in self.differing():
            if (cell.day, cell.window) not in places:
                ours, theirs = {"amount": _text(self.local[cell])}, {"central": _text(self.central[cell])}
                theirs |= {"ledger": _text(self.ledger[cell])} if self._told(cell) else {}
                yield Difference("totals_apart", "/".join(cell), None, None, ours, theirs)

    def _told(self, cell: Cell) -> bool:
        """Whether the ledger says anything of this cell."""
        return cell.kind == TOTAL and self.has_ledger

    def two_ways(self, summed: Cells | None) -> Iterator[Difference]:
        """Where two ways to the same sums disagree, here and at the centre."""
        yield from _disagree("totals_local", self.local, self.payloads)
        if summed is not None and self.dated:
            yield from _disagree("totals_central", self.central_all, summed)

    def shown(self, conn: Connection) -> list[dict[str, Any]]:
        """One row a day, window and cashier, sums by method and category in it."""
        codes = {
            f"{row.number:03d}": row.code for row in conn.execute(select(workstation.c.number, workstation.c.code))
        }
        places = sorted({cell[:3] for side in (self.local, self.ledger, self.central) for cell in side if side[cell]})
        sides = {name: _nested(getattr(self, name)) for name in ("local", "ledger", "central")}
        known = ("local", "ledger", "central") if self.has_ledger else ("local", "central")
        return [
            {
                "business_date": place[0],
                "workstation": codes.get(place[1], place[1]),
                "workstation_no": place[1],
                "operator": place[2],
                **{
                    name: _text(side.get((*place, TOTAL), {}).get("all", 0)) if name in known else None
                    for name, side in sides.items()
                },
                "by_method": _texts(sides["local"].get((*place, METHOD), {})),
                "by_category": _texts(sides["local"].get((*place, CATEGORY), {})),
                "central_by_method": _texts(sides["central"].get((*place, METHOD), {})),
                "central_by_category": _texts(sides["central"].get((*place, CATEGORY), {})),
            }
            for place in places
        ]


def local_sums(conn: Connection, incident_no: int) -> Cells:
    """Our side as the database sums it over the tables of money."""
    cells: Cells = Counter()
    place = (charge.c.business_date, func.substr(charge.c.yj_no, 9, 3).label("window"), charge.c.operator_code)
    mine = (charge.c.incident_no == incident_no, ~charge.c.drill)
    asked = {
        TOTAL: select(*place, charge.c.kind.label("code"), func.sum(charge.c.total).label("amount"))
        .where(*mine).group_by(*place, charge.c.kind),
        METHOD: select(*place, payment.c.method.label("code"), func.sum(payment.c.amount).label("amount"))
        .join(payment, payment.c.charge_id == charge.c.id).where(*mine).group_by(*place, payment.c.method),
        CATEGORY: select(*place, charge_line.c.receipt_category.label("code"),
                         func.sum(charge_line.c.amount).label("amount"))
        .join(charge_line, charge_line.c.charge_id == charge.c.id).where(*mine)
        .group_by(*place, charge_line.c.receipt_category),
    }  # fmt: skip
    for kind, statement in asked.items():
        for row in conn.execute(statement):
            code = "all" if kind == TOTAL else row.code
            _add(cells, (row.business_date, row.window, row.operator_code), kind, [(code, row.amount)])
    return cells


def central_sums(gateway: CentralGateway, since: str, until: str) -> Cells | None:
    """The centre's side as its own database sums it; None where the mapping has no such file."""
    if not gateway.has(SUMMED):
        return None
    cells: Cells = Counter()
    for row in gateway.ask(SUMMED, {"since": since, "until": until}):
        kind = str(row["kind"]).strip()
        place = (_word(row, "business_date")[:10], _word(row, "workstation_no"), _word(row, "operator_code"))
        _add(cells, place, kind, [(_word(row, "code") if kind != TOTAL else "all", row["amount"])])
    return cells


def _add(cells: Cells, place: tuple[str, str, str], kind: str, amounts: Iterable[tuple[str, Any]]) -> None:
    for code, amount in amounts:
        cells[Cell(*place, kind, code)] += int(money.round_cents(Decimal(str(amount or 0))).scaleb(2))


def _disagree(name: str, one: Cells, other: Cells) -> Iterator[Difference]:
    for cell in sorted({*one, *other}):
        if one[cell] != other[cell]:
            local, central = {"amount": _text(one[cell])}, {"amount": _text(other[cell])}
            yield Difference(name, "/".join(cell), None, None, local, central)


def _nested(cells: Cells) -> dict[tuple[str, str, str, str], dict[str, int]]:
    found: dict[tuple[str, str, str, str], dict[str, int]] = {}
    for cell, cents in cells.items():
        if cents:
            found.setdefault((cell.day, cell.window, cell.operator, cell.kind), {})[cell.code] = cents
    return found


def _texts(sums: Mapping[str, int]) -> dict[str, str]:
    return {code: _text(cents) for code, cents in sorted(sums.items())}


def _text(cents: int) -> str:
    return money.to_text(Decimal(cents).scaleb(-2))


def _word(row: Row, name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value).strip()

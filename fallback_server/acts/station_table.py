"""The workstation table as a whole: what an import would change, and the import; every fault of a file at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from fallback_server.domain.errors import Named, YjError
from fallback_server.domain.stations import Entry, Fault, Known, Reading, read
from fallback_server.store import mirror, print_jobs, stations
from fallback_server.store.session import Tx

SHOWN: Final = 200


@dataclass(frozen=True)
class Change:
    """What taking a file in does: codes of workstations."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    same: int

    @property
    def before(self) -> int:
        """How many workstations the table has."""
        return len(self.removed) + len(self.changed) + self.same

    @property
    def shrinks(self) -> bool:
        """Whether it takes out more than half of what is in the table: rather the wrong file than a decision."""
        return 2 * len(self.removed) > self.before

    def shown(self) -> dict[str, Any]:
        """As the API shows it."""
        codes = {name: list(getattr(self, name)) for name in ("added", "changed", "removed")}
        return {**codes, "same": self.same, "shrinks": self.shrinks}


def reading(tx: Tx, rows: Iterable[Sequence[Any]]) -> Reading:
    """The file against what the copy of the centre knows. One without a workstation is wrong: it is the wrong file, or
    was cut off, and would take every computer out of the table."""
    found = read(rows, Known(_departments(tx)))
    if not found.entries and not found.faults:
        found.faults.append(Fault(1, "文件里没有一台工作站", "there is no workstation in the file"))
    return found


def difference(tx: Tx, entries: Iterable[Entry]) -> Change:
    """What is new, other and gone in `entries` against the table."""
    before = {one.code: one for one in stations.entries(tx.conn)}
    after = {one.code: one for one in entries}
    added = sorted(after.keys() - before.keys())
    changed = sorted(code for code in after.keys() & before.keys() if _plain(after[code]) != _plain(before[code]))
    removed = sorted(before.keys() - after.keys())
    return Change(tuple(added), tuple(changed), tuple(removed), len(after) - len(added) - len(changed))


def take_in(tx: Tx, found: Reading, *, sure: bool) -> Change:
    """Make the table what the file says, all of it or nothing. Raises stations_wrong, and stations_shrink where more
    than half of the table would go and nobody is `sure`."""
    if found.faults:
        first = found.faults[0]
        words = Named(first.en, f"第 {first.line} 行 {first.zh}", f"line {first.line}: {first.en}")
        raise YjError("stations_wrong", n=len(found.faults), first=words)
    change = difference(tx, found.entries)
    if change.shrinks and not sure:
        raise YjError("stations_shrink", n=len(change.removed), of=change.before)
    for one in found.entries:
        if one.code in (*change.added, *change.changed):
            stations.keep(tx.conn, one)
    for code in change.removed:
        stations.remove(tx.conn, code)
    tx.audit(
        "station.import", added=len(change.added), changed=len(change.changed), removed=len(change.removed),
        same=change.same,
    )  # fmt: skip
    return change


def put(tx: Tx, entry: Entry) -> dict[str, Any]:
    """One workstation of the table, as it shall be from now on. Raises invalid_request for a code that is not known."""
    known = _departments(tx)
    for field, value in (("department_code", entry.department_code), ("pharmacy_code", entry.pharmacy_code)):
        if value and known is not None and value not in known:
            raise YjError("invalid_request", field=field, problem="没有这个科室 / not known")
    stations.keep(tx.conn, entry)
    tx.audit("station.put", subject=entry.code, printers=len(entry.printers))
    return entry.shown()


def remove(tx: Tx, code: str) -> dict[str, Any]:
    """Take a workstation out of the table; the computer itself goes on working. Raises station_unknown."""
    if not stations.remove(tx.conn, code):
        raise YjError("station_unknown", workstation=code)
    tx.audit("station.remove", subject=code)
    return {"workstation": code, "removed": True}


def say_tested(tx: Tx, code: str, kind: str, *, ok: bool, job: str | None = None) -> dict[str, Any]:
    """A person looked whether the test page (`job`, where an agent printed it) came out. Raises printer_unknown, also
    where another printer has taken its place meanwhile."""
    page = print_jobs.find(tx.conn, job) if job else None
    if job and (page is None or not page["test"] or (page["workstation"], page["kind"]) != (code, kind)):
        raise YjError("printer_unknown")
    same = (page["printer"], page["tray"]) if page else None
    if not stations.keep_test(tx.conn, code, kind, tx.at, ok, tx.who.operator_code, of=same):
        raise YjError("printer_unknown")
    tx.audit("printer.tested", subject=code, kind=kind, ok=ok)
    return {"workstation": code, "kind": kind, "ok": ok}


def faults(found: Iterable[Fault]) -> list[dict[str, Any]]:
    """As the API shows them, the first `SHOWN`."""
    return [vars(one) for one in list(found)[:SHOWN]]


def _departments(tx: Tx) -> frozenset[str] | None:
    """None where there is no copy of the centre yet."""
    table = mirror.datasets["department"]
    codes = frozenset(tx.conn.execute(select(table.c.department_code)).scalars())
    return codes or None


def _plain(entry: Entry) -> Any:
    return entry.shown() | {"printers": sorted(map(repr, entry.printers))}

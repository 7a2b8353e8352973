"""Bulk for the figures of growth: real visits, cast again as often as is wanted, straight into the store's own tables.

What a visit wrote is found by looking: every row that a table has after it and had not before. A copy gets identities,
numbers, times and a place in both chains of its own; all else stays as it was written, and so do hashes and indexes.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, Connection, String, Table, cast, literal, select, update

from bench.growth_desk import CASHIERS, Desk, cashier
from fallback_server.domain.clock import from_text, to_text
from fallback_server.domain.documents import canonical, payload_hash
from fallback_server.domain.modes import Permit
from fallback_server.domain.numbers import is_ulid, new_ulid, receipt_number
from fallback_server.store import audit as audit_log
from fallback_server.store import cash, counters
from fallback_server.store.database import is_sqlite
from fallback_server.store.outbox import outbox, outbox_move
from fallback_server.store.schema import metadata
from fallback_server.store.session import Actor, Store
from fallback_server.store.tables import ALL

PER_DAY = 20_000  # documents
TODAY = 1_000
MOULDS = 16
BATCH = 400  # visits in one transaction
FIRST = 50_000_000  # the receipt numbers of copies: far from those of the measured desks

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d")
_SEQUENCE = re.compile(r'"sequence":\d+')
_YJ_NO = re.compile(r"YJ\d{13,}")

Row = dict[str, Any]
Written = dict[Table, list[Row]]


@dataclass
class Mould:
    """The rows of one visit with its own words taken out; `%(name)s` stands where they were."""

    cashier: str
    words: dict[str, str]  # name → what stood there
    rows: list[
        tuple[Table, Row, dict[str, str], frozenset[str]]
    ]  # table, what stays, what is cast, which of it is JSON

    @property
    def documents(self) -> int:
        """How many documents a visit makes."""
        return sum(table is outbox for table, *_ in self.rows)


@dataclass
class Caster:
    """Copies of the moulds, one after the other, into one store."""

    store: Store
    moulds: Sequence[Mould]
    patients: Sequence[str]
    now: datetime
    visits: int
    rng: random.Random = field(default_factory=lambda: random.Random(7))  # the same rows every time
    shifts: dict[tuple[str, str], str] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=lambda: defaultdict(lambda: 0))

    def fill(self) -> None:
        """Cast all visits; counters, books and both chains are as after real ones."""
        moments = list(_moments(self.now, self.visits, self.moulds[0].documents))
        self._books()
        for start in range(0, self.visits, BATCH):
            with self.store.writing(Permit.HOUSEKEEPING, Actor("bench", "bench")) as tx:
                self._head(tx.conn)
                rows: defaultdict[Table, list[Row]] = defaultdict(list)
                for number in range(start, min(start + BATCH, self.visits)):
                    mould = self.moulds[number % len(self.moulds)]
                    self._shift(tx.conn, mould, moments[number])
                    self._cast(mould, moments[number], rows)
                for table in metadata.sorted_tables:
                    if rows[table]:
                        tx.conn.execute(table.insert(), rows[table])
                counters.take(tx.conn, counters.DOCUMENT_SEQUENCE, len(rows[outbox]))
        settle_down(self.store)

    def _head(self, conn: Connection) -> None:
        self.sequence = counters.current(conn, counters.DOCUMENT_SEQUENCE)
        self.chain = audit_log.head(conn)

    def _books(self) -> None:
        with self.store.writing(Permit.HOUSEKEEPING, Actor("bench", "bench")) as tx:
            for number in range(CASHIERS):
                start = FIRST + number * 1_000_000
                row = {
                    "operator_code": cashier(number).operator_code, "prefix": "B", "width": 8, "start_no": start,
                    "end_no": start + 999_999, "next_no": start + 1_000_000, "source": "issued",
                    "incident_no": tx.mode.incident_no, "created_at": tx.at,
                }  # fmt: skip
                book = cash.receipt_book.insert().values(**row).returning(cash.receipt_book.c.id)
                self.numbers[f"book {cashier(number).operator_code}"] = int(tx.conn.execute(book).scalar_one())
                self.numbers[f"next {cashier(number).operator_code}"] = start

    def _shift(self, conn: Connection, mould: Mould, moment: datetime) -> None:
        """One shift a day and cashier; that of today is open already."""
        key = (mould.cashier, moment.date().isoformat())
        if key in self.shifts:
            return
        table = cash.shift
        like = select(table).where(table.c.operator_code == mould.cashier, table.c.closed_at.is_(None))
        row = dict(conn.execute(like).mappings().one())
        if moment.date() != self.now.date():
            opened, closed = to_text(moment.replace(hour=7)), to_text(moment.replace(hour=18))
            row |= {"id": new_ulid(moment), "opened_at": opened, "closed_at": closed, "counted": []}
            conn.execute(table.insert().values(**row))
        self.shifts[key] = row["id"]

    def _cast(self, mould: Mould, moment: datetime, into: Mapping[Table, list[Row]]) -> None:
        words = self._words(mould, moment)
        shift = self.shifts[mould.cashier, moment.date().isoformat()]
        for table, stays, parts, as_json in mould.rows:
            row = {**stays, **{name: mark % words for name, mark in parts.items()}}
            for name in as_json:
                row[name] = json.loads(row[name])
            if table is outbox:
                self.sequence += 1
                row |= {"sequence": self.sequence, "payload_hash": payload_hash(row["payload"])}
            elif table is audit_log.audit:
                self._chained(row)
            elif table is cash.charge:
                row["shift_id"] = shift
            elif table is cash.receipt_number:
                row |= {"number": int(row["receipt_no"][1:]), "book_id": self.numbers[f"book {mould.cashier}"]}
            into[table].append(row)

    def _chained(self, row: Row) -> None:
        sequence, previous = self.chain
        row |= {"sequence": sequence + 1, "previous_hash": previous}
        row["text"] = canonical({name: row.get(name) for name in audit_log.CHAINED})
        row["hash"] = hashlib.sha256(row["text"].encode()).hexdigest()
        self.chain = (sequence + 1, row["hash"])

    def _words(self, mould: Mould, moment: datetime) -> dict[str, str]:
        """New words for all of a mould's; those that follow one another go on doing so."""
        day, stamp, made = moment.date(), new_ulid(moment)[:10], {}
        first = from_text(mould.words["t0"])
        for name, old in mould.words.items():
            kind = name[0]
            if kind == "t":
                made[name] = to_text(moment + (from_text(old) - first))
            elif kind == "i":
                made[name] = stamp + f"{self.rng.getrandbits(53):016d}"
            elif kind == "q":
                made[name] = f'"sequence":{self.sequence + 1 + int(name[1:])}'
            elif kind == "y":
                self.numbers[f"yj {day}"] += 1
                made[name] = f"YJ{day:%y%m%d}001{10_000 + self.numbers[f'yj {day}']}"
            elif kind == "r":
                number = self.numbers[f"next {mould.cashier}"]
                self.numbers[f"next {mould.cashier}"] += 1
                made[name] = receipt_number("B", number, 8)
            elif kind == "p":
                made[name] = self.rng.choice(self.patients)
            else:
                made[name] = day.isoformat() if kind == "d" else f'"{day}"'
        return made


def confirm(store: Store, entities: Sequence[str]) -> None:
    """As if the uploader had sent all of these kinds that wait: keys, both moves of each in the history."""
    with store.writing(Permit.HOUSEKEEPING, Actor("bench", "bench")) as tx:
        at = to_text(tx.now - timedelta(hours=1))
        waiting = (outbox.c.state == "pending", outbox.c.entity.in_(entities))
        for arrow, begin, end in (("g", "pending", "sending"), ("h", "sending", "confirmed")):
            said = {"at": at, "arrow": arrow, "from_state": begin, "to_state": end, "by": "bench"}
            rows = select(outbox.c.yj_id, *(literal(word) for word in said.values())).where(*waiting)
            tx.conn.execute(outbox_move.insert().from_select(["yj_id", *said], rows))
        key = literal("G") + cast(outbox.c.sequence, String)
        tx.conn.execute(update(outbox).where(*waiting).values(state="confirmed", central_key=key, confirmed_at=at))
    settle_down(store)


def settle_down(store: Store) -> None:
    """Put what was written in bulk where it belongs, or the first act afterwards pays for it."""
    if is_sqlite(store.url):
        with store.engine.connect() as connection:
            connection.connection.cursor().execute("PRAGMA main.wal_checkpoint(TRUNCATE)")


def take_moulds(desk: Desk) -> list[Mould]:
    """Some real visits. One at each door goes before: what is written once only, counters and firsts, is not copied."""
    moulds = []
    for number in range(MOULDS):
        desk.visit(number)
    for number in range(MOULDS):
        before = _everything(desk.store)
        desk.visit(number)
        written = _new(before, _everything(desk.store))
        moulds.append(_mould(written, desk.patients[number % len(desk.patients)], cashier(number).operator_code))
    return moulds


def _everything(store: Store) -> dict[Table, dict[tuple[Any, ...], Row]]:
    own = ALL[0].sorted_tables
    with store.reading() as tx:
        return {
            table: {tuple(row[c.name] for c in table.primary_key): dict(row) for row in rows}
            for table in own
            if (rows := tx.conn.execute(select(table)).mappings().all())
        }


def _new(before: Mapping[Table, Mapping[Any, Row]], after: Mapping[Table, Mapping[Any, Row]]) -> Written:
    found: Written = {}
    for table, rows in after.items():
        fresh = [row for key, row in rows.items() if key not in before.get(table, {})]
        if fresh:
            found[table] = sorted(fresh, key=lambda row: row.get("sequence") or 0)
    return found


def _mould(written: Written, patient: str, operator: str) -> Mould:
    words = dict(_words_of(written, patient))
    old = {text: name for name, text in words.items() if name != "d0"}
    pattern = re.compile("|".join(re.escape(text) for text in sorted(old, key=len, reverse=True)))
    today = words["d0"]

    def marked(words: str) -> str:
        return "%(d0)s" if words == today else pattern.sub(lambda w: f"%({old[w[0]]})s", words.replace("%", "%%"))

    rows = []
    for table in metadata.sorted_tables:
        for row in written.get(table, ()):
            stays, parts, as_json = {}, {}, set()
            for column in table.columns:
                value = row[column.name]
                is_json = isinstance(column.type, JSON) and value is not None
                held = json.dumps(value, ensure_ascii=False) if is_json else value
                if isinstance(held, str) and (pattern.search(held) or held == today):
                    parts[column.name] = marked(held)
                    as_json |= {column.name} if is_json else set()
                elif not (column.autoincrement is True and column.primary_key):
                    stays[column.name] = value
            rows.append((table, stays, parts, frozenset(as_json)))
    return Mould(operator, words, rows)


def _words_of(written: Written, patient: str) -> Iterator[tuple[str, str]]:
    """Everything that is a visit's own: times, identities, numbers, whose it is, the day."""
    texts = list(_texts(written))
    yield from _numbered("t", sorted({one for text in texts for one in _TIME.findall(text)} & _acts(written)))
    yield from _numbered("i", sorted(_identities(written)))
    yield from _numbered("q", [_SEQUENCE.findall(row["payload"])[0] for row in written[outbox]])
    yield from _numbered("y", sorted({one for text in texts for one in _YJ_NO.findall(text)}))
    yield from _numbered("r", [row["receipt_no"] for row in written[cash.receipt_number]])
    yield "p0", patient
    yield "d0", written[outbox][0]["business_date"]
    yield "e0", f'"{written[outbox][0]["business_date"]}"'


def _numbered(kind: str, found: Iterable[str]) -> Iterator[tuple[str, str]]:
    return ((f"{kind}{number}", text) for number, text in enumerate(found))


def _acts(written: Written) -> set[str]:
    return {row["created_at"] for row in written[outbox]} | {row["at"] for row in written[audit_log.audit]}


def _identities(written: Written) -> set[str]:
    keys = {row[column.name] for table, rows in written.items() for row in rows for column in table.primary_key}
    return {key for key in keys if isinstance(key, str) and is_ulid(key)}


def _texts(written: Written) -> Iterator[str]:
    for rows in written.values():
        for row in rows:
            yield from (value for value in row.values() if isinstance(value, str))


def _moments(now: datetime, visits: int, documents: int) -> Iterator[datetime]:
    """When each visit was, the oldest first: some this morning, the rest on full days before yesterday."""
    this_morning, a_day = min(visits, TODAY // documents), PER_DAY // documents
    for left in reversed(range(visits - this_morning)):
        back, place = divmod(left, a_day)
        # Lists of today and yesterday are as long in every store.
        evening = (now - timedelta(days=back + 2)).replace(hour=17)
        yield evening - place * timedelta(hours=9) / a_day
    for place in range(this_morning):
        yield now.replace(hour=8) + place * timedelta(hours=6) / this_morning

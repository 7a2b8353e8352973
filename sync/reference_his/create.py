"""Create and fill a reference HIS: ``create_reference(url, scale)``."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Table, create_engine, func, insert, inspect, select, text
from sqlalchemy.engine import Connection

from sync.reference_his import masters, patients, people, schema, visit_rows, visits
from sync.reference_his.bulk import Row, load
from sync.reference_his.moments import centre_now, char8
from sync.reference_his.triggers import create_triggers
from sync.reference_his.variants import PLAIN, VARIANTS, create_variant

DEFAULT_SEED = 20261122
POOL = 20_000
Progress = Callable[[str, int], None]
T = TypeVar("T")


@dataclass(frozen=True)
class Scale:
    """How big a centre is: patients, and visits today, on each of three recent days and on each of 26 older days.

    ``book`` is how many numbers a receipt book has: the few at the windows must get through the month with one.
    """

    patients: int
    today: int
    recent: int
    older: int
    book: int = people.BOOK_SIZE


SCALES = {
    "clinic": Scale(20_000, 300, 150, 10),
    "hospital": Scale(300_000, 3000, 2000, 150),
    "city": Scale(3_000_000, 15_000, 10_000, 750, 50_000),
}


class ReferenceHisError(ValueError):
    """The reference centre cannot be made as asked; the text says why and what to do."""


@dataclass
class Summary:
    """What was made: rows per table, in order of filling."""

    scale: str
    seed: int
    rows: dict[str, int] = field(default_factory=dict)
    logins: int = 0


def create_reference(
    url: str,
    scale: str = "clinic",
    *,
    seed: int = DEFAULT_SEED,
    variant: str = PLAIN,
    logins: Path | str | None = None,
    progress: Progress | None = None,
    now: datetime | None = None,
) -> Summary:
    """Create all tables of the reference HIS at ``url`` and fill them; all in one transaction where the dialect can.

    ``scale`` is clinic (20 k patients), hospital (300 k) or city (3 M). The same seed and ``now`` give the same rows.
    ``variant`` adds what another kind of vendor offers: see ``variants``. ``logins`` names a file for the active
    operators' passwords (made readable by its owner only). ``progress(table, rows)`` is called after each load of a
    table. Raises ReferenceHisError for an unknown scale or variant, and for a database that is already filled.
    """
    if scale not in SCALES:
        known = ", ".join(SCALES)
        raise ReferenceHisError(f"there is no scale {scale!r}; use one of {known}")
    if variant not in VARIANTS:
        raise ReferenceHisError(f"there is no variant {variant!r}; use one of {', '.join(VARIANTS)}")
    summary = Summary(scale, seed)
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            if inspect(connection).has_table(schema.sf_zb.name):
                raise ReferenceHisError("this database already holds a reference HIS; give an empty one")
            schema.create_tables(connection)
            filler = _Filler(connection, SCALES[scale], summary, seed, now or centre_now(), progress)
            filler.fill()
            schema.create_indexes(connection)
            create_triggers(connection)
            try:
                create_variant(connection, variant)
            except ValueError as error:
                raise ReferenceHisError(str(error)) from error
        _finish(url)
    finally:
        engine.dispose()
    if logins is not None:
        summary.logins = write_logins(Path(logins), filler.house)
    return summary


def write_logins(path: Path, house: people.House) -> int:
    """Write the log-ins of the active operators that have a role with us; returns how many."""
    entries = [one.login() for one in house.operators if one.active]
    entries = [entry for entry in entries if entry["roles"]]
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(entries, stream, ensure_ascii=False, indent=1)
    return len(entries)


def _finish(url: str) -> None:
    """Statistics for the planner: without them the first queries of the centre are slow ones.

    A centre in SQLite gets a write-ahead log, so that reading the mirror and the centre's own work do not wait for
    each other.
    """
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(text("PRAGMA journal_mode = WAL"))
        if connection.dialect.name in ("postgresql", "sqlite"):
            connection.execute(text("ANALYZE"))
        elif connection.dialect.name in ("mariadb", "mysql"):
            connection.execute(text(f"ANALYZE TABLE {', '.join(schema.metadata.tables)}"))
    engine.dispose()


class _Filler:
    """Fills the tables of one reference HIS in order of dependence."""

    def __init__(
        self,
        connection: Connection,
        scale: Scale,
        summary: Summary,
        seed: int,
        now: datetime,
        progress: Progress | None,
    ) -> None:
        self._connection, self._scale, self._summary, self._now = connection, scale, summary, now
        self._seed, self._progress = seed, progress
        self.house = people.build_house(self._rng("house"))
        self._drugs: list[masters.Drug] = []
        self._fees: list[masters.Fee] = []
        self._pool: list[patients.KnownPatient] = []
        self._insured = bytearray()  # one byte a patient: all that his cards depend on

    def fill(self) -> None:
        """All tables, then the key table and the sums the trigger will go on keeping."""
        self._masters()
        self._people()
        self._patients()
        self._work()
        self._keys()
        self._sums()

    def _rng(self, subject: str) -> random.Random:
        """A generator per subject, so that a change in one leaves the others' rows as they were."""
        return random.Random(f"{self._seed}:{subject}")  # noqa: S311 - test data, not secrets of anybody

    def _load(self, table: Table, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
        count = load(self._connection, table, columns, rows)
        self._summary.rows[table.name] = self._summary.rows.get(table.name, 0) + count
        if self._progress is not None:
            self._progress(table.name, count)

    def _masters(self) -> None:
        self._load(schema.gy_ks, masters.DEPARTMENT_COLUMNS, masters.departments(self._rng("departments")))
        self._load(schema.gh_lb, masters.REGISTER_TYPE_COLUMNS, masters.register_types())
        self._load(schema.gy_zd, masters.DICTIONARY_COLUMNS, masters.dictionaries())
        self._load(schema.gy_jb, masters.DIAGNOSIS_COLUMNS, masters.diagnoses())
        drugs = masters.drugs(self._rng("drugs"))
        self._load(schema.yp_xx, masters.DRUG_COLUMNS, _aside(drugs, self._drugs))
        self._load(schema.yp_kc, masters.STOCK_COLUMNS, masters.stock(self._drugs, self._rng("stock")))
        self._load(schema.sf_xm, masters.FEE_COLUMNS, _aside(masters.fees(self._rng("fees")), self._fees))

    def _people(self) -> None:
        self._load(schema.gy_ry, people.STAFF_COLUMNS, self.house.staff)
        self._load(schema.gy_czy, people.OPERATOR_COLUMNS, people.operator_rows(self.house, self._rng("salts")))
        self._load(schema.gy_czyjs, people.ROLE_COLUMNS, people.role_rows(self.house))

    def _patients(self) -> None:
        self._load(schema.br_da, patients.COLUMNS, self._patient_rows())
        self._load(schema.br_kp, patients.CARD_COLUMNS, self._card_rows())

    def _patient_rows(self) -> Iterator[Row]:
        rng, every = self._rng("patient rows"), max(self._scale.patients // POOL, 1)
        for brxh, person in enumerate(patients.persons(self._scale.patients, self._rng("patients")), start=1):
            row = patients.patient_row(brxh, person, rng)
            if brxh % every == 0 and not person.cancelled:
                self._pool.append(patients.known(row))
            self._insured.append(person.insured)
            yield row

    def _card_rows(self) -> Iterator[Row]:
        rng = self._rng("cards")
        for brxh, insured in enumerate(self._insured, start=1):
            yield from patients.card_rows(brxh, bool(insured), rng)

    def _work(self) -> None:
        """The month's visits, written and forgotten day by day; schedules and books once all have drawn on them."""
        today = self._now.date()
        past = [today - timedelta(days=age) for age in range(29, 0, -1)]
        ahead = [today + timedelta(days=age) for age in range(4)]
        slots = people.build_schedule(self.house, [*past, *ahead], self._rng("schedule"))
        books = people.build_books(self.house, today, self._scale.book)
        writer = visits.DiaryWriter(self._cast(slots), self._now, self._rng("visits"))
        closings = visit_rows.Closings(char8(self._now))
        for day in [*past, today]:
            age = (today - day).days
            writer.play(day, self._scale.today if age == 0 else self._scale.recent if age < 4 else self._scale.older)
            self._write(writer.finish(books), closings)
        self._load(schema.sf_rj, visit_rows.CLOSING_COLUMNS, closings.rows())
        self._load(schema.gh_pb, people.SCHEDULE_COLUMNS, (slot.row() for slot in slots))
        self._load(schema.pj_ly, people.BOOK_COLUMNS, (book.row() for book in books.values()))
        self._load(schema.pj_ly, people.BOOK_COLUMNS, (book.row() for book in people.spare_books(books, today)))

    def _cast(self, slots: list[people.Slot]) -> visits.Cast:
        return visits.Cast(
            patients=self._pool, slots=slots, fees=self._fees,
            registrars=[one.code for one in self.house.active("GHY")],
            cashiers=[one.code for one in self.house.active("SFY")],
            western=[drug for drug in self._drugs if drug.kind == "1"],
            patent=[drug for drug in self._drugs if drug.kind == "2"],
            herbal=[drug for drug in self._drugs if drug.kind == "3"],
        )  # fmt: skip

    def _write(self, diary: visits.Diary, closings: visit_rows.Closings) -> None:
        doctors = [code for code, _, _ in self.house.doctors]
        pharmacists = [one.code for one in self.house.active("YFY")]
        papers = visit_rows.prescription_rows(diary, doctors, pharmacists)
        self._load(schema.gh_mx, visit_rows.VISIT_COLUMNS, visit_rows.visit_rows(diary))
        self._load(schema.cf_zb, visit_rows.PRESCRIPTION_COLUMNS, papers)
        self._load(schema.cf_mx, visit_rows.PRESCRIPTION_LINE_COLUMNS, visit_rows.prescription_line_rows(diary))
        self._load(schema.yj_sq, visit_rows.ORDER_COLUMNS, visit_rows.order_rows(diary, doctors))
        self._load(schema.yj_sqmx, visit_rows.ORDER_LINE_COLUMNS, visit_rows.order_line_rows(diary))
        self._load(schema.sf_zb, visit_rows.CHARGE_COLUMNS, visit_rows.charge_rows(diary, closings))
        self._load(schema.sf_mx, visit_rows.CHARGE_LINE_COLUMNS, visit_rows.charge_line_rows(diary))
        self._load(schema.sf_zf, visit_rows.PAYMENT_COLUMNS, visit_rows.payment_rows(diary))

    def _keys(self) -> None:
        """The key table goes on from the greatest key of each table."""
        rows = []
        for name, column in schema.GENERATED_KEYS.items():
            greatest = self._connection.execute(select(func.max(column))).scalar() or 0
            rows.append({"bm": name, "dqz": greatest})
        self._connection.execute(insert(schema.gy_xh), rows)

    def _sums(self) -> None:
        day = func.substring(schema.sf_zb.c.sfrq, 1, 8)
        self._connection.execute(
            insert(schema.gy_sftj).from_select(
                ["czydm", "rq", "bs", "je"],
                select(schema.sf_zb.c.czydm, day, func.count(), func.round(func.sum(schema.sf_zb.c.zje), 2)).group_by(
                    schema.sf_zb.c.czydm, day
                ),
            )
        )


def _aside(pairs: Iterable[tuple[Row, T | None]], kept: list[T]) -> Iterator[Row]:
    """Pass the rows on and keep the objects beside them."""
    for row, one in pairs:
        if one is not None:
            kept.append(one)
        yield row

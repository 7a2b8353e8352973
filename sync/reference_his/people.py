"""Staff, operators with passwords and roles, receipt books and schedules of the reference HIS."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from sync.reference_his.bulk import Row
from sync.reference_his.masters import department_kind, read_csv
from sync.reference_his.moments import char8

STAFF_COLUMNS = ("rydm", "ryxm", "xb", "ksdm", "zc", "ybysbm", "cfq", "mzq", "kjyw", "pym", "zfpb")
OPERATOR_COLUMNS = ("czydm", "czyxm", "rydm", "ksdm", "mm", "mmlb", "zfpb")
ROLE_COLUMNS = ("czydm", "jsdm")
BOOK_COLUMNS = ("lyxh", "czydm", "pjlb", "qz", "qshm", "jshm", "dqhm", "lyrq", "zt")
SCHEDULE_COLUMNS = ("pbxh", "pbrq", "sjd", "ksdm", "ysdm", "lbdm", "xhs", "yghs", "tzbz")

# The house's role codes and what they are with us (mirror/operator.sql makes the same translation for the product).
ROLE_NAMES = {
    "GHY": "registrar", "SFY": "cashier", "YS": "doctor", "YFY": "pharmacist", "FZHS": "triage", "CWZG": "supervisor",
    "ZZB": "duty", "SJY": "auditor", "XXK": "admin",
}  # fmt: skip
_FILE_ROLES = {"doctor": "YS", "pharmacist": "YFY", "triage_nurse": "FZHS", "technician": "YJS", "admin": "XXK"}
_OFFICES = (
    ("CW01", "陈财务", "CWZG"), ("CW02", "林财务", "CWZG"), ("ZB01", "周总值", "ZZB"), ("ZB02", "吴总值", "ZZB"),
    ("SJ01", "郑审计", "SJY"), ("XX01", "冯信息", "XXK"), ("XX02", "褚信息", "XXK"),
)  # fmt: skip
_TYPE_OF_TITLE = {"主任医师": "HLJ-ZR", "副主任医师": "HLJ-FG"}
BOOK_SIZE = 5000
SESSIONS = ("1", "2", "3")  # morning, afternoon, night


@dataclass(frozen=True)
class Operator:
    """Somebody who can log in at the centre; ``roles`` are the house's codes."""

    code: str
    name: str
    roles: tuple[str, ...]
    staff: str | None
    department: str | None
    active: bool
    password: str

    def login(self) -> dict[str, object]:
        """The entry of the log-ins file, roles in our words."""
        roles = [ROLE_NAMES[role] for role in self.roles if role in ROLE_NAMES]
        return {"operator": self.code, "name": self.name, "roles": roles, "password": self.password}


@dataclass
class Book:
    """A receipt book in somebody's hands; ``take`` gives the next printed number."""

    key: int
    operator: str
    prefix: str
    first: int
    last: int
    next: int
    issued: date
    state: str = "1"

    def take(self) -> str:
        """The next receipt number of the book, which moves on. Raises ValueError when it is used up."""
        if self.next > self.last:
            raise ValueError(f"receipt book {self.prefix}{self.first:08d} of {self.operator} is used up")
        self.next += 1
        return f"{self.prefix}{self.next - 1:08d}"

    def row(self) -> Row:
        """The book as a row of PJ_LY."""
        numbers = (f"{self.first:08d}", f"{self.last:08d}", f"{self.next:08d}")
        return self.key, self.operator, "1", self.prefix, *numbers, char8(self.issued), self.state


@dataclass
class Slot:
    """One schedule: a department, with or without a doctor, on a day in a session."""

    key: int
    day: date
    session: str
    department: str
    doctor: str | None
    register_type: str
    capacity: int | None
    emergency: bool
    used: int = 0
    called: int = 0  # queue numbers given out: a cancelled registration frees its place, never its number

    def row(self) -> Row:
        """The schedule as a row of GH_PB."""
        return (
            self.key, char8(self.day), self.session, self.department, self.doctor, self.register_type,
            self.capacity, self.used, None,
        )  # fmt: skip


@dataclass
class House:
    """The people of the hospital as the generator needs them."""

    staff: list[Row] = field(default_factory=list)
    operators: list[Operator] = field(default_factory=list)
    doctors: list[tuple[str, str, str]] = field(default_factory=list)  # code, department, registration type

    def active(self, role: str) -> list[Operator]:
        """Active operators with a role of the house."""
        return [operator for operator in self.operators if operator.active and role in operator.roles]


def build_house(rng: random.Random) -> House:
    """Everybody of the staff list with an operator of the same number, and the offices the list does not have."""
    house = House()
    cashiers = 0
    for raw in read_csv("staff_synthetic"):
        code, active = raw["work_no"], raw["disabled_flag"] == "0"
        house.staff.append((
            code, raw["name"], raw["sex_code"], raw["dept_code"], raw["title"] or None,
            f"D4401{code:0>7}" if raw["role"] == "doctor" else None, raw["can_prescribe"],
            raw["can_prescribe_narcotic"], raw["antibiotic_level"], raw["name_py"], 0 if active else 1,
        ))  # fmt: skip
        role = _FILE_ROLES.get(raw["role"])
        if role is None:  # every third at the windows registers, the others take money
            role = "GHY" if cashiers % 3 == 2 else "SFY"
            cashiers += 1
        house.operators.append(
            Operator(code, raw["name"], (role,), code, raw["dept_code"], active, readable_password(rng))
        )
        if role == "YS" and active and raw["can_prescribe"] == "1":
            house.doctors.append((code, raw["dept_code"], _TYPE_OF_TITLE.get(raw["title"], "HLJ-PT")))
    for code, name, role in _OFFICES:
        house.operators.append(Operator(code, name, (role,), None, "CWK", True, readable_password(rng)))
    return house


def readable_password(rng: random.Random) -> str:
    """Ten characters a person can read out: three syllables and four digits."""
    syllables = "".join(rng.choice("bdfgklmnprstwz") + rng.choice("aeiou") for _ in range(3))
    return f"{syllables}{rng.randrange(1000, 10000)}"


def hashed(password: str, salt: str) -> str:
    """Scheme ``sha256``: ``salt$hexdigest`` of salt and password. Weak, as real centres are; not ours to choose."""
    return f"{salt}${hashlib.sha256((salt + password).encode()).hexdigest()}"


def operator_rows(house: House, rng: random.Random) -> Iterator[Row]:
    """Operators as rows of GY_CZY."""
    for one in house.operators:
        secret = hashed(one.password, f"{rng.getrandbits(64):016x}")
        yield one.code, one.name, one.staff, one.department, secret, "sha256", 0 if one.active else 1


def role_rows(house: House) -> Iterator[Row]:
    """Roles of operators as rows of GY_CZYJS."""
    return ((one.code, role) for one in house.operators for role in one.roles)


def build_books(house: House, today: date, size: int = BOOK_SIZE) -> dict[str, Book]:
    """A book of so many numbers in use for every active cashier and registrar, by operator."""
    holders = [(one, "MZ") for one in house.active("SFY")] + [(one, "GH") for one in house.active("GHY")]
    return {
        one.code: _book(number, one.code, prefix, number * 2 * size, today, size)
        for number, (one, prefix) in enumerate(holders, start=1)
    }


def spare_books(books: dict[str, Book], today: date) -> Iterator[Book]:
    """The used-up book before it for everybody, and a fresh one in reserve for every fourth."""
    key = len(books)
    for number, book in enumerate(books.values()):
        key += 1
        size = book.last - book.first + 1
        old = _book(key, book.operator, book.prefix, book.first - 1 - size, today - timedelta(days=90), size, "2")
        old.next = old.last + 1
        yield old
        if number % 4 == 0:
            key += 1
            yield _book(key, book.operator, book.prefix, 5_000_000 + book.first - 1, today, size, "0")


def _book(key: int, operator: str, prefix: str, before: int, today: date, size: int, state: str = "1") -> Book:
    return Book(key, operator, prefix, before + 1, before + size, before + 1, today - timedelta(days=7), state)


def build_schedule(house: House, days: list[date], rng: random.Random) -> list[Slot]:
    """Schedules of the given days: two thirds of the doctors by day, departments without a doctor, emergency always."""
    kinds = {raw["dept_code"]: department_kind(raw) for raw in read_csv("departments")}
    plan: list[tuple[date, str, str, str | None, str]] = []
    for day in days:
        for code, department, kind in house.doctors:
            if kinds.get(department) not in ("1", "2") or rng.random() < 0.35:
                continue
            kind = "HLJ-JZ" if kinds[department] == "2" else kind
            plan += [(day, session, department, code, kind) for session in SESSIONS[:2]]
        for department, kind in kinds.items():
            sessions = {"1": SESSIONS[:2], "2": SESSIONS}.get(kind, ())
            plan += [(day, s, department, None, "HLJ-JZ" if kind == "2" else "HLJ-PT") for s in sessions]
    return [
        Slot(
            number, day, session, department, doctor, kind, None if kind == "HLJ-JZ" else rng.choice((20, 30, 40, 60)),
            kinds[department] == "2",
        )
        for number, (day, session, department, doctor, kind) in enumerate(plan, start=700_001)
    ]  # fmt: skip

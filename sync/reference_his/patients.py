"""Patients: the sample file as it is, and beyond it new persons with the sample's distributions and nasty cases."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

from sync.reference_his.bulk import Row
from sync.reference_his.masters import read_csv
from sync.reference_his.moments import char16
from sync.reference_his.schema import SENTINEL_PAST

COLUMNS = (
    "brxh", "brxm", "xb", "csny", "zjlx", "zjhm", "lxdh", "dz", "jhrxm", "jhrgx", "jhrdh", "brxz", "ybkh", "ybqh",
    "gms", "jdrq", "zfpb", "xgsj",
)  # fmt: skip
CARD_COLUMNS = ("kh", "klx", "brxh", "ztbz")
_ALLERGIES = ("青霉素过敏", "头孢类过敏", "磺胺类过敏", "阿司匹林", "鸡蛋、牛奶过敏", "青霉素、链霉素", "碘造影剂")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"


@dataclass(frozen=True)
class Person:
    """One patient row of the sample, or one made after its likeness."""

    name: str
    sex: str
    birth: datetime | None
    id_type: str
    id_no: str
    phone: str
    guardian: str
    relation: str
    guardian_phone: str
    address: str
    region: str
    insurance: str
    created: datetime
    cancelled: bool
    tags: frozenset[str]

    @property
    def insured(self) -> bool:
        """Whether somebody else pays."""
        return self.insurance not in ("", "自费")


@dataclass(frozen=True)
class KnownPatient:
    """What a window needs of a patient to work with him."""

    brxh: int
    name: str
    insurance: str | None
    insurance_no: str | None
    region: str | None


def sample() -> list[Person]:
    """The patients of the data file, values untouched."""
    return [_person(raw) for raw in read_csv("patients_synthetic")]


def _person(raw: dict[str, str]) -> Person:
    return Person(
        raw["name"], raw["sex_code"], _moment(raw["birth_datetime"]), raw["id_type"], raw["id_no"], raw["phone"],
        raw["guardian_name"], raw["guardian_relation"], raw["guardian_phone"], raw["address"], raw["region_code"],
        raw["insurance_code"], _moment(raw["created_at"][:19]) or datetime(2020, 1, 1), raw["cancelled_flag"] == "1",  # noqa: DTZ001
        frozenset(filter(None, raw["case_tags"].split("|"))),
    )  # fmt: skip


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def persons(count: int, rng: random.Random) -> Iterator[Person]:
    """``count`` persons: the sample first, then new ones drawn after it. The same rng state gives the same people."""
    known = sample()
    yield from known[:count]
    if count > len(known):
        yield from _Likeness(known, rng).stream(count - len(known))


class _Likeness:
    """Draws new persons: template from the sample, new name, birth, papers and telephone; oddities kept."""

    def __init__(self, known: list[Person], rng: random.Random) -> None:
        self._known, self._rng = known, rng
        rows = [(raw["surname"], float(raw["relative_frequency"])) for raw in read_csv("surnames")]
        self._surnames = [name for name, _ in rows]
        self._sums = list(accumulate(weight for _, weight in rows))
        self._given = [p.name[1:] for p in known if not p.tags and 2 <= len(p.name) <= 3]
        self._latest = max(p.birth for p in known if p.birth)

    def stream(self, count: int) -> Iterator[Person]:
        previous = self._known[0]
        for _ in range(count):
            previous = self._like(self._rng.choice(self._known), previous)
            yield previous

    def _like(self, model: Person, previous: Person) -> Person:
        rng, tags = self._rng, model.tags
        if any(tag.startswith("duplicate_person") for tag in tags) and not previous.tags:
            return _again(previous, model, rng)
        birth = self._birth(model, previous)
        guardian = self._name() if model.guardian else ""
        if "sibling_shared_phone" in tags or "twin" in tags:
            guardian, phone, guardian_phone = previous.guardian or guardian, previous.phone, previous.guardian_phone
        else:
            phone, guardian_phone = self._phone(model.phone), self._phone(model.guardian_phone)
        created = min(model.created + timedelta(seconds=rng.randint(-4_000_000, 40_000)), self._latest)
        return Person(
            self._named(model, guardian), model.sex, birth, model.id_type, self._paper(model, birth), phone, guardian,
            model.relation, guardian_phone, model.address[:8] + f"{rng.randint(1, 999)}号", model.region,
            model.insurance, max(created, birth or created), model.cancelled, tags,
        )  # fmt: skip

    def _birth(self, model: Person, previous: Person) -> datetime | None:
        if model.birth is None or ("twin" in model.tags and previous.birth):
            return previous.birth if model.birth else None
        moved = model.birth + timedelta(days=self._rng.randint(-120, 120))
        return moved if moved <= self._latest else model.birth

    def _name(self) -> str:
        surname = self._surnames[bisect_left(self._sums, self._rng.random() * self._sums[-1])]
        return surname + self._rng.choice(self._given)

    def _named(self, model: Person, guardian: str) -> str:
        if "newborn_no_own_name" in model.tags and "之" in model.name:
            return (guardian or self._name()) + model.name[model.name.rindex("之") :]
        odd = len(model.name) > 4 or not all("一" <= character <= "鿿" for character in model.name)
        return model.name if odd else self._name()

    def _phone(self, model: str) -> str:
        if len(model) != 11 or model[:3] not in ("154", "164", "168"):
            return model
        return model[:3] + f"{self._rng.randrange(10**8):08d}"

    def _paper(self, model: Person, birth: datetime | None) -> str:
        number, rng = model.id_no, self._rng
        if model.id_type != "01" or not number or birth is None:
            return number[:1] + f"{rng.randrange(10**8):08d}" if len(number) >= 9 else number
        if number.strip() != number or not number.isascii() or "id_placeholder" in model.tags:
            return number
        written = model.birth if "id_birth_mismatch" in model.tags and model.birth else birth
        order = rng.randrange(500) * 2 + (1 if (model.sex == "1") != ("id_sex_mismatch" in model.tags) else 0)
        if len(number) == 15:
            return f"{number[:6]}{written:%y%m%d}{order:03d}"
        body = f"{number[:4]}99{written:%Y%m%d}{order:03d}"
        check = check_digit(body)
        if "id_bad_checksum" in model.tags:
            check = str((int(check) + 1) % 10) if check.isdigit() else "1"
        return body + (check.lower() if "id_lower_x" in model.tags else check)


def _again(person: Person, model: Person, rng: random.Random) -> Person:
    """The same person filed a second time, as the sample has it: new card, 15-digit number, or a slip in the name."""
    number, name = person.id_no, person.name
    if "duplicate_person_15_to_18_id" in model.tags and len(number) == 18:
        number = number[:6] + number[8:17]
    if "duplicate_person_name_typo" in model.tags and len(name) > 2:
        name = name[:-1] + rng.choice("欣新辛心昕")
    return Person(
        name, person.sex, person.birth, person.id_type, number, person.phone, person.guardian, person.relation,
        person.guardian_phone, person.address, person.region, person.insurance, person.created, model.cancelled,
        model.tags,
    )  # fmt: skip


def check_digit(body: str) -> str:
    """Check digit of an 18-digit resident id number from its first 17 (GB 11643)."""
    return _CHECK[sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True)) % 11]


def patient_row(brxh: int, person: Person, rng: random.Random) -> Row:
    """The person as a row of BR_DA; an archive nobody touched since was last changed when it was made."""
    created = char16(person.created)
    return (
        brxh, person.name, person.sex, char16(person.birth) if person.birth else SENTINEL_PAST, person.id_type,
        person.id_no or rng.choice((None, "")), person.phone or None, person.address or None, person.guardian or None,
        person.relation or None, person.guardian_phone or None,
        {"自费": "00", "": None}.get(person.insurance, person.insurance),
        f"C{brxh:09d}" if person.insured else None, person.region or None,
        rng.choice(_ALLERGIES) if rng.random() < 0.04 else rng.choice((None, "", "无", None)),
        created, 1 if person.cancelled else rng.choice((None, 0)), created,
    )  # fmt: skip


def known(row: Row) -> KnownPatient:
    """The patient of a BR_DA row as a window sees him."""
    brxh, name, insurance, number, region = (row[COLUMNS.index(c)] for c in ("brxh", "brxm", "brxz", "ybkh", "ybqh"))
    covered = str(number) if number else None
    return KnownPatient(
        int(str(brxh)), str(name), str(insurance) if insurance else None, covered, str(region) if covered else None
    )


def card_rows(brxh: int, insured: bool, rng: random.Random) -> Iterator[Row]:
    """The patient's cards: one of the house, for the insured often a social card, sometimes a lost one."""
    yield f"{'A' if brxh % 3 else '0'}{100_000_000 + brxh * 7}", "01", brxh, rng.choice((None, "0"))
    if insured and rng.random() < 0.4:
        yield f"SB{brxh:010d}", "02", brxh, "1" if rng.random() < 0.03 else None
    if rng.random() < 0.02:
        yield f"A{900_000_000 + brxh}", "01", brxh, "1"

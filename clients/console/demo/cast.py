"""The people of the demo, from the log-ins file of the reference HIS, and the two administrators of the standby."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from clients.sdk import Person


@dataclass(frozen=True)
class Login:
    """Somebody who can log in."""

    code: str
    name: str
    roles: tuple[str, ...]
    password: str

    @property
    def person(self) -> Person:
        """As the client wants them."""
        return Person(self.code, self.password)


@dataclass(frozen=True)
class Cast:
    """Who does what in the demo."""

    admins: tuple[Login, Login]
    registrars: list[Login]
    cashiers: list[Login]
    doctors: list[Login]
    pharmacists: list[Login]
    nurses: list[Login]
    supervisors: list[Login]
    duty: Login

    def everyone(self) -> list[Login]:
        """All of them, in the order of the day."""
        people = [*self.admins, self.duty, *self.supervisors, *self.nurses]
        return people + self.registrars + self.doctors + self.cashiers + self.pharmacists


def new_admins() -> tuple[Login, Login]:
    """Two administrators with fresh passwords: nothing of the demo is known beforehand (P12)."""
    first, second = (
        Login(code, name, ("admin",), f"{secrets.token_urlsafe(9)}7a")
        for code, name in (("A01", "王敏"), ("A02", "李强"))
    )
    return first, second


def read_logins(file: Path) -> list[Login]:
    """The reference HIS's own operators."""
    raw = json.loads(file.read_text(encoding="utf-8"))
    return [Login(one["operator"], one["name"], tuple(one["roles"]), one["password"]) for one in raw]


def choose(admins: tuple[Login, Login], known: list[Login], doctors_on_duty: list[str]) -> Cast:
    """A small crew; `doctors_on_duty` are codes of doctors with a schedule today, in the order wanted."""

    def of(role: str, count: int) -> list[Login]:
        return [one for one in known if one.roles == (role,)][:count]

    by_code = {one.code: one for one in known}
    doctors = [by_code[code] for code in dict.fromkeys(doctors_on_duty) if code in by_code][:4]
    return Cast(
        admins, of("registrar", 3), of("cashier", 4), doctors, of("pharmacist", 2), of("triage", 1),
        of("supervisor", 2), of("duty", 1)[0],
    )  # fmt: skip

"""Everybody who may work here and whether they could log in now, for the console, `yj operator` and `yj ready`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, func, select, update

from fallback_server.domain import hash_schemes
from fallback_server.domain.categories import ROLES, effective_roles
from fallback_server.domain.clock import to_text
from fallback_server.domain.errors import YjError
from fallback_server.store import credentials, mirror
from fallback_server.store.people import end_sessions, operator, session, workstation
from fallback_server.store.session import Tx

SEEN_DAYS: Final = 30
LEAST_SHARE: Final = 95  # percent of those seen lately who must be able to log in


@dataclass(frozen=True)
class Standing:
    """One operator. `why` says why they can or cannot log in: password, code, no_password, left, disabled, no_role."""

    code: str
    name: str
    roles: tuple[str, ...]
    department: str | None
    own: bool
    why: str
    last_seen: str | None = None
    code_until: str | None = None
    weak: bool = False
    must_change: bool = False

    @property
    def can(self) -> bool:
        """Whether they could log in now."""
        return self.why in ("password", "code")

    @property
    def works(self) -> bool:
        """Whether they are to work here at all."""
        return self.why not in ("left", "disabled", "no_role")

    def view(self) -> dict[str, Any]:
        """As lists show it."""
        return {
            "operator": self.code, "name": self.name, "roles": list(self.roles), "department_code": self.department,
            "origin": "yj" if self.own else "centre", "can_log_in": self.can, "why": self.why,
            "last_seen": self.last_seen, "code_until": self.code_until, "weak": self.weak,
            "must_change": self.must_change,
        }  # fmt: skip


def everyone(conn: Connection, now: datetime) -> list[Standing]:
    """Our own and the mirrored operators by code; one of our own hides a mirrored one of the same code."""
    at = to_text(now)
    added = {row["operator_code"]: dict(row) for row in conn.execute(select(credentials.credential)).mappings()}
    codes = _codes(conn, at)
    seen = _seen(conn)
    own = [_own(dict(row), codes, seen) for row in conn.execute(select(operator)).mappings()]
    hidden = {one.code for one in own}
    theirs = [
        _mirrored(dict(row), added.get(row["operator_code"]), codes, seen)
        for row in conn.execute(select(mirror.datasets["operator"])).mappings()
        if row["operator_code"] not in hidden
    ]
    return sorted([*own, *theirs], key=lambda one: one.code)


def _codes(conn: Connection, at: str) -> dict[str, str]:
    table = credentials.activation_code
    rows = conn.execute(select(table.c.operator_code, table.c.expires_at).where(*credentials.lasting(table, at)))
    return {row.operator_code: row.expires_at for row in rows}


def _seen(conn: Connection) -> dict[str, str]:
    """When each was last heard of: a log-in here, or a computer that named them."""
    found = {
        row.operator_code: row.at
        for row in conn.execute(
            select(session.c.operator_code, func.max(session.c.issued_at).label("at")).group_by(session.c.operator_code)
        )
    }
    for row in conn.execute(select(workstation.c.operator_code, workstation.c.last_seen_at)):
        if row.operator_code:
            found[row.operator_code] = max(found.get(row.operator_code, ""), row.last_seen_at)
    return found


def _own(row: Mapping[str, Any], codes: Mapping[str, str], seen: Mapping[str, str]) -> Standing:
    code, usable = row["operator_code"], row["password_hash"] is not None
    roles = _roles(row["roles"])
    why = "disabled" if row["disabled_at"] is not None else _why(roles, usable, code in codes)
    return Standing(
        code, row["name"], roles, None, True, why, seen.get(code), codes.get(code), must_change=row["must_change"]
    )


def _mirrored(
    row: Mapping[str, Any], added: Mapping[str, Any] | None, codes: Mapping[str, str], seen: Mapping[str, str]
) -> Standing:
    code, scheme, stored = row["operator_code"], row["password_scheme"], row["password_hash"]
    kept = added is not None and added["password_hash"] and added["basis"] == credentials.basis_of(scheme, stored)
    usable = bool(kept) or hash_schemes.usable(scheme, stored)
    roles = _roles((row["roles"] or "").split(","))
    if not row["active"]:
        why = "left"
    elif added is not None and added["disabled_at"] is not None:
        why = "disabled"
    else:
        why = _why(roles, usable, code in codes)
    return Standing(
        code, row["name"], roles, row["department_code"], False, why, seen.get(code), codes.get(code),
        weak=bool(kept and added and added["weak"]), must_change=bool(kept and added and added["must_change"]),
    )  # fmt: skip


def _why(roles: tuple[str, ...], usable: bool, has_code: bool) -> str:
    if not roles:
        return "no_role"
    return "password" if usable else "code" if has_code else "no_password"


def _roles(roles: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({role.strip() for role in roles} & set(ROLES)))


# --- would they get in: for `yj ready` ------------------------------------------------------------------------------
@dataclass(frozen=True)
class Share:
    """How many of those who matter could log in. `known`: they were seen here; else everybody counts."""

    known: bool
    can: int
    of: int
    without: tuple[str, ...]

    @property
    def percent(self) -> int:
        """Rounded down: 94.9 is not 95."""
        return self.can * 100 // self.of if self.of else 100

    @property
    def enough(self) -> bool:
        """Whether so many can log in that a switch would not fail on it."""
        return self.percent >= LEAST_SHARE


def share(people: Iterable[Standing], now: datetime, *, of_all: bool = False) -> Share:
    """Of the operators seen in the last days how many could log in; of all where nobody was seen (or `of_all`)."""
    since = to_text(now - timedelta(days=SEEN_DAYS))
    working = [one for one in people if one.works]
    lately = [] if of_all else [one for one in working if one.last_seen is not None and one.last_seen >= since]
    counted = lately or working
    without = tuple(one.code for one in counted if not one.can)
    return Share(bool(lately), len(counted) - len(without), len(counted), without)


def roles_without(people: Iterable[Standing], roles: Iterable[str]) -> list[str]:
    """The roles that nobody who could log in has."""
    there = {role for one in people if one.can for role in effective_roles(frozenset(one.roles))}
    return [role for role in roles if role not in there]


# --- by hand --------------------------------------------------------------------------------------------------------
def disable(tx: Tx, code: str, reason: str) -> int:
    """Lock somebody out at once, wherever they come from. Returns how many sessions ended.

    Raises unknown_operator, approver_rejected for oneself.
    """
    own, was = _require(tx, code), code not in locked_out(tx.conn)
    if code == tx.who.operator_code:
        raise YjError("approver_rejected")
    if own:
        mine = update(operator).where(operator.c.operator_code == code, operator.c.disabled_at.is_(None))
        tx.conn.execute(mine.values(disabled_at=tx.at))
    else:
        values = {"disabled_at": tx.at, "disabled_by": tx.who.operator_code, "disabled_reason": reason}
        credentials.keep(tx.conn, code, **values)
    tx.conn.execute(credentials.activation_code.delete().where(credentials.activation_code.c.operator_code == code))
    for column in (credentials.approval_code.c.approver_code, credentials.approval_code.c.operator_code):
        live = update(credentials.approval_code).where(column == code, credentials.approval_code.c.used_at.is_(None))
        tx.conn.execute(live.values(expires_at=tx.at))
    ended = end_sessions(tx.conn, code, tx.at)
    changed: dict[str, Any] = {"before": {"works": was}, "after": {"works": False}}
    tx.audit("operator.disable", subject=code, reason=reason, sessions_ended=ended, **changed)
    return ended


def locked_out(conn: Connection) -> set[str]:
    """Codes of all who were locked out by hand: the standby's own, and mirrored ones."""
    own = select(operator.c.operator_code).where(operator.c.disabled_at.is_not(None))
    return set(conn.execute(own).scalars()) | credentials.disabled(conn)


def enable(tx: Tx, code: str, reason: str) -> None:
    """Let somebody in again who was locked out by hand. Raises unknown_operator, approver_rejected for oneself."""
    own, was = _require(tx, code), code not in locked_out(tx.conn)
    if code == tx.who.operator_code:
        raise YjError("approver_rejected")
    if own:
        tx.conn.execute(update(operator).where(operator.c.operator_code == code).values(disabled_at=None))
    else:
        credentials.keep(tx.conn, code, disabled_at=None, disabled_by=None, disabled_reason=None)
    tx.audit("operator.enable", subject=code, reason=reason, before={"works": was}, after={"works": True})


def _require(tx: Tx, code: str) -> bool:
    """Whether the operator is one of our own; raises unknown_operator."""
    if tx.conn.execute(select(operator.c.operator_code).where(operator.c.operator_code == code)).first():
        return True
    table = mirror.datasets["operator"]
    if tx.conn.execute(select(table.c.operator_code).where(table.c.operator_code == code)).first() is None:
        raise YjError("unknown_operator", code=code)
    return False


def end_sessions_of_leavers(tx: Tx) -> list[str]:
    """End the sessions of those who may no longer work here, e.g. since the last mirror. Returns their codes."""
    at = tx.at
    live = select(session.c.operator_code).where(session.c.ended_at.is_(None), session.c.expires_at > at).distinct()
    logged_in = set(tx.conn.execute(live).scalars()) - {credentials.SEALED}
    if not logged_in:
        return []
    working = {one.code for one in everyone(tx.conn, tx.now) if one.works}
    gone = sorted(logged_in - working)
    for code in gone:
        end_sessions(tx.conn, code, at)
        tx.audit("session.leaver", subject=code)
    return gone

"""The windows: which computers were heard of this week, and whether they run the same version."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from sqlalchemy import case, select, text

from fallback_server.domain.clock import to_text
from fallback_server.domain.readiness import Finding
from fallback_server.store.people import workstation
from fallback_server.store.readiness.look import Look

WEEK: Final = timedelta(days=7)
KNOWN: Final = timedelta(days=60)  # silent for longer: taken away, not forgotten
CONSOLE: Final = "console"  # the role that a console's page gives itself


def workstations(look: Look) -> Iterator[Finding]:
    """Who was heard of this week can be told of a switch; who was heard of before and not since may not hear of it."""
    rows = look.conn.execute(
        select(workstation.c.code, workstation.c.last_seen_at)
        .where(workstation.c.last_seen_at >= to_text(look.now - KNOWN), workstation.c.role.is_distinct_from(CONSOLE))
        .order_by(workstation.c.code)
    ).all()
    since = to_text(look.now - WEEK)
    seen, silent = [row for row in rows if row.last_seen_at >= since], [r.code for r in rows if r.last_seen_at < since]
    values = {"n": len(seen), "of": len(rows)}
    age = look.age(max((row.last_seen_at for row in seen), default=None))
    code = "workstations_seen" if seen else "workstations_none"
    yield Finding("workstations", True if seen else None, code, values, "", age, f"{WEEK.days} d")
    if silent:
        told = {"n": len(silent), "codes": silent}
        yield Finding("workstations", None, "workstations_silent", told, "silent", limit=f"{WEEK.days} d")


def versions(look: Look) -> Iterator[Finding]:
    """The store's schema; windows and agents of this week that run another version than the standby."""
    own, wanted = look.policy.standards.version, look.policy.standards.schema
    found = str(look.conn.execute(text("SELECT version_num FROM schema_version")).scalar() or "–")
    if wanted:
        code = "schema_newest" if found == wanted else "schema_old"
        yield Finding("versions", found == wanted, code, {"found": found, "wanted": wanted}, "schema")
    table, since = workstation.c, to_text(look.now - WEEK)
    page = case((table.last_seen_at >= since, table.version)).label("page")
    agent = case((table.agent_seen_at >= since, table.agent_version)).label("agent")
    rows = look.conn.execute(select(table.code, page, agent).order_by(table.code)).all()
    said = {row.code: {row.page, row.agent} - {None} for row in rows}
    # A page adds the mark of its files to the version: which files it has is the roll call's business.
    other = {code: {one for one in found if one.split(" ")[0] != own} for code, found in said.items()}
    codes = [code for code, found in other.items() if found]
    if codes:
        versions = sorted(set().union(*other.values()))
        values = {"n": len(codes), "codes": codes, "versions": versions, "own": own}
        yield Finding("versions", None, "versions_differ", values, "windows")
    else:
        yield Finding("versions", True, "versions_same", {"n": sum(map(bool, said.values())), "own": own}, "windows")

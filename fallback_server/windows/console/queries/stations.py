"""What the page of the workstations shows: the table, who has an agent, how old each test page is."""

from __future__ import annotations

from typing import Any

from fallback_server.acts import roll_call
from fallback_server.store import agents, stations
from fallback_server.store.session import Tx


def listed(tx: Tx) -> list[dict[str, Any]]:
    """Workstations of the table and of the agents, by code.

    `{code, entry, printers: [printer with its last test], agent: {since, live, version, seen_at}, code_until,
    doubled}`; `entry` None for one that the table does not name, `agent` None without an enrolled one.
    """
    entries = {one.code: one for one in stations.entries(tx.conn)}
    since, until = agents.enrolled(tx.conn), agents.pending(tx.conn, tx.at)
    heard = {row["code"]: row for row in roll_call.workstations(tx)}
    tests: dict[str, list[dict[str, Any]]] = {}
    for row in stations.tests(tx.conn):
        tests.setdefault(row["workstation"], []).append(row)
    codes = sorted(entries.keys() | since.keys() | until.keys())
    return [
        {
            "code": code,
            "entry": entries.get(code),
            "printers": tests.get(code, []),
            "agent": _agent(since[code], heard.get(code, {})) if code in since else None,
            "code_until": until.get(code),
            "doubled": heard.get(code, {}).get("doubled", []),
        }
        for code in codes
    ]


def _agent(since: str, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "since": since, "live": row.get("agent_live", False), "version": row.get("agent_version"),
        "seen_at": row.get("agent_seen_at"),
    }  # fmt: skip


def counted(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures above the list."""
    printers = [one for row in rows for one in row["printers"]]
    with_agent = [row["agent"] for row in rows if row["agent"]]
    return {
        "table": sum(row["entry"] is not None for row in rows),
        "agents": len(with_agent),
        "live": sum(one["live"] for one in with_agent),
        "versions": sorted({one["version"] for one in with_agent if one["version"]}),
        "printers": len(printers),
        "tested": sum(one["test_ok"] is True for one in printers),
        "failed": sum(one["test_ok"] is False for one in printers),
    }

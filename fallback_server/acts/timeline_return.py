"""The timeline of the way back: upload runs, what people decided, accounts, signatures, the run-sheet.

Thousands of conflicts, and of runs that stopped because the centre went away again, are counted by minute and hour.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import func, or_, select

from fallback_server.acts.timeline_lines import HOUR, MINUTE, Asked, Line, Source, cut, rows
from fallback_server.domain import timeline as words
from fallback_server.domain.conflict_kinds import kind_of
from fallback_server.domain.run_sheet import STEPS
from fallback_server.store.after import run_sheet_tick
from fallback_server.store.master_changes import master_change
from fallback_server.store.outbox import outbox
from fallback_server.store.returning import conflict, difference, reconciliation, signature, upload_run


def _uploads(asked: Asked) -> Iterable[Line]:
    table = upload_run
    at = func.coalesce(table.c.finished_at, table.c.started_at)
    wanted = select(table.c.id, at.label("at"), table.c.dry_run, table.c.state, table.c.report)
    wanted = wanted.where(table.c.incident_no == asked.number, or_(table.c.state != "stopped", table.c.dry_run))
    for row in rows(asked, 16, wanted, at, table.c.id):
        said = row["report"] or {}
        message = (said.get("message") or "…", said.get("message_en") or "…")
        values = {"run": row["id"], "end": words.pair(words.WORDS, row["state"]), "message": message}
        yield Line(row["at"], 16, row["id"], "upload", "rehearsal" if row["dry_run"] else "upload_run", values)
    hour = func.substr(table.c.started_at, 1, HOUR)
    stopped = (
        select(func.max(table.c.started_at).label("at"), func.count().label("n"), func.max(table.c.id).label("id"))
        .where(table.c.incident_no == asked.number, table.c.state == "stopped", table.c.dry_run.is_(False))
        .group_by(hour)
    )
    lines = [
        Line(row.at, 17, row.id, "stopped", "upload_stopped", {"n": row.n}) for row in asked.tx.conn.execute(stopped)
    ]
    yield from cut(asked, lines)


def _conflicts(asked: Asked) -> Iterable[Line]:
    table = conflict
    minute = func.substr(table.c.opened_at, 1, MINUTE)
    found = asked.tx.conn.execute(
        select(minute.label("minute"), table.c.kind, func.max(table.c.opened_at).label("at"), func.count().label("n"))
        .where(table.c.incident_no == asked.number)
        .group_by(minute, table.c.kind)
        .order_by(minute, table.c.kind)
    )
    per: dict[str, tuple[str, int, list[tuple[str, str]]]] = {}
    for row in found:
        at, n, what = per.get(row.minute, ("", 0, []))
        known = kind_of(row.kind)
        per[row.minute] = (max(at, row.at), n + row.n, [*what, (f"{known.zh} {row.n}", f"{known.en} {row.n}")])
    lines = [
        Line(at, 18, index, "conflicts", "conflicts", {"n": n, "what": what})
        for index, (at, n, what) in enumerate(per.values())
    ]
    return cut(asked, lines)


def _decisions(asked: Asked) -> Iterable[Line]:
    table = conflict
    wanted = select(
        table.c.id, table.c.kind, table.c.decision, table.c.decided_at, table.c.decided_by, table.c.approver_code,
        table.c.note, outbox.c.yj_no,
    ).select_from(table.outerjoin(outbox, outbox.c.yj_id == table.c.yj_id))  # fmt: skip
    wanted = wanted.where(table.c.incident_no == asked.number)
    for row in rows(asked, 19, wanted, table.c.decided_at, table.c.id):
        known = kind_of(row["kind"])
        values = {
            "what": (known.zh, known.en), "decision": words.pair(words.DECIDED, row["decision"]), "note": row["note"],
            "yj_no": row["yj_no"] or "·",
        }  # fmt: skip
        yield Line(
            row["decided_at"], 19, row["id"], "decision", "decided", values, row["decided_by"], row["approver_code"]
        )


def _accounts(asked: Asked) -> Iterable[Line]:
    made, signed = reconciliation, signature
    wanted = select(made.c.id, made.c.at, made.c.balanced, made.c.report_hash)
    for row in rows(asked, 20, wanted.where(made.c.incident_no == asked.number), made.c.at, made.c.id):
        balanced = words.WORDS["balanced" if row["balanced"] else "not_balanced"]
        yield Line(
            row["at"], 20, row["id"], "account", "reconciled", {"balanced": balanced, "hash": row["report_hash"][:12]}
        )
    for row in rows(asked, 21, select(signed).where(signed.c.incident_no == asked.number), signed.c.at, signed.c.id):
        yield Line(row["at"], 21, row["id"], "signature", f"signed_{row['signed_as']}", {}, row["operator_code"])


def _explanations(asked: Asked) -> Iterable[Line]:
    table = difference
    wanted = select(table.c.id, table.c.kind, table.c.explained_at, table.c.explained_by, table.c.note)
    wanted = wanted.where(table.c.incident_no == asked.number)
    for row in rows(asked, 22, wanted, table.c.explained_at, table.c.id):
        values = {"what": words.difference(row["kind"]), "note": row["note"]}
        yield Line(row["explained_at"], 22, row["id"], "difference", "explained", values, row["explained_by"])


def _ticks(asked: Asked) -> Iterable[Line]:
    table = run_sheet_tick
    mine = select(table).where(table.c.incident_no == asked.number)
    for kind, rank, at, by in (
        ("ticked", 23, table.c.at, "operator_code"),
        ("unticked", 24, table.c.undone_at, "undone_by"),
    ):
        for row in rows(asked, rank, mine, at, table.c.id):
            step = STEPS.get(row["step"])
            values = {"step": (step.zh, step.en) if step else row["step"], "note": row["note"]}
            yield Line(row[at.name], rank, row["id"], kind, kind, values, row[by])


def _prices(asked: Asked) -> Iterable[Line]:
    table = master_change
    found = asked.tx.conn.execute(
        select(table.c.code, table.c.reason, table.c.entered_at, table.c.entered_by, table.c.approver_code)
        .where(table.c.incident_no == asked.number)
        .order_by(table.c.id)
    ).mappings()
    lines = [
        Line(row["entered_at"], 25, index, "price", "price", dict(row), row["entered_by"], row["approver_code"])
        for index, row in enumerate(found)
    ]
    return cut(asked, lines)


SOURCES: Final = tuple(
    Source((words.RETURN,), one)
    for one in (_uploads, _conflicts, _decisions, _accounts, _explanations, _ticks, _prices)
)

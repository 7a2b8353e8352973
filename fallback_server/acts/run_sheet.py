"""What the system sees of each step of a return, and what people ticked: computed each time the sheet is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import func, or_, select

from fallback_server.acts import aftercare
from fallback_server.domain.clock import from_text, to_text
from fallback_server.domain.run_sheet import SOUND_MINUTES, STEPS, Line, Seen, sheet
from fallback_server.store import alarms, centre_look, sign_off
from fallback_server.store.after import run_sheet_tick
from fallback_server.store.cash import shift
from fallback_server.store.master_changes import master_change
from fallback_server.store.mirror import dataset_state, generation
from fallback_server.store.mode import incident_event
from fallback_server.store.mode_switch import incident_row
from fallback_server.store.returning import conflict, upload_run
from fallback_server.store.returns_queries import upload_progress
from fallback_server.store.session import Tx

AWAY_FROM_HERE = ("pharmacy", "dispensing"), ("triage", "hall"), ("receipts", "receipts"), ("wishes", "wishes")


def lines(tx: Tx, number: int) -> list[Line]:
    """The sheet of an incident as it stands now; raises incident_not_found."""
    row, progress = incident_row(tx.conn, number), upload_progress(tx.conn, number)
    seen: dict[str, Seen] = {"ended": _ended(row)}
    if not row["drill"]:
        runs = _runs(tx, number)
        seen["confirmed"] = Seen(row["confirmed_at"] is not None, row["confirmed_at"], row["confirmed_by"] or "")
        seen |= {"sound": _sound(tx, row, runs), "agreed": Seen()}
        seen |= _uploaded(tx, number, progress, runs) if progress["documents"] else {}
        seen |= _done_afterwards(tx, number, row)
        seen |= _signed(tx, number) if progress["documents"] else {}
    seen |= {"released": _released(tx, row), "windows": Seen(), "shifts": _shifts(tx, number)}
    seen["closed"] = Seen(row["closed_at"] is not None, row["closed_at"])
    return sheet(seen, ticks(tx, number))


def shown(tx: Tx, number: int) -> list[dict[str, Any]]:
    """The same for the interface, with words in both languages."""
    return [
        {
            "step": line.code, "title": STEPS[line.code].zh, "title_en": STEPS[line.code].en, "done": line.done,
            "by": line.by, "at": line.at, "who": line.who, "note": line.note, "minutes": line.minutes,
            "evidence": line.told("zh"), "evidence_en": line.told("en"), "values": dict(line.values),
            "by_hand": line.hand, "whom": list(STEPS[line.code].whom) if line.hand else [],
        }
        for line in lines(tx, number)
    ]  # fmt: skip


def ticks(tx: Tx, number: int) -> dict[str, dict[str, Any]]:
    """What people ticked and did not take back, by step."""
    table = run_sheet_tick
    rows = tx.conn.execute(select(table).where(table.c.incident_no == number, table.c.undone_at.is_(None))).mappings()
    return {row["step"]: dict(row) for row in rows}


def _ended(row: Mapping[str, Any]) -> Seen:
    pair = "、".join(code for code in (row["ended_by"], row["ended_approver"]) if code)
    return Seen(row["ended_at"] is not None, row["ended_at"], pair)


def _released(tx: Tx, row: Mapping[str, Any]) -> Seen:
    return Seen(row["released_at"] is not None, row["released_at"], _by(tx, row["incident_no"], "released"))


def _by(tx: Tx, number: int, kind: str) -> str:
    table = incident_event
    found = tx.conn.execute(
        select(table.c.operator_code)
        .where(table.c.incident_no == number, table.c.kind == kind)
        .order_by(table.c.id.desc())
        .limit(1)
    ).scalar()
    return str(found or "")


# --- the centre ------------------------------------------------------------------------------------------------------


def _sound(tx: Tx, row: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> Seen:
    """Sound for a quarter of an hour before the first upload run, or now while there was none."""
    until = from_text(runs[0]["started_at"]) if runs else tx.now
    at, table = to_text(until), alarms.alarm
    rows = tx.conn.execute(
        select(table.c.opened_at, table.c.closed_at)
        .where(table.c.subject == alarms.CENTRE, table.c.opened_at <= at)
        .order_by(table.c.id.desc())
        .limit(1)
    ).first()
    since = _since(tx, rows, at)
    minutes = max(0, int((until - from_text(since)).total_seconds() // 60)) if since else 0
    done = since is not None and minutes >= SOUND_MINUTES
    reached = to_text(from_text(since) + timedelta(minutes=SOUND_MINUTES)) if since and done else None
    return Seen(done, reached, "", {"since": since[11:16] if since else None, "minutes": minutes})


def _since(tx: Tx, last: Any, at: str) -> str | None:
    """Since when the centre was sound at `at`: the end of its last alarm; without any, what the looks say of now."""
    if last is not None:
        return str(last.closed_at) if last.closed_at is not None and last.closed_at <= at else None
    looked = centre_look.last(tx.conn, tx.now)
    return str(looked["since"]) if looked["state"] == centre_look.FINE and looked["since"] <= at else None


# --- the upload ------------------------------------------------------------------------------------------------------


def _runs(tx: Tx, number: int) -> list[dict[str, Any]]:
    """The real upload runs, oldest first."""
    table = upload_run
    statement = select(table).where(table.c.incident_no == number, table.c.dry_run.is_(False)).order_by(table.c.id)
    return [dict(row) for row in tx.conn.execute(statement).mappings()]


def _passed(runs: Sequence[Mapping[str, Any]], own_step: str, next_step: str) -> str | None:
    """When a run first came to the step behind the one asked about; None: none did, or a later one failed there."""
    at: str | None = None
    for run in runs:
        came = (str(step["at"]) for step in run["report"].get("steps", ()) if step["step"] == next_step)
        at = None if run["report"].get("code") == own_step else at or next(came, None)
    return at


def _uploaded(tx: Tx, number: int, progress: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> dict[str, Seen]:
    facts: dict[str, Any] = {}
    for run in runs:
        facts |= run["report"].get("facts", {})
    count, table = len(runs), conflict
    rows, doubts = facts.get("blind_rows"), facts.get("in_doubt")
    there = tx.conn.execute(
        select(func.min(incident_event.c.at)).where(
            incident_event.c.incident_no == number, incident_event.c.kind == "reconciling"
        )
    ).scalar()
    decided, every, last = tx.conn.execute(
        select(func.count(table.c.decided_at), func.count(), func.max(table.c.decided_at)).where(
            table.c.incident_no == number
        )
    ).one()
    clean = there is not None and not progress["clean"]
    return {
        "preflight": _seen(_passed(runs, "preflight", "rewound"), {"runs": count}),
        "not_rewound": _seen(_passed(runs, "rewound", "ledger"), {"runs": count}),
        "blind_window": _seen(_passed(runs, "blind_window", "books"), {"rows": _total(rows), "doubts": _total(doubts)}),
        "numbers": _seen(_passed(runs, "books", "send"), {"books": facts.get("books_moved")}),
        "upload": Seen(clean, str(there) if clean else None, "", {
            "n": progress["confirmed"] + progress["settled"], "all": progress["documents"],
        }),
        "decided": Seen(decided == every if every else None, last, "", {"n": decided, "all": every}),
    }  # fmt: skip


def _seen(at: str | None, values: Mapping[str, Any]) -> Seen:
    return Seen(at is not None, at, "", values)


def _total(counts: Any) -> Any:
    return sum(value for value in counts.values() if isinstance(value, int)) if isinstance(counts, Mapping) else counts


# --- afterwards ------------------------------------------------------------------------------------------------------


def _done_afterwards(tx: Tx, number: int, row: Mapping[str, Any]) -> dict[str, Seen]:
    counted = aftercare.counts(tx, number)
    ended = row["ended_at"] is not None
    found = {step: _listed(counted[name], ended) for step, name in AWAY_FROM_HERE}
    oldest = max((one["open_minutes"] for one in aftercare.dispensing(tx, incident_no=number, limit=1)), default=0)
    found["pharmacy"] = replace(found["pharmacy"], values={**found["pharmacy"].values, "oldest": oldest})
    table = master_change
    every, left = tx.conn.execute(
        select(func.count(), func.count().filter(table.c.ended_at.is_(None))).where(
            table.c.incident_no == number, table.c.ended_how.is_distinct_from("replaced")
        )
    ).one()
    found["prices"] = _listed({"open": left, "done": every - left}, ended)
    found["mirror"] = _compared(tx, number, row)
    return found


def _listed(counted: Mapping[str, int], ended: bool) -> Seen:
    nothing = not counted["open"] and not counted["done"]
    return Seen(None if nothing else ended and not counted["open"], None, "", counted)


def _compared(tx: Tx, number: int, row: Mapping[str, Any]) -> Seen:
    """A generation whose every dataset was looked at whole after the documents were back."""
    back = (
        tx.conn.execute(
            select(func.min(incident_event.c.at)).where(
                incident_event.c.incident_no == number, incident_event.c.kind == "reconciling"
            )
        ).scalar()
        or row["closed_at"]
    )
    if back is None:
        return Seen(False)
    table = dataset_state
    seldom = or_(table.c.watermark.is_not(None), table.c.rests.is_(True))  # not looked at whole in every run
    oldest = tx.conn.execute(select(func.min(table.c.swept_at)).where(seldom)).scalar()
    newest = tx.conn.execute(
        select(func.min(generation.c.published_at)).where(
            generation.c.as_of >= back, generation.c.rolled_back_at.is_(None)
        )
    ).scalar()
    done = newest is not None and (oldest is None or oldest >= back)
    return Seen(done, str(newest) if done else None, "", {"as_of": (oldest or newest or "–")[:16].replace("T", " ")})


def _shifts(tx: Tx, number: int) -> Seen:
    every, closed, last = tx.conn.execute(
        select(func.count(), func.count(shift.c.closed_at), func.max(shift.c.closed_at)).where(
            shift.c.incident_no == number
        )
    ).one()
    return Seen(closed == every if every else None, last if closed == every else None, "", {"n": closed, "all": every})


def _agreed(report: Mapping[str, Any] | None) -> dict[str, Seen]:
    """The newest account: whether it balances, and who explained what differs."""
    if report is None:
        return {"reconciled": Seen(False), "explained": Seen()}
    every = report["differences"]
    told = [one for one in every if one["explained_by"]]
    last = max((one["explained_at"] for one in told), default=None)
    made = {"hash": report["report_hash"][:12], "n": len(every)}
    return {
        "reconciled": Seen(bool(report["balanced"]), report["at"], "", made),
        "explained": Seen(len(told) == len(every) if every else None, last, "", {"n": len(told), "all": len(every)}),
    }


def _signed(tx: Tx, number: int) -> dict[str, Seen]:
    report = sign_off.current_report(tx.conn, number)
    found = _agreed(report)
    signed = {one["signed_as"]: one for one in report["signatures"]} if report else {}
    values = {"hash": report["report_hash"][:12] if report else None}
    found["sheets"] = Seen()
    for name in ("it", "finance"):
        one = signed.get(name)
        found[f"signed_{name}"] = Seen(one is not None, one["at"] if one else None, one["operator_code"] if one else "",
                                       values)  # fmt: skip
    return found

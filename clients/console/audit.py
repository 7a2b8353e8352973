"""`yj audit verify | export`: is the audit log unbroken, and its rows for whoever asks."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from clients.console import output
from clients.console.context import Misuse, instance
from clients.console.output import Output

group = typer.Typer(no_args_is_help=True, help="the tamper-evident log")
Json = Annotated[bool, typer.Option("--json", help="one JSON document")]
FORMATS = (".csv", ".jsonl")


@group.command()
def verify(
    ctx: typer.Context,
    head: Annotated[
        list[str] | None,
        typer.Option("--head", help="a head from paper, NUMBER:HASH (its first digits will do); may be repeated"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Walk the hash chain; exit 1 if a row was changed, removed, inserted or moved, or the log was cut off."""
    from fallback_server.store import audit, guards

    printed = [_head(text) for text in head or ()]
    out = Output(as_json)
    with instance(ctx).store() as store, store.reading() as tx:
        rows, breaks = audit.verify(tx.conn)
        sequence, newest = audit.head(tx.conn)
        breaks += guards.missing(tx.conn)
        breaks += [problem for number, digits in printed if (problem := audit.against(tx.conn, number, digits))]
    out.say(f"audit: {rows} rows, {'unbroken' if not breaks else 'BROKEN'}, head {sequence}:{newest}")
    out.document(
        {"rows": rows, "unbroken": not breaks, "breaks": breaks, "head": {"sequence": sequence, "hash": newest}}
    )
    if breaks:
        output.complain(breaks)
        raise typer.Exit(1)


@group.command()
def export(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="file to write: .csv, or .jsonl for one JSON document a line")],
    since: Annotated[str | None, typer.Option(help="from this time on, like 2026-11-23 or 2026-11-23T08:00")] = None,
    until: Annotated[str | None, typer.Option(help="before this time")] = None,
    operator: Annotated[str | None, typer.Option(help="only what this person did")] = None,
    action: Annotated[str | None, typer.Option(help="only this kind of event")] = None,
    incident: Annotated[int | None, typer.Option(min=1, help="only this incident")] = None,
) -> None:
    """Write rows of the log to a file that only its owner can read."""
    from fallback_server.store import audit

    if out.suffix not in FORMATS:
        raise Misuse(f"--out {out}: must end in {' or '.join(FORMATS)}")
    with instance(ctx).store() as store, store.reading() as tx:
        rows = audit.selected(
            tx.conn, since=since, until=until, operator_code=operator, action=action, incident_no=incident
        )
        count = _write(out, rows)
    Output().say(f"{out}: {count} rows")


def _head(text: str) -> tuple[int, str]:
    told = re.fullmatch(r"(\d+)[: /]([0-9A-Fa-f]{8,64})…?", text.strip())
    if told is None:
        raise Misuse(f"--head {text}: write NUMBER:HASH as on the paper, with at least eight digits of the hash")
    return int(told[1]), told[2]


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    from fallback_server.store.audit import CHAINED

    path.touch(mode=0o600)
    count = 0
    # Spreadsheets take UTF-8 for something else without a mark at the beginning.
    with path.open("w", encoding="utf-8-sig" if path.suffix == ".csv" else "utf-8", newline="") as stream:
        table = csv.writer(stream)
        if path.suffix == ".csv":
            table.writerow([*CHAINED, "hash"])
        for row in rows:
            count += 1
            if path.suffix == ".csv":
                plain = {**row, "detail": json.dumps(row["detail"], ensure_ascii=False)}
                table.writerow([plain[name] for name in (*CHAINED, "hash")])
            else:
                stream.write(json.dumps(row, ensure_ascii=False) + "\n")
    return count


@group.callback()
def about() -> None:
    """The tamper-evident log."""

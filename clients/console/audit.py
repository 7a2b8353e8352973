"""`yj audit verify | export | archive`: is the audit log unbroken, its rows for whoever asks, closed years as files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clients.console import output
from clients.console.context import Misuse, instance
from clients.console.output import Output

if TYPE_CHECKING:
    from fallback_server.store.session import Store

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
    archive: Annotated[
        list[Path] | None, typer.Option("--archive", help="a file of `yj audit archive`; may be repeated")
    ] = None,
    as_json: Json = False,
) -> None:
    """Walk the hash chain; exit 1 if a row was changed, removed, inserted or moved, or the log was cut off."""
    from fallback_server.store import audit, audit_archive

    printed = [_head(text) for text in head or ()]
    out = Output(as_json)
    with instance(ctx).store() as store, store.reading() as tx:
        found = audit.prove(tx.conn, printed)
        for path in archive or ():
            breaks = audit_archive.check(tx.conn, path)[1]
            found["breaks"] += [f"{path.name}: {problem}" for problem in breaks]
    found["unbroken"] = not found["breaks"]
    state, newest = "unbroken" if found["unbroken"] else "BROKEN", found["head"]
    out.say(f"audit: {found['rows']} rows, {state}, head {newest['sequence']}:{newest['hash']}")
    out.document(found)
    if not found["unbroken"]:
        output.complain(found["breaks"])
        raise typer.Exit(1)


@group.command()
def export(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="file to write: .csv, or .jsonl for one JSON document a line")],
    since: Annotated[str | None, typer.Option(help="from this time on, like 2026-11-23 or 2026-11-23T08:00")] = None,
    until: Annotated[str | None, typer.Option(help="before this time")] = None,
    operator: Annotated[str | None, typer.Option(help="only what this person did or approved")] = None,
    action: Annotated[str | None, typer.Option(help="only this kind of event, or a group of them like mode.")] = None,
    incident: Annotated[int | None, typer.Option(min=1, help="only this incident")] = None,
) -> None:
    """Write rows of the log to a file that only its owner can read."""
    from fallback_server.store import audit

    if out.suffix not in FORMATS:
        raise Misuse(f"--out {out}: must end in {' or '.join(FORMATS)}")
    asked: dict[str, Any] = {
        "since": since,
        "until": until,
        "operator_code": operator,
        "action": action,
        "incident_no": incident,
    }
    with instance(ctx).store() as store:
        with store.reading() as tx:
            count = sum(1 for _ in audit.selected(tx.conn, **asked))
        # Before anything is written: should the program die in the middle, it is known that the log left.
        _note(
            store, "audit.export", out.name, rows=count, asked={name: value for name, value in asked.items() if value}
        )
        with store.reading() as tx:
            _write(out, islice(audit.selected(tx.conn, **asked), count))
    Output().say(f"{out}: {count} rows")


@group.command()
def archive(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="folder for the files, better on another machine")],
    year: Annotated[
        int | None, typer.Option(min=2000, max=2999, help="only this year; default: every closed one")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write closed years of the log as files that prove themselves; the rows stay. Run again it compares."""
    from fallback_server.store import audit_archive

    told, found = Output(as_json), instance(ctx)
    written = []
    with found.store() as store:
        with store.reading() as tx:
            closed = audit_archive.years(tx.conn, tx.today.isoformat())
            if year is not None and year not in closed:
                raise Misuse(f"--year {year}: is not over, or has no rows; there are {closed or 'none yet'}")
        wanted = [year] if year is not None else closed
        for one_year in wanted:
            _note(store, "audit.archive_asked", str(one_year))
        with store.reading() as tx:
            written = [audit_archive.write(tx.conn, one_year, out) for one_year in wanted]
        for one in written:
            _note(store, "audit.archive", str(one["year"]), rows=one["rows"], head=one["head"], sha256=one["sha256"])
    for one in written:
        told.say(f"{one['file']}: rows {one['first']}–{one['last']}, head {one['last']}:{one['head']}")
    if not written:
        told.say("no year is over yet: nothing to archive")
    told.document({"years": written})


def _note(store: Store, action: str, subject: str, **detail: Any) -> None:
    """That the log left the standby is in the log (P11). Whoever is at the command line is named by the system."""
    import getpass

    from fallback_server.domain.modes import Permit
    from fallback_server.store.mode import SYSTEM_OPERATOR
    from fallback_server.store.session import Actor

    with store.writing(Permit.HOUSEKEEPING, Actor(SYSTEM_OPERATOR, SYSTEM_OPERATOR, workstation="console")) as tx:
        tx.audit(action, subject=subject[:64], account=getpass.getuser(), **detail)


def _head(text: str) -> tuple[int, str]:
    from fallback_server.store import audit

    told = audit.read_head(text)
    if told is None:
        raise Misuse(f"--head {text}: write NUMBER:HASH as on the paper, with at least eight digits of the hash")
    return told


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    from fallback_server.store.audit import as_csv

    if path.suffix == ".csv":
        # Spreadsheets take UTF-8 for something else without a mark at the beginning.
        _lines(path, as_csv(rows), "utf-8-sig")
    else:
        _lines(path, (json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def _lines(path: Path, lines: Iterable[str], encoding: str) -> None:
    """The file, whole or not at all, for its owner only."""
    part = path.with_name(path.name + ".part")
    try:
        part.unlink(missing_ok=True)
        with os.fdopen(
            os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding=encoding, newline=""
        ) as stream:
            stream.writelines(lines)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@group.callback()
def about() -> None:
    """The tamper-evident log."""

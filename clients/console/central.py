"""`yj central check`: does this centre fulfil the mapping."""

from __future__ import annotations

from typing import Annotated

import typer

from clients.console import output
from clients.console.context import instance
from clients.console.output import Output

group = typer.Typer(no_args_is_help=True, help="the centre")


@group.command()
def check(
    ctx: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="one JSON document")] = False
) -> None:
    """Tables, columns, rows, ledger, uploads, triggers, clock, speed; exit 1 where something fails. Changes nothing."""
    from sync.central import check as checking
    from sync.mirror.normalise import judge

    out, found = Output(as_json), instance(ctx)
    done = 0
    with found.gateway() as gateway, out.progress("looks") as ticker:

        def tick(subject: str) -> None:
            nonlocal done
            done += 1
            ticker.advance(done, None, subject)

        findings = checking.check(gateway, judge(), tick)
    marks = {"ok": "✓", "warn": "!", "fail": "✗"}
    rows = [[marks[one.status], one.subject, one.sentence, one.cure] for one in findings]
    out.table("中心检查 · central check", ["", "subject", "found", "cure"], rows)
    failed = [one for one in findings if one.status == "fail"]
    out.document({"ok": not failed, "findings": [one.as_json() for one in findings]})
    if failed:
        names = ", ".join(one.subject for one in failed)
        output.complain([f"{len(failed)} of {len(findings)} not in order: {names}"])
        raise typer.Exit(1)


@group.callback()
def about() -> None:
    """The centre."""

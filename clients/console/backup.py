"""`yj backup create | list | verify | restore`: sealed copies of the standby's store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clients.console.context import Instance, Misuse, instance
from clients.console.output import Output
from clients.console.people import Alone, Approver, PasswordFile, Passwords, acting, person

if TYPE_CHECKING:
    from fallback_server.store.backup import Places

group = typer.Typer(no_args_is_help=True, help="sealed copies of the standby's store")
Json = Annotated[bool, typer.Option("--json", help="one JSON document")]
Name = Annotated[str | None, typer.Argument(help="name or path of a backup; the newest by default")]
Key = Annotated[Path | None, typer.Option("--key", help="file with the key, as typed in from paper")]
DECIDE = ("admin", "duty")


def places(found: Instance) -> Places:
    """The folders and the key of this instance."""
    from sync.worker.backups import places as of_settings

    return of_settings(found.settings)


@group.command()
def create(
    ctx: typer.Context,
    second_is_new: Annotated[
        bool, typer.Option("--second-is-new", help="the second place was replaced by an empty one: mark it anew")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a backup now, beside the windows' work; exit 1 if it, or its second place, failed."""
    from fallback_server.store import backup

    out, found = Output(as_json), instance(ctx)
    where = places(found)
    fresh = not where.key.exists()
    with found.store() as store:
        # This process takes a copy with it that is not finished.
        made = backup.create(store, where, found.settings.backup, second_is_new=second_is_new, second_seconds=None)
    if fresh:
        out.say(f"密钥 key: {where.key}; 请打印并放入保险柜 print it and put it into the safe")
    second = {None: "no second place is set", True: "in both places", False: "NOT in the second place"}[made.second]
    second += f" ({made.code})" if made.code else ""
    out.say(f"{made.name}: {made.bytes} bytes in {made.seconds} s, {second}")
    out.document(made.to_json())
    if made.second is False:
        raise typer.Exit(1)


@group.command(name="list")
def list_(ctx: typer.Context, as_json: Json = False) -> None:
    """Every backup of both places, newest first; exit 1 if there is none."""
    from fallback_server.store import backup

    out, found = Output(as_json), instance(ctx)
    rows = backup.listed(places(found))
    table = [
        [
            row["name"], row.get("made_at"), row.get("mode"), row.get("incident_no") or "–", row.get("bytes"),
            " + ".join(row["places"]), row.get("key_id"), row["problem"] or "",
        ]
        for row in rows
    ]  # fmt: skip
    out.table("备份 · backups", ["name", "made", "mode", "incident", "bytes", "places", "key", ""], table, right=[4])
    out.document({"backups": rows})
    if not rows:
        raise typer.Exit(1)


@group.command()
def verify(
    ctx: typer.Context,
    name: Name = None,
    key: Key = None,
    rehearsal: Annotated[
        str | None, typer.Option("--rehearsal", help="note it as the rehearsal of a restore, with these words")
    ] = None,
    operator: Annotated[str | None, typer.Option(help="who rehearses")] = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Restore into a scratch instance; compare bytes, counts and the audit chain. Exit 1 if it is not sound."""
    from fallback_server.store import backup_opening

    out, found = Output(as_json), instance(ctx)
    with found.store() as store:
        actor = None
        if rehearsal is not None:
            if not rehearsal.strip():
                raise Misuse("--rehearsal: is empty; say who brought the key, and from which place the copy was")
            actor = acting(store, person(operator), DECIDE, Passwords(password_file))
        told = backup_opening.verify(store, places(found), name, key=key, actor=actor, rehearsal=rehearsal)
    rows = sum(told["manifest"]["rows"].values())
    head = told["manifest"]["audit_head"]
    out.say(f"{told['name']} ({told['place']}): restored in {told['seconds']} s, {rows} rows, audit log unbroken")
    out.say(f"audit head {head['sequence']} {head['hash']}")
    out.document(told)


@group.command()
def restore(
    ctx: typer.Context,
    name: Name = None,
    operator: Annotated[str | None, typer.Option(help="your own code")] = None,
    approver: Approver = None,
    alone: Alone = None,
    reason: Annotated[str, typer.Option(help="why, in words")] = "",
    key: Key = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Put a backup in the place of the store, which is kept aside. Two people; not while `yj up` runs.

    Afterwards uploads are fenced until two people ran `yj upload recover`.
    """
    from clients.console.restoring import restore as restore_now

    if not reason.strip():
        raise Misuse("--reason: is empty; the next person needs to know why")
    out, found = Output(as_json), instance(ctx)
    told = restore_now(
        found, places(found), name, key, person(operator), approver, alone, reason, Passwords(password_file)
    )
    out.say(f"已恢复 restored: {told['name']}, made {told['made_at']}; the store before is in {told['aside']}")
    out.say("下一步 next: `yj up`; before the next upload two people run `yj upload recover`")
    out.document(told)

"""`yj alarm list | ack | test`: who must look at what, and whether anybody would be told."""

from __future__ import annotations

import socket
from typing import Annotated, Any

import typer

from clients.console import output
from clients.console.checked import checked
from clients.console.context import Misuse, instance
from clients.console.output import Output
from clients.console.people import Operator, PasswordFile, Passwords, acting

group = typer.Typer(no_args_is_help=True, help="what somebody must look at")
Json = Annotated[bool, typer.Option("--json", help="one JSON document")]
DECIDERS = ("admin", "duty", "supervisor")
SHOWN = 50


@group.command(name="list")
def list_alarms(
    ctx: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="those that are over too")] = False,
    as_json: Json = False,
) -> None:
    """Alarms that are on, and the channels; exit 1 while one waits for somebody to acknowledge it."""
    from fallback_server.store import alarm_channels, alarms

    out = Output(as_json)
    with instance(ctx).store() as store, store.reading() as tx:
        rows = alarms.on(tx.conn) + (alarms.history(tx.conn, SHOWN) if everything else [])
        channels = alarm_channels.listed(tx.conn)
    shown = [
        [one["id"], one["severity"], one["subject"], f"{one['zh']} {one['en']}", one["opened_at"][:16], _fate(one)]
        for one in rows
    ]
    out.table("告警 · alarms", ["id", "severity", "key", "what", "since", "state"], shown, right=[0])
    heads = ["channel", "to", "last success", "last try", "failures", "why"]
    out.table("通道 · channels", heads, [_fares(one) for one in channels], right=[4])
    out.document({"items": rows, "channels": channels})
    if any(one["closed_at"] is None and one["acknowledged_at"] is None for one in rows):
        raise typer.Exit(1)


@group.command()
def ack(
    ctx: typer.Context,
    number: Annotated[int, typer.Argument(min=1, help="its id in `yj alarm list`")],
    operator: Operator,
    note: Annotated[str, typer.Option(help="who is at it, and how")],
    password_file: PasswordFile = None,
) -> None:
    """Somebody is at it: it is not sent again while it stays on."""
    from fallback_server.domain.modes import Permit
    from fallback_server.store import alarms
    from fallback_server.windows.console.api.standby import AcknowledgeRequest

    body = checked(AcknowledgeRequest, {"note": note})
    found = instance(ctx)
    with found.store() as store:
        actor = acting(store, operator, DECIDERS, Passwords(password_file), policy=found.policy)
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            row = alarms.acknowledge(tx, number, body.note)
    Output().say(f"{row['id']} {row['subject']}: acknowledged by {row['acknowledged_by']}")


@group.command()
def test(
    ctx: typer.Context,
    channel: Annotated[list[str] | None, typer.Option("--channel", help="only this one; may be repeated")] = None,
    as_json: Json = False,
) -> None:
    """Send a test message by every channel of [alerts] and note how that went; exit 1 if one does not take it."""
    import ssl

    from fallback_server.domain.alerting import trial_message
    from sync.worker.sending import Sending
    from sync.worker.ways_out import configured, pace

    found, out = instance(ctx), Output(as_json)
    settings = found.settings
    try:
        known = configured(settings)
    except (OSError, ssl.SSLError) as error:
        raise Misuse(
            f"[alerts] ca_file = {settings.alerts.ca_file}: cannot be used ({type(error).__name__})"
        ) from error
    if not known:
        raise Misuse("[alerts]: no channel is set; name one of wecom_url, dingtalk_url, webhook_url, mail_host, syslog")
    if unknown := sorted(set(channel or ()) - {one.name for one in known}):
        raise Misuse(f"--channel {', '.join(unknown)}: there are {', '.join(one.name for one in known)}")
    words = trial_message(
        settings.alerts.language, settings.windows.hospital_name, socket.gethostname(), found.clock.now()
    )
    told: list[dict[str, Any]] = []
    with found.store() as store:
        sending = Sending(store, known, pace(settings.alerts))
        sending.meet()
        for one in known:
            if not channel or one.name in channel:
                why = sending.send(one, words)
                told.append({"channel": one.name, "target": one.target, "ok": why is None, "error": why})
    rows = [["✓" if row["ok"] else "✗", row["channel"], row["target"], row["error"]] for row in told]
    out.table("试发告警 · test message", ["", "channel", "to", "why"], rows)
    out.document({"channels": told})
    if bad := [f"{row['channel']}: {row['error']}" for row in told if not row["ok"]]:
        output.complain(bad)
        raise typer.Exit(1)


def _fares(one: dict[str, Any]) -> list[Any]:
    times = [(one[name] or "")[:16] for name in ("last_ok_at", "last_try_at")]
    return [one["name"], one["target"], *times, one["failures"], one["error"]]


def _fate(row: dict[str, Any]) -> str:
    if row["closed_at"] is not None:
        return f"over {row['closed_at'][:16]}"
    return f"acknowledged by {row['acknowledged_by']}" if row["acknowledged_at"] else "nobody is at it"


@group.callback()
def about() -> None:
    """What somebody must look at."""

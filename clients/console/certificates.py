"""`yj certificate show | renew | export`: what windows trust, and what the door shows them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from clients.console.context import Instance, Misuse, NotInOrder, instance
from clients.console.output import Output

group = typer.Typer(no_args_is_help=True, help="the certificate of the front door and its authority")


@group.command()
def show(
    ctx: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="one JSON document")] = False
) -> None:
    """Names, dates and the authority's fingerprint; exit 1 if a renewal is due or there is none."""
    from clients.console.fronting import names_of
    from fallback_server.door.certificates import CertificateTrouble, look

    out, found = Output(as_json), instance(ctx)
    folder = _folder(found)
    try:
        shown = look(folder)
    except CertificateTrouble as error:
        raise NotInOrder(str(error), "make one with `yj certificate renew`") from error
    due = shown.due(found.clock.now(), names_of(found))
    days = (shown.expires_at - found.clock.now()) // timedelta(days=1)
    rows = [
        ["names", "  ".join(shown.names)],
        ["valid until", f"{shown.expires_at:%Y-%m-%d} ({days} days)"],
        ["authority", f"{shown.authority}, until {shown.authority_expires_at:%Y-%m-%d}"],
        ["its SHA-256", shown.fingerprint],
        ["file for windows", str(folder / "ca.crt")],
        ["renewal", due or "not due"],
    ]
    out.table("证书 · certificate", ["", ""], rows)
    out.document({**asdict(shown), "days_left": days, "due": due, "folder": folder})
    if due is not None:
        raise typer.Exit(1)


@group.command()
def renew(ctx: typer.Context) -> None:
    """A new certificate of the same authority, now; a running door shows it within seconds, windows notice nothing."""
    from clients.console.fronting import look_after, names_of
    from fallback_server.door import certificates

    out, found = Output(), instance(ctx)
    folder = _folder(found)
    if look_after(found) is None:
        try:
            certificates.renew(folder, names_of(found), found.clock.now())
        except certificates.CertificateTrouble as error:
            raise NotInOrder(str(error)) from error
    shown = certificates.look(folder)
    out.say(f"renewed until {shown.expires_at:%Y-%m-%d} for {', '.join(shown.names)}")


@group.command()
def export(ctx: typer.Context, file: Annotated[Path, typer.Argument(help="where to write it, like ca.crt")]) -> None:
    """The authority's certificate, to be trusted by the windows' browsers. It is no secret; its key stays here."""
    out, found = Output(), instance(ctx)
    source = _folder(found) / "ca.crt"
    if not source.is_file():
        raise NotInOrder(f"{source} is not there; make it with `yj certificate renew`")
    try:
        file.write_bytes(source.read_bytes())
    except OSError as error:
        raise Misuse(f"{file}: cannot be written ({error.strerror})") from error
    out.say(f"{file}: trust it on every window, see docs/operate.md")


def _folder(found: Instance) -> Path:
    from fallback_server.door.certificates import FOLDER

    settings = found.settings.server
    if settings.certificate:
        raise Misuse(f"[server] certificate = {settings.certificate}: the hospital's own authority looks after it")
    return found.home / FOLDER

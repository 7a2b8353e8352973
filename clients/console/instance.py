"""`yj init`, `up`, `serve`, `worker`, `door`: the instance and its processes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clients.console.context import Instance, Misuse, instance
from clients.console.output import Output

Host = Annotated[str | None, typer.Option("--host", help="address to listen on; default server.host of yj.toml")]
Port = Annotated[
    int | None, typer.Option("--port", min=1, max=65535, help="port windows use; default server.port of yj.toml")
]
Supervised = Annotated[bool, typer.Option("--supervised", hidden=True, help="end when standard input does")]


def init(
    ctx: typer.Context,
    database: Annotated[str | None, typer.Option(help="the standby's own store; SQLite in the home by default")] = None,
    central: Annotated[str | None, typer.Option(help="address of the centre, driver named")] = None,
    mapping: Annotated[str | None, typer.Option(help="mapping folder, or the name of a built-in one")] = None,
    admins: Annotated[
        Path | None, typer.Option(help="JSON file [{operator, name, password}] of the first two administrators")
    ] = None,
) -> None:
    """Make the instance: configuration, schema, certificates, the first two administrators."""
    from clients.console import founding, fronting

    out = Output()
    found = instance(ctx)
    people = founding.first_admins(admins)
    founding.make(found, people, database=database, central=central, mapping=mapping)
    fronting.look_after(found)
    out.say(f"instance: {found.home.resolve()}")
    out.say(f"administrators: {', '.join(f'{one.code} {one.name}' for one in people)}")
    if not found.settings.central.url:
        out.say("next: write the centre's address into yj.toml ([central] url), then `yj mirror run` and `yj up`")
    else:
        out.say("next: `yj mirror run`, then `yj up`")


def up(ctx: typer.Context, host: Host = None, port: Port = None, supervised: Supervised = False) -> None:
    """Window server, sync worker and front door as supervised processes, until SIGTERM or Ctrl-C."""
    from clients.console import fronting, serving
    from clients.console.locks import only_one
    from clients.console.supervise import Supervisor, part
    from clients.sdk import YjClient
    from fallback_server.store.trouble import told_plainly
    from migrations.upgrade import upgrade

    out = Output()
    found = instance(ctx)
    settings = found.settings
    host, port = host or settings.server.host, port or settings.server.port
    home = found.home.resolve()
    serving.require_free(host, port)
    with only_one(home, "up"):
        found.require_mirror()
        with told_plainly():
            upgrade(settings.database.url, found.clock)
        if settings.server.tls and not settings.server.certificate:
            fronting.look_after(found, host)  # what is wrong with it is said here, not by a child that keeps dying
        inner = str(settings.server.inner_port or serving.free_port(serving.INNER_PORTS))
        children = [
            part(home, "serve", "--port", inner),
            part(home, "worker"),
            part(home, "door", "--host", host, "--port", str(port), "--server-port", inner),
        ]
        supervisor = Supervisor(children, out.say)
        supervisor.stop_on_signals()
        if supervised:
            serving.follow_parent()
        supervisor.start()
        where = serving.address(host, port)
        with YjClient(where, "up", patience=0) as probe:
            supervisor.run(probe.alive, _announcement(found, host, port))


def _announcement(found: Instance, host: str, port: int) -> str:
    from clients.console import fronting, serving

    here = serving.address(host, port)
    words = [f"logs in {found.home.resolve() / 'logs'}"]
    if found.settings.server.tls:
        words = [f"from elsewhere {fronting.from_elsewhere(found, host, port)}", *words]
    return f"windows: {here} ({'; '.join(words)}; stop with Ctrl-C)"


def door(
    ctx: typer.Context,
    host: Host = None,
    port: Port = None,
    server_port: Annotated[
        int | None,
        typer.Option(
            "--server-port", min=1, max=65535, help="port of the window server on this machine; default inner_port"
        ),
    ] = None,
    supervised: Supervised = False,
) -> None:
    """Only the front door: TLS, the stream of the mode, files; it passes everything else on to `yj serve`."""
    from clients.console import fronting, serving

    found = instance(ctx)
    behind = server_port or found.settings.server.inner_port
    if not behind:
        raise Misuse("--server-port: say at which port of this machine `yj serve` answers, or set [server] inner_port")
    if supervised:
        serving.follow_parent()
    fronting.open_door(found, Output(), host=host, port=port, server_port=behind)


def serve(ctx: typer.Context, host: Host = None, port: Port = None, supervised: Supervised = False) -> None:
    """Only the window server, without TLS and by default on this machine only: the door stands in front of it."""
    from clients.console import serving

    if supervised:
        serving.follow_parent()
    serving.serve(instance(ctx), Output(), host=host, port=port)


def worker(ctx: typer.Context, supervised: Supervised = False) -> None:
    """Only the sync worker: mirror and upload on schedule and on request."""
    from clients.console import serving, working

    if supervised:
        serving.follow_parent()
    working.work(instance(ctx))

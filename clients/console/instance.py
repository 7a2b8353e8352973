"""`yj init`, `up`, `serve`, `worker`: the instance and its processes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clients.console.context import instance
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
    """Make the instance: configuration, schema, the first two administrators."""
    from clients.console import founding

    out = Output()
    found = instance(ctx)
    people = founding.first_admins(admins)
    founding.make(found, people, database=database, central=central, mapping=mapping)
    out.say(f"instance: {found.home.resolve()}")
    out.say(f"administrators: {', '.join(f'{one.code} {one.name}' for one in people)}")
    if not found.settings.central.url:
        out.say("next: write the centre's address into yj.toml ([central] url), then `yj mirror run` and `yj up`")
    else:
        out.say("next: `yj mirror run`, then `yj up`")


def up(ctx: typer.Context, host: Host = None, port: Port = None, supervised: Supervised = False) -> None:
    """The window server and the sync worker as supervised processes, until SIGTERM or Ctrl-C."""
    from clients.console import serving
    from clients.console.locks import only_one
    from clients.console.supervise import Supervisor, part
    from clients.sdk import YjClient
    from migrations.upgrade import upgrade

    out = Output()
    found = instance(ctx)
    settings = found.settings
    host, port = host or settings.server.host, port or settings.server.port
    home = found.home.resolve()
    serving.require_free(host, port)
    with only_one(home, "up"):
        upgrade(settings.database.url, found.clock)
        children = [part(home, "serve", "--host", host, "--port", str(port)), part(home, "worker")]
        supervisor = Supervisor(children, out.say)
        supervisor.stop_on_signals()
        if supervised:
            serving.follow_parent()
        supervisor.start()
        where = serving.address(host, port)
        with YjClient(where, "up", patience=0) as probe:
            supervisor.run(probe.alive, f"windows: {where} (stop with Ctrl-C; logs in {home / 'logs'})")


def serve(ctx: typer.Context, host: Host = None, port: Port = None, supervised: Supervised = False) -> None:
    """Only the window server."""
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

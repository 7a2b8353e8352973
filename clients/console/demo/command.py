"""The verb `yj demo`."""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from clients.console.context import Misuse, instance
from clients.console.output import Output

if TYPE_CHECKING:
    from clients.console.demo.loop import Loop


def demo(
    ctx: typer.Context,
    visits: Annotated[int, typer.Option(min=1, max=5000, help="visits of the outage")] = 240,
    scale: Annotated[str, typer.Option(help="size of the reference HIS: clinic or hospital")] = "clinic",
    keep: Annotated[bool, typer.Option("--keep", help="leave everything running until Ctrl-C")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="end with one JSON document")] = False,
    seed: Annotated[int, typer.Option(help="the same seed plays the same visits")] = 20261122,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="port of the windows")] = None,
    kills: Annotated[int, typer.Option(hidden=True, help="kill -9 that many parts while at work")] = 0,
) -> None:
    """The whole loop, from nothing, against a real centre that is really stopped and started."""
    from clients.console.demo import account, chaos
    from clients.console.demo.loop import Loop, Plan
    from clients.console.demo.stage import Stage

    out = Output(as_json)
    home, scratch = _home(ctx)
    signal.signal(signal.SIGTERM, _stop)
    # A shell starts background jobs with Ctrl-C ignored; the parts below would stop and the demo would wait for ever.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    stage = Stage(home, port)
    loop = Loop(Plan(visits, scale, seed), stage, out, chaos.schedule(kills, seed) if kills else chaos.Chaos())
    try:
        good = loop.run()
        out.document(account.document(loop.story, loop.journal, loop.verdict))
        if keep:
            _keep(out, stage.address, loop)
    finally:
        stage.close()
        if scratch:
            stage.destroy_centre()
            shutil.rmtree(home, ignore_errors=True)
    if not good:
        raise typer.Exit(1)


def _home(ctx: typer.Context) -> tuple[Path, bool]:
    """The folder to play in, and whether it is ours to remove. A scratch folder unless one was named."""
    named = instance(ctx).home
    source = ctx.find_root().get_parameter_source("home")
    if source is not None and source.name == "DEFAULT":
        return Path(tempfile.mkdtemp(prefix="yj-demo-")).resolve(), True
    if (named / "yj.toml").exists():
        raise Misuse(f"--home {named}: there is an instance already; the demo wants a folder of its own")
    named.mkdir(mode=0o700, parents=True, exist_ok=True)
    return named, False


def _keep(out: Output, address: str, loop: Loop) -> None:
    """Leave everything up, say how to get in, and wait for Ctrl-C."""
    crew = loop.crew
    out.say("")
    out.say(f"windows: {address}   centre: {loop.stage.centre.url}")
    out.say(f"instance: {loop.stage.home} (yj --home {loop.stage.home} …)")
    if crew is not None:
        rows = [[one.code, one.name, ", ".join(one.roles), one.password] for one in crew.everyone()]
        out.table("登录 · log-ins", ["operator", "name", "roles", "password"], rows)
    out.say("按 Ctrl-C 结束 · stop with Ctrl-C")
    try:
        threading.Event().wait()
    except (KeyboardInterrupt, SystemExit):
        out.say("stopping …")


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(143)

"""`yj reference create | serve | traffic`: a realistic centre to try everything on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clients.console.context import Misuse, NotInOrder
from clients.console.output import Output

group = typer.Typer(no_args_is_help=True, help="the reference HIS, a realistic centre to try everything on")


def _named_driver(url: str) -> str:
    """The address, if it is one that settings would take for a centre; anything else is wrong usage."""
    from pydantic import TypeAdapter, ValidationError

    from config.kinds import CentreUrl

    if not url:
        raise typer.BadParameter("is empty")
    try:
        return TypeAdapter(CentreUrl).validate_python(url)
    except ValidationError as error:
        raise typer.BadParameter(error.errors()[0]["msg"]) from None


Url = Annotated[str, typer.Option("--url", callback=_named_driver, help="address of its database, driver named")]


@group.command()
def create(
    url: Url,
    scale: Annotated[str, typer.Option(help="clinic (20 k patients), hospital (300 k) or city (3 M)")] = "clinic",
    seed: Annotated[int | None, typer.Option(help="the same seed makes the same centre")] = None,
    variant: Annotated[str, typer.Option(help="how others may write: plain, procedures or unique-column")] = "plain",
    logins: Annotated[Path | None, typer.Option(help="file for the generated operators' log-ins")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
) -> None:
    """Create the tables and fill them."""
    from sqlalchemy.exc import ArgumentError, DBAPIError

    from sync.reference_his.create import DEFAULT_SEED, ReferenceHisError, create_reference

    out = Output(as_json)
    done = 0
    try:
        with out.progress("reference HIS") as ticker:

            def tick(table: str, rows: int) -> None:
                nonlocal done
                done += rows
                ticker.advance(done, None, table)

            summary = create_reference(
                url,
                scale,
                seed=DEFAULT_SEED if seed is None else seed,
                variant=variant,
                logins=logins,
                progress=tick,
            )
    except ReferenceHisError as error:
        raise Misuse(str(error)) from error
    except ArgumentError as error:
        raise Misuse(f"--url: {error}") from error
    except DBAPIError as error:
        raise NotInOrder(f"--url: cannot be opened ({str(error.orig).strip()})") from error
    out.table("参考 HIS · reference HIS", ["table", "rows"], summary.rows.items(), right=[1])
    out.document({"scale": summary.scale, "seed": summary.seed, "rows": summary.rows, "logins": summary.logins})


@group.command()
def serve(
    directory: Annotated[Path, typer.Option("--dir", help="folder of the server; it keeps its port and password")],
) -> None:
    """A real PostgreSQL of its own, until SIGTERM; the first line is {"url": …}."""
    from sync.reference_his import postgres

    try:
        code = postgres.serve(directory)
    except postgres.PostgresError as error:
        raise NotInOrder(str(error)) from error
    raise typer.Exit(code)


@group.command()
def traffic(
    url: Url,
    rate: Annotated[float, typer.Option(min=0.01, max=1000, help="acts a second")] = 2,
    seconds: Annotated[float | None, typer.Option(min=0, help="how long; without it until Ctrl-C")] = None,
    seed: Annotated[int, typer.Option(help="the same seed plays the same day")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document at the end")] = False,
) -> None:
    """A simulated ordinary day at the centre."""
    import signal
    from threading import Event

    from sqlalchemy.exc import DBAPIError

    from sync.reference_his.acts import ActError
    from sync.reference_his.traffic import play_day

    out = Output(as_json)
    ended = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    count = 0
    try:
        with out.progress("acts") as ticker:

            def tick(act: str) -> None:
                nonlocal count
                count += 1
                ticker.advance(count, None, act)

            done = play_day(url, rate, seconds, stop=ended, seed=seed, on_act=tick)
    except ActError as error:
        raise NotInOrder(str(error)) from error
    except DBAPIError as error:
        raise NotInOrder(f"the centre went away: {str(error.orig).strip()}") from error
    out.table("一天的业务 · traffic", ["act", "count"], done.items(), right=[1])
    out.document(done)

"""`yj agent run | enrol | test-print`: the workstation agent. It needs no instance, and loads nothing of the server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clients.console.context import Misuse, NotInOrder
from clients.console.output import Output

group = typer.Typer(no_args_is_help=True, help="the agent of a workstation: this PC follows the mode")
Folder = Annotated[Path | None, typer.Option(help="the agent's folder; the user's own unless told otherwise")]
Ca = Annotated[
    Path | None, typer.Option(help="the standby's authority (yj certificate export); nothing else is trusted")
]


@group.command()
def run(
    role: Annotated[str, typer.Option(help="whose page is opened: registrar cashier doctor pharmacist triage …")],
    server: Annotated[str | None, typer.Option(help="https://ADDRESS:PORT of the standby; as enrolled")] = None,
    workstation: Annotated[str | None, typer.Option(help="this PC's code; as enrolled")] = None,
    ca: Ca = None,
    folder: Folder = None,
) -> None:
    """Follow the mode until stopped: acknowledge it, open the page, do what agent.toml says, and give the HIS back."""
    from clients.agent import running
    from clients.agent.place import AgentMisuse, Place, usual_folder

    try:
        running.run(Place(folder or usual_folder()), running.Wish(server, workstation, role, ca))
    except AgentMisuse as error:
        raise Misuse(*str(error).split("\n")) from error


@group.command()
def enrol(
    server: Annotated[str, typer.Option(help="https://ADDRESS:PORT of the standby")],
    code: Annotated[str, typer.Option(help="the one-time code (yj workstation code)")],
    ca: Ca = None,
    folder: Folder = None,
) -> None:
    """Make this PC known to the standby, once."""
    from clients.agent import running
    from clients.agent.place import AgentMisuse, AgentTrouble, Place, usual_folder

    try:
        enrolled = running.enrol(Place(folder or usual_folder()), server, code, ca)
    except AgentMisuse as error:
        raise Misuse(*str(error).split("\n")) from error
    except AgentTrouble as error:
        raise NotInOrder(str(error)) from error
    Output().say(f"{enrolled.workstation}: enrolled at {enrolled.server}")


@group.command(name="test-print")
def test_print(folder: Folder = None) -> None:
    """A test page on each printer that the workstation table names for this PC; exit 1 if one was not handed over."""
    from clients.agent import running
    from clients.agent.place import AgentMisuse, AgentTrouble, Place, usual_folder

    try:
        printed = running.test_printers(Place(folder or usual_folder()))
    except AgentMisuse as error:
        raise Misuse(*str(error).split("\n")) from error
    except AgentTrouble as error:
        raise NotInOrder(str(error)) from error
    for one in printed:
        how = "handed to the printer; did it come out?" if one["ok"] else one["detail"]
        Output().say(f"{one['kind']} on {one['printer'] or 'the default printer'}: {how}")
    if not printed or not all(one["ok"] for one in printed):
        raise typer.Exit(1)

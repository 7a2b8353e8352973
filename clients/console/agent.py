"""`yj agent …`: the workstation agent. It needs no instance, and loads nothing of the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from clients.console.context import Misuse, NotInOrder
from clients.console.output import Output

group = typer.Typer(no_args_is_help=True, help="the agent of a workstation: this PC follows the mode")
Folder = Annotated[Path | None, typer.Option(help="the agent's folder; the user's own unless told otherwise")]
Root = Annotated[
    Path | None,
    typer.Option(help="where its versions are: /opt/his-yj-agent, on Windows in Program Files, unless told"),
]
Ca = Annotated[
    Path | None, typer.Option(help="the standby's authority (yj certificate export); nothing else is trusted")
]


@contextmanager
def _told() -> Iterator[None]:
    """What the agent refuses, in the words of the command."""
    from clients.agent.place import AgentMisuse, AgentTrouble

    try:
        yield
    except AgentMisuse as error:
        raise Misuse(*str(error).split("\n")) from error
    except AgentTrouble as error:
        raise NotInOrder(str(error)) from error


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
    from clients.agent.place import place_of

    with _told():
        running.run(place_of(folder), running.Wish(server, workstation, role, ca))


@group.command()
def enrol(
    server: Annotated[str, typer.Option(help="https://ADDRESS:PORT of the standby")],
    code: Annotated[str, typer.Option(help="the one-time code (yj workstation code)")],
    ca: Ca = None,
    folder: Folder = None,
    machine: Annotated[bool, typer.Option("--machine", help="for all who log in to this PC")] = False,
) -> None:
    """Make this PC known to the standby, once."""
    from clients.agent import running
    from clients.agent.place import place_to_enrol

    with _told():
        enrolled = running.enrol(place_to_enrol(folder, machine=machine), server, code, ca)
    Output().say(f"{enrolled.workstation}: enrolled at {enrolled.server}")


@group.command(name="test-print")
def test_print(folder: Folder = None) -> None:
    """A test page on each printer that the workstation table names for this PC; exit 1 if one was not handed over."""
    from clients.agent import running
    from clients.agent.place import place_of

    with _told():
        printed = running.test_printers(place_of(folder))
    for one in printed:
        how = "handed to the printer; did it come out?" if one["ok"] else one["detail"]
        Output().say(f"{one['kind']} on {one['printer'] or 'the default printer'}: {how}")
    if not printed or not all(one["ok"] for one in printed):
        raise typer.Exit(1)


@group.command()
def check(
    folder: Folder = None,
    alone: Annotated[bool, typer.Option("--alone", help="without asking the standby")] = False,
) -> None:
    """Would the agent work here: its file is read, the standby and the token are tried; exit 1 if not."""
    from clients.agent import checking
    from clients.agent.place import place_of

    with _told():
        Output().say(checking.check(place_of(folder), alone=alone))


@group.command()
def install(
    wheels: Annotated[Path, typer.Option("--from", help="the folder of the wheels (make wheelhouse), or a share")],
    server: Annotated[str, typer.Option(help="https://ADDRESS:PORT of the standby")],
    code: Annotated[str, typer.Option(help="the one-time code (yj workstation code)")],
    ca: Ca = None,
    root: Root = None,
    folder: Folder = None,
    machine: Annotated[bool, typer.Option("--machine", help="for all who log in to this PC")] = False,
) -> None:
    """Set this PC up in one go: the newest version of the agent there, its token by the code, a look at the standby."""
    from clients.agent import upgrading, versions
    from clients.agent.place import place_to_enrol

    with _told():
        place = place_to_enrol(folder, machine=machine)
        here, enrolment = versions.Installation(root or versions.usual()), upgrading.Enrolment(server, code, ca)
        Output().say(upgrading.install(here, wheels, place, enrolment).words)


@group.command()
def upgrade(
    wheels: Annotated[Path, typer.Option("--from", help="the folder of the wheels (make wheelhouse), or a share")],
    version: Annotated[str | None, typer.Option("--to", help="a version; the newest there unless told")] = None,
    root: Root = None,
    folder: Folder = None,
) -> None:
    """Install a version of the agent beside the running one; it takes over if it starts and talks to the standby."""
    from clients.agent import upgrading, versions
    from clients.agent.place import place_of

    with _told():
        here = versions.Installation(root or versions.usual())
        Output().say(upgrading.upgrade(here, wheels, place_of(folder), version).words)


@group.command()
def rollback(root: Root = None, folder: Folder = None) -> None:
    """Back to the version of the agent that ran before; the running agent changes over by itself."""
    from clients.agent import upgrading, versions
    from clients.agent.place import place_of

    with _told():
        here = versions.Installation(root or versions.usual())
        Output().say(upgrading.roll_back(here, place_of(folder)).words)

"""Entry point of `yj`: the verbs by group, `--home`, and the one place that turns outcomes into exit codes.

0 done · 1 the thing checked or asked for is not in order · 2 wrong usage or configuration, everything named at once.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from clients.console import output
from clients.console.context import Instance, Misuse, NotInOrder

_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)

app = typer.Typer(
    name="yj", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False,
    help="医院应急系统 · a fallback for a hospital's HIS: mirrors it, takes over in an outage, returns every document.",
)  # fmt: skip


@app.callback()
def choose_instance(
    ctx: typer.Context,
    home: Annotated[Path, typer.Option("--home", envvar="YJ_HOME", help="the instance's folder")] = Path("yj-home"),
) -> None:
    """Every verb works on the instance in --home."""
    ctx.obj = Instance(home.expanduser())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code."""
    from clients.console import verbs

    verbs.add_to(app)
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        answer = app(args=_home_first(given), prog_name="yj", standalone_mode=True)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `yj … | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    # The process edge of the command line: what is known gets a sentence and a code, everything else its trace.
    except Exception as error:  # noqa: BLE001 - the edge of the process
        return _explain(error)
    return answer if isinstance(answer, int) else 0


def _home_first(arguments: list[str]) -> list[str]:
    """`--home` may stand anywhere; it is moved in front of the verb, where the parser wants it."""
    found: list[str] = []
    rest: list[str] = []
    pending = iter(arguments)
    for argument in pending:
        if argument == "--":
            rest += [argument, *pending]
        elif argument == "--home":
            found = [argument, *[value for value in (next(pending, None),) if value is not None]]
        elif argument.startswith("--home="):
            found = [argument]
        else:
            rest.append(argument)
    return found + rest


def _explain(error: Exception) -> int:
    from config.sources import SettingsError
    from fallback_server.domain.errors import YjError

    if isinstance(error, SettingsError):
        output.complain(f"{problem}" for problem in error.problems)
        return 2
    if isinstance(error, Misuse):
        output.complain(error.lines)
        return 2
    if isinstance(error, NotInOrder):
        output.complain(error.lines)
        return 1
    if isinstance(error, YjError):
        output.complain([f"{error.code}: {error.sentence('zh')} {error.sentence('en')} ({error.hint()})"])
        return 1
    if isinstance(error, OSError) and error.errno in _DISK:
        output.complain([f"{error.filename or 'the disk'}: {error.strerror}; make room, or look at the system's log"])
        return 1
    if _is_newer(error):
        output.complain([str(error)])
        return 1
    if _is_central(error):
        output.complain([f"the centre: {type(error).__name__}: {error}"])
        return 1
    if _is_binaries(error):
        output.complain([f"{error}; the reference HIS needs it: pip install 'his-yj[reference]'"])
        return 1
    raise error


def _is_newer(error: Exception) -> bool:
    migrations = sys.modules.get("migrations.upgrade")
    return migrations is not None and isinstance(error, migrations.StoreIsNewer)


def _is_central(error: Exception) -> bool:
    # Only a verb that talked to the centre can have raised one; nothing is imported for the others.
    gateway = sys.modules.get("sync.central.gateway")
    return gateway is not None and isinstance(error, gateway.CentralError)


def _is_binaries(error: Exception) -> bool:
    # The reference HIS is an extra; an instance of a hospital is installed without it.
    binaries = sys.modules.get("sync.reference_his.binaries")
    return binaries is not None and isinstance(error, binaries.BinariesError)

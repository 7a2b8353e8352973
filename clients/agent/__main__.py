"""`python -m clients.agent VERB`: the agent without the rest of the product, like `yj agent`.

Exit codes: 0 done, 1 not to be had, 2 wrong usage or configuration. `install`, `upgrade` and `rollback` need nothing
but Python: the first installation of a PC runs out of the wheel.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clients.agent.place import AgentMisuse, AgentTrouble, place_of, place_to_enrol


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code."""
    given = _parser().parse_args(arguments)
    try:
        return int(_VERBS[given.verb](given))
    except (AgentMisuse, AgentTrouble) as error:
        sys.stderr.write(f"yj-agent: {error}\n")
        return 2 if isinstance(error, AgentMisuse) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="yj-agent", description="HIS-YJ, agent of a workstation")
    parser.add_argument("--folder", type=Path, help="the agent's folder; the user's own unless told otherwise")
    verbs = parser.add_subparsers(dest="verb", required=True)
    follow = verbs.add_parser("run", help="follow the mode")
    follow.add_argument("--server")
    follow.add_argument("--workstation")
    follow.add_argument("--role", required=True)
    follow.add_argument("--ca", type=Path)
    once = verbs.add_parser("enrol", help="use a one-time code")
    once.add_argument("--server", required=True)
    once.add_argument("--code", required=True)
    once.add_argument("--ca", type=Path)
    once.add_argument("--machine", action="store_true", help="for all who log in to this PC")
    verbs.add_parser("test-print", help="a test page on each printer of this PC")
    looked = verbs.add_parser("check", help="would the agent work here")
    looked.add_argument("--alone", action="store_true", help="without asking the standby")
    first = verbs.add_parser("install", help="set this PC up: the newest version, and its one-time code")
    first.add_argument("--server", required=True)
    first.add_argument("--code", required=True)
    first.add_argument("--ca", type=Path)
    first.add_argument("--machine", action="store_true", help="for all who log in to this PC")
    newer = verbs.add_parser("upgrade", help="install a version and let it take over, if it works")
    for one in (first, newer):
        one.add_argument("--from", dest="wheels", type=Path, required=True, help="the folder of the wheels")
    newer.add_argument("--to", dest="version", help="a version; the newest one there unless told otherwise")
    older = verbs.add_parser("rollback", help="back to the version before")
    for one in (first, newer, older):
        one.add_argument("--root", type=Path, help="the folder of the installation")
    return parser


def _run(given: argparse.Namespace) -> int:
    from clients.agent import running

    running.run(place_of(given.folder), running.Wish(given.server, given.workstation, given.role, given.ca))
    return 0


def _enrol(given: argparse.Namespace) -> int:
    from clients.agent import running

    place = place_to_enrol(given.folder, machine=given.machine)
    enrolled = running.enrol(place, given.server, given.code, given.ca)
    return _say(f"{enrolled.workstation}: enrolled at {enrolled.server}")


def _test_print(given: argparse.Namespace) -> int:
    from clients.agent import running

    printed: list[dict[str, Any]] = running.test_printers(place_of(given.folder))
    for one in printed:
        how = "handed to the printer" if one["ok"] else one["detail"]
        _say(f"{one['kind']}\t{one['printer'] or '(default)'}\t{how}")
    return 0 if printed and all(one["ok"] for one in printed) else 1


def _check(given: argparse.Namespace) -> int:
    from clients.agent import checking

    return _say(checking.check(place_of(given.folder), alone=given.alone))


def _install(given: argparse.Namespace) -> int:
    from clients.agent import upgrading, versions

    here = versions.Installation(given.root or versions.usual())
    place = place_to_enrol(given.folder, machine=given.machine)
    enrolment = upgrading.Enrolment(given.server, given.code, given.ca)
    return _say(upgrading.install(here, given.wheels, place, enrolment).words)


def _upgrade(given: argparse.Namespace) -> int:
    from clients.agent import upgrading, versions

    here = versions.Installation(given.root or versions.usual())
    return _say(upgrading.upgrade(here, given.wheels, place_of(given.folder), given.version).words)


def _rollback(given: argparse.Namespace) -> int:
    from clients.agent import upgrading, versions

    here = versions.Installation(given.root or versions.usual())
    return _say(upgrading.roll_back(here, place_of(given.folder)).words)


def _say(what: str) -> int:
    sys.stdout.write(f"{what}\n")
    return 0


_VERBS = {
    "run": _run, "enrol": _enrol, "test-print": _test_print, "check": _check, "install": _install, "upgrade": _upgrade,
    "rollback": _rollback,
}  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())

"""`python -m clients.agent run | enrol | test-print`: the agent without the rest of the product, like `yj agent`.

Exit codes: 0 done, 1 not to be had, 2 wrong usage or configuration.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clients.agent import running
from clients.agent.place import AgentMisuse, AgentTrouble, Place, usual_folder


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m clients.agent", description="HIS-YJ, agent of a workstation")
    parser.add_argument("--folder", type=Path, default=usual_folder(), help="the agent's folder")
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
    verbs.add_parser("test-print", help="a test page on each printer of this PC")
    given = parser.parse_args(arguments)
    place = Place(given.folder)
    try:
        if given.verb == "run":
            running.run(place, running.Wish(given.server, given.workstation, given.role, given.ca))
        elif given.verb == "test-print":
            return _tested(running.test_printers(place))
        else:
            enrolled = running.enrol(place, given.server, given.code, given.ca)
            sys.stdout.write(f"{enrolled.workstation}: enrolled at {enrolled.server}\n")
    except (AgentMisuse, AgentTrouble) as error:
        sys.stderr.write(f"yj-agent: {error}\n")
        return 2 if isinstance(error, AgentMisuse) else 1
    return 0


def _tested(printed: list[dict[str, Any]]) -> int:
    for one in printed:
        how = "handed to the printer" if one["ok"] else one["detail"]
        sys.stdout.write(f"{one['kind']}\t{one['printer'] or '(default)'}\t{how}\n")
    return 0 if printed and all(one["ok"] for one in printed) else 1


if __name__ == "__main__":
    sys.exit(main())

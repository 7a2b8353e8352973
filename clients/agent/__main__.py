"""`python -m clients.agent run | enrol`: the agent without the rest of the product; `yj agent` is the same.

Exit codes: 0 done, 1 not to be had, 2 wrong usage or configuration.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from clients.agent import running
from clients.agent.place import AgentMisuse, Place, usual_folder


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
    given = parser.parse_args(arguments)
    place = Place(given.folder)
    try:
        if given.verb == "run":
            running.run(place, running.Wish(given.server, given.workstation, given.role, given.ca))
        else:
            enrolled = running.enrol(place, given.server, given.code, given.ca)
            sys.stdout.write(f"{enrolled.workstation}: enrolled at {enrolled.server}\n")
    except (AgentMisuse, running.AgentTrouble) as error:
        sys.stderr.write(f"yj-agent: {error}\n")
        return 2 if isinstance(error, AgentMisuse) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

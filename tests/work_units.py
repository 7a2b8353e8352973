"""Which tests go to one process together where several run them, and which begin first.

A module is never torn apart: what its tests share (a demo that was played, a centre that was made) is made once. The
marks that pytest-xdist has for this do nothing since pytest keeps the ids of tests in a form of its own.
"""

from __future__ import annotations

from typing import Any

from xdist.scheduler import LoadScopeScheduling

# Modules that share more than their own: a session's dear parts, or cores that a whole standby beside a centre needs.
TOGETHER = {
    "tests/acceptance/": "whole standbys", "tests/pages/test_console_incident.py": "whole standbys",
    "tests/proof/": "proof", "tests/reference_his/": "reference centres",
}  # fmt: skip

# The longest first, so that no process has a long one left when the others are done.
FIRST = (
    "whole standbys", "tests/pages/test_every_page.py", "proof", "tests/house/test_wheel.py", "tests/pages/",
    "tests/agent/", "reference centres", "tests/contract/", "tests/mirror/",
)  # fmt: skip


def unit_of(nodeid: str) -> str:
    """The unit a test belongs to: its module, or what that is part of."""
    module = nodeid.partition("::")[0]
    return next((unit for path, unit in TOGETHER.items() if module.startswith(path)), module)


def place_of(nodeid: str) -> int:
    """How early a test is begun; the smaller the earlier."""
    unit = unit_of(nodeid)
    return next((place for place, first in enumerate(FIRST) if unit.startswith(first)), len(FIRST))


class WorkUnits(LoadScopeScheduling):
    """Hands whole units to the processes, in the order in which they were collected."""

    def __init__(self, config: Any, log: Any = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)

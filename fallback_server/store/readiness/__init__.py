"""Would the standby take over now: one list of findings for `yj ready`, the console, /readyz, metrics and alarms.

Each look is a function of a `Look` that yields findings; LOOKS is the list. What only the machine can tell (disks,
certificates) is handed in with the policy's standards. Words, cures and weights are in `domain.readiness_words`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from fallback_server.domain.policy import Policy
from fallback_server.domain.readiness import Finding
from fallback_server.store import centre_look
from fallback_server.store.readiness import (
    backups,
    clocks,
    documents,
    drills,
    machine,
    mirror,
    people,
    printers,
    told,
    windows,
)
from fallback_server.store.readiness.look import Look
from fallback_server.store.session import Tx

__all__ = ["LOOKS", "Look", "findings"]

LOOKS: Final[tuple[Callable[[Look], Iterable[Finding]], ...]] = (
    documents.trial,
    mirror.worker_and_centre,
    mirror.mirror,
    documents.books,
    windows.workstations,
    people.administrators,
    people.people,
    machine.others,
    clocks.clocks,
    machine.disk,
    backups.backups,
    drills.drills,
    drills.self_tests,
    windows.versions,
    printers.printers,
    told.told,
)


def findings(tx: Tx, policy: Policy, centre: Mapping[str, Any] | None = None) -> list[Finding]:
    """Everything that is looked at, in the order of LOOKS; a fault is never hidden behind another.

    `centre` is how somebody sees it who has just looked himself; by default what the worker saw last.
    """
    look = Look(tx.conn, tx.now, tx.mode, policy, centre or centre_look.last(tx.conn, tx.now))
    return [found for one in LOOKS for found in one(look)]

"""The sync worker as a process."""

from __future__ import annotations

import typer

from clients.console.context import Instance
from clients.console.locks import only_one


def work(found: Instance) -> None:
    """Mirror and upload on schedule and on request until told to stop. Raises NotInOrder if there is one already."""
    from fallback_server.acts import trial
    from sync.worker import main
    from sync.worker.upkeep import Upkeep

    settings, policy = found.settings, found.policy
    with only_one(found.home, "worker"), found.store():
        code = main(settings, lambda store: Upkeep(store, policy, trial.run))
    if code:
        raise typer.Exit(code)

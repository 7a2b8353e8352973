"""The table of verbs: which file has which."""

from __future__ import annotations

import typer

from clients.console import audit, books, conflicts, instance, mode, operators, reference

GROUPS = {
    "mode": mode.group,
    "conflicts": conflicts.group,
    "book": books.group,
    "audit": audit.group,
    "operator": operators.group,
    "reference": reference.group,
}


def add_to(app: typer.Typer) -> None:
    """Declare every verb once."""
    if app.registered_commands:
        return
    for verb in (instance.init, instance.up, instance.serve, instance.worker):
        app.command()(verb)
    for name, group in GROUPS.items():
        app.add_typer(group, name=name)

"""The table of verbs: which file has which."""

from __future__ import annotations

import typer

from clients.console import instance, reference


def add_to(app: typer.Typer) -> None:
    """Declare every verb once."""
    if app.registered_commands:
        return
    for verb in (instance.init, instance.up, instance.serve, instance.worker):
        app.command()(verb)
    app.add_typer(reference.group, name="reference")

"""The table of verbs: which file has which."""

from __future__ import annotations

import typer

from clients.console import (
    agent,
    alarm,
    audit,
    backup,
    books,
    central,
    certificates,
    conflicts,
    drill,
    instance,
    mirror,
    mode,
    operators,
    prices,
    ready,
    reconcile,
    record,
    reference,
    upload,
    workstations,
)
from clients.console.demo import command as demo

VERBS = (
    instance.init, instance.up, instance.serve, instance.worker, instance.door,
    reconcile.reconcile, ready.ready, demo.demo,
)  # fmt: skip
GROUPS = {
    "agent": agent.group,
    "alarm": alarm.group,
    "central": central.group,
    "mirror": mirror.group,
    "mode": mode.group,
    "upload": upload.group,
    "conflicts": conflicts.group,
    "incident": record.group,
    "book": books.group,
    "price": prices.group,
    "drill": drill.group,
    "audit": audit.group,
    "backup": backup.group,
    "certificate": certificates.group,
    "operator": operators.group,
    "workstation": workstations.group,
    "reference": reference.group,
}


def add_to(app: typer.Typer) -> None:
    """Declare every verb once."""
    if app.registered_commands:
        return
    for verb in VERBS:
        app.command()(verb)
    for name, group in GROUPS.items():
        app.add_typer(group, name=name)

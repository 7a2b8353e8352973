"""The sync worker as a process."""

from __future__ import annotations

from clients.console.context import Instance
from clients.console.output import Output


def work(found: Instance, out: Output) -> None:
    """Mirror and upload on schedule and on request until told to stop."""
    raise NotImplementedError

"""Running the demo as a person does: a process, one JSON document, an exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sync.reference_his.postgres import EmbeddedPostgres

ENTITIES = {
    "patient", "registration", "registration_cancel", "registration_transfer", "prescription", "prescription_cancel",
    "order", "charge", "refund", "receipt_event", "dispense_note",
}  # fmt: skip


@dataclass
class Played:
    """What a demo left: its document, what it told on the way, and where it played."""

    told: dict[str, Any]
    progress: str
    code: int
    home: Path


def play(home: Path, *options: str) -> Played:
    """`yj demo --json` in a folder of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "clients.console", "--home", str(home), "demo", "--json", *options],
        capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    # The centre's data lie outside a home that its user cannot enter, as pytest's folders are for root.
    EmbeddedPostgres(home / "centre").destroy()
    if not done.stdout.strip():
        raise AssertionError(f"the demo ended with {done.returncode} and no document:\n{done.stderr[-6000:]}")
    return Played(json.loads(done.stdout), done.stderr, done.returncode, home)


def require_sound(played: Played) -> None:
    """Balanced, every document accounted for, no act refused, the same money on all sides."""
    told = played.told
    assert told["problems"] == [] and told["refusals"] == [], played.progress[-4000:]
    assert told["balanced"] is True and played.code == 0
    totals = told["totals"]
    assert totals["local"] == totals["ledger"] == totals["central"]

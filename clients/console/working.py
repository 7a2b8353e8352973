"""The sync worker as a process."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

import typer

from clients.console.context import Instance
from clients.console.locks import only_one

if TYPE_CHECKING:
    from fallback_server.store.jobs import Job

LOOK_SECONDS: Final = 0.5
STOP_SECONDS: Final = 30.0


def work(found: Instance) -> None:
    """Mirror and upload on schedule and on request until told to stop. Raises NotInOrder if there is one already."""
    from fallback_server.acts import incident_due, trial
    from sync.worker import main
    from sync.worker.upkeep import Upkeep

    settings, policy = found.settings, found.policy
    with only_one(found.home, "worker"), found.store():
        code = main(
            settings, lambda store: Upkeep(store, policy, trial.run, incident_due.look),
            self_test=lambda job, stop: _self_test(found, job, stop),
        )  # fmt: skip
    if code:
        raise typer.Exit(code)


def _self_test(found: Instance, job: Job, stop: threading.Event) -> int:
    """`yj drill selftest` as a child: what it does to memory is gone with it; killed when it takes too long."""
    own = [sys.executable, "-m", "clients.console", "--home", str(found.home)]
    command = [*own, "drill", "selftest", "--job", str(job.id)]
    deadline = time.monotonic() + 60 * found.settings.drill.self_test_minutes
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as child:  # noqa: S603 - our own
        while child.poll() is None:
            if stop.is_set() or time.monotonic() > deadline:
                child.terminate()
                _make_sure(child)
            stop.wait(LOOK_SECONDS)
        return child.returncode


def _make_sure(child: subprocess.Popen[bytes]) -> None:
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()

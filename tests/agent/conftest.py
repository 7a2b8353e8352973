"""A screen for those who need one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest


@pytest.fixture
def screen() -> Iterator[str]:
    """A screen nobody sees; its name."""
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed")
    out, into = os.pipe()
    command = ["Xvfb", "-displayfd", str(into), "-screen", "0", "1280x800x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[into], stderr=subprocess.DEVNULL)
    os.close(into)
    with os.fdopen(out, encoding="ascii") as told:
        yield f":{told.readline().strip()}"
    server.terminate()
    server.wait(20)

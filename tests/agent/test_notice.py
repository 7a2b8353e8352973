"""The notice over everything: it cannot be missed, and not be taken away by a key that was meant for the HIS."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from clients.agent import notice

# In a process of its own, as the agent shows it: one key in the moment it comes, a scan that ends with Enter, another
# window that opens above it, and at last somebody who has read it.
PERSON = """
import json, time, tkinter
from clients.agent import notice

notice.AGAIN_MS = 100
moment = [0.0]
root = notice.window("应急模式已启动", now=lambda: moment[0])
seen = {}

def press(*keys):
    for key in keys:
        root.event_generate(key)
    root.update()
    return not there()

def there():
    try:
        return bool(root.winfo_exists())
    except tkinter.TclError:
        return False

def wait(until):
    deadline = time.monotonic() + 30
    while not until() and time.monotonic() < deadline:
        root.update()
        time.sleep(0.01)
    return until()

root.update()
seen["whole"] = wait(lambda: (root.winfo_width(), root.winfo_height()) == (1280, 800))
seen["first_key_closes"] = press("<Return>")
above = tkinter.Toplevel(root)
above.update()
order = lambda: bool(root.tk.call("wm", "stackorder", ".", "isabove", above._w))
seen["comes_back_above"] = wait(order)
moment[0] += notice.DEAF
seen["scan_closes"] = press("<Key-6>", "<Key-9>", "<Return>")
moment[0] += notice.DEAF
seen["read_closes"] = press("<Return>")
print(json.dumps(seen))
"""


def test_it_fills_the_screen_comes_back_above_and_goes_only_when_it_was_read(screen: str) -> None:
    if not notice.possible():
        pytest.skip("this Python has no tkinter")
    environment = {**os.environ, "DISPLAY": screen}
    done = subprocess.run(
        [sys.executable, "-c", PERSON], env=environment, capture_output=True, text=True, check=False, timeout=90
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "whole": True, "first_key_closes": False, "comes_back_above": True, "scan_closes": False, "read_closes": True,
    }  # fmt: skip

"""The browser of a window PC: found by itself, with a profile of its own: closing it closes only ours."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

LINUX: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
WINDOWS: Final = ("Microsoft/Edge/Application/msedge.exe", "Google/Chrome/Application/chrome.exe")


def find(given: str | None = None) -> Path | None:
    """The browser to use, `given` before what is installed; None where there is none."""
    if given:
        found = shutil.which(given)
        return Path(found) if found else None
    return next(_installed(), None)


def _installed() -> Iterator[Path]:
    if sys.platform == "win32":
        roots = [os.environ.get(name) for name in ("ProgramFiles(x86)", "ProgramFiles", "LOCALAPPDATA")]
        yield from (Path(root) / one for one in WINDOWS for root in roots if root and (Path(root) / one).is_file())
    else:
        yield from (Path(found) for name in LINUX if (found := shutil.which(name)))


def command(program: Path, address: str, profile: Path, window: str, arguments: Sequence[str]) -> list[str]:
    """How to open one window without tabs (`app`), or the whole screen (`kiosk`)."""
    shape = ["--kiosk", address] if window == "kiosk" else ["--start-maximized", f"--app={address}"]
    return [
        str(program), f"--user-data-dir={profile}", "--no-first-run", "--no-default-browser-check",
        "--disable-session-crashed-bubble", "--hide-crash-restore-bubble", *arguments, *shape,
    ]  # fmt: skip


def to_pdf(program: Path, file: Path, made: Path, profile: Path, arguments: Sequence[str]) -> list[str]:
    """How to make the PDF of a page without a window; the flag against headers has had two names."""
    return [
        str(program), "--headless", "--disable-gpu", f"--user-data-dir={profile}", "--no-first-run",
        "--no-pdf-header-footer", "--print-to-pdf-no-header", f"--print-to-pdf={made}", *arguments, file.as_uri(),
    ]  # fmt: skip


def address(server: str, path: str, workstation: str) -> str:
    """The page, by way of the log-in: a browser that was closed has no session, and the workstation is known here."""
    return f"{server}/login?" + urlencode({"workstation": workstation, "next": path})

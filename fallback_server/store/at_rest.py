"""Who else could read what lies on the disk: whether it is encrypted, and who may read the files with secrets.

Looks for `Standards.machine`. What cannot be told is a warning, never a verdict: a disk array may encrypt by itself.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from fallback_server.domain.readiness import Finding, MachineLook

ASK_SECONDS: Final = 10
AGAIN: Final = timedelta(minutes=10)  # a disk is not encrypted from one look to the next
SYSTEM: Final = Path("/sys")


def disks(folder: Path, *, system: Path = SYSTEM) -> MachineLook:
    """Whether the disk of `folder` is encrypted: LUKS by the kernel's own word, BitLocker by manage-bde's."""
    seen: list[tuple[datetime, bool | None]] = []

    def look(now: datetime) -> Iterator[Finding]:
        if not seen or not timedelta() <= now - seen[0][0] <= AGAIN:
            seen[:] = [(now, encrypted(folder, system))]
        sealed = seen[0][1]
        code = {True: "at_rest_sealed", False: "at_rest_open", None: "at_rest_unknown"}[sealed]
        yield Finding("at_rest", sealed or None, code, {"place": str(folder)})

    return look


def encrypted(folder: Path, system: Path = SYSTEM) -> bool | None:
    """True or False where it can be told, else None."""
    if os.name == "nt":
        return _bitlocker(folder)
    try:
        device = _device(folder)
        return _sealed(system / "dev" / "block" / f"{os.major(device)}:{os.minor(device)}") if device else None
    except OSError:
        return None


def _device(folder: Path) -> int | None:
    """The block device below a folder; None for file systems that have none of their own (network, memory, layers)."""
    there = folder if folder.exists() else folder.parent
    device = there.stat().st_dev
    if os.major(device):
        return device
    # btrfs and the like number their volumes themselves; the table of mounts knows what they lie on.
    best, source = "", ""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        place = before.split()[4]
        if (there.resolve().is_relative_to(place)) and len(place) > len(best):
            best, source = place, after.split()[1]
    found = Path(source).stat() if source.startswith("/dev/") else None
    return found.st_rdev if found is not None else None


def _sealed(device: Path) -> bool | None:
    """Whether everything below a block device is encrypted somewhere on the way down."""
    if not device.exists():
        return None
    word = device / "dm" / "uuid"
    if word.is_file() and word.read_text(encoding="utf-8").startswith("CRYPT-"):
        return True
    below = sorted((device / "slaves").iterdir()) if (device / "slaves").is_dir() else []
    if not below:
        return False
    return all(_sealed(one) for one in below)


def _bitlocker(folder: Path) -> bool | None:
    command = shutil.which("manage-bde")
    if command is None:
        return None
    try:
        # Its words are in the language of Windows; its exit code is not.
        asked = [command, "-status", folder.drive or "C:", "-protectionaserrorlevel"]
        done = subprocess.run(asked, capture_output=True, check=False, timeout=ASK_SECONDS)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.returncode == 0


def secrets(files: Callable[[], Iterable[Path]]) -> MachineLook:
    """Files with secrets that others on this machine may read. Windows answers by its own lists: nothing is said."""

    def look(_now: datetime) -> Iterator[Finding]:
        if os.name == "nt":
            return
        there = [path for path in files() if path.is_file()]
        wide = [path.name for path in there if path.stat().st_mode & 0o077]
        if wide:
            yield Finding("secrets", None, "secrets_open", {"files": ", ".join(sorted(wide)[:5])})
        elif there:
            yield Finding("secrets", True, "secrets_closed", {"count": len(there)})

    return look

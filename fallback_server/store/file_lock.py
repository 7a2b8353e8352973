"""A lock on an open file, which dies with its holder; apart, for processes that need nothing else of the store."""

from __future__ import annotations

import os
import sys


def try_lock_file(descriptor: int) -> bool:
    """Take the lock of an open file, or say that another holds it; closing the file gives it back."""
    if sys.platform == "win32":
        import msvcrt

        try:
            # A byte far behind any text: what the holder wrote stays readable to others.
            os.lseek(descriptor, 1 << 20, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

"""The machine the standby runs on: room on its disk, and what the composition root looks at."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Final

from fallback_server.domain.readiness import Finding
from fallback_server.store.readiness.look import Look

ENOUGH_BYTES: Final = 2_000_000_000  # days of work fit


def disk(look: Look) -> Iterator[Finding]:
    """Percent alone is alarm on a big disk: what keeps the standby from working is too little for days of work."""
    standards = look.policy.standards
    if standards.home is None:
        return
    home = standards.home if standards.home.is_dir() else standards.home.absolute().parent
    try:
        usage = shutil.disk_usage(home)
    except OSError as error:
        yield Finding("disk", False, "disk_trouble", {"why": error.strerror or type(error).__name__})
        return
    free, least = usage.free * 100 // usage.total, standards.disk_free_percent
    ok = True if free >= least else None if usage.free > ENOUGH_BYTES else False
    yield Finding("disk", ok, "disk_free", {"percent": free, "gb": usage.free // 1_000_000_000}, limit=f"≥ {least} %")


def others(look: Look) -> Iterator[Finding]:
    """What was handed in with the standards."""
    for one in look.policy.standards.machine:
        yield from one(look.now)

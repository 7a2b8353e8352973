"""One thing that `yj central check` looked at, in words for a DBA."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """`cure` is empty where it is in order."""

    status: Literal["ok", "warn", "fail"]
    subject: str
    sentence: str
    cure: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)


def short_version(version: str) -> str:
    """A server's version in one short line, cut between words: the rest is about compilers and machines."""
    first = next((line.strip() for line in version.splitlines() if line.strip()), "unknown version")
    for mark in (", compiled", " on x86_64", " on aarch64", " (X64)"):
        first = first.partition(mark)[0]
    first = " ".join(first.split())
    return first if len(first) <= 80 else f"{first[:80].rpartition(' ')[0]} …"

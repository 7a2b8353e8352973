"""Time, always aware, always from one place.

Documents are stamped with the standby's clock, never with a window PC's; tests and rehearsals bring their own clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

HOSPITAL_ZONE = "Asia/Shanghai"


class Clock(Protocol):
    """The only source of the present time."""

    @property
    def zone(self) -> ZoneInfo: ...

    def now(self) -> datetime:
        """The present moment, aware, in the hospital's zone."""


@dataclass(frozen=True)
class SystemClock:
    """The machine's clock, read in the hospital's zone."""

    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo(HOSPITAL_ZONE))

    def now(self) -> datetime:
        return datetime.now(self.zone)


@dataclass
class SettableClock:
    """A clock for tests: stands still until it is moved."""

    at: datetime
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo(HOSPITAL_ZONE))

    def now(self) -> datetime:
        return self.at.astimezone(self.zone)

    def advance(self, seconds: float) -> None:
        """Move forward by `seconds`."""
        self.at = self.at + timedelta(seconds=seconds)


def business_date(moment: datetime, zone: ZoneInfo) -> date:
    """The hospital's calendar day on which `moment` falls; it never changes with the day of posting."""
    return moment.astimezone(zone).date()


def to_text(moment: datetime) -> str:
    """RFC 3339 with offset and milliseconds: the one form in which times are stored and sent.

    All stored times carry the hospital's offset, so that text order is time order within one zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a time without zone was handed in")
    return moment.isoformat(timespec="milliseconds")


def from_text(text: str) -> datetime:
    """The inverse of `to_text`; also reads a trailing Z. Raises ValueError on a time without zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time without zone: {text!r}")
    return moment

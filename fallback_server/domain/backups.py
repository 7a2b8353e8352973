"""Backups of the standby's store: when one is due, which are kept, and what their files are called. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from typing import Final, Protocol

SUFFIX: Final = ".yjb"
RETRY_MINUTES: Final = 5  # after a failure; a disk that is full now may have been given room
_NAME: Final = re.compile(r"yj-(\d{8}T\d{6}Z)-[0-9a-f]{8}\.yjb")
_STAMP: Final = "%Y%m%dT%H%M%SZ"


class BackupRules(Protocol):
    """The keys of [backup] that decide when and how long."""

    @property
    def daily_at(self) -> str: ...
    @property
    def emergency_minutes(self) -> int: ...
    @property
    def keep_hours(self) -> int: ...
    @property
    def keep_days(self) -> int: ...
    @property
    def keep_months(self) -> int: ...


def file_name(at: datetime, random: str) -> str:
    """The name of a backup made at `at`; `random` (eight hex digits) tells two of one second apart."""
    return f"yj-{at.astimezone(UTC).strftime(_STAMP)}-{random}{SUFFIX}"


def made_at(name: str) -> datetime | None:
    """When the backup of this name was made; None for any other file, one that was never finished above all."""
    found = _NAME.fullmatch(name)
    return datetime.strptime(found[1], _STAMP).replace(tzinfo=UTC) if found else None


def due(now: datetime, mode: str, good: datetime | None, tried: datetime | None, rules: BackupRules) -> bool:
    """Whether a backup is to be made now. `good`: the last that succeeded, `tried`: the last attempt.

    In an outage and on the way back every `emergency_minutes`; otherwise once a day, from `daily_at` on. One that was
    made in the future was made by a clock that has been set back since: it says nothing about how old the last one is.
    """
    just_tried = tried is not None and timedelta() <= now - tried < timedelta(minutes=RETRY_MINUTES)
    if just_tried and tried != good:
        return False
    if good is None or good > now:
        return True
    if mode != "normal" and now - good >= timedelta(minutes=rules.emergency_minutes):
        return True
    return good < _last_daily(now, rules.daily_at)


def _last_daily(now: datetime, daily_at: str) -> datetime:
    at = time.fromisoformat(daily_at)
    today = now.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
    return today if today <= now else today - timedelta(days=1)


def superfluous(names: Iterable[str], now: datetime, rules: BackupRules) -> list[str]:
    """The backups that may go: none of the last `keep_hours`, not the newest of a day for `keep_days`, nor of a month.

    The newest of all always stays, however old; a file that is no backup is never named.
    """
    dated = sorted(((at, name) for name in names if (at := made_at(name)) is not None), reverse=True)
    kept = {name for at, name in dated if now - at <= timedelta(hours=rules.keep_hours)}
    kept |= {dated[0][1]} if dated else set()
    for form, count in (("%Y-%m-%d", rules.keep_days), ("%Y-%m", rules.keep_months)):
        newest: dict[str, str] = {}
        for at, name in dated:
            newest.setdefault(at.astimezone(now.tzinfo).strftime(form), name)
        kept |= {newest[period] for period in sorted(newest, reverse=True)[:count]}
    return [name for _, name in reversed(dated) if name not in kept]

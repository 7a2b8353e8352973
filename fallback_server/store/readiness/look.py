"""What a look at the standby may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection

from fallback_server.domain.clock import from_text
from fallback_server.domain.modes import Mode, ModeState
from fallback_server.domain.policy import Policy
from fallback_server.store import staffing


@dataclass(frozen=True)
class Look:
    """One moment: a reading transaction, the time and the mode in it, and what the hospital decided."""

    conn: Connection
    now: datetime
    mode: ModeState
    policy: Policy
    centre: Mapping[str, Any]
    """How the centre was when it was last looked at (store.centre_look.last)."""

    @property
    def in_use(self) -> bool:
        """Whether windows work here in earnest: the standby is no longer waiting."""
        return self.mode.mode is not Mode.NORMAL and not self.mode.drill

    @cached_property
    def staff(self) -> list[staffing.Standing]:
        """Everybody who may work here, and whether they could log in."""
        return staffing.everyone(self.conn, self.now)

    def age(self, at: str | datetime | None) -> int | None:
        """Seconds since `at`, never less than nothing; None for never.

        A time that lies ahead was written before the clock was set back: it is as old as it is far away, or it would
        look fresh until then.
        """
        if at is None:
            return None
        moment = from_text(at) if isinstance(at, str) else at
        return abs(int((self.now - moment).total_seconds()))

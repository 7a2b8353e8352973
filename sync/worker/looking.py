"""One look at the centre within a limit: whatever hangs there, the worker goes on looking."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from fallback_server.domain.detection import LOOK_LIMIT_SECONDS, Look
from sync.central.gateway import CentralError, CentralGateway, LookFailed, Systemic, Transient

MOST_HANGING: Final = 3
log: Any = structlog.get_logger("yj.worker")


@dataclass
class Seen:
    """What one look has found so far. `over` is set when it found its end by itself."""

    seconds: dict[str, float] = field(default_factory=dict)
    failed: str = ""
    how: str = ""
    error: str = ""
    clock_offset_seconds: float | None = None
    version: str = ""
    note: str = ""
    over: threading.Event = field(default_factory=threading.Event)

    def as_look(self) -> Look:
        return Look(dict(self.seconds), self.failed, self.how)


class Looker:
    """Looks in a thread of its own; a look that hangs is left behind, and few of them may."""

    def __init__(self, gateway: Callable[[], CentralGateway], limit: float = LOOK_LIMIT_SECONDS) -> None:
        self._gateway, self._limit = gateway, limit
        self._hanging: list[Seen] = []

    def look(self, *, insist: bool = False) -> Seen:
        """One look, ended after the limit at the latest; `insist` on a write that worked before.

        Raises what the gateway cannot even be opened for.
        """
        gateway = self._gateway()
        self._hanging = [one for one in self._hanging if not one.over.is_set()]
        if len(self._hanging) >= MOST_HANGING:
            return Seen(failed="silent", how="away", error=f"{len(self._hanging)} looks still wait for an answer")
        seen = Seen()
        # A daemon: a worker that is told to stop does not wait for a centre that does not answer.
        threading.Thread(target=_go, args=(gateway, seen, insist), name="look", daemon=True).start()
        if seen.over.wait(self._limit):
            return seen
        self._hanging.append(seen)
        return Seen(dict(seen.seconds), "silent", "away", f"no answer within {self._limit:g} s")


def _go(gateway: CentralGateway, seen: Seen, insist: bool) -> None:
    try:
        for step in gateway.look(insist=insist):
            seen.seconds[step.step] = step.seconds
            if step.step == "read":
                seen.clock_offset_seconds, seen.version = step.clock_offset_seconds, step.version
                seen.note = step.note
    except LookFailed as failed:
        seen.failed, seen.how, seen.error = failed.step, _how(failed.error), str(failed)
    except Exception as error:  # noqa: BLE001  (edge of a look: whatever it is, the centre is not in order)
        seen.failed, seen.how, seen.error = "read", "away", type(error).__name__
        log.warning("look_broke", error=type(error).__name__)
    finally:
        seen.over.set()


def _how(error: CentralError) -> str:
    if isinstance(error, Transient):
        return "busy"
    return "refused" if isinstance(error, Systemic) else "away"

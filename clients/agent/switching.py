"""Making this PC follow the mode: what was done is on disk before it is done, and is undone in the other order."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from clients.agent.actions import Action, ActionFailed, Ini, Memory
from clients.agent.ini import IniRefused
from clients.agent.place import Place

AGAIN: Final = 5.0  # seconds between two looks: what failed is tried again, what was closed is opened again
log = logging.getLogger("yj.agent")


def concerns(mode: Mapping[str, Any], departments: Sequence[str]) -> bool:
    """Whether YJ is on for this window: for a part of the hospital only where it serves one of its departments."""
    scope = mode.get("scope")
    return not scope or not departments or bool(set(map(str, scope)) & set(departments))


class Switcher:
    """Holds the last mode heard and makes the PC like it, whatever happened before."""

    def __init__(
        self, place: Place, actions: Sequence[Action], departments: Sequence[str], leave_seconds: float,
        *, now: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._place, self._actions, self._departments = place, actions, departments
        self._leave_seconds, self._now = leave_seconds, now
        self._memories: dict[str, Memory] = place.state().get("done", {})
        self._mode: dict[str, Any] | None = None
        self._leave_at: float | None = None
        self._said: dict[str, str] = {}
        self._news = threading.Event()

    @property
    def done(self) -> frozenset[str]:
        """Names of the actions that are done and not undone."""
        return frozenset(self._memories)

    def told(self, mode: dict[str, Any]) -> None:
        """Hear of the mode; `run` does the rest."""
        self._mode = mode
        self._news.set()

    def run(self, stop: threading.Event) -> None:
        """Until `stop`. The PC stays as it is then: an agent that is updated must not close a page with a form."""
        while not stop.is_set():
            self._news.wait(AGAIN)
            self._news.clear()
            if not stop.is_set():
                try:
                    self.look()
                except Exception as error:  # noqa: BLE001  (edge of the thread: one look that goes wrong is not the last)
                    log.error("following the mode goes on after %s", type(error).__name__)

    def wake(self) -> None:
        """Let `run` see its `stop`."""
        self._news.set()

    def look(self) -> None:
        """Bring this PC one step nearer to the mode."""
        mode = self._mode
        if mode is None:  # nothing heard since the start: what is done stays done
            return
        if mode["mode"] == "emergency" and concerns(mode, self._departments):
            self._leave_at = None
            self._enter(mode)
        elif mode["mode"] == "returning":
            # The page holds the document in hand, then says "returning"; the HIS is given back with the release.
            self._leave_at = None
        else:
            self._leave()

    def _enter(self, mode: Mapping[str, Any]) -> None:
        for action in self._actions:
            if mode.get("drill") and not action.drill:
                continue
            self._try(action, lambda one=action: one.enter(self._memories.get(one.name), self._keeper(one.name), mode))  # type: ignore[misc]

    def _leave(self) -> None:
        if not self._memories:
            self._look_back()
            return
        if self._leave_at is None:
            self._leave_at = self._now() + self._leave_seconds  # long enough to read that it is over
            threading.Timer(self._leave_seconds, self._news.set).start()
        if self._now() < self._leave_at:
            return
        for action in reversed(self._actions):
            memory = self._memories.get(action.name)
            if memory is not None and self._try(action, lambda one=action, known=memory: one.leave(known)):  # type: ignore[misc]
                self._forget(action.name)
        for name in self._memories.keys() - {action.name for action in self._actions}:
            self._say(
                name,
                f"{name} is not in agent.toml any more; what it did must be undone by hand: {self._memories[name]}",
            )

    def _look_back(self) -> None:
        for action in self._actions:
            if isinstance(action, Ini):
                self._try(action, action.look)

    def _try(self, action: Action, do: Callable[[], None]) -> bool:
        try:
            do()
        except (ActionFailed, IniRefused, OSError) as error:
            self._say(action.name, f"{action.name}: {error}")
            return False
        if self._said.pop(action.name, None):
            log.info("%s: done now", action.name)
        return True

    def _say(self, name: str, what: str) -> None:
        if self._said.get(name) != what:
            log.error(what)
            self._said[name] = what

    def _keeper(self, name: str) -> Callable[[Memory], None]:
        def keep(memory: Memory) -> None:
            self._memories[name] = memory
            self._place.keep_state({"done": self._memories})

        return keep

    def _forget(self, name: str) -> None:
        del self._memories[name]
        self._place.keep_state({"done": self._memories})

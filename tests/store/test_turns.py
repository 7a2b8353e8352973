"""A store with one writer: who goes ahead waits for the one whose turn it is, not for those in line."""

from __future__ import annotations

import threading

import pytest

from fallback_server.domain.errors import YjError
from fallback_server.store.turns import Turns
from tests.fixtures_door import until

PATIENCE = 60.0


class Asked:
    """A lock that says how many asked for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.asked = 0

    def acquire(self, timeout: float) -> bool:
        self.asked += 1
        return self._lock.acquire(timeout=timeout)

    def release(self) -> None:
        self._lock.release()


def test_who_goes_ahead_waits_beside_the_turn_and_those_in_line_keep_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    turns, turn, line = Turns(), Asked(), Asked()
    monkeypatch.setattr(turns, "_turn", turn)
    monkeypatch.setattr(turns, "_line", line)
    order: list[str] = []
    go = threading.Event()

    def act(name: str, ahead: bool = False) -> None:
        with turns.take(PATIENCE, ahead=ahead):
            order.append(name)
            if name == "first":
                assert go.wait(PATIENCE)

    def begin(name: str, ahead: bool = False) -> threading.Thread:
        thread = threading.Thread(target=act, args=(name, ahead))
        thread.start()
        return thread

    threads = [begin("first")]
    until(lambda: order)
    threads += [begin(f"in line {number}") for number in range(8)]
    until(lambda: line.asked == 9)
    assert turn.asked == 1, "those in line do not stand at the turn"
    threads.append(begin("ahead", ahead=True))
    until(lambda: turn.asked == 2)  # nobody else waits there; who is woken first is for the machine to say
    go.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert order[0] == "first" and len(set(order)) == len(order) == 10


def test_a_turn_that_is_not_had_in_time_is_refused_and_holds_nobody_up() -> None:
    turns = Turns()
    with turns.take(PATIENCE):
        for ahead in (False, True):
            with pytest.raises(YjError, match="busy"), turns.take(0.05, ahead=ahead):
                pass
    with turns.take(0.05), pytest.raises(YjError), turns.take(0.05):
        pass
    with turns.take(PATIENCE, ahead=True):
        pass

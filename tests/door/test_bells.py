"""A word to those whom something concerns, and to nobody else."""

from __future__ import annotations

from typing import Any, cast

from aiohttp import web

from fallback_server.door.bells import Bells
from tests.fixtures_door import awaited


class Ear:
    """A stream that counts its words."""

    def __init__(self) -> None:
        self.heard = 0

    async def write(self, word: bytes) -> None:
        assert word == b"event: queue\ndata: {}\n\n"
        self.heard += 1


def test_a_hall_is_told_when_its_queue_moves_and_when_the_last_one_has_left_it() -> None:
    answers: list[dict[str, Any]] = [{"NK": "1", "EK": "1"}, {"NK": "2", "EK": "1"}, {"EK": "1"}, {"EK": "1"}]

    async def ask() -> dict[str, Any]:
        return answers.pop(0)

    async def heard() -> list[tuple[int, int]]:
        bells, nk, ek, told = Bells(ask, "queue", 1), Ear(), Ear(), []
        with (
            bells.hearing("NK", cast(web.StreamResponse, nk)),
            bells.hearing("EK", cast(web.StreamResponse, ek)),
        ):
            while answers:
                await bells.look()
                told.append((nk.heard, ek.heard))
        return told

    assert awaited(heard()) == [(1, 1), (2, 1), (3, 1), (3, 1)]

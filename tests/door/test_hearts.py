"""Agents that acknowledge a switch all at once: the door tells the server many at a time, and none is lost or let in
that would not have been let in alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp.test_utils import make_mocked_request

from fallback_server.door import hearts
from fallback_server.door.hearts import Beat, Hearts, beat_of
from fallback_server.web.behind import behind_door
from tests.fixtures_browser import Standby
from tests.fixtures_door import SECRET, DoorThread, awaited

AGENTS = 30
PATH = "/api/v1/workstations/heartbeat"


class Counted:
    """The application, and which paths it was asked for."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.paths: list[str] = []

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        self.paths.append(environ["PATH_INFO"])
        return self._app(environ, start)


@pytest.fixture
def hall(standby: Standby, tmp_path: Path) -> Iterator[tuple[Standby, DoorThread, Counted]]:
    counted = Counted(standby.app.wsgi_app)
    standby.app.wsgi_app = behind_door(counted, SECRET)  # type: ignore[method-assign]
    door = DoorThread(standby.url, tmp_path / "certificates").open()
    yield standby, door, counted
    door.close()


def enrolled(standby: Standby, number: int) -> tuple[str, str]:
    """A workstation and its agent's token."""
    station = f"A{number:02d}"
    with standby.hospital.app.test_client() as client:
        code = standby.hospital.window("admin").post("/workstations/code", {"workstation": station}).json["code"]
        return station, client.post("/api/v1/workstations/enrol", json={"code": code}).get_json()["token"]


def test_a_whole_hospital_acknowledges_in_a_few_requests_and_each_gets_its_own_answer(
    hall: tuple[Standby, DoorThread, Counted],
) -> None:
    standby, door, counted = hall
    agents = [enrolled(standby, number) for number in range(AGENTS)]
    with httpx.Client(base_url=door.http, trust_env=False, timeout=30) as http:

        def beat(station: str, token: str, **more: Any) -> httpx.Response:
            body = {"workstation": station, "role": "cashier", "epoch": 1, **more}
            return http.post(PATH, json=body, headers={"Authorization": f"Bearer {token}"})

        with ThreadPoolExecutor(AGENTS) as pool:
            assert {one.status_code for one in pool.map(lambda one: beat(*one, epoch=0), agents)} == {200}
            standby.hospital.emergency()
            counted.paths.clear()
            answers = list(pool.map(lambda one: beat(*one), agents))
        assert {one.status_code for one in answers} == {200}
        assert all(one.json()["epoch"] == 1 and one.headers["YJ-Epoch"] == "1" for one in answers)
        assert len(counted.paths) < AGENTS and set(counted.paths) <= {PATH + "s", "/api/v1/mode"}
        # What would be refused alone is refused alone, in its own words.
        assert beat("A00", "yjw_nobody").status_code == 401
        assert beat("A00", agents[1][1]).status_code == 401  # another workstation's token
        assert beat(*agents[0], epoch=-1).json()["code"] == "invalid_request"
        assert beat(*agents[0], clock="noon").json()["code"] == "invalid_request"
        said = {"workstation": "A00", "role": "cashier", "epoch": 1}
        whole = {"beats": [{"token": agents[0][1], "address": "127.0.0.1", "body": said}]}
        assert http.post(PATH + "s", json=whole).status_code == 404  # for the door alone
        assert beat(*agents[0], version="1" * 5000).json()["code"] == "invalid_request"
        standby.stop()
        assert beat(*agents[0]).status_code == 503
    roll = {one["code"]: one for one in standby.hospital.window("duty").get("/workstations").json["items"]}
    assert all(roll[station]["acknowledged"] for station, _ in agents)


def test_one_that_is_too_long_goes_alone_and_does_not_spoil_those_beside_it() -> None:
    def taken(more: str = "", address: str = "10.1.0.5", body: bytes = b"{}") -> bool:
        headers = {"Authorization": f"Bearer yjw_x{more}", "Content-Type": "application/json"}
        return beat_of(make_mocked_request("POST", PATH, headers), address, body) is not None

    assert taken()
    assert not taken(more="x" * 124)
    assert not taken(address="x" * 65)
    assert not taken(body=b'{"a": "' + b"x" * 4096 + b'"}')


def test_an_answer_nobody_foresaw_does_not_end_the_gathering() -> None:
    beat = {"token": "yjw_x", "address": "10.1.0.5", "body": {}}
    asked: list[int] = []

    async def tell(beats: list[Beat]) -> list[dict[str, Any] | None]:
        asked.append(len(beats))
        if len(asked) == 1:
            raise RuntimeError("nobody foresaw this")
        return [{"epoch": 1}]

    async def twice() -> list[Any]:
        hearts = Hearts(tell)
        running = asyncio.create_task(hearts.run())
        try:
            return [await hearts.tell(beat), await hearts.tell(beat)]
        finally:
            running.cancel()

    first, second = awaited(twice())
    assert first is None and second.headers["YJ-Epoch"] == "1"


def test_who_only_lives_waits_for_company_and_who_has_news_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearts, "CALM_SECONDS", 3600.0)
    told: list[list[tuple[str, int]]] = []

    async def tell(beats: list[Beat]) -> list[dict[str, Any] | None]:
        told.append([(beat["token"], beat["body"]["epoch"]) for beat in beats])
        return [{"epoch": beat["body"]["epoch"]} for beat in beats]

    def beat(who: str, epoch: int) -> Beat:
        return {"token": who, "address": "10.1.0.5", "body": {"epoch": epoch}}

    async def day() -> None:
        gathering = Hearts(tell)
        running = asyncio.create_task(gathering.run())
        try:
            await gathering.tell(beat("one", 1))  # was never heard of
            lives = asyncio.create_task(gathering.tell(beat("one", 1)))
            await asyncio.sleep(0.1)
            assert not lives.done() and len(told) == 1
            await gathering.tell(beat("two", 2))
            await lives
            await gathering.tell(beat("one", 2))  # a new epoch
        finally:
            running.cancel()

    awaited(day())
    assert told == [[("one", 1)], [("one", 1), ("two", 2)], [("one", 2)]]

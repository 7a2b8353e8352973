"""Windows that listen to the mode, as many as asked for, in a process of their own; each has a TLS connection.

Reads `{address, ca, count, tokens}` as a line of JSON, says `ready` when everyone has the mode, and at the end of its
input writes `{epoch: [moment, …]}`: when each of them heard of each epoch, on the machine's monotonic clock. With
`tokens` (one each) they are agents: they acknowledge what they hear by a heartbeat, beat on as agents do, and the
moments are those at which the standby had answered.
"""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import sys
import time
from collections import defaultdict
from typing import Any

from aiohttp import ClientSession, ClientTimeout, TCPConnector

from clients.agent.heart import EVERY, RIGHT_AWAY
from fallback_server.domain.clock import SystemClock, to_text

HEARD: dict[int, list[float]] = defaultdict(list)
CLOCK = SystemClock()


class Agent:
    """The heart of one agent: tells the standby what it heard, and every quarter of a minute that it still lives."""

    def __init__(self, session: ClientSession, address: str, number: int, token: str, first: asyncio.Semaphore) -> None:
        self._first: asyncio.Semaphore | None = first
        self._session, self._url = session, address + "/api/v1/workstations/heartbeat"
        self._workstation, self._headers = station(number), {"Authorization": f"Bearer {token}"}
        self._news = asyncio.Event()
        self._epoch = -1

    def told(self, epoch: int) -> None:
        """Hear of an epoch."""
        self._epoch = epoch
        self._news.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                await asyncio.wait_for(self._news.wait(), random.uniform(*EVERY))
                self._news.clear()
                await asyncio.sleep(random.uniform(0, RIGHT_AWAY))
            except TimeoutError:
                pass
            await self._beat(self._epoch)

    async def _beat(self, epoch: int) -> None:
        body = {
            "workstation": self._workstation, "role": "cashier", "epoch": epoch, "version": "0.1",
            "clock": to_text(CLOCK.now()), "central_ok": None,
        }  # fmt: skip
        async with self._session.post(self._url, json=body, headers=self._headers) as answer:
            if answer.status != 200:
                raise RuntimeError(f"{answer.status} {await answer.text()}")
        ACKNOWLEDGED[epoch].setdefault(self._workstation, time.monotonic())
        if self._first is not None:  # it has its connection, as every agent has in quiet times
            self._first.release()
            self._first = None


ACKNOWLEDGED: dict[int, dict[str, float]] = defaultdict(dict)


def station(number: int) -> str:
    """The name of agent `number`."""
    return f"A{number:03d}"


async def listen(session: ClientSession, address: str, first: asyncio.Semaphore, agent: Agent | None) -> None:
    """One window."""
    known = None
    async with session.get(address + "/api/v1/mode/events") as answer:
        async for line in answer.content:
            if not line.startswith(b"data: {") or b'"epoch"' not in line:
                continue
            epoch = json.loads(line[6:])["epoch"]
            if agent is not None and epoch != known:
                agent.told(epoch)
            if known is None and agent is None:
                first.release()
            if known not in (None, epoch):
                HEARD[epoch].append(time.monotonic())
            known = epoch


async def main() -> None:
    """All windows."""
    plan: dict[str, Any] = json.loads(sys.stdin.readline())
    trust = ssl.create_default_context(cafile=plan["ca"])
    first = asyncio.Semaphore(0)
    async with ClientSession(
        connector=TCPConnector(limit=0, ssl=trust, keepalive_timeout=60), timeout=ClientTimeout(total=None)
    ) as session:
        tasks = []
        for number in range(plan["count"]):
            token = plan["tokens"][number] if plan["tokens"] else None
            agent = Agent(session, plan["address"], number, token, first) if token else None
            if agent is not None:
                tasks.append(asyncio.create_task(agent.run()))
            tasks.append(asyncio.create_task(listen(session, plan["address"], first, agent)))
            if number % 20 == 19:
                await asyncio.sleep(
                    0.1
                )  # the start of a day, not 500 handshakes in one moment: those are not asked about
        for _ in range(plan["count"]):
            await first.acquire()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for one in ended:
        if isinstance(one, Exception) and not isinstance(one, asyncio.CancelledError):
            raise one
    answered = {epoch: list(moments.values()) for epoch, moments in ACKNOWLEDGED.items()}
    sys.stdout.write(json.dumps(answered if plan["tokens"] else HEARD))


if __name__ == "__main__":
    asyncio.run(main())

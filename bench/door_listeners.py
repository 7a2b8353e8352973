"""Windows that listen to the mode, as many as asked for, in a process of their own; each has a TLS connection.

Reads `{address, ca, count}` as a line of JSON, says `ready` when everyone has the mode, and at the end of its input
writes `{epoch: [moment, …]}`: when each of them heard of each epoch, on the machine's monotonic clock.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from collections import defaultdict
from typing import Any

from aiohttp import ClientSession, ClientTimeout, TCPConnector

HEARD: dict[int, list[float]] = defaultdict(list)


async def listen(session: ClientSession, address: str, first: asyncio.Semaphore) -> None:
    """One window."""
    known = None
    async with session.get(address + "/api/v1/mode/events") as answer:
        async for line in answer.content:
            if not line.startswith(b"data: {") or b'"epoch"' not in line:
                continue
            epoch = json.loads(line[6:])["epoch"]
            if known is None:
                first.release()
            elif epoch != known:
                HEARD[epoch].append(time.monotonic())
            known = epoch


async def main() -> None:
    """All windows."""
    plan: dict[str, Any] = json.loads(sys.stdin.readline())
    trust = ssl.create_default_context(cafile=plan["ca"])
    first = asyncio.Semaphore(0)
    async with ClientSession(connector=TCPConnector(limit=0, ssl=trust), timeout=ClientTimeout(total=None)) as session:
        tasks = []
        for number in range(plan["count"]):
            tasks.append(asyncio.create_task(listen(session, plan["address"], first)))
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
        await asyncio.gather(*tasks, return_exceptions=True)
    sys.stdout.write(json.dumps(HEARD))


if __name__ == "__main__":
    asyncio.run(main())

"""A bad cable: a TCP proxy as a process on a host, told on its standard input how bad.

`delay SECONDS` before every piece that passes, `stall` until `go`, `reset` of every connection there is. Answers each
word with a line when it is done, and first with the port at which it listens. With the name of a network namespace as
the third argument it listens where it was started and connects from there: a way into a host for the test itself.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import struct
import sys
from typing import Final

NEW_NET: Final = 0x40000000  # CLONE_NEWNET: setns(2) moves this thread alone


class Cable:
    """One listening address and where it leads."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._delay = 0.0
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, both ways, until either side ends it."""
        try:
            there, back = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, back}
        self._writers |= both
        await asyncio.gather(self._carry(reader, back), self._carry(there, writer))
        self._writers -= both

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                if self._delay:
                    await asyncio.sleep(self._delay)
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    def told(self, word: str) -> None:
        """One command."""
        what, _, value = word.partition(" ")
        if what == "delay":
            self._delay = float(value)
        elif what == "stall":
            self._open.clear()
        elif what == "go":
            self._open.set()
        elif what == "reset":
            for writer in list(self._writers):
                sock: socket.socket = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
        else:
            raise ValueError(word)


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def step_into(space: str) -> None:
    """From now on this thread connects from that namespace; what listens already stays where it is."""
    handle = os.open(f"/run/netns/{space}", os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(handle, NEW_NET):
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(handle)


async def main(listen: str, target: str, space: str = "") -> None:
    """Until the standard input ends."""
    cable = Cable(_place(target))
    server = await asyncio.start_server(cable.join, *_place(listen))
    if space:
        step_into(space)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    while word := (await asyncio.to_thread(sys.stdin.readline)).strip():
        cable.told(word)
        sys.stdout.write(f"{word}\n")
        sys.stdout.flush()
    server.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

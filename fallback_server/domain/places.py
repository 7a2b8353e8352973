"""Where a database listens: host and port out of its address, for who only knocks at the port."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

PORTS: Final = {"postgresql": 5432, "mssql": 1433, "mysql": 3306, "mariadb": 3306, "oracle": 1521}
BLOCKING: Final = ("mysql", "mariadb")
"""These servers lock a host out that knocks many times and never logs in (max_connect_errors)."""
_PORT: Final = re.compile(r"(?:^|;)\s*port\s*=\s*(\d+)", re.IGNORECASE)
_SERVER: Final = re.compile(r"(?:^|;)\s*server\s*=\s*(?:tcp:)?\{?([^;,{}]+)(?:,\s*(\d+))?", re.IGNORECASE)
Place = tuple[str, int]


def backend(url: str) -> str:
    """The kind of database an address is of."""
    return urlsplit(url).scheme.partition("+")[0]


def places(url: str) -> tuple[Place, ...]:
    """Every host and port of a database's address; none for a file, a socket in a folder, or a name of a driver."""
    kind = backend(url)
    if kind not in PORTS:
        return ()
    parts = urlsplit(url)
    asked = {name.lower(): values for name, values in parse_qs(parts.query).items()}
    if "odbc_connect" in asked:
        return _in_words(asked["odbc_connect"][0], PORTS[kind])
    if "socket" in asked:  # a driver's own word: a file, no port
        return ()
    usual = next((int(port) for port in asked.get("port", ()) if port.isdigit()), PORTS[kind])
    hosts = [(host, "") for host in asked.get("host", ())] or _hosts(parts.netloc.rpartition("@")[2])
    found_places = []
    for host, port in hosts:
        name, _, own = (host, "", port) if port or host.count(":") != 1 else host.partition(":")
        if name and not name.startswith("/"):
            found_places.append((unquote(name), int(own) if own.isdigit() else usual))
    return tuple(found_places)


def _in_words(words: str, usual: int) -> tuple[Place, ...]:
    """Out of an ODBC connection string."""
    found, port = _SERVER.search(words), _PORT.search(words)
    return ((found[1].strip(), int(found[2] or (port[1] if port else usual))),) if found else ()


def knock(chosen: str, url: str) -> Place | None:
    """Where window PCs knock: at the chosen `host:port`, else at the centre itself where that is harmless.

    Nowhere where the centre has several hosts: one of them that is away says nothing of the centre.
    """
    if chosen:
        return place(chosen)  # "none" is no place
    found = () if backend(url) in BLOCKING else places(url)
    return found[0] if len(found) == 1 else None


def place(text: str) -> Place | None:
    """`host:port`, or `[address]:port`; None for anything else."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    return (host, int(port)) if host and port.isascii() and port.isdigit() and 0 < int(port) < 65536 else None


def _hosts(netloc: str) -> list[tuple[str, str]]:
    found = []
    for one in netloc.split(","):
        if one.startswith("["):
            host, _, port = one[1:].partition("]")
            found.append((host, port.removeprefix(":")))
        else:
            host, _, port = one.partition(":")
            found.append((host, port))
    return found

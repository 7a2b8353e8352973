"""A server that locks out who knocks and never logs in is asked for a log-in alone, unless that got no answer."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from sync.central.gateway import CentralError, LookFailed, Systemic, Transient, Unreachable
from sync.central.looking import Looks


class Refusing:
    """As much of a gateway as a look needs that ends with the log-in."""

    looking_engine = None

    def __init__(self, kind: str, port: int, error: CentralError) -> None:
        self.url = f"{kind}://yj:x@127.0.0.1:{port}/his"
        self._error = error

    @contextmanager
    def connected(self, _engine: Any) -> Iterator[Any]:
        raise self._error
        yield


def looked(kind: str, server: socket.socket, error: CentralError) -> tuple[str, bool]:
    """The step that failed, and whether somebody knocked."""
    gateway: Any = Refusing(kind, server.getsockname()[1], error)
    with pytest.raises(LookFailed) as failed:
        list(Looks(gateway).look(insist=False))
    try:
        server.accept()[0].close()
    except BlockingIOError:
        return failed.value.step, False
    return failed.value.step, True


def test_a_server_that_counts_knocks_is_knocked_at_only_where_the_login_got_no_answer() -> None:
    refused, full, silent = Systemic("login: 1045"), Transient("login: 1040"), Unreachable("login: 2013")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        for kind in ("mariadb+pyodbc", "mysql+pyodbc"):
            assert looked(kind, server, refused) == looked(kind, server, full) == ("login", False)
            assert looked(kind, server, silent) == ("login", True)
        assert looked("postgresql+psycopg2", server, refused) == ("login", True)
        port = server.getsockname()[1]
    gateway: Any = Refusing("mariadb+pyodbc", port, silent)
    with pytest.raises(LookFailed) as failed:
        list(Looks(gateway).look(insist=False))
    assert failed.value.step == "tcp"  # still told from a database that hangs

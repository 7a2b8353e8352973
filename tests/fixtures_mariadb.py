"""One real MariaDB server for the whole test session, reached through ODBC; tests make their own databases in it.

It runs from a temporary folder on 127.0.0.1 with a port of its own, under an account without rights where the tests are
root, and ends with the session. Under pytest-xdist every worker has its own.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_plus

import pytest

_NUMBERS = itertools.count(1)
_PASSWORD = "tests-only"
_WAIT_SECONDS = 60


@dataclass(frozen=True)
class MariadbServer:
    """A running server; `admin` runs SQL as its root through the local socket."""

    port: int
    socket: Path

    def admin(self, sql: str) -> str:
        client = shutil.which("mariadb") or "mysql"
        command = [
            client,
            "--no-defaults",
            "--default-character-set=utf8mb4",
            f"--socket={self.socket}",
            "-uroot",
            "-N",
        ]
        return subprocess.run([*command, "-e", sql], check=True, capture_output=True, text=True, timeout=60).stdout

    def odbc(self, database: str, *, port: int | None = None, user: str = "yj", password: str = _PASSWORD) -> str:
        """The URL of a database, through the driver of Debian's odbc-mariadb."""
        parts = (
            f"DRIVER={{MariaDB Unicode}};SERVER=127.0.0.1;PORT={port or self.port};DATABASE={database}"
            f";UID={user};PWD={password}"
        )
        return f"mariadb+pyodbc:///?odbc_connect={quote_plus(parts)}"

    def create_database(self, name: str) -> str:
        """An empty database; returns its URL."""
        self.admin(
            f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;"
            f"GRANT ALL ON {name}.* TO 'yj'@'127.0.0.1'"
        )
        return self.odbc(name)


def missing() -> str | None:
    """Why there is no MariaDB over ODBC on this machine, or None."""
    if _server_binary() is None or shutil.which("mariadb-install-db") is None:
        return "no mariadbd on this machine (Debian: mariadb-server)"
    drivers = shutil.which("odbcinst") and subprocess.run(
        ["odbcinst", "-q", "-d"], check=False, capture_output=True, text=True
    )
    if not drivers or "[MariaDB Unicode]" not in drivers.stdout:
        return "no ODBC driver for MariaDB on this machine (Debian: odbc-mariadb, unixodbc)"
    return None


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariadbServer]:
    """A running server, as empty as it is made."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    with running() as server:
        yield server


@contextmanager
def running() -> Iterator[MariadbServer]:
    """A server for as long as the block lasts. Raises RuntimeError where it does not start; see `missing`."""
    # Not below pytest's own folder: an account without rights cannot enter that.
    home = Path(tempfile.mkdtemp(prefix="yj-mariadb-"))
    account = _account()
    if account:
        os.chown(home, account.pw_uid, account.pw_gid)
    home.chmod(0o755)
    process = _start(home, account)
    server = MariadbServer(_port_of(home), home / "s")
    try:
        _wait(process, server, home)
        server.admin(
            f"CREATE USER 'yj'@'127.0.0.1' IDENTIFIED BY '{_PASSWORD}'; GRANT PROCESS ON *.* TO 'yj'@'127.0.0.1'"
        )
        yield server
    finally:
        process.kill()  # by its id; the folder goes with it, so there is nothing to close
        process.wait(30)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def new_mariadb(mariadb_server: MariadbServer) -> Callable[[], str]:
    """Each call makes an empty database in the session's server and returns its URL."""
    return lambda: mariadb_server.create_database(f"test_{next(_NUMBERS)}")


def _server_binary() -> str | None:
    return shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def _account() -> pwd.struct_passwd | None:
    """Who runs the server, where we are root: it refuses to be root."""
    if os.geteuid() != 0:
        return None
    for name in ("mysql", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


def _start(home: Path, account: pwd.struct_passwd | None) -> subprocess.Popen[bytes]:
    who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    data = home / "data"
    (home / "log").touch()
    if account:
        os.chown(home / "log", account.pw_uid, account.pw_gid)
    # A server that starts clears its temporary folder of what others left there: each has one of its own.
    own = {**os.environ, "TMPDIR": str(home)}
    install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal",
               "--skip-test-db"]  # fmt: skip
    with (home / "log").open("wb") as log:
        subprocess.run(install, check=True, stdout=log, stderr=log, timeout=120, cwd=home, env=own, **who)  # type: ignore[call-overload]
    port = _free_port()
    (home / "port").write_text(str(port), encoding="utf-8")
    options = [
        f"--datadir={data}", f"--tmpdir={home}", f"--socket={home / 's'}", f"--pid-file={home / 'pid'}",
        f"--port={port}",
        "--bind-address=127.0.0.1", "--skip-name-resolve", "--skip-log-bin", "--performance-schema=OFF",
        "--character-set-server=utf8mb4", "--collation-server=utf8mb4_bin", "--innodb-buffer-pool-size=128M",
        # A test does not outlive a power cut.
        "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0",
    ]  # fmt: skip
    # It must not outlive the tests, however they end.
    leash = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    command = [*leash, str(_server_binary()), "--no-defaults", *options]
    with (home / "log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=home, **who)  # type: ignore[call-overload,no-any-return]


def _wait(process: subprocess.Popen[bytes], server: MariadbServer, home: Path) -> None:
    until = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            server.admin("SELECT 1")
        except subprocess.CalledProcessError:
            time.sleep(0.1)
            continue
        return
    raise RuntimeError(f"mariadbd did not start:\n{(home / 'log').read_text(errors='replace')[-2000:]}")


def _port_of(home: Path) -> int:
    return int((home / "port").read_text("utf-8"))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port

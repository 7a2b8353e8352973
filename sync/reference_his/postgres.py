"""A real PostgreSQL of one's own in a folder, from the binaries of a Python package; no system install.

Only the binaries (``initdb``, ``pg_ctl``, ``postgres``) of that package are used. Its own server object makes an OS
user, widens the permissions of parent folders and offers only a socket: not wanted on a hospital's machine.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import psycopg2
from sqlalchemy.engine import URL

from sync.reference_his.binaries import Account, account_for_server, find_binaries, reachable

SUPERUSER = "yj_reference"
MAIN_DATABASE = "his"
STATE_FILE = "server.json"
# Below the range from which outgoing connections take their ports: a port that must stay the same while the server
# is down must not be handed to somebody's client connection meanwhile.
PORT_RANGE = (20000, 30000)
START_ATTEMPTS = 40


class PostgresError(RuntimeError):
    """The embedded server could not do what was asked; the text says why and what to do."""


@dataclass(frozen=True)
class ServerState:
    """What must survive a restart: where the data lie, on which port, behind which password."""

    port: int
    password: str
    data: str

    def save(self, path: Path) -> None:
        """Write the state readable by its owner only, whole or not at all."""
        temporary = path.with_suffix(".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump({"port": self.port, "password": self.password, "data": self.data}, stream)
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> ServerState | None:
        """The saved state, or None where there is none yet."""
        if not path.exists():
            return None
        raw = json.loads(path.read_text(encoding="utf-8"))
        return cls(port=int(raw["port"]), password=str(raw["password"]), data=str(raw["data"]))


class EmbeddedPostgres:
    """One PostgreSQL server in ``directory``: TCP on 127.0.0.1 only, password, no socket, same port for ever.

    ``durable=False`` switches fsync off and is for tests only. As root the server runs as an unprivileged user;
    where that user cannot reach ``directory`` the data lie in a temporary folder whose place ``directory`` records.
    """

    def __init__(self, directory: Path | str, *, durable: bool = True) -> None:
        self.directory = Path(directory).resolve()
        self.durable = durable
        self._account: Account | None = account_for_server()
        self._state = ServerState.load(self.directory / STATE_FILE)
        self._bin: Path | None = None

    @property
    def url(self) -> str:
        """Address of the main database, driver named. Raises PostgresError before the first start."""
        return self._url(MAIN_DATABASE)

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1, the same for this directory for ever."""
        return self._known().port

    @property
    def data(self) -> Path:
        """The server's data folder."""
        return Path(self._known().data)

    def start(self) -> str:
        """Run the server, adopting one that already runs here and clearing a dead one's traces; returns ``url``."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if self._state is None:
            self._state = self._settle()
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        if self.pid() is None:
            self._clear_leftover()
            self._launch()
        self._ensure_main_database()
        return self.url

    def stop(self, mode: str = "fast") -> None:
        """Stop the server and wait; nothing happens if it does not run. ``mode``: smart, fast or immediate."""
        if self._state is None or self.pid() is None:
            return
        done = self._run("pg_ctl", "stop", "-D", str(self.data), "-m", mode, "-w", "-t", "60")
        if done.returncode != 0 and self.pid() is not None:
            raise PostgresError(f"PostgreSQL in {self.data} did not stop: {self._log_tail()}")

    def kill(self) -> None:
        """SIGKILL the postmaster, as a power cut would; the next ``start`` recovers. For tests."""
        pid = self.pid()
        if pid is None:
            return
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while _alive(pid) and time.monotonic() < deadline:
            time.sleep(0.02)

    def destroy(self) -> None:
        """Stop at once and remove the data and the saved state. For tests."""
        if self._state is None:
            return
        self.stop("immediate")
        shutil.rmtree(self._root(), ignore_errors=True)
        (self.directory / STATE_FILE).unlink(missing_ok=True)
        self._state = None

    def pid(self) -> int | None:
        """Process id of the running postmaster of this folder, or None."""
        if self._state is None:
            return None
        pid = self._written_pid()
        return pid if pid is not None and _alive(pid) and self._is_ours(pid) else None

    def create_database(self, name: str) -> str:
        """Make an empty database and return its URL. Raises PostgresError if the name is taken or not a plain word."""
        if not name.isidentifier():
            raise PostgresError(f"database name {name!r}: only letters, digits and underscore")
        connection = self._admin_connection()
        try:
            with connection.cursor() as cursor:
                # STRATEGY file_copy would checkpoint the whole server; the default is quick for an empty template
                cursor.execute(f'CREATE DATABASE "{name}"')
        except psycopg2.errors.DuplicateDatabase as exc:
            raise PostgresError(f"database {name} exists already") from exc
        finally:
            connection.close()
        return self._url(name)

    # -- first time -----------------------------------------------------------------------------------------------

    def _settle(self) -> ServerState:
        """Decide place, port and password, and write them down before anything is built on them."""
        state = ServerState(
            port=_free_port(), password=secrets.token_urlsafe(18), data=str(self._choose_root() / "data")
        )
        state.save(self.directory / STATE_FILE)
        return state

    def _choose_root(self) -> Path:
        if self._account is None or reachable(self.directory, self._account):
            return self.directory / "postgres"
        elsewhere = Path(tempfile.gettempdir()).resolve()
        if not reachable(elsewhere, self._account):
            raise PostgresError(
                f"the server runs as {self._account.name}, who can reach neither {self.directory} nor {elsewhere}; "
                "choose a --dir below a folder others may enter (chmod o+x is yours to give), or set TMPDIR to one"
            )
        return Path(tempfile.mkdtemp(prefix="yj-postgres-", dir=elsewhere))

    def _root(self) -> Path:
        return self.data.parent

    def _initialise(self) -> None:
        root = self._root()
        root.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.data, ignore_errors=True)
        self._give(root)
        secret = root / "initial-password"
        try:
            descriptor = os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as stream:
                stream.write(self._known().password)
            self._give(secret)
            done = self._run(
                "initdb", "-D", str(self.data), "-U", SUPERUSER, "--pwfile", str(secret), "--encoding=UTF8",
                "--locale=C", "--auth=scram-sha-256", *([] if self.durable else ["--no-sync"]),
            )  # fmt: skip
        finally:
            secret.unlink(missing_ok=True)
        if done.returncode != 0:
            shutil.rmtree(self.data, ignore_errors=True)
            raise PostgresError(f"initdb failed in {self.data}: {done.stderr.strip()[-800:]}")

    def _give(self, path: Path) -> None:
        """Hand what we made ourselves to the server's user; parents are never touched."""
        if self._account is not None:
            os.chown(path, self._account.uid, self._account.gid)
        if path.is_dir():
            path.chmod(0o700)

    # -- every time -----------------------------------------------------------------------------------------------

    def _configuration(self) -> str:
        settings = {
            "listen_addresses": "'127.0.0.1'",
            "port": str(self.port),
            "unix_socket_directories": "''",
            "max_connections": "150",
            "shared_buffers": "'192MB'",
            "max_wal_size": "'2GB'",
            "timezone": "'UTC'",
            "log_timezone": "'UTC'",
            "jit": "off",
            "fsync": "on" if self.durable else "off",
            "full_page_writes": "on" if self.durable else "off",
            "synchronous_commit": "on" if self.durable else "off",
        }
        return "".join(f"{name} = {value}\n" for name, value in settings.items())

    def _write_configuration(self) -> None:
        extra = self.data / "yj.conf"
        extra.write_text(self._configuration(), encoding="ascii")
        self._give(extra)
        main = self.data / "postgresql.conf"
        if "yj.conf" not in (text := main.read_text(encoding="utf-8")):
            main.write_text(text + "\ninclude 'yj.conf'\n", encoding="utf-8")

    def _launch(self) -> None:
        """Start and wait until it answers. After a kill the old children hold the memory for a moment: try again."""
        self._write_configuration()
        for attempt in range(START_ATTEMPTS):
            log = self._root() / "postgres.log"
            log.unlink(missing_ok=True)
            done = self._run("pg_ctl", "start", "-D", str(self.data), "-l", str(log), "-w", "-t", "60", quiet=True)
            if done.returncode == 0:
                return
            if self.pid() is not None:  # somebody else started it between our look and our start
                return
            tail = self._log_tail()
            if "Address already in use" in tail:
                raise PostgresError(f"port {self.port} of {self.directory} is taken by another program: {tail}")
            if ("still in use" not in tail and "lock file" not in tail) or attempt == START_ATTEMPTS - 1:
                raise PostgresError(f"PostgreSQL did not start in {self.data}: {tail}")
            time.sleep(0.25)

    def _clear_leftover(self) -> None:
        """Remove the lock of a dead server: its number may belong to an innocent process by now."""
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _ensure_main_database(self) -> None:
        connection = self._admin_connection()
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (MAIN_DATABASE,))
                if cursor.fetchone() is None:
                    cursor.execute(f'CREATE DATABASE "{MAIN_DATABASE}"')
        finally:
            connection.close()

    # -- small things ---------------------------------------------------------------------------------------------

    def _known(self) -> ServerState:
        if self._state is None:
            raise PostgresError(f"no server has been started in {self.directory} yet")
        return self._state

    def _url(self, database: str) -> str:
        state = self._known()
        url = URL.create("postgresql+psycopg2", SUPERUSER, state.password, "127.0.0.1", state.port, database)
        return url.render_as_string(hide_password=False)

    def _admin_connection(self) -> psycopg2.extensions.connection:
        state = self._known()
        connection = psycopg2.connect(
            host="127.0.0.1", port=state.port, user=SUPERUSER, password=state.password, dbname="postgres",
            connect_timeout=10,
        )  # fmt: skip
        connection.autocommit = True
        return connection

    def _run(self, program: str, *arguments: str, quiet: bool = False) -> subprocess.CompletedProcess[str]:
        """Run one of the server's programs as the server's user, with a clean environment.

        ``quiet``: a server that is started inherits the streams, and a pipe would never end.
        """
        if self._bin is None:
            self._bin = find_binaries(self._account, self._root())
        stream = subprocess.DEVNULL if quiet else subprocess.PIPE
        account = self._account
        return subprocess.run(  # noqa: S603 - fixed programs, arguments of ours
            [str(self._bin / program), *arguments],
            stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, text=True, check=False, timeout=120,
            cwd=self._root(), env={"PATH": os.defpath, "LC_ALL": "C"},
            user=account.uid if account else None, group=account.gid if account else None,
            extra_groups=[] if account else None,
        )  # fmt: skip

    def _written_pid(self) -> int | None:
        try:
            first = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0]
            return int(first)
        except (OSError, ValueError, IndexError):
            return None

    def _is_ours(self, pid: int) -> bool:
        """A process number is reused: it is our server only if its command line names our data folder."""
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return not Path("/proc/self").exists()
        return os.fsencode(self.data) in command

    def _log_tail(self) -> str:
        try:
            lines = (self._root() / "postgres.log").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return "(no log was written)"
        return " | ".join(lines[-6:])


def serve(directory: Path | str, out: TextIO | None = None) -> int:
    """Run the server in the foreground until SIGTERM or SIGINT, then stop it fast; returns the exit code.

    The first line on ``out`` (standard output) is ``{"url": …}``, flushed once the server answers. If the server dies
    by itself, 1 is returned.
    """
    stream = out or sys.stdout
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    server = EmbeddedPostgres(directory)
    url = server.start()
    stream.write(json.dumps({"url": url}) + "\n")
    stream.flush()
    while not ended.wait(0.5):
        if server.pid() is None:
            return 1
    server.stop("fast")
    return 0


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:  # a killed server whose parent has not looked yet is a zombie: dead for us
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return status.rpartition(")")[2].split()[0] != "Z"


def _free_port() -> int:
    for _ in range(200):
        port = PORT_RANGE[0] + secrets.randbelow(PORT_RANGE[1] - PORT_RANGE[0])
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise PostgresError(f"no free TCP port between {PORT_RANGE[0]} and {PORT_RANGE[1]} on 127.0.0.1")

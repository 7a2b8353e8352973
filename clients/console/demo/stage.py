"""The processes of the demo: the centre's PostgreSQL, and a real `yj up` with its children."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clients.console.context import Misuse, NotInOrder
from clients.console.locks import holder
from clients.console.serving import DOOR_PORTS, free_port
from clients.sdk import YjClient

if TYPE_CHECKING:
    from clients.console.demo.cast import Login
    from sync.reference_his.postgres import EmbeddedPostgres

UP_SECONDS = 60.0


class Stage:
    """Everything that runs. `close` stops it all; nothing outlives it."""

    def __init__(self, home: Path, port: int | None = None) -> None:
        self.home = home.resolve()
        self.port = port or free_port(DOOR_PORTS)
        self.logins = self.home / "logins.json"
        self._up: subprocess.Popen[bytes] | None = None
        self._centre: EmbeddedPostgres | None = None

    @property
    def address(self) -> str:
        """Where this machine reaches the windows without TLS."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def safe_address(self) -> str:
        """Where the windows are."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca(self) -> Path:
        """The authority that windows trust, and nothing else."""
        return self.home / "certificates" / "ca.crt"

    @property
    def centre(self) -> EmbeddedPostgres:
        """The centre's server, in a folder of its own beside the instance."""
        from sync.reference_his.postgres import EmbeddedPostgres

        if self._centre is None:
            self._centre = EmbeddedPostgres(self.home / "centre")
        return self._centre

    # -- the centre ------------------------------------------------------------------------------------------------

    def start_centre(self) -> str:
        """Start (or start again) the centre's PostgreSQL; returns its address."""
        from sync.reference_his.postgres import PostgresError

        try:
            return self.centre.start()
        except PostgresError as error:
            raise NotInOrder(f"the reference centre: {error}") from error

    def stop_centre(self) -> None:
        """Stop it as a failing machine does: connections are cut."""
        self.centre.stop("immediate")

    def fill_centre(self, scale: str, seed: int, progress: Callable[[str, int], None]) -> int:
        """Create the reference HIS; returns the number of patients."""
        from sync.reference_his.create import ReferenceHisError, create_reference

        try:
            made = create_reference(self.centre.url, scale, seed=seed, logins=self.logins, progress=progress)
        except ReferenceHisError as error:
            raise Misuse(f"--scale: {error}") from error
        return made.rows["br_da"]

    # -- the standby -----------------------------------------------------------------------------------------------

    def make_instance(self, admins: tuple[Login, Login], extra: Mapping[str, Mapping[str, Any]]) -> None:
        """`yj init`, then the centre's address as a secret file and `extra` settings, as IT would edit yj.toml."""
        file = self.home / "admins.json"
        people = [{"operator": one.code, "name": one.name, "password": one.password} for one in admins]
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(people, stream, ensure_ascii=False)
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            [*self._yj(), "init", "--admins", str(file)], capture_output=True, text=True, check=False
        )
        file.unlink()
        if done.returncode != 0:
            raise NotInOrder(f"yj init ended with {done.returncode}: {done.stderr.strip()}")
        folder = self.home / "secrets"
        folder.mkdir(mode=0o700, exist_ok=True)
        secret = folder / "centre"
        secret.touch(mode=0o600)
        secret.write_text(self.centre.url, encoding="utf-8")
        lines = ["", "[central]", 'url = { file = "secrets/centre" }', 'mapping = "reference"']
        for section, values in extra.items():
            lines += [
                "",
                f"[{section}]",
                *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()),
            ]
        with (self.home / "yj.toml").open("a", encoding="utf-8") as stream:
            stream.write("\n".join(lines) + "\n")

    def up(self) -> None:
        """`yj up` as a child process; returns when the server answers."""
        log = self.home / "logs" / "up.log"
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with log.open("ab") as stream:
            self._up = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [*self._yj(), "up", "--supervised", "--host", "127.0.0.1", "--port", str(self.port)],
                stdin=subprocess.PIPE, stdout=stream, stderr=stream,
            )  # fmt: skip
        self.await_answer()

    def await_answer(self) -> None:
        """Wait until the server answers. Raises NotInOrder with the end of its log if it does not."""
        deadline = time.monotonic() + UP_SECONDS
        with YjClient(self.address, "demo-probe", patience=0) as probe:
            while time.monotonic() < deadline:
                if probe.alive():
                    return
                if self._up is not None and self._up.poll() is not None:
                    break
                time.sleep(0.1)
        raise NotInOrder(f"yj up does not answer at {self.address}", *self.last_words())

    def last_words(self) -> list[str]:
        """The end of every log, for a person who has to find out why."""
        words = []
        for log in sorted((self.home / "logs").glob("*.log")):
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
            words += [f"--- {log.name}", *lines]
        return words

    def strike(self, target: str) -> bool:
        """SIGKILL one part, as a power cut does to one process; False if it is not running just now."""
        pid = holder(self.home, target)
        if pid is None:
            return False
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Stop the standby, then the centre."""
        if self._up is not None:
            self._end(self._up)
            self._up = None
        if self._centre is not None:
            self._centre.stop("fast")

    @staticmethod
    def _end(up: subprocess.Popen[bytes]) -> None:
        """Stop it politely, then by force; its pipe is closed either way."""
        if up.stdin is not None:
            up.stdin.close()  # it follows its standard input
        if up.poll() is None:
            up.terminate()
        try:
            up.wait(30)
        except subprocess.TimeoutExpired:
            up.kill()
            up.wait()

    def destroy_centre(self) -> None:
        """Remove the centre's data, which may lie outside the home (where the home is not open to its user)."""
        if self._centre is not None:
            self._centre.destroy()

    def _yj(self) -> list[str]:
        return [sys.executable, "-m", "clients.console", "--home", str(self.home)]

"""Printing what the page of this workstation cannot: to any printer, from any tray, without a dialogue.

The print comes from the standby as one file, becomes a PDF in this PC's own browser (nobody sees it), and goes to a
command of `agent.toml`. What was fetched is handed to the command once, however often the standby names it; whether it
came out of the printer, only the person before it knows.
"""

from __future__ import annotations

import base64
import logging
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from clients.agent import browser, processes
from clients.sdk import LoggedIn, NoAnswer, Problem, YjClient

SECONDS: Final = 30.0
LISTENING: Final = 15.0  # between two questions where the standby rings
POLLING: Final = 2.0  # where something cuts its stream
LOST: Final = 1.0  # after a question whose answer did not come: what it may have handed out is fresh for seconds only
TRIES: Final = 3
REMEMBERED: Final = 200
Words = str | Sequence[str]
# A word that is a list is left out as a whole where one of its places is empty.
LINUX: Final[tuple[Words, ...]] = (
    "lp", ("-d", "{printer}"), "-n", "{copies}", ("-o", "InputSlot={tray}"), "{pdf}",
)  # fmt: skip
BROWSER_FOLDER: Final = "print-browser"
log = logging.getLogger("yj.agent")


class PrintFailed(Exception):
    """It was not handed to the printer; the text says why, without anything of the document."""


class PrintUnknown(PrintFailed):
    """The printer's command came to no end: it may have printed."""


@dataclass(frozen=True)
class PrintSettings:
    """`[printing]` of agent.toml. `browser`: its own, where the PDF is made; None: what is installed."""

    command: tuple[Words, ...] = () if sys.platform == "win32" else LINUX
    browser: str | None = None
    arguments: tuple[str, ...] = ()
    seconds: float = SECONDS

    @property
    def wants_pdf(self) -> bool:
        return any("{pdf}" in word for part in self.command for word in ([part] if isinstance(part, str) else part))


def words(command: Sequence[Words], places: dict[str, str]) -> list[str]:
    """The command with its places filled. Raises PrintFailed where a value would be read as an option."""
    found: list[str] = []
    for part in command:
        if isinstance(part, str):
            found.append(_filled(part, places))
        elif all(value for name, value in places.items() if any(f"{{{name}}}" in word for word in part)):
            found += [_filled(word, places) for word in part]
    return found


def _filled(word: str, places: dict[str, str]) -> str:
    filled = word
    for name, value in places.items():
        filled = filled.replace(f"{{{name}}}", value)
    if filled.startswith("-") and not word.startswith("-"):
        raise PrintFailed(f"{filled}: no printer or tray is called so")
    return filled


class Printing:
    """Fetches what waits for this workstation, prints it, says how it went. For one thread."""

    def __init__(self, client: YjClient, token: str, settings: PrintSettings, folder: Path) -> None:
        self._client, self._settings, self._folder = client, settings, folder
        self.listening: Callable[[], bool] = lambda: False
        client.person = LoggedIn(token, "", client.workstation, "", ())
        self._bell = threading.Event()
        self._wanted = False
        self._tries = 0  # left, to ask again soon for an answer that was lost
        self._silent = False
        self._instance = secrets.token_hex(8)  # who has taken a print: this process, which knows what it handed on
        self._reports: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def wake(self) -> None:
        """Something waits, or `run` shall see its `stop`."""
        self._bell.set()

    def heard(self, answer: dict[str, Any]) -> None:
        """The answer to a heartbeat says whether the workstation table names a printer here."""
        self._wanted = bool(answer.get("printers"))

    def run(self, stop: threading.Event) -> None:
        """Until `stop`. What an agent that was killed has left of its prints is removed first."""
        self._sweep()
        while not stop.is_set():
            rung = self._bell.wait(LOST if self._tries else self._pause())
            self._bell.clear()
            if not stop.is_set() and (rung or self._tries or self._wanted):
                try:
                    self.look()
                except Exception as error:  # noqa: BLE001  (edge of the thread; the text might be of a document)
                    log.error("printing goes on after %s", type(error).__name__)

    def _pause(self) -> float:
        return LISTENING if self.listening() or not self._wanted else POLLING

    def _sweep(self) -> None:
        for left in self._folder.glob("print-*/"):
            if left.name != BROWSER_FOLDER:
                shutil.rmtree(left, ignore_errors=True)

    def look(self) -> list[dict[str, Any]]:
        """Print all that waits; what became of each, `{kind, printer, ok, detail}`."""
        try:
            jobs = self._take()
        except (Problem, NoAnswer) as error:
            if not self._silent:  # once, not every few seconds of a long night
                log.warning("prints could not be asked for: %s", error)
            self._silent = True
            self._tries = (self._tries or TRIES + 1) - 1 if isinstance(error, NoAnswer) else 0
            return []
        self._silent, self._tries = False, 0
        return [self._one(job) for job in jobs]

    def _take(self) -> list[dict[str, Any]]:
        """What the standby hands out. Raises Problem, NoAnswer."""
        path = "/workstations/prints/take"
        try:
            answer = self._client.post(path, {"instance": self._instance}, keyed=False)
        except Problem as error:
            if error.status != HTTPStatus.UNPROCESSABLE_ENTITY:
                raise
            answer = self._client.post(path, keyed=False)  # an older standby, which hands out each print once only
        found: list[dict[str, Any]] = answer["items"]
        return found

    def test(self) -> list[dict[str, Any]]:
        """A test page on each printer of this workstation. Raises Problem, NoAnswer."""
        self._client.post("/workstations/prints/tests", keyed=False)
        return self.look()

    def _one(self, job: dict[str, Any]) -> dict[str, Any]:
        report = self._reports.get(job["id"])
        if report is None:
            # Kept before the printer has it: what follows may end in any way, and it is not printed a second time.
            report = self._reports[job["id"]] = {"ok": None, "detail": "interrupted"}
            while len(self._reports) > REMEMBERED:
                self._reports.popitem(last=False)
            report |= self._tried(job)
        try:
            self._client.post(f"/workstations/prints/{job['id']}/done", report, keyed=False)
        except (Problem, NoAnswer) as error:
            self._tries = TRIES  # said again while it is fresh; afterwards its page asks the paper
            log.error("the standby could not be told of a print: %s", error)
        return {"kind": job["kind"], "printer": job["printer"], **report}

    def _tried(self, job: dict[str, Any]) -> dict[str, Any]:
        try:
            self._print(job)
        except PrintUnknown as error:
            log.error("%s on %s: %s; it may have come out", job["kind"], job["printer"], error)
            return {"ok": None, "detail": str(error)[:200]}
        except (PrintFailed, OSError, KeyError, ValueError) as error:
            # A full disk, an answer that is not what it should be: the next print may go well.
            detail = str(error)[:200] if isinstance(error, PrintFailed) else type(error).__name__
            log.error("%s on %s: %s", job["kind"], job["printer"], detail)
            return {"ok": False, "detail": detail}
        log.info("%s on %s: handed to the printer", job["kind"], job["printer"])
        return {"ok": True, "detail": ""}

    def _print(self, job: dict[str, Any]) -> None:
        if not self._settings.command:
            raise PrintFailed("agent.toml has no [printing] command")
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Readable by this user alone. What is held open for a moment must not make a print that came out a failed one.
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="print-", ignore_cleanup_errors=True) as inside:
            file = self._document(job, Path(inside))
            places = {
                "printer": job["printer"], "tray": job["tray"], "copies": str(job["copies"]), "kind": job["kind"],
                file.suffix[1:]: str(file),
            }  # fmt: skip
            self._run(words(self._settings.command, places), late=PrintUnknown)

    def _document(self, job: dict[str, Any], inside: Path) -> Path:
        """The print as the command wants it."""
        program = browser.find(self._settings.browser) if self._settings.wants_pdf else None
        form = "pdf" if self._settings.wants_pdf and program is None else "html"
        try:
            found = self._client.post("/workstations/prints/document", {"id": job["id"], "form": form}, keyed=False)
        except (Problem, NoAnswer) as error:
            raise PrintFailed(str(error)) from error
        file = inside / f"yj.{form}"
        file.write_bytes(base64.b64decode(found["pdf"]) if form == "pdf" else found["html"].encode())
        if program is None:
            return file
        made = inside / "yj.pdf"
        self._run(browser.to_pdf(program, file, made, self._folder / BROWSER_FOLDER, self._settings.arguments))
        if not made.is_file():
            raise PrintFailed(f"{program.name} made no PDF")
        return made

    def _run(self, command: list[str], late: type[PrintFailed] = PrintFailed) -> None:
        """Raises `late` for what did not come to an end in its time, PrintFailed otherwise."""
        try:
            done = subprocess.run(  # noqa: S603 - what IT wrote into the agent's own file
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=self._settings.seconds, check=False,
                creationflags=processes.NO_WINDOW,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise late(f"{Path(command[0]).name}: not done after {self._settings.seconds:g} s") from None
        except OSError as error:
            raise PrintFailed(f"{command[0]}: {error.strerror}") from error
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            raise PrintFailed(f"{Path(command[0]).name}: exit code {done.returncode}. {said}".strip())

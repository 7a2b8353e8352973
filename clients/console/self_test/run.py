"""One self-test, from the backup to the verdict; a failure is an alarm until the next one is passed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

from clients.console.context import Instance, Misuse, NotInOrder
from clients.console.self_test.play import Story, play
from clients.console.self_test.scratch import Scratch, made
from clients.console.serving import INNER_PORTS, LOOPBACK, address, free_port
from clients.sdk import NoAnswer, Problem, YjClient

if TYPE_CHECKING:
    from fallback_server.store.session import Store

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0


def run(found: Instance, store: Store, by: str) -> dict[str, Any]:
    """Go through it and note the outcome in `store`; returns its row. Raises self_test_mode, NotInOrder if one runs."""
    from fallback_server.domain.modes import Permit
    from fallback_server.store import drills
    from fallback_server.store.locks import LockBusy, single_instance
    from fallback_server.store.session import Actor

    actor = Actor(by, by)
    try:
        with single_instance(store.url, drills.SELF_TEST_LOCK, wait_seconds=0):
            with store.writing(Permit.HOUSEKEEPING, actor) as tx:
                drills.abandon_self_tests(tx)
                number = drills.begin_self_test(tx)
            story = Story()
            source, problem = _attempt(found, story)
            with store.writing(Permit.HOUSEKEEPING, actor) as tx:
                drills.end_self_test(tx, number, ok=problem is None, source=source, steps=story.steps, problem=problem)
                return {**drills.self_tests(tx.conn, 1)[0], "prints": story.prints}
    except LockBusy as error:
        raise NotInOrder("自检正在进行 · a self-test is at work") from error


def _attempt(found: Instance, story: Story) -> tuple[str | None, str | None]:
    """(what it was made from, why it failed or None)."""
    from sqlalchemy.exc import SQLAlchemyError

    from clients.console.self_test import checks
    from fallback_server.domain.errors import YjError

    source = None
    try:
        with ExitStack() as held:
            with story.step("restore"):
                scratch = held.enter_context(made(found))
            source = scratch.source
            with ExitStack() as serving:
                with story.step("server"):
                    where = serving.enter_context(_served(scratch))
                play(where, scratch, story)
            with story.step("checks"), scratch.instance.store() as own:
                wrong = checks.problems(own, story, scratch.before)
    except (YjError, Problem, NoAnswer, NotInOrder, Misuse, SQLAlchemyError, OSError) as error:
        return source, f"{story.steps[-1]['step'] if story.steps else 'begin'}: {error}"[:1000]
    return source, "; ".join(wrong) or None


@contextmanager
def _served(scratch: Scratch) -> Iterator[str]:
    """The real window server over the scratch instance, on the loopback; its address. Raises NotInOrder."""
    home, port = scratch.instance.home, free_port(INNER_PORTS)
    command = [sys.executable, "-m", "clients.console", "--home", str(home), "serve", "--supervised"]
    # A setting of the real instance in the environment would point the server at the store in use.
    env = {name: value for name, value in os.environ.items() if not name.startswith("YJ_")}
    log = home / "serve.log"
    with log.open("wb") as stream:
        server = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [*command, "--host", LOOPBACK, "--port", str(port)], stdin=subprocess.PIPE, stdout=stream, stderr=stream,
            env=env,
        )  # fmt: skip
    where = address(LOOPBACK, port)
    try:
        _await(where, server)
        yield where
    finally:
        if server.stdin is not None:
            server.stdin.close()  # it follows its standard input
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _await(where: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    with YjClient(where, "self-test", patience=0) as probe:
        while time.monotonic() < deadline and server.poll() is None:
            if probe.alive():
                return
            time.sleep(0.1)
    raise NotInOrder(f"the window server did not answer at {where} (exit code {server.poll()})")

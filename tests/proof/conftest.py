"""The stage of the proof, made once, and the page that says what was done (`PROOF_REPORT` names the file)."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from config.settings import Settings
from sync.reference_his.postgres import EmbeddedPostgres
from tests.proof.record import Book, Entry
from tests.proof.stage import Case, Ground
from tests.proof.uploader import Uploaders
from tests.proof.wire import Wire

BOOK = Book()
BEGUN = time.monotonic()
REPORT = os.environ.get("PROOF_REPORT", "")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long form has the short one in it: what stands here belongs to `make proof` too, and on its page."""
    if REPORT:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.proof)


@pytest.fixture(scope="session")
def ground(
    postgres_server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory, hospital_settings: Settings
) -> Ground:
    """Clinic, mirrored store, morning."""
    return Ground(postgres_server, tmp_path_factory.mktemp("proof"), hospital_settings)


@pytest.fixture
def case(ground: Ground) -> Iterator[Case]:
    """A copy with the morning's documents."""
    made = ground.case()
    yield made
    ground.drop(made)


@pytest.fixture
def empty_case(ground: Ground) -> Iterator[Case]:
    """A copy without documents, for a desk."""
    made = ground.case(empty=True)
    yield made
    ground.drop(made)


@pytest.fixture(scope="session")
def uploaders() -> Iterator[Uploaders]:
    """The process whose children are killed."""
    process = Uploaders()
    yield process
    process.close()


@pytest.fixture
def wire(ground: Ground) -> Iterator[Wire]:
    """A wire to the clinic's server."""
    opened = Wire(ground.server.port)
    yield opened
    opened.close()


@pytest.fixture
def entry(request: pytest.FixtureRequest) -> Entry:
    """Where a test notes what it did, for the page."""
    return BOOK.entry(Path(request.node.path).stem, request.module.__doc__ or "")


def pytest_runtest_logreport(report: Any) -> None:
    """Note how every test of this session ended."""
    if report.when == "call" or (report.when == "setup" and report.failed):
        BOOK.result(report.nodeid, report.outcome, report.duration)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the page where one is wanted; under xdist each worker leaves its notes for the process that writes it."""
    if not REPORT:
        return
    file = Path(REPORT)
    worker = getattr(session.config, "workerinput", None)
    if worker is not None:
        BOOK.save(file.with_suffix(f".{worker['workerid']}.json"))
        return
    for noted in sorted(file.parent.glob(f"{file.stem}.gw*.json")):
        BOOK.add(noted)
        noted.unlink()
    at = datetime.now(ZoneInfo("Asia/Shanghai")).isoformat(" ", "minutes")
    minutes = f"{(time.monotonic() - BEGUN) / 60:.1f}"
    BOOK.write(file, at, {"minutes": minutes, "centre": "PostgreSQL, embedded", "standby": "SQLite"})

"""A door before a server that only says what it was asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures_door import DoorThread, Inner, Opened


@pytest.fixture
def inner() -> Iterator[Inner]:
    server = Inner().start()
    yield server
    server.stop()


@pytest.fixture
def door(inner: Inner, tmp_path: Path) -> Iterator[Opened]:
    doors: list[DoorThread] = []

    def opened(**options: Any) -> DoorThread:
        doors.append(DoorThread(inner.url, tmp_path / "certificates", **options).open())
        return doors[-1]

    yield opened
    for one in doors:
        one.close()

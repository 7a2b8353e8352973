"""A rehearsal of the return says that it went well only of documents that arrived and were accounted for."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from fallback_server.domain.clock import SettableClock
from fallback_server.store import drills
from sync.central.fake import FakeCentral
from sync.rehearsal.run import FOLDER, rehearse
from tests.fixtures_return import Desk, Rules

pytestmark = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)


def rehearsed(
    desk: Desk, clock: SettableClock, copy: FakeCentral, folder: Path, stop: threading.Event | None = None
) -> dict[str, Any]:
    """The drill that the desk has just ended, returned to a copy; as it was noted with the drill."""
    desk.close()
    with desk.store.reading() as tx:
        number = drills.of_incident(tx.conn, desk.incident_no)
    assert number is not None
    report = rehearse(
        desk.store, FakeCentral(clock), copy, Rules(), number, target="copy", folder=folder, by="0801", stop=stop
    )  # fmt: skip
    with desk.store.reading() as tx:
        (noted,) = drills.rehearsals(tx.conn, number)
    assert noted["report"] == report and not (folder / FOLDER).exists()
    return noted


def test_a_drill_in_which_nothing_was_done_is_no_return_that_went_well(
    desk: Desk, clock: SettableClock, centre: FakeCentral, tmp_path: Path
) -> None:
    desk.open(drill=True)
    noted = rehearsed(desk, clock, centre, tmp_path)
    assert (noted["ok"], noted["code"], noted["report"]["documents"]) == (False, "nothing", 0)


def test_a_worker_that_is_told_to_stop_does_not_wait_for_the_end_of_a_rehearsal(
    desk: Desk, clock: SettableClock, centre: FakeCentral, tmp_path: Path
) -> None:
    desk.open(drill=True)
    desk.patient()
    stop = threading.Event()
    stop.set()
    noted = rehearsed(desk, clock, centre, tmp_path, stop)
    assert (noted["ok"], noted["code"], noted["report"]["documents"]) == (False, "asked_to_stop", 1)

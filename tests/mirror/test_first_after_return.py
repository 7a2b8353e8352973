"""The first mirror after a return looks at every row, also of what is read by its change mark."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from fallback_server.acts.run_sheet import lines
from fallback_server.domain.clock import SettableClock
from fallback_server.domain.modes import Permit
from fallback_server.store.mode import incident, incident_event
from fallback_server.store.session import Store
from sync.central.fake import FakeCentral
from sync.central.gateway import DatasetHints
from sync.mirror.run import RunReport
from tests.mirror.hospital import patient, published

Run = Callable[..., RunReport]


@pytest.fixture
def marked(centre: FakeCentral) -> FakeCentral:
    centre.dataset_hints["patient"] = DatasetHints(watermark="changed_at")
    old, new = "2026-11-20 12:00:00", "2026-11-23 07:59:00"
    centre.datasets["patient"] = [patient(n) | {"changed_at": old if n < 200 else new} for n in range(1, 201)]
    return centre


def returned(store: Store, number: int, *, drill: bool = False, documents: bool = True) -> None:
    """An incident whose documents are back (it had none: closed), now."""
    with store.writing(Permit.HOUSEKEEPING) as tx:
        tx.conn.execute(
            incident.insert().values(
                incident_no=number, state="reconciling" if documents else "closed", drill=drill, cause="server",
                reason="x", epoch=number, generation=1, generation_as_of=tx.at, opened_at=tx.at, opened_by="A01",
                ended_at=tx.at, closed_at=None if documents else tx.at,
            )
        )  # fmt: skip
        if documents:
            row = {"incident_no": number, "at": tx.at, "kind": "reconciling", "operator_code": "system", "detail": {}}
            tx.conn.execute(incident_event.insert().values(**row))


def quietly(centre: FakeCentral, name: str) -> None:
    """Somebody at the centre changes a row by hand, and no change mark tells of it."""
    first, *others = centre.datasets["patient"]
    centre.datasets["patient"] = [{**first, "name": name}, *others]


@pytest.mark.parametrize("documents", [True, False], ids=["with documents", "nothing was done"])
def test_the_first_mirror_after_a_return_compares_every_row_and_the_next_one_does_not(
    store: Store, marked: FakeCentral, mirror: Run, clock: SettableClock, documents: bool
) -> None:
    mirror()
    quietly(marked, "改名甲")
    clock.advance(60)
    assert mirror().counts["patient"]["updated"] == 0  # its mark says that nothing changed
    clock.advance(60)
    returned(store, 1, documents=documents)
    clock.advance(60)
    report = mirror()
    assert (report.counts["patient"]["read"], report.counts["patient"]["updated"]) == (200, 1)
    assert "改名甲" in {row["name"] for row in published(store, "patient")}
    quietly(marked, "改名乙")
    clock.advance(60)
    assert mirror().counts["patient"]["updated"] == 0


def compared(store: Store) -> bool | None:
    """What the run-sheet of the return says of the first whole compare; None while there is no return."""
    with store.reading() as tx:
        if tx.conn.execute(select(incident.c.incident_no)).first() is None:
            return None
        return next(line.done for line in lines(tx, 1) if line.code == "mirror")


def test_a_drill_returns_nothing(store: Store, marked: FakeCentral, mirror: Run, clock: SettableClock) -> None:
    mirror()
    clock.advance(60)
    returned(store, 1, drill=True, documents=False)
    quietly(marked, "改名甲")
    clock.advance(60)
    assert mirror().counts["patient"]["updated"] == 0


def test_a_full_compare_that_did_not_go_through_is_owed_still(
    store: Store, marked: FakeCentral, mirror: Run, clock: SettableClock
) -> None:
    mirror()
    clock.advance(60)
    returned(store, 1)
    quietly(marked, "改名甲")
    clock.advance(60)
    marked.fail_at_page("patient", 1)
    assert mirror().state == "failed"
    clock.advance(60)
    assert mirror().counts["patient"]["updated"] == 1


def test_what_rests_during_the_day_is_read_all_the_same(
    store: Store, centre: FakeCentral, mirror: Run, clock: SettableClock
) -> None:
    mirror()
    centre.dataset_hints["diagnosis"] = DatasetHints(rests=True)
    clock.advance(60)
    assert "diagnosis" not in mirror().datasets
    assert compared(store) is None
    returned(store, 1)
    clock.advance(60)
    mirror("drug")
    assert compared(store) is False  # new data, but not of everything
    assert "diagnosis" in mirror().datasets and "diagnosis" not in mirror().datasets
    assert compared(store) is True

"""When the mirror stands still: what was done here must not be overwritten by what the centre says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from fallback_server.domain.clock import SettableClock
from fallback_server.domain.datasets import MASTER_DATASETS, OPEN_DATASETS
from fallback_server.domain.modes import Permit
from fallback_server.store.mirror import run
from fallback_server.store.mode import incident, mode, mode_change
from fallback_server.store.outbox import outbox
from fallback_server.store.returning import upload_run
from fallback_server.store.session import Store
from sync.central.fake import FakeCentral
from sync.mirror.run import RunReport
from tests.mirror.hospital import drug, hospital, published

Run = Callable[..., RunReport]


def switch(
    store: Store,
    to: str,
    *,
    scope: list[str] | None = None,
    drill: bool = False,
    state: str = "open",
    document: str | None = None,
) -> None:
    """Put the store into a mode with one incident, and perhaps one document in an outbox state."""
    with store.writing(Permit.HOUSEKEEPING) as tx:
        tx.conn.execute(
            incident.insert().values(
                incident_no=1, state=state, drill=drill, cause="server", reason="x", epoch=1, generation=1,
                generation_as_of=tx.at, opened_at=tx.at, opened_by="A01", ended_at=None if state == "open" else tx.at,
            )
        )  # fmt: skip
        tx.conn.execute(
            mode_change.insert().values(
                epoch=1, arrow="a", from_mode="normal", to_mode="emergency", at=tx.at, incident_no=1,
                operator_code="A01", reason="x", scope=scope,
            )
        )  # fmt: skip
        tx.conn.execute(mode.update().values(mode=to, incident_no=1, drill=drill, scope=scope))
        if document is not None:
            leased = {"lease_owner": "x", "lease_until": tx.at} if document == "sending" else {}
            tx.conn.execute(
                outbox.insert().values(
                    yj_id="01J00000000000000000000001", sequence=1, entity="charge", incident_no=1, drill=drill,
                    state=document, rank=6, chain="p", payload="{}", payload_hash="0", amount="1.00",
                    operator_code="C01", yj_no="YJ1", business_date="2026-11-23", created_at=tx.at, late=False,
                    **leased,
                )
            )  # fmt: skip


def compared(store: Store, *steps: str, dry_run: bool = False) -> None:
    """Enter an upload run that came as far as these steps."""
    with store.writing(Permit.HOUSEKEEPING) as tx:
        report = {"steps": [{"step": step, "at": tx.at} for step in steps]}
        row = {"incident_no": 1, "dry_run": dry_run, "started_at": tx.at, "state": "done", "report": report}
        tx.conn.execute(upload_run.insert().values(**row))


PASSED = ("preflight", "rewound", "ledger", "register")


@pytest.mark.parametrize("now", ["emergency", "returning"])
def test_a_whole_hospital_outage_freezes_everything(store: Store, centre: FakeCentral, mirror: Run, now: str) -> None:
    mirror()
    switch(store, now)
    centre.datasets["drug"] = [drug(1, name="改"), *hospital()["drug"][1:]]
    asked = len(centre.calls)
    report = mirror()
    assert (report.state, [p["kind"] for p in report.problems]) == ("frozen", ["frozen_outage"])
    assert len(centre.calls) == asked and published(store, "drug")[0]["name"] == "药品1"


def test_a_long_outage_does_not_fill_the_table_of_runs(store: Store, mirror: Run) -> None:
    mirror()
    switch(store, "emergency")
    for _ in range(5):
        mirror()
    with store.reading() as tx:
        assert tx.conn.execute(select(func.count()).select_from(run)).scalar() == 2


def test_an_outage_of_some_departments_freezes_no_masters(store: Store, mirror: Run) -> None:
    mirror()
    switch(store, "emergency", scope=["0101"], document="pending")
    report = mirror()
    assert report.published and set(report.counts) == set(MASTER_DATASETS)
    assert [p["kind"] for p in report.problems] == ["frozen_returning"]


def test_masters_wait_after_an_outage_until_the_centre_was_compared(
    store: Store, centre: FakeCentral, mirror: Run
) -> None:
    mirror()
    switch(store, "normal", state="closing", document="pending")
    centre.datasets["patient"] = [hospital()["patient"][0] | {"name": "别人"}, *hospital()["patient"][1:]]
    report = mirror("patient")
    assert (report.state, [p["kind"] for p in report.problems]) == ("frozen", ["frozen_unchecked"])
    compared(store, *PASSED, dry_run=True)  # a rehearsal is no return
    compared(store, "preflight", "rewound")  # refused: it was rewound
    assert mirror("patient").state == "frozen"
    compared(store, *PASSED)
    assert set(mirror().counts) == set(MASTER_DATASETS)


def test_a_check_before_the_last_outage_proves_nothing(store: Store, mirror: Run, clock: SettableClock) -> None:
    mirror()
    switch(store, "normal", state="uploading", document="pending")
    compared(store, *PASSED)
    clock.advance(60)
    with store.writing(Permit.HOUSEKEEPING) as tx:  # a second outage of the whole hospital, in which nobody wrote
        second = {"incident_no": 2, "epoch": 5, "state": "closed", "ended_at": tx.at, "opened_at": tx.at}
        same = {"drill": False, "cause": "server", "reason": "x", "generation": 1, "generation_as_of": tx.at}
        tx.conn.execute(incident.insert().values(**second, **same, opened_by="A01"))
        moved = {"arrow": "a", "from_mode": "normal", "to_mode": "emergency", "operator_code": "A01", "reason": "x"}
        tx.conn.execute(mode_change.insert().values(epoch=5, at=tx.at, incident_no=2, **moved))
    assert mirror("drug").state == "frozen"
    compared(store, *PASSED)
    assert mirror("drug").published


def test_masters_that_never_stopped_need_no_check(store: Store, mirror: Run) -> None:
    """An outage of some departments: the mirror went on all the time, there is nothing left to compare with."""
    mirror()
    switch(store, "normal", scope=["0101"], state="closing", document="pending")
    assert set(mirror().counts) == set(MASTER_DATASETS)


@pytest.mark.parametrize("document", ["pending", "sending", "unknown"])
def test_open_work_waits_until_nothing_is_on_its_way(store: Store, mirror: Run, document: str) -> None:
    mirror()
    switch(store, "normal", state="uploading", document=document)
    compared(store, *PASSED)
    assert set(mirror().counts) == set(MASTER_DATASETS)
    assert mirror(*OPEN_DATASETS).state == "frozen"


@pytest.mark.parametrize(
    ("state", "document"), [("reconciling", "conflict"), ("reconciling", "settled"), ("closed", "pending")]
)
def test_open_work_goes_on_when_the_rest_is_with_people(store: Store, mirror: Run, state: str, document: str) -> None:
    mirror()
    switch(store, "normal", state=state, document=document)
    assert set(mirror().counts) == {*MASTER_DATASETS, *OPEN_DATASETS}


def test_a_drill_freezes_nothing(store: Store, mirror: Run) -> None:
    mirror()
    switch(store, "emergency", drill=True, document="fenced")
    assert set(mirror().counts) == {*MASTER_DATASETS, *OPEN_DATASETS}


def test_an_outage_that_begins_while_the_mirror_reads_stops_it_from_publishing(
    store: Store, centre: FakeCentral, mirror: Run
) -> None:
    mirror()
    centre.datasets["drug"] = [drug(1, name="改"), *hospital()["drug"][1:]]
    report = mirror(progress=lambda dataset, done, total: switch(store, "emergency") if done == 3 else None)
    assert report.state == "frozen" and published(store, "drug")[0]["name"] == "药品1"

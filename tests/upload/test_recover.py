"""U11: a standby that came back from a backup taken in mid-incident, while the centre has what was done after it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.engine import make_url

from fallback_server.domain.clock import SettableClock
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.store import backup_rows, counters
from fallback_server.store.audit import audit
from fallback_server.store.cash import receipt_book, receipt_number
from fallback_server.store.conflicts import list_conflicts
from fallback_server.store.mode import incident, mode
from fallback_server.store.outbox import outbox, outbox_move
from fallback_server.store.returning import conflict, recovered
from fallback_server.store.session import Store
from sync.central.fake import FakeCentral
from sync.reconcile.run import run_reconcile
from sync.upload.recover import recover
from sync.upload.run import run_upload
from tests.fixtures_return import ADMIN, PAIR, Desk, Rules, Tables

pytestmark = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)


def upload(desk: Desk, centre: FakeCentral) -> Any:
    return run_upload(desk.store, centre, Rules(), pause=desk.clock.advance)


@contextmanager
def came_back(desk: Desk, backup: bytes, clock: SettableClock) -> Iterator[Desk]:
    """The desk on the restored store."""
    path = Path(str(make_url(desk.store.url).database))
    desk.store.close()
    for leftover in ("-wal", "-shm"):
        path.with_name(path.name + leftover).unlink(missing_ok=True)
    path.write_bytes(backup)
    store = Store(desk.store.url, clock, pool_size=4)
    desk.store = store
    try:
        yield desk
    finally:
        store.close()


def backup_of(desk: Desk, tmp_path: Path) -> bytes:
    """A consistent copy of yj.db as it is now."""
    target = tmp_path / "backup.db"
    path = str(make_url(desk.store.url).database)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
    return target.read_bytes()


def states(desk: Desk) -> dict[str, str]:
    with desk.store.reading() as tx:
        return {row.yj_id: row.state for row in tx.conn.execute(select(outbox.c.yj_id, outbox.c.state))}


def scalar(desk: Desk, statement: Any) -> Any:
    with desk.store.reading() as tx:
        return tx.conn.execute(statement).scalar()


def test_a_restored_standby_takes_over_what_the_centre_has_and_goes_on(
    desk: Desk, centre: FakeCentral, clock: SettableClock, tmp_path: Path
) -> None:
    number = desk.open()
    kept = desk.charge("P1001")
    backup = backup_of(desk, tmp_path)
    lost = [desk.charge("P1003", "12.00"), desk.refund(kept, "P1001"), desk.registration("P1004")]
    desk.close()
    assert upload(desk, centre).complete
    old = dict(centre.ledger)
    with came_back(desk, backup, clock):
        desk.close()
        report = upload(desk, centre)
        assert (report.state, report.code) == ("refused", "ledger_ahead")
        with desk.store.reading() as tx:
            (item,) = list_conflicts(tx.conn, number, only_open=True)
        shown = item["central"]
        assert (shown["documents"], shown["amount"], shown["confirmed_by_it"]) == (3, "2.00", 1)
        assert shown["entities"]["charge"] == {"documents": 1, "amount": "12.00"}
        assert (shown["first_yj_no"], shown["last_yj_no"]) == (old[lost[0]].yj_no, old[lost[2]].yj_no)
        assert [one["decision"] for one in item["possible"]] == ["recover"]

        with pytest.raises(YjError) as caught:  # one person is not enough
            recover(desk.store, centre, None, ADMIN, "磁盘更换后恢复")
        assert caught.value.code == "second_person_required"
        only_look = recover(desk.store, centre, None, None)
        assert only_look is not None and not only_look.done
        assert states(desk) == {kept: "pending"}

        done = recover(desk.store, centre, None, PAIR, "磁盘更换后恢复")
        assert done is not None
        assert (done.done["confirmed"], done.done["noted"], done.done["receipts"]) == (1, 3, 1)
        assert states(desk) == {kept: "confirmed"}
        assert scalar(desk, select(outbox.c.central_key)) == old[kept].central_key
        with desk.store.reading() as tx:
            arrows = tx.conn.execute(select(outbox_move.c.arrow).order_by(outbox_move.c.id)).scalars().all()
            noted = tx.conn.execute(select(recovered.c.yj_id).order_by(recovered.c.sequence)).scalars().all()
            assert (list(arrows), list(noted)) == (["g", "h"], lost)
            assert counters.current(tx.conn, counters.DOCUMENT_SEQUENCE) == 4
            person = tx.conn.execute(select(audit.c.approver_code).where(audit.c.action == "upload.recover")).scalar()
            assert person == PAIR.approver_code
        assert recover(desk.store, centre, None, PAIR, "again") is None
        assert upload(desk, centre).complete
        assert centre.ledger == old  # nothing was sent again


def test_every_number_goes_on_behind_what_the_centre_saw(
    desk: Desk, centre: FakeCentral, clock: SettableClock, tmp_path: Path
) -> None:
    number = desk.open()
    desk.charge("P1001")
    backup = backup_of(desk, tmp_path)
    desk.charge("P1003", receipt=False)
    next(desk._numbers)  # a sheet that jammed: its number was skipped
    last = desk.charge("P1004")
    desk.close()
    assert upload(desk, centre).complete
    with came_back(desk, backup, clock):
        desk.close()
        upload(desk, centre)
        epoch = scalar(desk, select(incident.c.epoch))
        done = recover(desk.store, centre, number, PAIR, "恢复备份")
        assert done is not None and done.done["receipts_unknown"] == 1
        with desk.store.reading() as tx:
            numbers = tx.conn.execute(
                select(receipt_number.c.receipt_no, receipt_number.c.state).order_by(receipt_number.c.number)
            ).all()
            book = tx.conn.execute(select(receipt_book.c.next_no)).scalar_one()
            counter = tx.conn.execute(select(counters.yj_counter.c.value)).scalar_one()
        assert [row.state for row in numbers] == ["used", "unknown", "void"]
        assert numbers[-1].receipt_no == centre.ledger[last].receipt_no
        assert (book, counter) == (int(numbers[-1].receipt_no[1:]) + 1, 3)
        # The fence: the centre knows the incident with a new epoch, so a twin on the old disk is refused.
        (known,) = centre.incidents.values()
        assert known.epoch == scalar(desk, select(incident.c.epoch)) > epoch
        assert scalar(desk, select(mode.c.epoch)) > known.epoch
        assert upload(desk, centre).complete
        desk.open()
        new = desk.charge("P1005", receipt=False)
        assert scalar(desk, select(outbox.c.sequence).where(outbox.c.yj_id == new)) == 4


def test_the_twin_on_the_old_disk_is_refused_afterwards(
    desk: Desk, centre: FakeCentral, clock: SettableClock, tmp_path: Path
) -> None:
    desk.open()
    desk.charge("P1001")
    backup = backup_of(desk, tmp_path)
    desk.charge("P1003")
    desk.close()
    assert upload(desk, centre).complete
    alive = backup_of(desk, tmp_path)
    with came_back(desk, backup, clock):
        desk.close()
        assert recover(desk.store, centre, None, PAIR, "恢复备份") is not None
    with came_back(desk, alive, clock):
        report = upload(desk, centre)
        assert (report.state, report.code) == ("refused", "fenced")


def test_documents_made_after_the_restore_are_numbered_again_and_sent_once(
    desk: Desk, centre: FakeCentral, clock: SettableClock, tmp_path: Path
) -> None:
    number = desk.open()
    desk.charge("P1001")
    backup = backup_of(desk, tmp_path)
    lost = desk.charge("P1003")
    desk.close()
    assert upload(desk, centre).complete
    with came_back(desk, backup, clock):
        later = [desk.charge("P1004"), desk.charge("P1005"), desk.charge("P1006")]  # the head is behind ours now
        desk.close()
        report = upload(desk, centre)
        assert (report.state, report.code) == ("refused", "ledger_ahead")
        assert recover(desk.store, centre, number, PAIR, "恢复备份") is not None
        assert upload(desk, centre).complete
        assert set(centre.ledger) == {lost, *later, *(one for one, state in states(desk).items() if state)}
        assert len(centre.ledger) == len(centre.documents) == 5
        assert len({row.sequence for row in centre.ledger.values()}) == 5


def test_a_decision_at_the_console_is_carried_out_by_the_next_run(
    desk: Desk, centre: FakeCentral, clock: SettableClock, tmp_path: Path
) -> None:
    from tests.upload.test_conflicts import decide

    desk.open()
    desk.charge("P1001")
    backup = backup_of(desk, tmp_path)
    desk.charge("P1003")
    desk.close()
    assert upload(desk, centre).complete
    with came_back(desk, backup, clock):
        desk.close()
        assert upload(desk, centre).code == "ledger_ahead"
        with pytest.raises(YjError):
            decide(desk, "recover", actor=ADMIN)
        decide(desk, "recover")
        report = upload(desk, centre)
        assert report.complete and report.facts["recovered"]["noted"] == 1
        taken_over = select(audit.c.operator_code, audit.c.approver_code).where(audit.c.action == "upload.recover")
        with desk.store.reading() as tx:
            assert tx.conn.execute(taken_over).all() == [(PAIR.operator_code, PAIR.approver_code)]


def test_the_account_names_what_was_lost_here_and_nothing_else(
    desk: Desk, centre: FakeCentral, tables: Tables, clock: SettableClock, tmp_path: Path
) -> None:
    number = desk.open()
    desk.charge("P1001")
    backup = backup_of(desk, tmp_path)
    lost = desk.charge("P1003", "12.00")
    desk.close()
    assert upload(desk, centre).complete
    tables.take()
    with came_back(desk, backup, clock):
        desk.close()
        assert recover(desk.store, centre, number, PAIR, "恢复备份") is not None
        assert upload(desk, centre).complete
        report = run_reconcile(desk.store, centre, number)
        assert [(one["kind"], one["yj_id"]) for one in report.differences] == [("recovered", lost)]
        assert report.totals == {"local": "10.00", "ledger": "22.00", "central": "22.00"}
        assert not report.balanced  # a named person explains it


def test_an_incident_that_only_the_centre_knows_gets_an_account_of_its_own(
    desk: Desk, centre: FakeCentral, clock: SettableClock, tmp_path: Path
) -> None:
    first = desk.open()
    desk.charge("P1001")
    backup = backup_of(desk, tmp_path)
    desk.close()
    assert upload(desk, centre).complete
    second = desk.open()
    desk.charge("P1003")
    desk.close()
    assert upload(desk, centre).complete
    with came_back(desk, backup, clock):
        desk.close()
        assert recover(desk.store, centre, first, PAIR, "恢复备份") is not None
        with desk.store.reading() as tx:
            rows = tx.conn.execute(select(incident.c.incident_no, incident.c.state).order_by(incident.c.incident_no))
            assert [tuple(row) for row in rows] == [(first, "closing"), (second, "reconciling")]
        assert upload(desk, centre).complete
        assert desk.open() == second + 1


def restored_row(desk: Desk) -> None:
    with desk.store.writing(Permit.HOUSEKEEPING, PAIR) as tx:
        row = {"operator_code": "A", "backup_name": "yj", "made_at": tx.at, "reason": "", "numbers_skipped": 1000}
        tx.conn.execute(backup_rows.restored.insert().values(at=tx.at, **row))


def test_after_a_restore_nothing_is_sent_until_two_people_looked(desk: Desk, centre: FakeCentral) -> None:
    desk.open()
    desk.charge("P1001")
    desk.close()
    restored_row(desk)
    assert (upload(desk, centre).code, len(centre.ledger)) == ("restored", 0)
    with pytest.raises(YjError) as alone:
        recover(desk.store, centre, None, ADMIN, "恢复")
    assert alone.value.code == "second_person_required"
    assert upload(desk, centre).code == "restored"
    assert recover(desk.store, centre, None, PAIR, "恢复") is None
    assert upload(desk, centre).complete and len(centre.ledger) > 0


def older_than_the_outage(desk: Desk, centre: FakeCentral, tmp_path: Path) -> tuple[bytes, int]:
    """A backup in which the first outage is closed and the second, returned since, has not begun; and its number."""
    desk.open()
    desk.charge("P1001")
    desk.close()
    assert upload(desk, centre).complete
    with desk.store.writing(Permit.HOUSEKEEPING, PAIR) as tx:
        tx.conn.execute(incident.update().values(state="closed"))
    backup = backup_of(desk, tmp_path)
    second = desk.open()
    desk.charge("P1003")
    desk.close()
    assert upload(desk, centre).complete
    return backup, second


def test_a_store_older_than_the_whole_outage_takes_it_over_before_the_next_one(
    desk: Desk, centre: FakeCentral, clock: SettableClock, tmp_path: Path
) -> None:
    backup, second = older_than_the_outage(desk, centre, tmp_path)
    lost = scalar(desk, select(outbox.c.yj_id).where(outbox.c.incident_no == second))
    with came_back(desk, backup, clock):
        restored_row(desk)
        seen = recover(desk.store, centre, None, None)
        assert seen is not None and (seen.incident_no, seen.found["documents"], seen.done) == (second, 1, {})
        with pytest.raises(YjError) as alone:
            recover(desk.store, centre, None, ADMIN, "恢复")
        assert alone.value.code == "second_person_required"
        assert scalar(desk, select(incident.c.incident_no).where(incident.c.incident_no == second)) is None
        taken = recover(desk.store, centre, None, PAIR, "恢复备份")
        assert taken is not None and taken.done["noted"] == 1
        assert scalar(desk, select(recovered.c.yj_id)) == lost
        assert recover(desk.store, centre, None, None) is None
        assert desk.open() == second + 1
        desk.charge("P1004")
        desk.close()
        # The incident that only the centre knows comes first; it has nothing left to send.
        reports = [upload(desk, centre) for _ in range(2)]
        assert all(report.complete for report in reports), reports
        assert len(centre.ledger) == 3


def refused(desk: Desk, centre: FakeCentral) -> str:
    """Recovering is refused in the present state, and nothing was written; what was said of the state."""
    with pytest.raises(YjError) as caught:
        recover(desk.store, centre, None, PAIR, "恢复备份")
    assert caught.value.code == "wrong_state"
    assert scalar(desk, select(conflict.c.id)) is None and scalar(desk, select(recovered.c.yj_id)) is None
    return str(caught.value.params["current"])


def test_a_number_that_is_here_a_drill_or_a_closed_outage_is_never_taken_for_the_lost_one(
    desk: Desk, centre: FakeCentral, clock: SettableClock, tmp_path: Path
) -> None:
    backup, second = older_than_the_outage(desk, centre, tmp_path)
    with came_back(desk, backup, clock):
        assert desk.open(drill=True) == second
        desk.close()
        assert refused(desk, centre) == f"incident {second} here is a drill"
        with desk.store.writing(Permit.HOUSEKEEPING, PAIR) as tx:
            tx.conn.execute(incident.update().values(drill=False))
        assert refused(desk, centre) == f"incident {second} here is closed"


def test_nothing_is_recovered_nor_written_while_an_outage_is_on(
    desk: Desk, centre: FakeCentral, clock: SettableClock, tmp_path: Path
) -> None:
    backup, _second = older_than_the_outage(desk, centre, tmp_path)
    with came_back(desk, backup, clock):
        desk.open()
        assert refused(desk, centre) == "emergency"


def test_after_a_restore_no_drill_takes_a_number_that_may_be_lost(desk: Desk, centre: FakeCentral) -> None:
    restored_row(desk)
    with pytest.raises(YjError, match="wrong_state"):
        desk.open(drill=True)
    assert recover(desk.store, centre, None, PAIR, "恢复") is None
    assert desk.open(drill=True) == 1


def test_incidents_made_known_get_epochs_that_no_incident_here_has(
    desk: Desk, centre: FakeCentral, clock: SettableClock, tmp_path: Path
) -> None:
    backup, second = older_than_the_outage(desk, centre, tmp_path)
    (known,) = (key for key in centre.incidents if key[1] == second)
    with came_back(desk, backup, clock):
        # Two standbys counted apart since the backup: the centre's epoch of the lost one is here another's.
        mine = scalar(desk, select(incident.c.epoch))
        centre.incidents[known] = replace(centre.incidents[known], epoch=mine)
        assert recover(desk.store, centre, None, PAIR, "恢复备份") is not None
        with desk.store.reading() as tx:
            epochs = tx.conn.execute(select(incident.c.epoch).order_by(incident.c.incident_no)).scalars().all()
        assert len(set(epochs)) == 2 and epochs[1] > epochs[0]

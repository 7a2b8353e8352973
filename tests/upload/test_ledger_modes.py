"""A whole return where no table of ours is allowed: nothing twice, nothing lost, people where nobody knows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select

from fallback_server.domain.clock import SettableClock
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.store.conflicts import list_conflicts, resolve, show_conflict
from fallback_server.store.outbox import outbox
from fallback_server.store.returning import recovered
from fallback_server.store.session import Actor
from sync.central.fake import FakeCentral
from sync.central.gateway import LedgerMode, TransactionEnded
from sync.reconcile.run import run_reconcile
from sync.upload.recover import recover
from sync.upload.report import UploadReport
from sync.upload.rewound import approve_rewound
from sync.upload.run import run_upload
from tests.fixtures_return import ADMIN, PAIR, Desk, Rules, Tables, arrows
from tests.upload.test_recover import backup_of, came_back

pytestmark = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
MODES = [LedgerMode.PROCEDURE, LedgerMode.UNIQUE_COLUMN]


class Killed(BaseException):
    """The process dies here."""


def upload(desk: Desk, centre: FakeCentral, **options: object) -> UploadReport:
    return run_upload(desk.store, centre, Rules(), pause=desk.clock.advance, **options)  # type: ignore[arg-type]


def states(desk: Desk) -> Counter[str]:
    with desk.store.reading() as tx:
        return Counter(tx.conn.execute(select(outbox.c.state)).scalars())


def arrived(centre: FakeCentral) -> Counter[str]:
    return Counter(document.ledger.yj_id for document in centre.documents)


def decide(desk: Desk, kind: str, decision: str, who: Actor = PAIR, key: str | None = None) -> None:
    with desk.store.writing(Permit.HOUSEKEEPING, who) as tx:
        (item,) = [one for one in list_conflicts(tx.conn, desk.incident_no, only_open=True) if one["kind"] == kind]
        resolve(tx, item["id"], decision, "在中心核对过", key)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("moment", ["at_commit", "after_commit"])
def test_lost_answers_are_settled_by_the_centre_alone(
    desk: Desk, centre: FakeCentral, tables: Tables, mode: LedgerMode, moment: str
) -> None:
    centre.ledger_mode = mode
    desk.open()
    desk.visit(desk.patient())
    paid = desk.charge("P1003")
    desk.refund(paid, "P1003")
    desk.close()
    for _ in range(3):
        centre.fail_next(moment)  # type: ignore[arg-type]
    for _ in range(5):
        if upload(desk, centre).complete:
            break
    assert states(desk) == {"confirmed": 6} and set(arrived(centre).values()) == {1} and len(centre.documents) == 6
    account = run_reconcile(desk.store, centre, desk.incident_no)
    assert account.balanced and account.totals["ledger"] is None, account
    assert account.totals["local"] == account.totals["central"]


@pytest.mark.parametrize("mode", [*MODES, LedgerMode.NONE])
@pytest.mark.parametrize("point", ["claimed", "applied", "confirmed"])
def test_a_sender_that_dies_doubles_nothing(desk: Desk, centre: FakeCentral, mode: LedgerMode, point: str) -> None:
    centre.ledger_mode = mode
    desk.open()
    several = [desk.charge("P1001"), desk.charge("P1003"), desk.charge("P1004")]
    desk.close()

    def die(at: str, yj_id: str) -> None:
        if (at, yj_id) == (point, several[1]):
            raise Killed

    with pytest.raises(Killed):
        upload(desk, centre, crash=die)
    ended = upload(desk, centre)
    assert set(arrived(centre).values()) == {1}
    in_doubt = mode is LedgerMode.NONE and point != "confirmed"
    assert states(desk)["conflict"] == (1 if in_doubt else 0), ended  # only the one in hand, not all that were waiting
    if in_doubt:
        decide(desk, "outcome_unknown", "retry_not_there" if point == "claimed" else "link")
        assert upload(desk, centre).complete
    assert arrived(centre) == dict.fromkeys(several, 1) and states(desk) == {"confirmed": 3}


def test_without_proof_a_lost_answer_waits_for_two_people_and_what_the_centre_shows_is_only_shown(
    desk: Desk, centre: FakeCentral
) -> None:
    centre.ledger_mode = LedgerMode.NONE
    number = desk.open()
    one = desk.charge("P1001")
    desk.close()
    centre.fail_next("after_commit")
    for _ in range(3):
        assert upload(desk, centre).code == "done_with_rest"
    assert len(centre.documents) == 1
    with desk.store.reading() as tx:
        (item,) = list_conflicts(tx.conn, number, only_open=True)
        shown = show_conflict(tx.conn, item["id"])
        way = arrows(tx, one)
    assert item["kind"] == "outcome_unknown" and shown["central"]["central_key"] == "F1"
    assert [choice["decision"] for choice in item["possible"]][:2] == ["link", "retry_not_there"]
    assert way == ["g", "i", "r"]
    for decision in ("link", "retry_not_there"):
        with pytest.raises(YjError, match="second_person_required"):
            decide(desk, "outcome_unknown", decision, ADMIN)
    decide(desk, "outcome_unknown", "link")
    assert upload(desk, centre).complete
    assert states(desk) == {"confirmed": 1} and len(centre.documents) == 1


def test_a_number_that_the_centre_shows_before_the_first_attempt_is_doubt_too(
    desk: Desk, centre: FakeCentral, clock: SettableClock, tmp_path: Path
) -> None:
    """A standby that came back from a backup, at a centre where nothing refuses a document twice."""
    centre.ledger_mode = LedgerMode.NONE
    desk.open()
    desk.charge("P1001")
    backup = backup_of(desk, tmp_path)
    desk.close()
    assert upload(desk, centre).complete
    with came_back(desk, backup, clock):
        desk.close()
        assert upload(desk, centre).code == "done_with_rest"
        assert len(centre.documents) == 1
        with desk.store.reading() as tx:
            assert [one["kind"] for one in list_conflicts(tx.conn, desk.incident_no)] == ["maybe_there"]


@pytest.mark.parametrize("mode", MODES)
def test_a_restored_standby_is_known_by_rows_with_its_mark_that_it_never_made(
    desk: Desk, centre: FakeCentral, tables: Tables, clock: SettableClock, tmp_path: Path, mode: LedgerMode
) -> None:
    centre.ledger_mode = mode
    number = desk.open()
    desk.charge("P1001")
    backup = backup_of(desk, tmp_path)
    desk.charge("P1003", "12.00")
    desk.close()
    assert upload(desk, centre).complete
    with came_back(desk, backup, clock):
        desk.close()
        assert upload(desk, centre).code == "ledger_ahead" and len(centre.documents) == 2
        done = recover(desk.store, centre, number, PAIR, "备份恢复，中心的照收")
        assert done is not None and done.done["noted"] == 1 and done.done["receipts"] == 1
        assert upload(desk, centre).complete and set(arrived(centre).values()) == {1}
        with desk.store.reading() as tx:
            (row,) = tx.conn.execute(select(recovered)).mappings()
        assert (str(row["amount"]), row["entity"]) == ("12.00", "charge") and row["yj_no"].startswith("YJ")
        assert upload(desk, centre).complete


@pytest.mark.parametrize("mode", [*MODES, LedgerMode.NONE])
def test_a_rewound_centre_is_known_by_keys_that_its_own_tables_no_longer_show(
    desk: Desk, centre: FakeCentral, tables: Tables, mode: LedgerMode
) -> None:
    centre.ledger_mode = mode
    desk.open()
    gone, kept = desk.charge("P1001"), desk.charge("P1003")
    desk.close()
    assert upload(desk, centre).complete
    key = centre.ledger[gone].central_key
    tables.take()
    tables.charge[:] = [row for row in tables.charge if row["central_key"] != key]
    centre.forget(gone)
    report = upload(desk, centre)
    assert (report.code, len(report.facts["rewound"]["vanished"])) == ("rewound", 1)
    approve_rewound(desk.store, desk.incident_no, PAIR, "昨夜备份")
    assert upload(desk, centre).complete
    assert arrived(centre) == {kept: 1, gone: 1}


def test_a_document_torn_in_two_stops_the_run_and_waits_for_a_person(desk: Desk, centre: FakeCentral) -> None:
    desk.open()
    torn, other = desk.charge("P1001"), desk.charge("P1003")
    desk.close()
    centre.fail_next("during", TransactionEnded("a procedure committed"))
    report = upload(desk, centre)
    assert (report.state, report.code) == ("broken", "transaction_ended")
    assert states(desk) == {"conflict": 1, "pending": 1}
    decide(desk, "transaction_ended", "retry_not_there")
    assert upload(desk, centre).complete and arrived(centre) == {torn: 1, other: 1}

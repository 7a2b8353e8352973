"""P7: each document is applied exactly once, wherever the connection breaks, whoever dies, however often it is run."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
from sqlalchemy import select

from fallback_server.domain.clock import SettableClock
from fallback_server.domain.modes import Permit
from fallback_server.store.mode import incident, incident_event
from fallback_server.store.mode_switch import enter_emergency
from fallback_server.store.outbox import outbox, outbox_move
from fallback_server.store.returning import upload_run
from fallback_server.store.returns_queries import upload_progress
from fallback_server.store.session import Store
from sync.central.fake import FakeCentral
from sync.central.gateway import CentralError, OutcomeUnknown, Systemic, Transient, Unreachable
from sync.upload.report import UploadReport
from sync.upload.run import run_upload
from tests.fixtures_return import ADMIN, Desk, Rules, arrows


class Killed(BaseException):
    """The process dies here."""


def upload(store: Store, centre: FakeCentral, clock: SettableClock, **options: object) -> UploadReport:
    return run_upload(store, centre, Rules(), pause=clock.advance, **options)  # type: ignore[arg-type]


def states(store: Store) -> dict[str, int]:
    with store.reading() as tx:
        return dict(Counter(tx.conn.execute(select(outbox.c.state)).scalars()))


def state_of(store: Store, incident_no: int) -> str:
    with store.reading() as tx:
        return str(tx.conn.execute(select(incident.c.state).where(incident.c.incident_no == incident_no)).scalar_one())


def assert_once(store: Store, centre: FakeCentral) -> None:
    """Documents at the centre = ledger rows = confirmed here, and nothing else is left."""
    with store.reading() as tx:
        own = tx.conn.execute(select(outbox.c.yj_id, outbox.c.central_key, outbox.c.state)).all()
    assert {row.state for row in own} == {"confirmed"}
    sent = Counter(document.ledger.yj_id for document in centre.documents)
    assert set(sent.values()) <= {1}
    assert {row.yj_id: row.central_key for row in own} == {k: row.central_key for k, row in centre.ledger.items()}


def a_morning(desk: Desk) -> None:
    new = desk.patient()
    desk.visit(new)
    desk.visit("P1001")
    paid = desk.charge("P1003")
    desk.refund(paid, "P1003")
    desk.close()


def test_everything_arrives_parents_first_and_the_incident_goes_on(
    desk: Desk, centre: FakeCentral, clock: SettableClock
) -> None:
    number = desk.open()
    a_morning(desk)
    report = upload(desk.store, centre, clock)
    assert report.complete, report
    assert_once(desk.store, centre)
    place = {document.ledger.yj_id: i for i, document in enumerate(centre.documents)}
    for document in centre.documents:
        refs = [ref for ref in document.payload["refs"].values() if ref] + list(
            document.payload.get("prescriptions", ())
        )
        for ref in refs:
            if ref["origin"] == "yj":
                assert place[ref["id"]] < place[document.ledger.yj_id]
                assert document.keys[ref["id"]] == centre.ledger[ref["id"]].central_key
            else:
                assert document.keys[ref["id"]] == ref["central_key"]
    assert state_of(desk.store, number) == "reconciling"
    with desk.store.reading() as tx:
        mine = select(incident_event.c.arrow).where(incident_event.c.incident_no == number)
        events = tx.conn.execute(mine.order_by(incident_event.c.id)).scalars()
        assert [arrow for arrow in events if arrow in "de"] == ["d", "e"]
        assert arrows(tx, centre.documents[0].ledger.yj_id) == ["g", "h"]


@pytest.mark.parametrize("moment", ["before", "during", "at_commit", "after_commit"])
def test_a_connection_broken_at_any_moment_of_any_document_doubles_nothing(
    desk: Desk, centre: FakeCentral, clock: SettableClock, moment: str
) -> None:
    desk.open()
    a_morning(desk)
    for _ in range(4):
        centre.fail_next(moment)  # type: ignore[arg-type]
    for _ in range(9):
        if upload(desk.store, centre, clock).complete:
            break
    assert_once(desk.store, centre)
    with desk.store.reading() as tx:
        assert set(tx.conn.execute(select(outbox.c.attempts)).scalars()) == {0}  # connectivity never counts


@pytest.mark.parametrize("point", ["claimed", "applied", "confirmed", "failed"])
def test_a_process_killed_at_any_point_is_followed_by_a_clean_run(
    desk: Desk, centre: FakeCentral, clock: SettableClock, point: str
) -> None:
    desk.open()
    a_morning(desk)
    total = len(desk_documents(desk))
    if point == "failed":
        for _ in range(total):
            centre.fail_next("at_commit")

    deaths = 0
    for victim in range(1, total + 1):
        count = 0

        def die(where: str, yj_id: str, victim: int = victim) -> None:
            nonlocal count
            count += where == point
            if count == victim:
                raise Killed

        try:
            report = upload(desk.store, centre, clock, crash=die)
        except Killed:
            deaths += 1
        else:
            if report.complete:
                break
    assert deaths
    assert upload(desk.store, centre, clock).complete
    assert_once(desk.store, centre)


def desk_documents(desk: Desk) -> list[str]:
    with desk.store.reading() as tx:
        return list(tx.conn.execute(select(outbox.c.yj_id)).scalars())


def test_a_killed_run_is_shown_as_interrupted_by_the_next(
    desk: Desk, centre: FakeCentral, clock: SettableClock
) -> None:
    desk.open()
    a_morning(desk)

    def die(where: str, yj_id: str) -> None:
        raise Killed

    with pytest.raises(Killed):
        upload(desk.store, centre, clock, crash=die)
    claimed = states(desk.store)["sending"]
    assert claimed >= 1
    report = upload(desk.store, centre, clock)
    assert report.counts["recovered"] == report.counts["sent_again"] == claimed
    with desk.store.reading() as tx:
        runs = tx.conn.execute(select(upload_run.c.state).order_by(upload_run.c.id)).scalars()
        assert list(runs) == ["stopped", "done"]


def test_two_uploaders_at_once_send_each_document_once(desk: Desk, centre: FakeCentral, clock: SettableClock) -> None:
    desk.open()
    for _ in range(6):
        a = desk.patient()
        desk.visit(a)
    desk.close()
    centre.delay_seconds = 0.002
    reports: list[UploadReport] = []
    threads = [threading.Thread(target=lambda: reports.append(upload(desk.store, centre, clock))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [report.complete for report in reports] == [True, True]
    assert_once(desk.store, centre)


def test_running_again_sends_nothing(desk: Desk, centre: FakeCentral, clock: SettableClock) -> None:
    number = desk.open()
    a_morning(desk)
    upload(desk.store, centre, clock)
    before = len(centre.documents)
    assert upload(desk.store, centre, clock, incident_no=number).complete
    assert len(centre.documents) == before
    assert state_of(desk.store, number) == "reconciling"


def test_a_lost_answer_is_found_in_the_ledger_in_the_same_run(
    desk: Desk, centre: FakeCentral, clock: SettableClock
) -> None:
    desk.open()
    desk.charge("P1001")
    desk.close()
    centre.fail_next("after_commit")
    assert upload(desk.store, centre, clock).complete
    with desk.store.reading() as tx:
        moves = tx.conn.execute(select(outbox_move.c.arrow).order_by(outbox_move.c.id)).scalars()
        assert list(moves) == ["g", "i", "l"]


def test_a_document_in_doubt_stays_so_until_the_ledger_can_be_asked(
    desk: Desk, centre: FakeCentral, clock: SettableClock
) -> None:
    desk.open()
    desk.charge("P1001")
    desk.close()

    def cut(where: str, yj_id: str) -> None:
        if where == "failed":
            centre.reachable = False

    centre.fail_next("after_commit")
    report = upload(desk.store, centre, clock, crash=cut)
    assert (report.state, report.code) == ("stopped", "unreachable")
    assert states(desk.store) == {"unknown": 1}
    centre.reachable = True
    assert upload(desk.store, centre, clock).complete
    assert_once(desk.store, centre)


def test_a_passing_fault_is_tried_again_with_pauses_and_after_eight_times_goes_to_a_person(
    desk: Desk, centre: FakeCentral, clock: SettableClock
) -> None:
    desk.open()
    desk.charge("P1001")
    desk.charge("P1003")
    desk.close()
    for _ in range(8):
        centre.fail_next("during", Transient("deadlock"))
    report = upload(desk.store, centre, clock, patience=10_000)
    assert report.complete
    for _ in range(30):
        centre.fail_next("during", Transient("deadlock"))
    desk.open()
    desk.charge("P1001")
    desk.close()
    report = upload(desk.store, centre, clock, patience=10_000)
    assert report.left["conflict"] == 1
    with desk.store.reading() as tx:
        assert tx.conn.execute(select(outbox.c.attempts).where(outbox.c.state == "conflict")).scalar_one() == 8


def test_without_patience_the_rest_is_left_to_the_next_run(
    desk: Desk, centre: FakeCentral, clock: SettableClock
) -> None:
    desk.open()
    desk.charge("P1001")
    desk.close()
    centre.fail_next("during", Transient("deadlock"))
    report = upload(desk.store, centre, clock, patience=1)
    assert (report.state, report.code, report.complete) == ("stopped", "waiting", False)
    assert report.retry_after_seconds is not None and 0 < report.retry_after_seconds <= 5


@pytest.mark.parametrize(("error", "state"), [(Unreachable("cable"), "stopped"), (Systemic("table gone"), "broken")])
def test_what_concerns_the_whole_centre_stops_the_run_and_counts_for_no_document(
    desk: Desk, centre: FakeCentral, clock: SettableClock, error: CentralError, state: str
) -> None:
    desk.open()
    desk.charge("P1001")
    desk.charge("P1003")
    desk.close()
    centre.fail_next("before", error)
    report = upload(desk.store, centre, clock)
    assert report.state == state
    assert report.problems
    assert states(desk.store) == {"pending": 2}
    assert upload(desk.store, centre, clock).complete


def test_a_frozen_payload_that_was_changed_raises_the_alarm_and_sends_nothing(
    desk: Desk, centre: FakeCentral, clock: SettableClock
) -> None:
    desk.open()
    one = desk.charge("P1001")
    desk.close()
    with desk.store.reading() as tx:
        row = tx.conn.execute(select(outbox)).mappings().one()
    from sync.upload.work import ledger_row

    with desk.store.reading() as tx:
        from fallback_server.store.session import installation_id

        own = installation_id(tx.conn)
    from dataclasses import replace

    centre.ledger[one] = replace(ledger_row(row, own, None), payload_hash="0" * 64)
    report = upload(desk.store, centre, clock)
    assert (report.state, report.code) == ("broken", "integrity_alarm")
    assert not centre.documents
    assert states(desk.store) == {"conflict": 1}


def test_a_new_outage_stops_the_upload_after_the_document_in_hand_and_the_oldest_goes_first_later(
    desk: Desk, centre: FakeCentral, clock: SettableClock
) -> None:
    first = desk.open()
    desk.charge("P1001")
    desk.charge("P1003")
    desk.close()

    def outage(where: str, yj_id: str) -> None:
        if where == "applied":
            with desk.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
                desk.incident_no = enter_emergency(tx, cause="network", reason="again", departments=None, drill=False)

    report = upload(desk.store, centre, clock, crash=outage)
    assert (report.state, report.code) == ("stopped", "new_incident")
    assert states(desk.store) == {"confirmed": 1, "pending": 1}
    desk.close()
    report = upload(desk.store, centre, clock)
    assert (report.incident_no, report.complete) == (first, True)


def test_an_incident_without_documents_closes_without_the_centre(
    desk: Desk, centre: FakeCentral, clock: SettableClock
) -> None:
    number = desk.open()
    desk.close(grace=60)
    centre.reachable = False
    clock.advance(61)
    report = upload(desk.store, centre, clock)
    assert (report.state, report.code, report.complete) == ("done", "nothing", True)
    assert state_of(desk.store, number) == "closed"
    assert centre.calls == []


def test_late_documents_of_the_grace_go_along(desk: Desk, centre: FakeCentral, clock: SettableClock) -> None:
    number = desk.open()
    desk.charge("P1001")
    desk.close(grace=120)
    late: list[str] = []

    def wait(seconds: float) -> None:
        clock.advance(seconds)
        if not late:
            late.append(desk.charge("P1003"))

    report = run_upload(desk.store, centre, Rules(), pause=wait)
    assert report.complete
    assert late[0] in centre.ledger
    assert state_of(desk.store, number) == "reconciling"


def test_progress_is_computed_from_the_queue(desk: Desk, centre: FakeCentral, clock: SettableClock) -> None:
    number = desk.open()
    a_morning(desk)
    seen: list[tuple[str, int, int]] = []
    upload(desk.store, centre, clock, progress=lambda *step: seen.append(step))
    assert ("send", len(centre.ledger), len(centre.ledger)) in seen
    with desk.store.reading() as tx:
        progress = upload_progress(tx.conn, number)
    assert progress["confirmed"] == progress["documents"] == len(centre.ledger)
    assert progress["left"] == progress["clean"] == progress["held"] == 0
    assert progress["run"]["report"]["complete"] is True


def test_the_rate_is_held_back_for_a_recovering_centre(desk: Desk, centre: FakeCentral, clock: SettableClock) -> None:
    desk.open()
    desk.charge("P1001")
    desk.charge("P1003")
    desk.close()
    pauses: list[float] = []
    run_upload(desk.store, centre, Rules(max_rate=4), pause=pauses.append)
    assert pauses == [0.25, 0.25]


def test_an_answer_after_the_lease_was_taken_over_changes_nothing(
    desk: Desk, centre: FakeCentral, clock: SettableClock
) -> None:
    """A sender that was thought dead comes back: the ledger, not it, says what happened."""
    desk.open()
    desk.charge("P1001")
    desk.close()

    def taken(where: str, yj_id: str) -> None:
        if where == "applied":
            with desk.store.writing(Permit.HOUSEKEEPING) as tx:
                tx.conn.execute(outbox.update().values(lease_owner="other/1/X"))

    report = upload(desk.store, centre, clock, crash=taken)
    assert not report.complete
    assert states(desk.store) == {"sending": 1}
    clock.advance(301)
    assert upload(desk.store, centre, clock).complete
    assert_once(desk.store, centre)


def test_the_unknown_outcome_is_never_guessed(desk: Desk, centre: FakeCentral, clock: SettableClock) -> None:
    desk.open()
    desk.charge("P1001")
    desk.close()
    centre.fail_next("at_commit", OutcomeUnknown("reset by peer"))
    assert upload(desk.store, centre, clock).complete
    with desk.store.reading() as tx:
        moves = tx.conn.execute(select(outbox_move.c.arrow).order_by(outbox_move.c.id)).scalars()
        assert list(moves) == ["g", "i", "m", "g", "h"]


def test_a_centre_that_stays_away_is_tried_less_and_less_often(
    desk: Desk, centre: FakeCentral, clock: SettableClock
) -> None:
    desk.open()
    desk.charge("P1001")
    desk.close()
    centre.reachable = False
    pauses = [upload(desk.store, centre, clock).retry_after_seconds or 0 for _ in range(8)]
    bounds = [5, 10, 20, 40, 80, 160, 300, 300]
    assert all(bound / 2 <= pause <= bound for pause, bound in zip(pauses, bounds, strict=True))
    centre.reachable = True
    assert upload(desk.store, centre, clock).complete

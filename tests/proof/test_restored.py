"""重复与恢复 Two uploaders, two installations, a restored standby, a restored centre, a second outage, stepped clocks.

What may happen around an upload rather than in it. The standby's store is copied in mid-way and put back; the centre's
PostgreSQL comes back from a base backup; a twin of the standby runs on another disk.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from fallback_server.domain.clock import SettableClock, SystemClock
from fallback_server.domain.modes import Permit
from fallback_server.store.people import workstation
from sync.reference_his.postgres import SUPERUSER, EmbeddedPostgres, ServerState, _free_port
from sync.upload.run import run_upload
from tests.fixtures_return import ADMIN
from tests.proof.record import Entry
from tests.proof.stage import QUICK, Case, Ground
from tests.proof.uploader import Uploaders

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(300)]


def copy_of(case: Case, name: str) -> Case:
    """The same store on another disk, against the same centre."""
    folder = case.folder.with_name(f"{case.folder.name}-{name}")
    shutil.copytree(case.folder, folder)
    return Case(folder, case.centre_url, case.made)


def stop_after(case: Case, documents: int) -> None:
    """Upload so many documents and stop as a worker does that is told to."""
    stop, sent = threading.Event(), [0]

    def applied(point: str, _yj_id: str) -> None:
        sent[0] += point == "applied"
        if sent[0] >= documents:
            stop.set()

    report = case.upload(crash=applied, stop=stop)
    assert report.code == "asked_to_stop", report


def written(case: Case) -> int:
    """Rows of ours at the centre."""
    tables = ("br_da", "gh_mx", "cf_zb", "yj_sq", "sf_zb")
    return sum(int(case.rows(f"SELECT count(*) AS n FROM {name} WHERE yjbz = '1'")[0]["n"]) for name in tables)


def test_two_uploaders_at_once_take_turns(case: Case, uploaders: Uploaders, entry: Entry) -> None:
    first, second = uploaders.run(case.order(), case.order())
    assert first.report["complete"] and second.report["complete"]
    found = case.balance()
    entry.inject(["two uploaders at once"])
    entry.count(cases=1, documents=found.documents)


def test_a_twin_on_another_disk_uploads_at_the_same_time_and_doubles_nothing(
    case: Case, uploaders: Uploaders, entry: Entry
) -> None:
    """No lock of this machine keeps them apart: the centre's own does, and the ledger."""
    twin = copy_of(case, "twin")
    for ended in uploaders.run(case.order(), twin.order()):
        told = ended.report
        assert told["state"] in ("done", "stopped"), (told["state"], told["code"], told["problems"])
    for one in (case, twin):
        one.upload_until_done()
    found = case.balance()
    assert twin.balance() == found
    twin.close()
    entry.inject(["twin of the standby at the same time"])
    entry.count(cases=1, documents=found.documents)


def test_a_patient_whose_commit_came_late_is_not_taken_for_somebody_alike(case: Case, entry: Entry) -> None:
    """The twin sent the new patient; here the document is still pending and finds its own row at the centre."""
    twin = copy_of(case, "twin")
    stop_after(twin, 8)
    twin.close()
    case.upload_until_done(runs=2)
    found = case.balance()
    entry.inject(["own patient found at the centre"])
    entry.count(cases=1, documents=found.documents)


def test_another_installation_is_refused_while_this_one_holds_its_incident(
    case: Case, ground: Ground, entry: Entry
) -> None:
    other = ground.case(empty=True)
    mine, other.centre_url = other.centre_url, case.centre_url
    with other.store().writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        tx.conn.execute(text("UPDATE installation SET installation_id = 'another-standby'"))
    desk = ground.desk(other)
    desk.open()
    desk.visit(ground.patients[0])
    desk.close()
    stop_after(case, 5)
    before = written(case)
    report = other.upload()
    assert (report.state, report.code) == ("refused", "fenced"), report
    assert written(case) == before
    case.upload_until_done()
    found = case.balance()
    entry.inject(["second installation"])
    entry.count(cases=1, documents=found.documents, refused=1)
    other.centre_url = mine
    ground.drop(other)


def test_a_store_from_the_middle_of_the_upload_finds_in_the_ledger_what_it_forgot(case: Case, entry: Entry) -> None:
    """Every document is in the copy, and what the uploader confirmed since is not: the ledger says it."""
    stop_after(case, 4)
    old = copy_of(case, "old")
    stop_after(case, 9)
    old.upload_until_done()
    found = old.balance()
    old.close()
    entry.inject(["standby restored, confirmations lost"])
    entry.count(cases=1, documents=found.documents)


def test_a_store_from_the_middle_of_the_outage_is_refused_until_two_people_recover_it(
    empty_case: Case, ground: Ground, entry: Entry
) -> None:
    """The copy lacks documents that are at the centre: the ledger is ahead."""
    desk = ground.desk(empty_case)
    desk.open()
    for patient in ground.patients[:2]:
        desk.visit(patient)
    old = copy_of(empty_case, "old")
    desk.visit(ground.patients[3])
    desk.close()
    empty_case.upload_until_done()
    found = empty_case.balance()
    before = written(empty_case)
    restored = ground.desk(old)
    restored.incident_no = desk.incident_no
    restored.close()
    report = old.upload()
    assert (report.state, report.code) == ("refused", "ledger_ahead"), report
    assert old.upload().code == "ledger_ahead", "running again must not help"
    assert written(empty_case) == before
    assert old.decide({"ledger_ahead": "recover"}) == 1
    old.upload_until_done()
    assert written(empty_case) == before
    assert empty_case.balance() == found, "nothing was sent twice, nothing of the centre was touched"
    states = {row["state"] for row in old.documents()}
    assert states == {"confirmed"}
    old.close()
    entry.inject(["standby restored, documents lost"])
    entry.count(cases=1, documents=found.documents, refused=2)


@pytest.fixture
def own_centre(ground: Ground, case: Case) -> Iterator[EmbeddedPostgres]:
    """A server of its own for a centre that will be restored: the clinic's server, from a base backup of it."""
    root = ground.server.data.parent / f"restored-{case.folder.name}"
    _base_backup(ground.server, root / "data")
    own = EmbeddedPostgres(case.folder / "centre", durable=False)
    own.directory.mkdir()
    old = ServerState.load(ground.server.directory / "server.json")
    assert old is not None
    state = ServerState(_free_port(), old.password, str(root / "data"))
    state.save(own.directory / "server.json")
    own = EmbeddedPostgres(own.directory, durable=False)
    own.start()
    yield own
    own.destroy()


def _base_backup(server: EmbeddedPostgres, target: Path) -> None:
    """pg_basebackup of a running server, as a DBA makes it at night."""
    state = ServerState.load(server.directory / "server.json")
    assert state is not None
    target.parent.mkdir(exist_ok=True)
    server._give(target.parent)
    where = f"postgresql://{SUPERUSER}:{state.password}@127.0.0.1:{state.port}/postgres"
    done = server._run("pg_basebackup", "-D", str(target), "-d", where, "-c", "fast", "-X", "stream", "--no-sync")
    assert done.returncode == 0, done.stderr


def test_a_centre_from_a_base_backup_is_recognised_and_gets_back_what_it_lost_once(
    case: Case, own_centre: EmbeddedPostgres, entry: Entry
) -> None:
    name = case.centre_url.rsplit("/", 1)[1]
    lives_on = Case(case.folder, own_centre.url.rsplit("/", 1)[0] + f"/{name}", case.made)
    stop_after(lives_on, 8)
    night = own_centre.data.parent / "night"
    _base_backup(own_centre, night)
    at_night = written(lives_on)
    lives_on.upload_until_done()
    complete = lives_on.balance()
    lives_on.close()
    own_centre.stop("immediate")
    shutil.rmtree(own_centre.data)
    night.rename(own_centre.data)
    own_centre.start()
    assert written(lives_on) == at_night
    for _ in range(2):
        report = lives_on.upload()
        assert (report.state, report.code) == ("refused", "rewound"), report
    assert written(lives_on) == at_night, "nothing is written before two people agreed"
    lost = len(report.facts["rewound"]["vanished"])
    assert lost > 0
    assert lives_on.decide({"rewound": "approve_rewound"}) >= 1
    lives_on.upload_until_done()
    assert lives_on.balance() == complete
    lives_on.close()
    entry.inject(["centre restored from a base backup"])
    entry.count(cases=1, documents=complete.documents, vanished_and_returned=lost, refused=2)


def test_a_second_outage_in_the_middle_of_the_upload(case: Case, ground: Ground, entry: Entry) -> None:
    store, gateway, sent = case.store(), case.gateway(), [0]
    desk = ground.desk(case, clock=SettableClock(SystemClock().now()))
    with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        tx.conn.execute(workstation.insert().values(code="W1", number=77, first_seen_at=tx.at, last_seen_at=tx.at))
    desk._book = 1  # a desk that has been open before has its workstation

    def outage(point: str, _yj_id: str) -> None:
        sent[0] += point == "applied"
        if point == "applied" and sent[0] == 7:
            desk.open()

    report = run_upload(store, gateway, QUICK, crash=outage)
    assert (report.state, report.code) == ("stopped", "new_incident"), report
    case.balance(final=False)
    desk.registration(desk.patient("second outage"))
    desk.charge(ground.patients[1])
    assert run_upload(store, gateway, QUICK).code == "new_incident", "while YJ is on, nothing is returned"
    desk.close()
    first = run_upload(store, gateway, QUICK)
    assert (first.incident_no, first.complete) == (1, True), first
    second = run_upload(store, gateway, QUICK)
    assert (second.incident_no, second.complete) == (2, True), second
    found = case.balance()
    assert found.documents == len(case.made) + 3
    gateway.close()
    store.close()
    entry.inject(["second outage in mid-upload"])
    entry.count(cases=1, documents=found.documents)


@pytest.mark.parametrize("step", [timedelta(hours=-3), timedelta(minutes=-4), timedelta(minutes=4), timedelta(days=2)])
def test_the_clock_is_stepped_in_the_middle_of_the_upload(case: Case, step: timedelta, entry: Entry) -> None:
    """The run at hand goes on; the next one is refused while the clock is wrong, and right after it was set."""
    clock, sent = SettableClock(SystemClock().now()), [0]
    store, gateway = case.store(clock), case.gateway(clock=clock)

    def jump(point: str, _yj_id: str) -> None:
        sent[0] += point == "applied"
        if point == "applied" and sent[0] == 6:
            clock.at += step
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_upload(store, gateway, QUICK, crash=jump)
    case.balance(final=False)
    wrong = run_upload(store, gateway, QUICK, pause=clock.advance)
    assert (wrong.code == "preflight") == (abs(step) > timedelta(minutes=5)), wrong
    gateway.close()
    store.close()
    case.upload_until_done()
    found = case.balance()
    entry.inject(["clock stepped back" if step < timedelta() else "clock stepped forward"])
    entry.count(cases=1, documents=found.documents)


def test_the_clock_is_stepped_while_documents_are_made(empty_case: Case, ground: Ground, entry: Entry) -> None:
    """An hour back and forward again at the windows: numbers stay unique, all comes back, the account balances."""
    clock = SettableClock(SystemClock().now() - timedelta(hours=2))
    desk = ground.desk(empty_case, clock=clock)
    desk.open()
    for jump in (timedelta(), timedelta(hours=-1), timedelta(minutes=90), timedelta(minutes=-20)):
        clock.at += jump
        desk.visit(ground.patients[2])
        paid = desk.charge(ground.patients[3])
        desk.refund(paid, ground.patients[3])
    clock.at = SystemClock().now()
    desk.close()
    empty_case.upload_until_done()
    found = empty_case.balance()
    account = empty_case.reconcile()
    assert account.balanced, account.differences
    entry.inject(["clock stepped at the windows"])
    entry.count(cases=1, documents=found.documents)

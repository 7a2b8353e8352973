"""A rewound centre loses documents of an outage that was signed off long ago: it is open again until all is back."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.store.conflicts import list_conflicts, resolve
from fallback_server.store.mode import incident
from fallback_server.store.sign_off import sign
from sync.central.fake import FakeCentral
from sync.central.gateway import Refused
from sync.reconcile.run import close_at_centre, run_reconcile
from sync.upload.rewound import approve_rewound
from sync.upload.run import run_upload
from tests.fixtures_return import ADMIN, FINANCE, PAIR, Desk, Rules, Tables
from tests.upload.test_conflicts import state, upload

pytestmark = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)


def signed_off(desk: Desk, centre: FakeCentral, number: int) -> None:
    """Both signatures, and the centre told."""
    assert run_reconcile(desk.store, centre, number).balanced
    for actor, name in ((ADMIN, "it"), (FINANCE, "finance")):
        with desk.store.writing(Permit.HOUSEKEEPING, actor) as tx:
            sign(tx, number, name)
    assert close_at_centre(desk.store, centre) == [number]


def state_of(desk: Desk, number: int) -> str:
    with desk.store.reading() as tx:
        return str(tx.conn.execute(select(incident.c.state).where(incident.c.incident_no == number)).scalar_one())


@pytest.fixture
def lost(desk: Desk, centre: FakeCentral, tables: Tables) -> str:
    """A charge of a signed outage that the centre lost; the next outage has found it, and two people have accepted."""
    first = desk.open()
    gone = desk.charge("P1001")
    desk.charge("P1003")
    desk.close()
    assert upload(desk, centre).complete
    signed_off(desk, centre, first)
    key = centre.ledger[gone].central_key
    centre.forget(gone)
    tables._taken.discard(gone)
    tables.charge[:] = [row for row in tables.charge if row["central_key"] != key]
    second = desk.open()
    desk.charge("P1004")
    desk.close()
    centre.register_incident(next(iter(centre.incidents))[0], second, epoch_of(desk, second), "2026-11-23")
    assert upload(desk, centre).code == "rewound"
    approve_rewound(desk.store, second, PAIR, "存储损坏，已恢复昨夜备份")
    return gone


def epoch_of(desk: Desk, number: int) -> int:
    with desk.store.reading() as tx:
        return int(tx.conn.execute(select(incident.c.epoch).where(incident.c.incident_no == number)).scalar_one())


def test_a_signed_outage_of_which_documents_vanished_comes_back_and_is_signed_again(
    desk: Desk, centre: FakeCentral, tables: Tables, lost: str
) -> None:
    first, second = desk.incident_no - 1, desk.incident_no
    assert (state(desk, lost), state_of(desk, first)) == ("pending", "uploading")
    report = upload(desk, centre)
    assert (report.incident_no, report.complete, state(desk, lost)) == (first, True, "confirmed")
    assert upload(desk, centre).incident_no == second
    for number in (first, second):
        signed_off(desk, centre, number)  # the old signatures do not count, and the centre is told once more
        assert state_of(desk, number) == "closed"
    assert all(one.closed_at for one in centre.incidents.values())


def test_what_the_centre_refuses_of_a_signed_outage_is_decided_before_anything_is_called_complete(
    desk: Desk, centre: FakeCentral, tables: Tables, lost: str
) -> None:
    first = desk.incident_no - 1
    centre.refuse(lost, Refused("price_gone", "stopped"))
    assert not upload(desk, centre).complete and state(desk, lost) == "conflict"
    with pytest.raises(YjError, match="not_balanced"), desk.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        sign(tx, first, "it")
    centre.accept(lost)
    with desk.store.writing(Permit.HOUSEKEEPING, PAIR) as tx:
        (item,) = list_conflicts(tx.conn, first, only_open=True)
        resolve(tx, item["id"], "retry", "已恢复")
    assert upload(desk, centre).complete and state(desk, lost) == "confirmed"


def test_a_younger_outage_that_is_returned_first_does_not_shut_out_the_older_one(
    desk: Desk, centre: FakeCentral
) -> None:
    first = desk.open()
    one = desk.charge("P1001")
    desk.close()
    second = desk.open()
    back = desk.refund(one, "P1001")  # of the older one's charge
    desk.close()
    rules = Rules()
    assert not run_upload(desk.store, centre, rules, second, pause=desk.clock.advance).complete
    assert run_upload(desk.store, centre, rules, first, pause=desk.clock.advance).complete
    assert run_upload(desk.store, centre, rules, second, pause=desk.clock.advance).complete
    assert (state(desk, one), state(desk, back)) == ("confirmed", "confirmed")


def test_a_rewound_centre_that_forgot_an_outage_takes_it_again_beside_the_younger_one(
    desk: Desk, centre: FakeCentral
) -> None:
    first = desk.open()
    one = desk.charge("P1001")
    desk.close()
    assert upload(desk, centre).complete and state_of(desk, first) == "reconciling"
    centre.forget(one)
    centre.incidents.clear()  # the backup of last night knows neither
    second = desk.open()
    back = desk.refund(one, "P1001")
    desk.close()
    rules = Rules()
    assert run_upload(desk.store, centre, rules, second, pause=desk.clock.advance).code == "rewound"
    approve_rewound(desk.store, second, PAIR, "存储损坏，已恢复昨夜备份")
    assert (state(desk, one), state_of(desk, first)) == ("pending", "uploading")
    assert not run_upload(desk.store, centre, rules, second, pause=desk.clock.advance).complete
    assert run_upload(desk.store, centre, rules, first, pause=desk.clock.advance).complete
    assert run_upload(desk.store, centre, rules, second, pause=desk.clock.advance).complete
    assert (state(desk, one), state(desk, back)) == ("confirmed", "confirmed")

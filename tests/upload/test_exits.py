"""The ways out of review: settled by a named document, corrected by a new one, void with its reversal; links."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.store.conflicts import list_conflicts, resolve
from fallback_server.store.outbox import outbox
from sync.central.fake import FakeCentral
from sync.central.gateway import Refused
from sync.reconcile.run import run_reconcile
from tests.fixtures_return import ADMIN, PAIR, Desk, Tables, arrows
from tests.upload.test_conflicts import decide, own_id, state, upload


def number_of(desk: Desk, yj_id: str) -> str:
    with desk.store.reading() as tx:
        return str(tx.conn.execute(select(outbox.c.yj_no).where(outbox.c.yj_id == yj_id)).scalar_one())


def refused_charge(desk: Desk, centre: FakeCentral) -> str:
    """A charge that the centre does not take, uploaded and with a person."""
    one = desk.charge("P1001", "24.68")
    centre.refuse(one, Refused("price_gone", "item stopped"))
    return one


def wrong(desk: Desk, decision: str, key: str | None) -> str:
    with pytest.raises(YjError) as caught:
        decide(desk, decision, key=key)
    return caught.value.code


def test_settled_names_the_document_and_the_account_lists_the_pair(
    desk: Desk, centre: FakeCentral, tables: Tables
) -> None:
    number = desk.open()
    one = refused_charge(desk, centre)
    desk.close()
    upload(desk, centre)
    assert wrong(desk, "settle", None) == "invalid_request"
    assert wrong(desk, "settle", number_of(desk, one)) == "invalid_request"  # not by itself
    assert wrong(desk, "settle", "YJ2611230019999") == "invalid_request"  # a number nobody has
    decide(desk, "settle", key="S-778")
    assert upload(desk, centre).complete and state(desk, one) == "settled"
    (difference,) = run_reconcile(desk.store, centre, number).differences
    assert (difference["kind"], difference["local"]["settled_by"]) == ("settled", "S-778")


def test_a_new_document_corrects_an_older_one_only(desk: Desk, centre: FakeCentral, tables: Tables) -> None:
    number = desk.open()
    before = desk.charge("P1003")
    refused_charge(desk, centre)
    right = desk.charge("P1001", "20.00")
    desk.close()
    upload(desk, centre)
    assert wrong(desk, "correct", number_of(desk, before)) == "invalid_request"
    assert wrong(desk, "correct", "S-778") == "invalid_request"  # of ours, not of the centre
    with pytest.raises(YjError) as caught:
        decide(desk, "correct", actor=ADMIN, key=number_of(desk, right))
    assert caught.value.code == "second_person_required"
    decide(desk, "correct", key=number_of(desk, right))
    assert upload(desk, centre).complete
    (difference,) = run_reconcile(desk.store, centre, number).differences
    assert difference["local"]["decision"] == "correct"
    assert difference["local"]["settled_by"] == number_of(desk, right)


def test_the_number_in_the_note_is_enough(desk: Desk, centre: FakeCentral) -> None:
    desk.open()
    one = refused_charge(desk, centre)
    right = desk.charge("P1001", "20.00")
    desk.close()
    upload(desk, centre)
    with desk.store.reading() as tx:
        (item,) = list_conflicts(tx.conn, desk.incident_no, only_open=True)
    with desk.store.writing(Permit.HOUSEKEEPING, PAIR) as tx:
        shown = resolve(tx, item["id"], "settle", f"已重开 {number_of(desk, right)}")
    assert shown["central"]["settled_by"]["yj_id"] == right and state(desk, one) == "settled"


def test_void_keeps_a_charge_and_its_refund_here_together(desk: Desk, centre: FakeCentral, tables: Tables) -> None:
    number = desk.open()
    one = refused_charge(desk, centre)
    back = desk.refund(one, "P1001", "24.68")
    other = desk.charge("P1003")
    desk.close()
    upload(desk, centre)
    assert (state(desk, one), state(desk, back)) == ("conflict", "pending")
    assert wrong(desk, "void", number_of(desk, other)) == "invalid_request"
    decide(desk, "void", key=number_of(desk, back))
    assert upload(desk, centre).complete
    assert (state(desk, one), state(desk, back)) == ("settled", "settled")
    assert set(centre.ledger) == {other}
    with desk.store.reading() as tx:
        assert arrows(tx, back) == ["g", "j", "p"]
    report = run_reconcile(desk.store, centre, number)
    assert {one["kind"] for one in report.differences} == {"settled"}
    assert report.totals["central"] == report.totals["ledger"] == "10.00"


def test_void_is_refused_while_money_is_left(desk: Desk, centre: FakeCentral) -> None:
    desk.open()
    one = refused_charge(desk, centre)
    back = desk.refund(one, "P1001", "10.00")
    desk.close()
    upload(desk, centre)
    assert wrong(desk, "void", number_of(desk, back)) == "invalid_request"
    assert (state(desk, one), state(desk, back)) == ("conflict", "pending")


def linked_patient(desk: Desk, centre: FakeCentral, **more: Any) -> str:
    one = desk.patient(**own_id() | {"id_no": None})
    centre.answers["upload/match_patient"] = [{"patient_no": "77", "name": "李小明", "sex": "M"}]
    if more:
        desk.registration(one)
    desk.close()
    upload(desk, centre)
    decide(desk, "link", key="77")
    return one


def take_back(desk: Desk, actor: Any = PAIR) -> None:
    with desk.store.reading() as tx:
        item = next(one for one in list_conflicts(tx.conn, desk.incident_no) if one["decision"] == "link")
    with desk.store.writing(Permit.HOUSEKEEPING, actor) as tx:
        resolve(tx, item["id"], "unlink", "认错人了")


def test_a_link_the_centre_does_not_know_yet_is_simply_open_again(desk: Desk, centre: FakeCentral) -> None:
    desk.open()
    one = linked_patient(desk, centre)
    with pytest.raises(YjError) as caught:
        take_back(desk, ADMIN)
    assert caught.value.code == "second_person_required"
    take_back(desk)
    assert state(desk, one) == "conflict" and not centre.ledger
    decide(desk, "create")
    assert upload(desk, centre).complete and centre.documents


def test_a_link_is_taken_out_of_the_ledger_and_decided_again(desk: Desk, centre: FakeCentral) -> None:
    desk.open()
    one = linked_patient(desk, centre)
    assert upload(desk, centre).complete and centre.ledger[one].central_key == "77"
    with desk.store.reading() as tx:
        (item,) = list_conflicts(tx.conn, desk.incident_no)
    assert [each["decision"] for each in item["possible"]] == ["unlink"]
    take_back(desk)
    report = upload(desk, centre)
    assert report.facts["links_taken_back"] == 1
    assert one not in centre.ledger and state(desk, one) == "conflict"
    decide(desk, "link", key="78")
    assert upload(desk, centre).complete
    assert centre.ledger[one].central_key == "78" and not centre.documents
    take_back_twice = [one["decision"] for one in _all(desk)]
    assert take_back_twice == ["link", "unlink", "link"]


def test_a_link_stays_once_something_that_hangs_on_it_is_at_the_centre(desk: Desk, centre: FakeCentral) -> None:
    desk.open()
    linked_patient(desk, centre, child=True)
    assert upload(desk, centre).complete
    with pytest.raises(YjError) as caught:
        take_back(desk)
    assert caught.value.code == "decision_not_possible"


def _all(desk: Desk) -> list[dict[str, Any]]:
    with desk.store.reading() as tx:
        return sorted(list_conflicts(tx.conn, desk.incident_no), key=lambda one: int(one["id"]))


def test_no_link_is_taken_back_while_a_run_may_send_what_hangs_on_it(
    desk: Desk, centre: FakeCentral, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.open()
    one = linked_patient(desk, centre, more=True)
    asked = centre.ask
    refused: list[str] = []

    def meanwhile(name: str, binds: Any) -> Any:
        if name == "blind_window/charge" and not refused:  # the link is entered, the registration not yet sent
            with pytest.raises(YjError) as caught:
                take_back(desk)
            refused.append(caught.value.code)
        return asked(name, binds)

    monkeypatch.setattr(centre, "ask", meanwhile)
    assert upload(desk, centre).complete and refused == ["decision_not_possible"]
    assert state(desk, one) == "confirmed" and centre.ledger[one].central_key == "77"

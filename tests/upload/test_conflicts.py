"""P8, P14: what the centre refuses goes to a person with a reason; it holds up what depends on it and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.domain.numbers import mirrored_id
from fallback_server.store.conflicts import DECISIONS, KINDS, list_conflicts, resolve, show_conflict
from fallback_server.store.mirror import datasets
from fallback_server.store.mode import incident
from fallback_server.store.outbox import outbox
from fallback_server.store.returns_queries import clean_left, upload_progress
from fallback_server.store.session import Actor
from sync.central.fake import FakeCentral
from sync.central.gateway import Refused
from sync.upload.run import run_upload
from tests.fixtures_return import ADMIN, PAIR, Desk, Rules, arrows, backwards

OWN_ID = {"id_no": "11010120150505001X", "birth_date": "2015-05-05", "sex": "M", "name": "李小明"}


def own_id() -> dict[str, str]:
    """A child with a valid id number of its own."""
    weights, check = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), "10X98765432"
    head = "11010120150505001"
    return OWN_ID | {"id_no": head + check[sum(int(d) * w for d, w in zip(head, weights, strict=True)) % 11]}


def upload(desk: Desk, centre: FakeCentral) -> Any:
    return run_upload(desk.store, centre, Rules(), pause=desk.clock.advance)


def decide(desk: Desk, decision: str, *, actor: Actor = PAIR, index: int = 0, key: str | None = None) -> dict[str, Any]:
    with desk.store.reading() as tx:
        one = list_conflicts(tx.conn, desk.incident_no, only_open=True)[index]
    with desk.store.writing(Permit.HOUSEKEEPING, actor) as tx:
        return resolve(tx, one["id"], decision, "核对过", key)


def state(desk: Desk, yj_id: str) -> str:
    with desk.store.reading() as tx:
        return str(tx.conn.execute(select(outbox.c.state).where(outbox.c.yj_id == yj_id)).scalar_one())


def incident_state(desk: Desk) -> str:
    with desk.store.reading() as tx:
        query = select(incident.c.state).where(incident.c.incident_no == desk.incident_no)
        return str(tx.conn.execute(query).scalar_one())


def test_a_refused_document_holds_up_what_depends_on_it_and_nothing_else(desk: Desk, centre: FakeCentral) -> None:
    number = desk.open()
    first, other = desk.visit("P1001"), desk.visit("P1003")
    back = desk.refund(first["charge"], "P1001", "24.68")
    again = desk.charge("P1001")  # the same patient, but it needs nothing of the refused one
    desk.close()
    centre.refuse(first["prescription"], Refused("price_gone", "item stopped", {"item": "A001"}))
    report = upload(desk, centre)
    assert (report.state, report.complete) == ("done", False)
    assert state(desk, first["prescription"]) == "conflict"
    assert [state(desk, one) for one in (first["charge"], back)] == ["pending", "pending"]
    assert [state(desk, one) for one in (first["registration"], again, *other.values())] == ["confirmed"] * 5
    with desk.store.reading() as tx:
        progress = upload_progress(tx.conn, number)
        assert (progress["held"], progress["clean"], clean_left(tx.conn, number)) == (2, 0, 0)
    assert incident_state(desk) == "reconciling"  # conflicts do not block arrow e
    centre.accept(first["prescription"])
    decide(desk, "retry", actor=ADMIN)
    assert upload(desk, centre).complete
    assert state(desk, back) == "confirmed"
    with desk.store.reading() as tx:
        assert arrows(tx, first["prescription"]) == ["g", "j", "n", "g", "h"]


def test_both_versions_are_shown_and_identities_are_masked_in_lists(desk: Desk, centre: FakeCentral) -> None:
    desk.open()
    desk.patient(**own_id() | {"phone": "13812345678"})
    desk.close()
    twin = own_id() | {"patient_no": "77", "name": "李小红", "active": 1}
    centre.answers["upload/match_patient"] = [twin]
    upload(desk, centre)
    with desk.store.reading() as tx:
        (listed,) = list_conflicts(tx.conn, desk.incident_no)
        shown = show_conflict(tx.conn, listed["id"])
    assert listed["kind"] == "patient_match"
    assert listed["local"]["id_no"].startswith("110**") and listed["local"]["phone"] == "138****5678"
    assert listed["central"]["candidates"][0]["id_no"].startswith("110**")
    assert shown["local"]["name"] == "李小明"
    assert shown["central"]["candidates"][0]["name"] == "李小红"
    assert [item["decision"] for item in shown["possible"]] == ["link", "create", "retry"]
    assert all(item["consequence"] and item["consequence_en"] for item in shown["possible"])


def test_exactly_the_same_person_is_linked_without_asking(desk: Desk, centre: FakeCentral) -> None:
    desk.open()
    one = desk.patient(**own_id())
    slip = desk.registration(one)
    desk.close()
    centre.answers["upload/match_patient"] = [own_id() | {"patient_no": "77", "active": 1}]
    report = upload(desk, centre)
    assert (report.complete, report.counts["linked"]) == (True, 1)
    assert centre.ledger[one].central_key == "77"  # the ledger row exists, so that it is linked once
    assert [document.ledger.yj_id for document in centre.documents] == [slip]
    assert centre.documents[0].keys[one] == "77"


@pytest.mark.parametrize(
    ("fields", "candidates"),
    [
        ({"id_no": None}, [{"patient_no": "77", "name": "李小明", "sex": "M", "birth_date": "2015-05-05"}]),
        ({"birth_date": "2026-01-01"}, [own_id() | {"patient_no": "77"}]),  # an infant under a parent's id
        ({}, [own_id() | {"patient_no": "77"}, own_id() | {"patient_no": "78"}]),
        ({}, [own_id() | {"patient_no": "77", "active": 0}]),
    ],
    ids=["no id", "infant", "twice there", "stopped"],
)
def test_anything_less_than_one_exact_identity_goes_to_a_person(
    desk: Desk, centre: FakeCentral, fields: dict[str, Any], candidates: list[dict[str, Any]]
) -> None:
    desk.open()
    one = desk.patient(**own_id() | fields)
    slip = desk.registration(one)
    desk.close()
    centre.answers["upload/match_patient"] = candidates
    upload(desk, centre)
    assert (state(desk, one), state(desk, slip)) == ("conflict", "pending")
    assert not centre.ledger
    decide(desk, "create", actor=ADMIN)
    assert upload(desk, centre).complete
    assert centre.documents[0].payload["create_anyway"] is True
    assert centre.ledger[one].payload_hash == centre.documents[0].ledger.payload_hash


def test_a_link_enters_the_ledger_in_the_next_run_and_frees_the_rest(desk: Desk, centre: FakeCentral) -> None:
    desk.open()
    one = desk.patient(**own_id() | {"id_no": None})
    slip = desk.registration(one)
    desk.close()
    centre.answers["upload/match_patient"] = [{"patient_no": "77", "name": "李小明", "sex": "M"}]
    upload(desk, centre)
    answer = decide(desk, "link", actor=ADMIN)
    assert answer["awaits_upload"] is True
    assert state(desk, one) == "conflict"
    assert upload(desk, centre).complete
    assert (centre.ledger[one].central_key, state(desk, slip)) == ("77", "confirmed")
    with desk.store.reading() as tx:
        assert arrows(tx, one) == ["g", "j", "o"]


def test_a_receipt_number_used_at_the_centre_goes_without_it(desk: Desk, centre: FakeCentral) -> None:
    desk.open()
    paid = desk.charge("P1001")
    desk.close()
    centre.refuse(paid, Refused("receipt_no_used", "in use"))
    upload(desk, centre)
    centre.accept(paid)
    decide(desk, "retry_without_receipt")
    assert upload(desk, centre).complete
    (sent,) = centre.documents
    assert sent.payload["receipt_no"] is None
    assert sent.ledger.receipt_no is None
    with desk.store.reading() as tx:
        assert tx.conn.execute(select(outbox.c.payload_hash)).scalar_one() == sent.ledger.payload_hash


def test_a_prescription_paid_there_too_can_be_booked_without_touching_it(desk: Desk, centre: FakeCentral) -> None:
    desk.open()
    paid = desk.charge("P1003", "37.00", settles_centre="3001")
    desk.refund(paid, "P1003", "37.00", of_centre="3001")
    desk.close()
    centre.answers["upload/settle_check_prescription"] = lambda binds: [{"status": "paid", "amount": "37.00"}]
    centre.refuse(paid, Refused("prescription_already_paid", "state 1"))
    upload(desk, centre)
    with desk.store.reading() as tx:
        (item,) = list_conflicts(tx.conn, desk.incident_no)
    assert item["central"]["prescriptions"] == [{"key": "3001", "status": "paid", "amount": "37.00"}]
    centre.accept(paid)
    decide(desk, "retry_unsettled")
    assert upload(desk, centre).complete
    # What our charge never paid, our refund does not give back: the prescription stays paid by the centre's own charge.
    assert [one.payload["prescriptions"] for one in centre.documents] == [[], []]


def test_settled_without_the_centre_its_dependents_go_to_a_person(desk: Desk, centre: FakeCentral) -> None:
    desk.open()
    paid = desk.charge("P1001")
    back = desk.refund(paid, "P1001")
    desk.close()
    centre.refuse(paid, Refused("charge_changed", "?"))
    upload(desk, centre)
    decide(desk, "settle", key="HIS-1")
    upload(desk, centre)
    assert (state(desk, paid), state(desk, back)) == ("settled", "conflict")
    with desk.store.reading() as tx:
        (item,) = list_conflicts(tx.conn, desk.incident_no, only_open=True)
    assert item["kind"] == "missing_parent"


def test_money_needs_a_second_person_and_every_decision_a_note_and_an_open_item(
    desk: Desk, centre: FakeCentral
) -> None:
    desk.open()
    paid = desk.charge("P1001")
    desk.close()
    centre.refuse(paid, Refused("receipt_no_used", "in use"))
    upload(desk, centre)

    def refused(decision: str, actor: Actor, note: str = "因为") -> str:
        with desk.store.reading() as tx:
            one = list_conflicts(tx.conn, desk.incident_no)[0]["id"]
        with pytest.raises(YjError) as caught, desk.store.writing(Permit.HOUSEKEEPING, actor) as tx:
            resolve(tx, one, decision, note)
        return caught.value.code

    assert refused("settle", ADMIN) == "second_person_required"
    assert refused("settle", Actor("0801", "卫信息", approver_code="0801")) == "second_person_required"
    assert refused("settle", PAIR, " ") == "invalid_request"
    assert refused("create", PAIR) == "decision_not_possible"
    assert state(desk, paid) == "conflict"
    decide(desk, "settle", key="HIS-1")
    assert refused("retry", PAIR) == "decision_not_possible"
    with pytest.raises(YjError) as caught, desk.store.writing(Permit.HOUSEKEEPING, PAIR) as tx:
        resolve(tx, 999, "retry", "x")
    assert caught.value.code == "conflict_not_found"


def test_five_patients_with_one_error_open_the_breaker_and_single_cases_do_not(desk: Desk, centre: FakeCentral) -> None:
    desk.open()
    for number in ("P1001", "P1002", "P1003", "P1004", "P1006", "P1007"):
        desk.charge(number)
    desk.close()
    centre.refuse("charge", Refused("not_written", "constraint"))
    report = upload(desk, centre)
    assert (report.state, report.code, report.left["conflict"], report.left["pending"]) == ("broken", "breaker", 5, 1)


def test_six_new_patients_that_somebody_must_look_at_are_six_cases_not_a_fault(desk: Desk, centre: FakeCentral) -> None:
    desk.open()
    for number in range(6):
        desk.patient(name=f"同名{number}")
    desk.charge("P1001")
    desk.close()
    centre.answers["upload/match_patient"] = [{"patient_no": "77", "name": "同名", "sex": "M"}]
    report = upload(desk, centre)
    assert (report.state, report.left["conflict"], len(centre.documents)) == ("done", 6, 1)


@pytest.mark.parametrize("code", ["incident_open", "drill_fenced", "incident_not_found"])
def test_what_may_not_be_uploaded_is_refused_before_the_centre_is_touched(
    desk: Desk, centre: FakeCentral, code: str
) -> None:
    number = desk.open(drill=code == "drill_fenced")
    with pytest.raises(YjError) as caught:
        run_upload(desk.store, centre, Rules(), 99 if code == "incident_not_found" else number)
    assert caught.value.code == code
    assert centre.calls == []


def test_a_failing_preflight_refuses_the_run_and_leaves_the_incident_closing(desk: Desk, centre: FakeCentral) -> None:
    desk.open()
    desk.charge("P1001")
    desk.close()
    centre.preflight_problems = ["upload/charge.sql is missing"]
    report = upload(desk, centre)
    assert (report.state, report.code, report.problems) == ("refused", "preflight", ["upload/charge.sql is missing"])
    assert incident_state(desk) == "closing"


def test_another_installation_at_the_centre_fences_us_off(desk: Desk, centre: FakeCentral) -> None:
    number = desk.open()
    desk.charge("P1001")
    desk.close()
    centre.register_incident("01OTHERINSTALLATION0000000", number, 1, "2026-11-23T08:00:00.000+08:00")
    report = upload(desk, centre)
    assert (report.state, report.code) == ("refused", "fenced")
    assert not centre.documents


def test_a_ledger_ahead_of_us_means_we_were_restored(desk: Desk, centre: FakeCentral) -> None:
    from dataclasses import replace

    desk.open()
    desk.charge("P1001")
    desk.close()
    assert upload(desk, centre).complete
    (row,) = centre.ledger.values()
    centre.ledger["01LATER"] = replace(row, yj_id="01LATER", sequence=7)
    report = upload(desk, centre)
    assert (report.state, report.code) == ("refused", "ledger_ahead")


def test_the_dry_run_tries_each_kind_and_changes_nothing(desk: Desk, centre: FakeCentral) -> None:
    desk.open()
    new = desk.patient()
    desk.visit(new)
    desk.charge("P1001")
    bad = desk.charge("P1003")
    desk.close()
    centre.refuse(bad, Refused("receipt_no_used", "in use"))
    report = run_upload(desk.store, centre, Rules(), dry_run=True)
    tried = {entry["entity"]: (entry["tried"], entry["ok"], entry["waiting"]) for entry in report.rehearsed}
    assert tried == {
        "patient": (1, True, 0),
        "registration": (0, True, 1),
        "prescription": (0, True, 1),
        "charge": (2, False, 1),
    }
    assert not report.complete
    assert not centre.ledger and not centre.documents and not centre.told
    assert set(desk_states(desk)) == {"pending"}
    assert incident_state(desk) == "closing"


def desk_states(desk: Desk) -> list[str]:
    with desk.store.reading() as tx:
        return list(tx.conn.execute(select(outbox.c.state)).scalars())


def test_the_books_are_moved_before_the_first_document(desk: Desk, centre: FakeCentral) -> None:
    desk.open()
    desk.charge("P1001")
    desk.charge("P1003")
    desk.close()
    upload(desk, centre)
    assert centre.told == [("upload/advance_receipt_book", {"operator_code": "0201", "prefix": "A", "next_no": 15023})]
    assert centre.calls.index("tell upload/advance_receipt_book") < centre.calls.index("apply")


def test_the_same_act_on_both_sides_becomes_a_work_item_and_stops_nothing(desk: Desk, centre: FakeCentral) -> None:
    desk.open()
    new = desk.patient(name="李小明", birth_date="2015-05-05")
    paid = desk.charge("P1001", "36.00")
    desk.registration("P1001", "NK", schedule_id="S1", queue_no=4)
    desk.close()
    with desk.store.reading() as tx:
        number = tx.conn.execute(select(outbox.c.receipt_no).where(outbox.c.yj_id == paid)).scalar_one()
    charged = {"operator_code": "0201", "occurred_at": "2026-11-23 08:40:00", "refund_of": None, "yj_mark": 0}
    centre.answers["blind_window/charge"] = [
        charged | {"central_key": "901", "patient_no": "P1001", "receipt_no": "X1", "total": "36.00"},
        charged | {"central_key": "902", "patient_no": "P1004", "receipt_no": number, "total": "1.00"},
        charged | {"central_key": "903", "patient_no": "P1001", "receipt_no": "X3", "total": "35.99"},
        charged | {"central_key": "904", "patient_no": "P1001", "receipt_no": number, "total": "36.00", "yj_mark": 1},
    ]
    slip = {"staff_code": None, "occurred_at": "2026-11-23 08:20:00", "status": "waiting"}
    centre.answers["blind_window/registration"] = [
        slip
        | {"central_key": "801", "patient_no": "P1001", "department_code": "NK", "schedule_id": None, "queue_no": 1},
        slip
        | {"central_key": "802", "patient_no": "P1004", "department_code": "NK", "schedule_id": "S1", "queue_no": 4},
    ]
    centre.answers["blind_window/patient"] = [
        {"central_key": "701", "name": "李小明", "sex": "M", "birth_date": "2015-05-05", "id_no": None, "phone": None}
    ]
    report = upload(desk, centre)
    assert (report.state, report.left.get("pending", 0), report.left["open_conflicts"]) == ("done", 0, 6)
    with desk.store.reading() as tx:
        items = {item["kind"]: item for item in list_conflicts(tx.conn, desk.incident_no)}
    assert {kind: item["central"]["central_key"] for kind, item in items.items()} == {
        "doubt_charged_twice": "901", "doubt_receipt_number": "902", "doubt_registered_twice": "801",
        "doubt_queue_number": "802", "doubt_patient_twice": "701", "doubt_oversold": "S1",
    }  # fmt: skip
    assert items["doubt_patient_twice"]["subject"].startswith(new)
    decide(desk, "noted", actor=ADMIN)
    report = upload(desk, centre)
    assert report.left["open_conflicts"] == 5  # what was decided is not asked again


def test_of_two_patients_alike_at_the_centre_every_run_asks_about_the_same(desk: Desk, centre: FakeCentral) -> None:
    desk.open()
    desk.patient(name="李小明", birth_date="2015-05-05")
    desk.close()
    alike = {"name": "李小明", "sex": "M", "birth_date": "2015-05-05", "id_no": None, "phone": None}
    centre.answers["blind_window/patient"] = [alike | {"central_key": "701"}, alike | {"central_key": "702"}]
    upload(desk, centre)
    backwards(desk.store)
    assert upload(desk, centre).left["open_conflicts"] == 1


def test_a_rewound_centre_stops_everything_until_two_people_approve(desk: Desk, centre: FakeCentral) -> None:
    first = desk.open()
    gone = desk.charge("P1001")
    kept = desk.charge("P1003")
    desk.close()
    assert upload(desk, centre).complete
    centre.forget(gone)
    desk.open()
    desk.charge("P1004")
    desk.close()
    centre.answers["verify/greatest_key"] = [{"dataset": "patient", "greatest_key": "P1005"}]
    publish_greatest(desk, "P1007")
    before = len(centre.documents)
    report = upload(desk, centre)
    assert (report.state, report.code, len(centre.documents)) == ("refused", "rewound", before)
    assert [row["key"] for row in report.facts["rewound"]["lost"]] == ["P1006", "P1007"]
    assert state(desk, gone) == "confirmed"
    from sync.upload.rewound import approve_rewound

    with pytest.raises(YjError) as caught:
        approve_rewound(desk.store, desk.incident_no, ADMIN, "看过")
    assert caught.value.code == "second_person_required"
    assert approve_rewound(desk.store, desk.incident_no, PAIR, "存储损坏，已恢复昨夜备份") == 1
    assert state(desk, gone) == "pending"
    assert upload(desk, centre).complete  # the older incident first
    assert upload(desk, centre).complete
    assert {state(desk, one) for one in (gone, kept)} == {"confirmed"}
    assert len(centre.documents) == 3
    assert first < desk.incident_no


def publish_greatest(desk: Desk, key: str) -> None:
    from sqlalchemy import update

    from fallback_server.store.database import open_mirror_engine
    from fallback_server.store.mirror import dataset_state

    engine = open_mirror_engine(desk.store.url)
    with engine.connect() as raw:
        connection = raw.execution_options(yj_write=True)
        with connection.begin():
            connection.execute(
                update(dataset_state).where(dataset_state.c.dataset == "patient").values(greatest_key=key)
            )
    engine.dispose()


def names_at_centre(desk: Desk, other: dict[str, tuple[str, str]]) -> Callable[[Any], list[dict[str, Any]]]:
    """Who has a key at the centre: those of the mirror, but for `other` (name and birth date by key)."""

    def who(binds: Any) -> list[dict[str, Any]]:
        with desk.store.reading() as tx:
            table = datasets["patient"]
            row = tx.conn.execute(select(table).where(table.c.patient_no == binds["key"])).mappings().one()
        name, birth = other.get(binds["key"], (row["name"], row["birth_date"]))
        return [{"patient_no": binds["key"], "name": name, "birth_date": birth}]

    return who


def test_a_key_that_now_belongs_to_another_child_is_a_rewound_centre(desk: Desk, centre: FakeCentral) -> None:
    desk.open()
    desk.charge("P1001")
    desk.close()
    now = {"P1001": ("赵新生", "2026-11-01"), "P1003": ("张玮", "1970-01-01")}
    centre.answers["verify/patient_key"] = names_at_centre(desk, now)
    report = upload(desk, centre)
    assert (report.state, report.code) == ("refused", "rewound")
    assert [row["key"] for row in report.facts["rewound"]["lost"]] == ["P1001"]  # a corrected name is the same child
    assert mirrored_id("patient", "P1001")


def test_the_patients_of_waiting_documents_are_looked_up_however_old_their_key_is(
    desk: Desk, centre: FakeCentral, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.upload.rewound.SAMPLE", 1)
    desk.open()
    desk.charge("P1001")
    desk.close()
    centre.answers["verify/patient_key"] = names_at_centre(desk, {"P1001": ("赵新生", "2026-11-01")})
    assert upload(desk, centre).code == "rewound"


def test_a_document_is_never_booked_on_the_child_that_has_the_lost_patients_key_now(
    desk: Desk, centre: FakeCentral
) -> None:
    from sync.upload.rewound import approve_rewound

    desk.open()
    lost, kept = desk.charge("P1001"), desk.charge("P1003")
    desk.close()
    centre.answers["verify/patient_key"] = names_at_centre(desk, {"P1001": ("赵新生", "2026-11-01")})
    assert upload(desk, centre).code == "rewound"
    approve_rewound(desk.store, desk.incident_no, PAIR, "存储损坏，已恢复昨夜备份")
    upload(desk, centre)
    assert (state(desk, lost), state(desk, kept)) == ("conflict", "confirmed")
    assert [document.ledger.yj_id for document in centre.documents] == [kept]
    centre.answers["verify/patient_key"] = names_at_centre(desk, {})  # the archive is there again, under its own key
    decide(desk, "retry")
    assert upload(desk, centre).complete and state(desk, lost) == "confirmed"


def test_every_kind_has_words_and_decisions_that_exist(desk: Desk) -> None:
    for kind in KINDS.values():
        assert kind.zh and kind.en and kind.decisions
        assert set(kind.decisions) <= set(DECISIONS)

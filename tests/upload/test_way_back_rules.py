"""Twins, texts, the breaker's probe, the pace, what a rewound centre lost: small rules of the return, each named."""

from __future__ import annotations

from typing import Any

import pytest

from fallback_server.domain.identity import named_after_parent, same_person
from fallback_server.store.conflicts import list_conflicts
from sync.central.fake import FakeCentral
from sync.central.gateway import Refused
from sync.central.sql_file import parse
from sync.central.texts import TextRules
from sync.upload.pace import Pace
from tests.fixtures_return import PAIR, Desk
from tests.upload.test_conflicts import decide, own_id, state, upload

# -- who is the same person ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["王芳之子", "王芳之女", "王芳之大双", "王芳之小双", "王芳之子2", "王芳婴", "王芳大宝", "王芳之女A"]
)
def test_a_newborn_told_by_the_parents_name_is_never_linked_by_itself(name: str) -> None:
    assert named_after_parent(name)
    both = own_id() | {"name": name}
    assert not same_person(both, dict(both))


@pytest.mark.parametrize("name", ["王芳", "李之", "子之秋", "赵婴齐", "双双", "欧阳大双喜"])
def test_ordinary_names_are_not_taken_for_newborns(name: str) -> None:
    assert not named_after_parent(name)


def test_a_twin_filed_under_the_siblings_number_goes_to_a_person(desk: Desk, centre: FakeCentral) -> None:
    desk.open()
    one = desk.patient(**own_id())
    desk.close()
    sibling = own_id() | {"name": "李小亮", "patient_no": "78", "active": 1}
    centre.answers["upload/match_patient"] = [own_id() | {"patient_no": "77", "active": 1}, sibling]
    upload(desk, centre)
    assert state(desk, one) == "conflict" and not centre.ledger


def test_the_parents_record_is_not_the_child(desk: Desk, centre: FakeCentral) -> None:
    desk.open()
    one = desk.patient(**own_id() | {"name": "王芳之子", "birth_date": "2026-11-20", "sex": "M"})
    desk.close()
    centre.answers["upload/match_patient"] = [own_id() | {"name": "王芳", "sex": "F", "patient_no": "77", "active": 1}]
    upload(desk, centre)
    assert state(desk, one) == "conflict"


# -- texts ---------------------------------------------------------------------------------------------------------

INSERT = (
    "INSERT INTO t VALUES (CAST(:name AS varchar(4)), left(CAST(:remark AS varchar(6)), 2), CAST(:n AS nvarchar(2)))"
)


def kept(rules: TextRules, **values: Any) -> dict[str, Any]:
    step = parse("upload/x", INSERT).steps[0]
    return rules.kept(step, {"name": "x", "remark": "x", "n": "x"} | values)


def test_a_text_longer_than_its_column_is_refused_before_it_is_sent() -> None:
    with pytest.raises(Refused) as caught:
        kept(TextRules(), name="内科门诊部")
    assert (caught.value.code, caught.value.central) == ("text_not_kept", {"column": "name", "length": 5, "holds": 4})
    assert kept(TextRules(), name="内科门诊")["name"] == "内科门诊"
    assert kept(TextRules(), remark="一二三四五六")  # the mapping cuts it by its own written rule
    in_bytes = TextRules("gbk", in_bytes=True)
    with pytest.raises(Refused):
        kept(in_bytes, name="内科门")  # six bytes
    assert kept(in_bytes, name="内科", n="内科")


def test_the_written_rule_replaces_only_what_would_be_lost() -> None:
    rules = TextRules("gbk", replace={"𠮷": "吉", "田": "口"})
    assert kept(rules, name="𠮷田")["name"] == "吉田"
    with pytest.raises(Refused) as caught:
        kept(TextRules("gbk"), name="𠮷田")
    assert caught.value.code == "text_not_kept"


@pytest.mark.parametrize("words", ["COMMIT", "rollback", "BEGIN TRAN", "SAVEPOINT a", "SET IMPLICIT_TRANSACTIONS ON"])
def test_a_mapping_may_not_touch_the_transaction(words: str) -> None:
    from sync.central.sql_file import MappingError

    with pytest.raises(MappingError, match="changes the transaction"):
        parse("upload/x", f"INSERT INTO t VALUES (1);\n{words};\nINSERT INTO t VALUES (2)")


# -- the breaker and the pace --------------------------------------------------------------------------------------


def many(desk: Desk) -> None:
    desk.open()
    for number in ("P1001", "P1002", "P1003", "P1004", "P1006", "P1007", "P1001", "P1002"):
        desk.charge(number)
    desk.close()


def test_after_the_breaker_one_document_goes_as_a_probe(desk: Desk, centre: FakeCentral) -> None:
    many(desk)
    centre.refuse("charge", Refused("not_written", "constraint"))
    first = upload(desk, centre)
    assert (first.code, first.left["conflict"]) == ("breaker", 5)
    assert first.retry_after_seconds  # the worker tries again by itself
    second = upload(desk, centre)
    assert (second.code, second.left["conflict"]) == ("breaker", 6)  # one more, not five
    centre.accept("charge")
    third = upload(desk, centre)
    assert (third.state, third.left["conflict"], len(centre.documents)) == (
        "done",
        6,
        2,
    )  # closed by the first good one


def test_the_upload_waits_longer_while_the_centre_is_slower_than_it_was() -> None:
    pace = Pace()
    assert not any(pace.pause(0.05) for _ in range(30))
    pauses = [pace.pause(0.4) for _ in range(10)]
    assert pauses[0] == 0.0 and pauses[-1] == pytest.approx(0.35)
    assert pace.shown()["usual_seconds"] == 0.05 and pace.slowed > 0
    assert not any([pace.pause(0.05) for _ in range(10)][-4:])  # and goes on as before when it is well again


def test_a_quick_centre_may_be_twice_as_slow_and_still_be_quick() -> None:
    pace = Pace()
    assert not any(pace.pause(seconds) for seconds in [0.01] * 30 + [0.04] * 10)


# -- both sides ----------------------------------------------------------------------------------------------------


def test_a_charge_refunded_on_both_sides_is_shown(desk: Desk, centre: FakeCentral) -> None:
    desk.open()
    paid = desk.charge("P1001")
    desk.close()
    assert upload(desk, centre).complete
    key = centre.ledger[paid].central_key
    number = desk.open()
    desk.refund(paid, "P1001")
    desk.close()
    centre.answers["blind_window/charge"] = [
        {"central_key": "951", "patient_no": "P1001", "operator_code": "0201", "occurred_at": "2026-11-23 08:40:00",
         "refund_of": key, "yj_mark": 0, "receipt_no": None, "total": "-10.00"}
    ]  # fmt: skip
    upload(desk, centre)
    with desk.store.reading() as tx:
        kinds = {one["kind"] for one in list_conflicts(tx.conn, number)}
    assert "doubt_refunded_twice" in kinds


# -- a rewound centre ----------------------------------------------------------------------------------------------


def test_a_link_is_decided_again_when_the_centre_lost_it(desk: Desk, centre: FakeCentral) -> None:
    from sync.upload.rewound import approve_rewound

    desk.open()
    one = desk.patient(**own_id() | {"id_no": None})
    desk.close()
    centre.answers["upload/match_patient"] = [{"patient_no": "77", "name": "李小明", "sex": "M"}]
    upload(desk, centre)
    decide(desk, "link", key="77")
    assert upload(desk, centre).complete
    centre.forget(one)
    centre.answers["upload/match_patient"] = []
    assert upload(desk, centre).code == "rewound"
    approve_rewound(desk.store, desk.incident_no, PAIR, "存储损坏，已恢复昨夜备份")
    upload(desk, centre)
    assert state(desk, one) == "conflict" and not centre.documents  # never created as a second person in silence
    with desk.store.reading() as tx:
        (item,) = list_conflicts(tx.conn, desk.incident_no, only_open=True)
    assert (item["kind"], item["central"]["central_key"]) == ("link_vanished", "77")
    decide(desk, "link")
    assert upload(desk, centre).complete and centre.ledger[one].central_key == "77"


def test_a_lost_row_of_the_centre_is_not_settled_under_its_old_key(desk: Desk, centre: FakeCentral) -> None:
    from fallback_server.domain.modes import Permit
    from fallback_server.store.conflicts import open_conflict
    from sync.upload.rewound import SUBJECT, approve_rewound

    number = desk.open()
    one = desk.charge("P1001", settles_centre="9001")
    desk.close()
    lost = {"dataset": "open_prescription", "key": "9001", "row": {}}
    with desk.store.writing(Permit.HOUSEKEEPING, PAIR) as tx:
        open_conflict(tx, number, "rewound", SUBJECT, local={"vanished": [], "lost": [lost]})
    approve_rewound(desk.store, number, PAIR, "存储损坏")
    upload(desk, centre)
    assert state(desk, one) == "conflict" and not centre.documents
    decide(desk, "retry_unsettled")
    assert upload(desk, centre).complete and centre.documents[0].payload["prescriptions"] == []


# -- before the first document -------------------------------------------------------------------------------------


def test_one_document_of_each_kind_is_tried_and_rolled_back_before_anything_is_written(
    desk: Desk, centre: FakeCentral
) -> None:
    from sync.central.gateway import Systemic
    from sync.upload.run import run_upload
    from tests.fixtures_return import Rules

    number = desk.open()
    desk.visit("P1001")
    desk.visit("P1003")
    desk.close()
    centre.fail_next("before", Systemic("table sf_zb is missing"))
    broken = run_upload(desk.store, centre, Rules(rehearse_first=True), pause=desk.clock.advance)
    assert (broken.state, broken.step, len(centre.incidents)) == ("broken", "rehearse", 0)
    report = run_upload(desk.store, centre, Rules(rehearse_first=True), pause=desk.clock.advance)
    tried = {one["entity"]: one["tried"] for one in report.facts["rehearsed"]}
    assert report.complete and tried == {"registration": 1, "prescription": 0, "charge": 0}
    assert len(centre.documents) == len(centre.ledger) == 6 and number

"""Finding and entering patients: search as it is typed, masking, duplicates told, unknown people let through."""

from __future__ import annotations

from datetime import date

import pytest

from fallback_server.acts.ages import age_on
from tests.fixtures_hospital import Hospital, centre_id

WANG = centre_id("patient", "P1001")
SON = centre_id("patient", "P1002")


def names(hospital: Hospital, q: str) -> list[str]:
    answer = hospital.window("registrar").get("/patients", q=q)
    assert answer.status == 200
    return [item["name"] for item in answer.json["items"]]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("王芳", ["王芳", "王芳之子"]),
        ("WF", ["王芳", "王凤", "王芳之子"]),
        ("wfzz", ["王芳之子"]),
        ("8800001", ["王芳"]),
        ("8800099", []),
        ("P1003", ["张伟"]),
        ("5678", ["王芳"]),
        ("0001111", ["张伟"]),
        ("13900001111", ["张伟"]),
        ("13812345678", ["王芳", "王芳之子"]),
        ("110101198503120021", ["王芳", "王芳之子"]),
        ("11010119700101003x", ["张伟"]),
        ("E12345", ["SMITH JOHN"]),
        ("smith", ["SMITH JOHN"]),
        ("已并档", []),
        ("", []),
        ("没有此人", []),
        ("1", []),
    ],
)
def test_a_patient_is_found_by_whatever_is_typed_swiped_or_scanned(
    hospital: Hospital, typed: str, found: list[str]
) -> None:
    assert names(hospital, typed) == found


def test_lists_mask_identifiers_and_the_page_of_one_patient_does_not(hospital: Hospital) -> None:
    window = hospital.window("registrar")
    item = window.get("/patients", q="王芳").json["items"][0]
    assert item["id_no"] == "110*************21"
    assert item["phone"] == "138****5678"
    assert item["allergy"] == "青霉素过敏，头孢类"
    full = window.get(f"/patients/{WANG}").json
    assert (full["id_no"], full["phone"]) == ("110101198503120021", "13812345678")
    assert (full["origin"], full["central_key"], full["id"]) == ("centre", "P1001", WANG)
    assert full["as_of"] == "2026-11-23T08:00:00.000+08:00"


def test_an_infant_is_shown_with_months_days_and_guardian(hospital: Hospital) -> None:
    item = hospital.window("doctor").get("/patients", q="王芳之子").json["items"][0]
    assert item["age"] == "3月12天"
    assert (item["guardian_name"], item["guardian_phone"]) == ("王芳", "138****5678")
    grown = hospital.window("doctor").get("/patients", q="P1001").json["items"][0]
    assert (grown["age"], grown["guardian_name"]) == ("41岁", None)


@pytest.mark.parametrize(
    ("born", "words"),
    [
        ("2026-11-23", "0天"),
        ("2026-11-01", "22天"),
        ("2026-10-31", "23天"),
        ("2026-10-23", "1月0天"),
        ("2025-11-24", "11月30天"),
        ("2025-11-23", "1岁"),
        ("2024-02-29", "2岁8月"),
        ("2020-11-23", "6岁"),
        ("1926-01-01", "100岁"),
        ("2026-11-24", None),
        (None, None),
        ("unknown", None),
    ],
)
def test_age_is_told_in_days_for_the_newborn_and_months_for_infants(born: str | None, words: str | None) -> None:
    age = age_on(born, date(2026, 11, 23))
    assert (age.zh if age else None) == words


def test_a_new_patient_needs_only_name_sex_and_birth_date(yj: Hospital) -> None:
    answer = yj.window("registrar").post("/patients", {"name": "新来的", "sex": "F", "birth_date": "2001-02-03"})
    assert answer.status == 201
    assert (answer.json["origin"], answer.json["central_key"]) == ("yj", None)
    assert answer.json["patient_no"].startswith("YJ261123")
    assert answer.json["possible_duplicates"] == []
    assert names(yj, "XLD") == ["新来的"]
    assert names(yj, answer.json["patient_no"]) == ["新来的"]
    [row] = yj.outbox("patient")
    assert row["yj_id"] == answer.json["id"] and row["state"] == "pending"


@pytest.mark.parametrize(
    ("age", "born"),
    [
        ({"years": 35}, "1991-11-23"),
        ({"months": 5}, "2026-06-23"),
        ({"days": 3}, "2026-11-20"),
        ({"years": 1, "months": 2}, "2025-09-23"),
    ],
)
def test_an_age_is_enough_where_the_birth_date_is_not_known(yj: Hospital, age: dict[str, int], born: str) -> None:
    answer = yj.window("registrar").post("/patients", {"name": "约莫", "sex": "M", "age": age})
    assert (answer.status, answer.json["birth_date"]) == (201, born)


def test_somebody_unknown_is_let_through_and_told_from_the_next(yj: Hospital) -> None:
    window = yj.window("registrar")
    first, second = (window.post("/patients", {"unknown": True, "sex": "M"}).json for _ in range(2))
    assert first["name"].startswith("无名氏") and second["name"].startswith("无名氏")
    assert first["name"] != second["name"]
    assert first["birth_date"] is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "甲"},
        {"name": "甲", "sex": "F"},
        {"name": "", "sex": "F", "birth_date": "2001-02-03"},
        {"name": "甲", "sex": "X", "birth_date": "2001-02-03"},
        {"name": "甲", "sex": "F", "birth_date": "2027-01-01"},
        {"name": "甲", "sex": "F", "birth_date": "1800-01-01"},
        {"name": "甲", "sex": "F", "birth_date": "2001-02-30"},
        {"name": "甲", "sex": "F", "birth_date": 1000},
        {"name": "甲", "sex": "F", "age": {}},
        {"name": "甲", "sex": "F", "age": {"years": -1}},
        {"name": "甲", "sex": "F", "age": {"years": 1.5}},
        {"name": "甲", "sex": "F", "age": {"years": 3}, "birth_date": "2001-02-03"},
        {"name": "甲", "sex": "F", "birth_date": "2001-02-03", "phone": "not a phone"},
        {"name": "甲", "sex": "F", "birth_date": "2001-02-03", "shoe_size": 38},
    ],
)
def test_a_patient_filled_in_wrongly_is_refused_and_nothing_is_written(yj: Hospital, body: dict[str, object]) -> None:
    answer = yj.window("registrar").post("/patients", body)
    assert (answer.status, answer.code) == (422, "invalid_request")
    assert yj.outbox() == []


def test_the_same_id_number_is_told_as_a_possible_duplicate_and_never_refused(yj: Hospital) -> None:
    window = yj.window("registrar")
    body = {"name": "王小芳", "sex": "F", "birth_date": "1985-03-12", "id_no": "110101198503120021"}
    answer = window.post("/patients", body)
    assert answer.status == 201
    twins = answer.json["possible_duplicates"]
    assert [(twin["name"], twin["reason"]) for twin in twins] == [("王芳", "id_no"), ("王芳之子", "id_no")]
    assert twins[0]["id_no"] == "110*************21"
    again = window.post("/patients", {**body, "name": "王晓芳"}).json["possible_duplicates"]
    assert {twin["id"] for twin in again} == {WANG, SON, answer.json["id"]}


def test_the_same_name_and_birth_date_or_card_is_told_too(yj: Hospital) -> None:
    window = yj.window("registrar")
    same = window.post("/patients", {"name": "张伟", "sex": "M", "birth_date": "1970-01-01"}).json
    assert [twin["reason"] for twin in same["possible_duplicates"]] == ["name_birth_date"]
    carded = window.post("/patients", {"name": "某", "sex": "M", "birth_date": "1971-01-01", "card_no": "8800003"}).json
    assert [twin["reason"] for twin in carded["possible_duplicates"]] == ["card_no"]
    assert names(yj, "8800003") == ["张伟", "某"]


def test_an_id_number_with_a_slip_of_the_pen_is_kept_and_told(yj: Hospital) -> None:
    body = {"name": "笔误", "sex": "F", "birth_date": "1985-03-12", "id_no": "110101198503120022"}
    answer = yj.window("registrar").post("/patients", body)
    assert [warning["code"] for warning in answer.json["warnings"]] == ["id_no_invalid"]


def test_the_same_act_sent_again_makes_one_patient(yj: Hospital) -> None:
    window = yj.window("registrar")
    key = "01KAJ0000000000000000PATNT"
    body = {"name": "一次", "sex": "F", "birth_date": "2001-02-03"}
    first, second = (window.post("/patients", body, key=key) for _ in range(2))
    assert (first.status, second.status) == (201, 201)
    assert first.json == second.json and first.json["id"] == key
    assert second.headers["Idempotency-Replayed"] == "true"
    assert window.post("/patients", {**body, "name": "两次"}, key=key).code == "idempotency_key_reused"
    assert len(yj.outbox("patient")) == 1


def test_no_patient_is_entered_in_normal_mode_or_without_the_role(hospital: Hospital) -> None:
    body = {"name": "甲", "sex": "F", "birth_date": "2001-02-03"}
    assert hospital.window("registrar").post("/patients", body).code == "mode_normal"
    hospital.emergency()
    assert hospital.window("pharmacist").post("/patients", body).code == "forbidden"
    assert hospital.window("cashier").post("/patients", body).status == 201


def test_patients_of_a_drill_are_seen_in_the_drill_only(hospital: Hospital) -> None:
    hospital.emergency(drill=True)
    window = hospital.window("registrar")
    drilled = window.post("/patients", {"name": "演练人", "sex": "F", "birth_date": "2001-02-03"}).json
    assert names(hospital, "演练人") == ["演练人"]
    hospital.emergency()
    assert names(hospital, "演练人") == []
    answer = window.post(
        "/registrations", {"patient_id": drilled["id"], "department_code": "NK", "type_code": "MF", "payments": []}
    )
    assert answer.code == "drill_mismatch"


def test_an_unknown_patient_is_not_found(hospital: Hospital) -> None:
    for unknown in ("nobody", "01KAJ00000000000000000NNNN", "c" + "a" * 24):
        answer = hospital.window("registrar").get(f"/patients/{unknown}")
        assert (answer.status, answer.code) == (404, "patient_not_found")

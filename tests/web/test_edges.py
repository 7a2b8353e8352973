"""The edges of every request: bad input, keys, epochs, languages, second person. Nothing of it writes anything."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, func, select, text

from fallback_server.store import tables
from fallback_server.store.audit import audit, verify
from fallback_server.store.people import login_failure
from fallback_server.store.session import Store
from tests.fixtures_hospital import PASSWORD, Hospital

BOOKKEEPING = {"audit", "session", "workstation", "login_failure", "credential", "address_failure"}
SWITCH = {"cause": "database", "reason": "中心库不可用"}


def counts(store: Store) -> dict[str, int]:
    """Rows of every table but those that a refusal may touch."""
    with store.reading() as tx:
        return {
            table.name: tx.conn.execute(select(func.count()).select_from(table)).scalar_one()
            for table in tables.metadata.sorted_tables
            if table.name not in BOOKKEEPING
        }


def raw(hospital: Hospital, token: str, data: bytes, content_type: str = "application/json", **headers: str) -> Any:
    with hospital.app.test_client() as client:
        return client.post(
            "/api/v1/mode/emergency",
            data=data,
            content_type=content_type,
            headers={"Authorization": f"Bearer {token}", "Idempotency-Key": "key-0000001", **headers},
        )


@pytest.mark.parametrize(
    ("data", "content_type", "code", "status"),
    [
        (b"{", "application/json", "malformed_json", 400),
        (b"[" * 100_000, "application/json", "malformed_json", 400),
        (b'{"reason": ' + b"[" * 600 + b"]" * 600 + b"}", "application/json", "malformed_json", 400),
        (b"{" + b",".join(b'"a%d": 1' % n for n in range(2000)) + b"}", "application/json", "malformed_json", 400),
        (b"\xff\xfe", "application/json", "malformed_json", 400),
        (b'{"cause": "server", "reason": "a\\u0000b"}', "application/json", "malformed_json", 400),
        (b'{"cause": "server", "reason": "\\ud800"}', "application/json", "malformed_json", 400),
        (b'{"cause": "server", "reason": NaN}', "application/json", "invalid_request", 422),
        (b"cause=database", "application/x-www-form-urlencoded", "unsupported_media_type", 415),
        (b'"' + b"x" * 10_000_000 + b'"', "application/json", "body_too_large", 413),
        (b"[]", "application/json", "invalid_request", 422),
        (b"{}", "application/json", "invalid_request", 422),
        (b'{"cause": "aliens", "reason": "x"}', "application/json", "invalid_request", 422),
        (b'{"cause": "server", "reason": ""}', "application/json", "invalid_request", 422),
        (b'{"cause": "server", "reason": "x", "departments": ["NOPE"]}', "application/json", "unknown_department", 422),
        (b'{"cause": "server", "reason": "x", "drill": "yes"}', "application/json", "invalid_request", 422),
        (b'{"cause": "server", "reason": "x", "extra": 1}', "application/json", "invalid_request", 422),
    ],
)
def test_bad_input_gets_a_code_and_a_sentence_and_changes_nothing(
    hospital: Hospital, data: bytes, content_type: str, code: str, status: int
) -> None:
    token, before = hospital.window("admin").token, counts(hospital.store)
    answer = raw(hospital, token, data, content_type)
    body = answer.get_json(force=True)
    assert (answer.status_code, body["code"]) == (status, code)
    assert answer.content_type.startswith("application/problem+json")
    assert body["detail"] and body["hint"]
    assert answer.headers["YJ-Epoch"] == "0"
    assert counts(hospital.store) == before


def test_a_path_that_no_id_fills_is_not_found(hospital: Hospital) -> None:
    window, before = hospital.window("registrar"), counts(hospital.store)
    body = {"department_code": "0101"}
    assert window.post(f"/registrations/{'x' * 3000}/transfer", body).code == "not_found"
    assert window.get(f"/registrations/{'x' * 3000}").code == "not_found"
    assert counts(hospital.store) == before


def test_an_epoch_no_column_holds_is_a_slip_of_the_window_not_of_ours(hospital: Hospital) -> None:
    window = hospital.window("admin")
    for epoch in (2**31, 2**63):
        assert window.post("/workstations/heartbeat", {"workstation": "XX-1", "epoch": epoch}).code == "invalid_request"


@pytest.mark.parametrize("key", ["", "short", "x" * 81, "中文的一个键啊啊啊", "a\ttab in it"])
def test_a_creating_post_needs_a_proper_key(hospital: Hospital, key: str) -> None:
    window = hospital.window("admin")
    headers = {"Authorization": f"Bearer {window.token}"}
    if key:
        headers["Idempotency-Key"] = key.encode().decode("latin-1")
    with hospital.app.test_client() as client:
        answer = client.post("/api/v1/mode/emergency", json=SWITCH, headers=headers)
    assert answer.get_json(force=True)["code"] == "idempotency_key_missing"


def test_the_same_act_twice_is_done_once_and_answered_twice(hospital: Hospital) -> None:
    window = hospital.window("admin")
    first, second = (window.post("/mode/emergency", SWITCH, key="key-0000001") for _ in range(2))
    assert first.status == second.status == 200
    assert first.json == second.json
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert window.get("/incidents").json["items"][0]["incident_no"] == 1


def test_a_key_belongs_to_one_act(hospital: Hospital) -> None:
    window = hospital.window("admin")
    window.post("/mode/emergency", SWITCH, key="key-0000001")
    other = window.post("/mode/emergency", {**SWITCH, "reason": "另一个"}, key="key-0000001")
    elsewhere = window.post("/mode/release", {"reason": "x"}, key="key-0000001")
    assert other.code == elsewhere.code == "idempotency_key_reused"


def test_a_refusal_frees_the_key(hospital: Hospital) -> None:
    window = hospital.window("admin")
    assert window.post("/mode/release", {"reason": "x"}, key="key-0000001").code == "wrong_state"
    assert window.post("/mode/emergency", SWITCH, key="key-0000001").status == 200


def test_a_replay_does_not_look_at_the_mode_but_at_the_role(hospital: Hospital) -> None:
    admin, duty = hospital.window("admin"), hospital.window("duty")
    admin.post("/mode/emergency", SWITCH, key="key-0000001")
    assert duty.post("/mode/emergency", SWITCH, key="key-0000001").headers["Idempotency-Replayed"] == "true"
    assert hospital.window("cashier").post("/mode/emergency", SWITCH, key="key-0000001").code == "forbidden"


def test_a_window_of_an_older_epoch_is_told_before_it_writes(hospital: Hospital) -> None:
    window = hospital.window("admin")
    window.post("/mode/emergency", SWITCH)
    stale = window.post("/mode/scope", {"departments": ["NK"], "reason": "x"}, headers={"YJ-Epoch": "0"})
    assert stale.code == "epoch_changed"
    fresh = window.post("/mode/scope", {"departments": ["NK"], "reason": "x"}, headers={"YJ-Epoch": "1"})
    assert (fresh.status, fresh.json["scope"], fresh.headers["YJ-Epoch"]) == (200, ["NK"], "2")


def test_the_epoch_just_closed_is_accepted_within_the_grace_only(hospital: Hospital) -> None:
    hospital.emergency()
    hospital.back(grace=60)
    window, body = hospital.window("registrar"), {"name": "张三", "sex": "M", "birth_date": "1990-01-01"}
    assert window.post("/patients", body, headers={"YJ-Epoch": "1"}).status == 201
    hospital.clock.advance(61)
    assert window.post("/patients", body, headers={"YJ-Epoch": "1"}).code == "epoch_changed"
    assert window.post("/patients", body).code == "mode_returning"


def test_sentences_come_in_the_callers_language(hospital: Hospital) -> None:
    with hospital.app.test_client() as client:
        zh = client.get("/api/v1/departments").get_json(force=True)
        en = client.get("/api/v1/departments", headers={"Accept-Language": "en-GB,en;q=0.9"}).get_json(force=True)
    assert (zh["detail"], en["detail"]) == ("请先登录。", "Please log in.")


@pytest.mark.parametrize(
    ("approver", "code"),
    [
        (None, "second_person_required"),
        ({"operator": "0801", "password": PASSWORD}, "approver_rejected"),
        ({"operator": "0802", "password": "wrong-pass-1"}, "approver_rejected"),
        ({"operator": "0201", "password": PASSWORD}, "approver_rejected"),
        ({"operator": "9999", "password": PASSWORD}, "approver_rejected"),
        ({"operator": "0802", "password": PASSWORD}, ""),
        ({"operator": "0601", "password": PASSWORD}, ""),
    ],
)
def test_leaving_yj_needs_another_person_who_may(hospital: Hospital, approver: Any, code: str) -> None:
    hospital.emergency()
    body = {"upload": False, **({"approver": approver} if approver else {})}
    assert hospital.window("admin").post("/mode/normal", body).code == code


def test_an_approver_s_password_cannot_be_guessed_at_leisure(hospital: Hospital) -> None:
    hospital.emergency()
    desk = hospital.window("admin")

    def ask(password: str) -> str:
        approver = {"operator": "0601", "password": password}
        return desk.post("/mode/normal", {"upload": False, "approver": approver}).code

    assert [ask(f"wrong-pass-{n}") for n in range(6)] == ["approver_rejected"] * 5 + ["too_many_requests"]
    assert ask(PASSWORD) == "too_many_requests"
    hospital.clock.advance(60)
    assert ask(PASSWORD) == ""
    with hospital.store.reading() as tx:
        assert tx.conn.execute(select(login_failure)).first() is None, "the right password starts the count anew"


def test_refused_writes_are_audited_and_the_chain_holds(hospital: Hospital) -> None:
    hospital.window("cashier").post("/mode/emergency", SWITCH)
    with hospital.store.reading() as tx:
        row = tx.conn.execute(select(audit).order_by(audit.c.sequence.desc()).limit(1)).mappings().one()
        assert (row["action"], row["ok"], row["operator_code"]) == ("refused POST /mode/emergency", False, "0201")
        assert verify(tx.conn)[1] == []


def test_what_nobody_foresaw_is_a_sentence_and_not_a_trace(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    from fallback_server.store import mode_switch

    def broken(*args: Any, **kwargs: Any) -> int:
        raise RuntimeError("secret detail")

    window, before = hospital.window("admin"), counts(hospital.store)
    monkeypatch.setattr(mode_switch, "enter_emergency", broken)
    reply = window.post("/mode/emergency", SWITCH)
    assert (reply.status, reply.code) == (500, "internal_error")
    assert "secret" not in str(reply.json)
    assert counts(hospital.store) == before


def test_health_readiness_and_metrics_need_no_log_in(hospital: Hospital) -> None:
    hospital.emergency()
    with hospital.app.test_client() as client:
        assert client.get("/healthz").get_json() == {"status": "ok"}
        answer = client.get("/readyz")
        told = answer.get_json()
        assert (answer.status_code, told["ready"], told["mode"]) == (503, False, "emergency")
        assert "worker_away" in told["reasons"] and 0 < told["score"] < 50
        # That the data grow old while windows work on them is a warning: nobody could mend it.
        assert {one["state"] for one in told["checks"] if one["code"] == "mirror_old"} <= {"warn"}
        elsewhere = {"REMOTE_ADDR": "10.0.8.7"}
        assert client.get("/readyz", environ_base=elsewhere).get_json() == {"ready": False}
        assert client.get("/metrics", environ_base=elsewhere).status_code == 403
        metrics = client.get("/metrics").get_data(as_text=True)
    assert 'yj_mode{mode="emergency"} 1.0' in metrics
    assert "yj_mirror_age_seconds" in metrics


def test_text_that_no_database_keeps_is_refused_in_a_search_too(hospital: Hospital) -> None:
    window = hospital.window("doctor")
    assert window.get("/drugs", q="a\0b").code == "not_found"
    assert window.get("/dictionaries/a%00b").code == "not_found"


def test_blanks_at_the_ends_of_a_password_count(hospital: Hospital) -> None:
    with hospital.app.test_client() as client:
        answer = client.post(
            "/api/v1/session", json={"operator": "0201", "password": PASSWORD + " ", "workstation": "W1"}
        )
    assert answer.get_json(force=True)["code"] == "login_failed"


def test_a_lock_not_had_in_time_is_busy_and_writes_nothing(hospital: Hospital) -> None:
    if not hospital.url.startswith("postgresql"):
        pytest.skip("SQLite has one writer; its wait is tested in the store")
    engine = hospital.store.engine
    window, before = hospital.window("admin"), counts(hospital.store)

    def impatient(connection: Any, record: Any, proxy: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '200ms'")

    with engine.connect() as other, other.begin():
        other.execute(text("SELECT * FROM mode FOR UPDATE"))
        event.listen(engine, "checkout", impatient)
        reply = window.post("/mode/emergency", SWITCH)
        event.remove(engine, "checkout", impatient)
    assert (reply.status, reply.code) == (503, "busy")
    assert counts(hospital.store) == before


def test_a_store_that_breaks_off_is_asked_again_with_the_same_key(hospital: Hospital) -> None:
    if not hospital.url.startswith("postgresql"):
        pytest.skip("SQLite is a file")
    window, engine = hospital.window("admin"), hospital.store.engine

    def cut(connection: Any, *_: Any) -> None:
        event.remove(engine, "before_cursor_execute", cut)
        connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    event.listen(engine, "before_cursor_execute", cut)
    first = window.post("/mode/emergency", SWITCH, key="key-0000001")
    assert (first.status, first.code) == (503, "store_unavailable")
    assert window.post("/mode/emergency", SWITCH, key="key-0000001").status == 200


def test_a_key_is_any_printable_ascii_also_with_a_blank_inside(hospital: Hospital) -> None:
    assert hospital.window("admin").post("/mode/emergency", SWITCH, key="desk 7, act 12").status == 200


def test_ids_of_the_way_back_are_opaque_text(hospital: Hospital) -> None:
    from fallback_server.domain.modes import Permit
    from fallback_server.store.conflicts import open_conflict
    from tests.fixtures_hospital import ADMIN

    hospital.emergency()
    with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        open_conflict(tx, 1, "doubt_patient_twice", "x")
    window = hospital.window("admin")
    one = window.get("/incidents/1/conflicts").json["items"][0]
    assert isinstance(one["id"], str)
    decided = window.post(f"/conflicts/{one['id']}/resolve", {"decision": "noted", "note": "已核对"})
    assert (decided.status, decided.json["id"]) == (200, one["id"])


CURSORS = ["AA==", "AAAA", "!!", "é", "WyJcdTAwMDAiLDEsMV0", "WyIyMDI2LTExLTIzIiwxLDFd", "WzEsMWU0MDAsMV0", "bnVsbA"]
WIDE = "WyIyMDI2LTExLTIzVDA4OjAwOjAwLjAwMCswODowMCIsMSw5OTk5OTk5OTk5OTk5OTk5OTk5OTld"  # a row number of 22 digits


@pytest.mark.parametrize("path", ["/drugs", "/incidents/1/timeline"])
def test_a_cursor_that_is_none_of_ours_is_a_slip_and_no_fault(hospital: Hospital, path: str) -> None:
    hospital.emergency()
    window = hospital.window("admin")
    for cursor in (*CURSORS, WIDE):
        reply = window.get(path, cursor=cursor)
        assert reply.status == 422 or (path == "/drugs" and reply.status == 200), (cursor, reply.json)


def test_a_note_of_the_year_one_is_a_slip_and_no_fault(hospital: Hospital) -> None:
    hospital.emergency()
    for at in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-23T08:00:00"):
        reply = hospital.window("admin").post("/incidents/1/notes", {"text": "x", "happened_at": at})
        assert (reply.status, reply.code) == (422, "invalid_request"), at

"""Nothing about patients is in the logs: not on a busy day, not when a statement fails and its words quote a row."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import Any

import pytest

from config.settings import Settings
from fallback_server.app import create_app
from fallback_server.domain.traces import without_values
from fallback_server.store import session
from fallback_server.store.outbox import outbox
from fallback_server.store.session import Store
from tests.fixtures_hospital import CAST, Hospital
from tests.pages.busy_day import busy_day

NEW = {"name": "秘密人", "sex": "F", "birth_date": "1991-01-02", "phone": "13977778888", "id_no": "110101199101020029"}
PATIENTS = {
    str(row[field])
    for row in [*CAST["patient"], NEW]
    for field in ("name", "phone", "id_no", "address", "guardian_phone")
    if row.get(field)
}


def named(text: str) -> list[str]:
    return sorted(value for value in PATIENTS if value in text)


def test_a_busy_day_and_its_refusals_are_logged_without_a_patient(
    hospital: Hospital, hospital_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """Even where somebody turned on the words of every statement, to look for a fault."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.INFO, logger="sqlalchemy.engine")
    with closing(Store(hospital.url, hospital.clock, pool_size=4)) as store:
        told = Hospital(hospital.url, hospital.clock, store, create_app(hospital_settings, hospital.clock, store=store))
        busy_day(told)
        window = told.window("registrar")
        assert window.post("/patients", NEW).status == 201
        assert window.post("/patients", {**NEW, "sex": "?"}).status == 422
        assert window.get("/patients", q=NEW["name"]).status == 200
    assert "INSERT INTO patient" in caplog.text and named(caplog.text) == []


def test_a_fault_is_logged_with_its_place_and_kind_and_not_with_its_words(
    hospital: Hospital, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The statement fails in the database, which quotes the row it was about."""

    def twice(tx: session.Tx) -> None:
        row: dict[str, Any] = {"yj_id": NEW["name"], "entity": NEW["id_no"], "incident_no": 1}
        tx.conn.execute(outbox.insert().values(**row))

    hospital.emergency()
    window = hospital.window("registrar")
    monkeypatch.setattr(session, "_freeze", twice)
    answer = window.post("/patients", NEW)
    assert answer.status == 500 and answer.code == "internal_error"
    assert answer.json["params"]["incident"] in caplog.text and "IntegrityError from" in caplog.text
    assert "_freeze" in caplog.text or "twice" in caplog.text, "where it happened is there"
    assert named(caplog.text) == []


def test_the_whole_chain_of_a_fault_is_named() -> None:
    try:
        try:
            int("王芳")
        except ValueError as error:
            raise RuntimeError("王芳") from error
    except RuntimeError as error:
        kind, bare, trace = without_values(error)
    assert str(bare) == "RuntimeError from ValueError" and trace is not None and kind is type(bare)

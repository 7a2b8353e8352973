"""The console speaks as people do: names beside codes, reasons in the reader's language, figures where any are."""

from __future__ import annotations

import csv
import html
import io
import re

import pytest
from flask.testing import FlaskClient

from clients.pages import PAGES_DIR
from config.settings import Settings
from fallback_server.app import create_app
from fallback_server.domain import conflict_kinds
from fallback_server.domain.modes import Permit
from fallback_server.store.mode_switch import advance, begin_return
from fallback_server.windows.console.pages import audit as audit_page
from tests.fixtures_hospital import ADMIN, PASSWORD, Hospital
from tests.windows.money_cast import charge, items


@pytest.fixture
def console(hospital: Hospital, hospital_settings: Settings) -> FlaskClient:
    """An administrator's browser without scripts."""
    app = create_app(hospital_settings, hospital.clock, PAGES_DIR, store=hospital.store)
    browser = app.test_client()
    form = {"operator": "0801", "password": PASSWORD, "workstation": "W0801"}
    assert browser.post("/login", data=form).status_code == 303
    return browser


def seen(console: FlaskClient, path: str, language: str = "zh") -> str:
    answer = console.get(f"{path}?lang={language}&live=figures")  # the screen without the words for its scripts
    assert answer.status_code == 200, answer.text
    return answer.text


def test_the_scope_is_said_by_name(hospital: Hospital, console: FlaskClient) -> None:
    hospital.emergency(["NK", "EK"])
    told = hospital.window("cashier").get("/mode").json
    assert (told["scope"], told["scope_names"]) == (["EK", "NK"], ["儿科门诊", "内科门诊"])
    for path in ("/console", "/console/switch", "/console/incidents"):
        assert "儿科门诊、内科门诊" in seen(console, path), path


def test_what_happened_by_itself_has_a_reason_in_the_readers_language(hospital: Hospital, console: FlaskClient) -> None:
    hospital.emergency()
    with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        begin_return(tx, upload=False, grace_seconds=5, hold_seconds=0)
    hospital.clock.advance(6)
    assert advance(hospital.store)
    chinese = seen(console, "/console/incidents")
    assert "宽限期已过，不上传" in chinese and "系统自动" in chinese and "卫信息 0801" in chinese
    assert "the grace is over" in seen(console, "/console/incidents", "en")


def test_the_switch_names_who_switched(hospital: Hospital, console: FlaskClient) -> None:
    hospital.emergency()
    assert "卫信息 0801" in seen(console, "/console/switch")


def test_a_document_shows_names_and_an_amount_only_where_money_moved(hospital: Hospital, console: FlaskClient) -> None:
    hospital.emergency()
    made = charge(hospital.window("cashier"), items(("F001", 1))).json
    paid = seen(console, f"/console/documents/{made['id']}")
    assert "<dt>金额</dt><dd>25.00</dd>" in paid and "钱伟 0201" in paid
    archive = hospital.window("registrar").post(
        "/patients", {"name": "陈新", "sex": "F", "birth_date": "1990-01-01", "phone": "13900000000"}
    )
    assert archive.status == 201, archive.json
    free = seen(console, f"/console/documents/{archive.json['id']}")
    assert "金额" not in free and "0.00" not in free and "139****" in free


def test_while_the_hospital_works_with_it_the_mirror_is_not_asked_to_run(
    hospital: Hospital, console: FlaskClient
) -> None:
    assert "镜像冻结" not in seen(console, "/console/mirror")
    hospital.emergency()
    assert "镜像冻结" in seen(console, "/console/mirror")


def test_a_log_longer_than_one_table_is_taken_away_whole_in_several(
    hospital: Hospital, console: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        for _ in range(10):
            tx.audit("mode.scope")
    assert 'id="audit-parts"' not in console.get("/console/audit").text
    monkeypatch.setattr(audit_page, "TAKEN", 4)
    page = console.get("/console/audit?action=mode.scope").text
    note = page[page.index('id="audit-parts"') :].partition("</p>")[0]
    assert "分 3 份" in note
    taken: list[int] = []
    for address in re.findall(r'href="(/console/audit.csv[^"]*)"', note):
        answer = console.get(html.unescape(address))
        rows = [int(row["sequence"]) for row in csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")))]
        assert f"-{rows[0]}-{rows[-1]}.csv" in answer.headers["Content-Disposition"] and len(rows) <= 4
        taken = [*rows, *taken]
    assert len(taken) == 10 and taken == sorted(set(taken))


def test_why_a_document_was_refused_is_said_in_words() -> None:
    assert conflict_kinds.refusal("price_gone: stopped") == "收费项目或药品在中心已停用（stopped）"
    assert conflict_kinds.refusal("price_gone", "en") == conflict_kinds.KINDS["price_gone"].en
    assert conflict_kinds.refusal("timeout after 30 s", "en") == "timeout after 30 s"


def test_an_event_of_the_log_names_its_fields_and_times_as_people_do(hospital: Hospital, console: FlaskClient) -> None:
    with hospital.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        tx.audit("workstation.code", expires_at="2026-11-24T08:45:33.000+08:00", receipt_no=["A1", "A2"], cause="x")
    told = console.get("/console/audit?action=workstation.code").text
    assert "有效至：2026-11-24 08:45:33" in told and "票号：A1、A2" in told and "原因：x" in told

"""P9: the account is computed from the centre's own tables; every seeded discrepancy is found, and nothing else."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import select

from clients.console.account_file import html, write
from fallback_server.acts import account_book, account_sheet
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.store.cash import payment, receipt_number
from fallback_server.store.conflicts import list_conflicts, resolve
from fallback_server.store.mode import incident
from fallback_server.store.returning import reconciliation, signature
from fallback_server.store.sign_off import current_report, explain_difference, sign, valid_signatures
from sync.central.fake import FakeCentral
from sync.central.gateway import Refused
from sync.reconcile.report import ReconciliationReport
from sync.reconcile.run import close_at_centre, run_reconcile
from sync.upload.run import run_upload
from tests.fixtures_return import ADMIN, FINANCE, PAIR, Desk, Rules, Tables, backwards


@pytest.fixture
def returned(desk: Desk, centre: FakeCentral, tables: Tables) -> Desk:
    """A morning that came back whole: two visits, a card payment, a whole refund."""
    desk.open()
    desk.visit(desk.patient())
    desk.visit("P1001")
    desk.charge("P1003", "37.00", method="wechat", category="laboratory")
    desk.refund(desk.charge("P1004"), "P1004")
    desk.close()
    assert run_upload(desk.store, centre, Rules(), pause=desk.clock.advance).complete
    tables.take()
    return desk


def account(desk: Desk, centre: FakeCentral) -> ReconciliationReport:
    return run_reconcile(desk.store, centre, desk.incident_no)


def kinds(report: ReconciliationReport) -> list[str]:
    return [item["kind"] for item in report.differences]


def test_what_came_back_whole_balances_without_a_difference(returned: Desk, centre: FakeCentral) -> None:
    report = account(returned, centre)
    said = report.to_json()
    assert {name: said[name] for name in ("incident_no", "balanced", "totals", "cashiers", "differences")} == {
        "incident_no": returned.incident_no,
        "balanced": True,
        "totals": {"local": "86.36", "ledger": "86.36", "central": "86.36"},
        "cashiers": [
            {
                "operator": "0201",
                "by_method": {"cash": "49.36", "wechat": "37.00"},
                "by_category": {"laboratory": "37.00", "western": "49.36"},
                "receipts": {
                    "from": "A00015021", "to": "A00015024", "used": 4, "void": 0, "unknown": 0, "missing": 0,
                    "unknown_numbers": [], "missing_numbers": [],
                },
                "local": "86.36",
                "central": "86.36",
                "central_by_method": {"cash": "49.36", "wechat": "37.00"},
                "central_by_category": {"laboratory": "37.00", "western": "49.36"},
                "difference": "0.00",
            }
        ],
        "differences": [],
    }  # fmt: skip
    assert [(one["name"], one["ok"], one["differences"]) for one in report.layers] == [
        (name, True, 0) for name in ("totals", "ids", "fields", "numbers", "cash")
    ]
    assert [one["compared"] for one in report.layers] == [6, 10, 9, 4, 0]
    assert report.layers[1]["questions"] == 0  # this mapping cannot count


Seed = Callable[[Tables, FakeCentral], None]


def _delete(tables: Tables, centre: FakeCentral) -> None:
    tables.charge.pop(1)


def _amount(tables: Tables, centre: FakeCentral) -> None:
    tables.charge[1]["total"] += Decimal("0.01")


def _method(tables: Tables, centre: FakeCentral) -> None:
    tables.payment[1]["method"] = "alipay"


def _category(tables: Tables, centre: FakeCentral) -> None:
    tables.charge_line[1]["receipt_category"] = "herbal"


def _line_gone(tables: Tables, centre: FakeCentral) -> None:
    tables.charge_line.pop(1)


def _operator(tables: Tables, centre: FakeCentral) -> None:
    tables.charge[1]["operator_code"] = "0202"


def _receipt(tables: Tables, centre: FakeCentral) -> None:
    tables.charge[1]["receipt_no"] = "A99999999"


def _number_doubled(tables: Tables, centre: FakeCentral) -> None:
    row = deepcopy(tables.charge[1]) | {"central_key": "X1", "receipt_no": "A88888888"}
    tables.charge.append(row)


def _receipt_doubled(tables: Tables, centre: FakeCentral) -> None:
    tables.charge[1]["receipt_no"] = tables.charge[0]["receipt_no"]


def _extra(tables: Tables, centre: FakeCentral) -> None:
    tables.charge.append(deepcopy(tables.charge[1]) | {"central_key": "X1", "yj_no": None, "receipt_no": None})


def _line_changed(tables: Tables, centre: FakeCentral) -> None:
    tables.charge_line[1]["item_code"] = "F999"


def _two_lines_even_out(tables: Tables, centre: FakeCentral) -> None:
    half = tables.charge_line[1]["amount"] = Decimal(tables.charge_line[1]["amount"]) / 2
    tables.charge_line.append({**tables.charge_line[1], "amount": half})


def _date(tables: Tables, centre: FakeCentral) -> None:
    tables.charge[1]["occurred_at"] = tables.charge[1]["occurred_at"].replace("2026", "2025")


def _patient(tables: Tables, centre: FakeCentral) -> None:
    tables.charge[1]["patient_key"] = "P9999"


def _department(tables: Tables, centre: FakeCentral) -> None:
    tables.registration[0]["department_code"] = "WK"


def _refund_gone(tables: Tables, centre: FakeCentral) -> None:
    tables.refund.clear()


def _refund_of_another(tables: Tables, centre: FakeCentral) -> None:
    tables.refund[0]["original_key"] = tables.charge[0]["central_key"]


def _registration_gone(tables: Tables, centre: FakeCentral) -> None:
    tables.registration.pop()


def _registration_cancelled(tables: Tables, centre: FakeCentral) -> None:
    tables.registration[0]["status"] = "cancelled"


def _prescription_unpaid(tables: Tables, centre: FakeCentral) -> None:
    tables.prescription[0]["status"] = "unpaid"


def _ledger_gone(tables: Tables, centre: FakeCentral) -> None:
    centre.ledger.pop(centre.documents[-1].ledger.yj_id)


def _ledger_amount(tables: Tables, centre: FakeCentral) -> None:
    one = centre.documents[-1].ledger.yj_id
    centre.ledger[one] = replace(centre.ledger[one], amount="1.00")


def _ledger_extra(tables: Tables, centre: FakeCentral) -> None:
    one = centre.documents[0].ledger.yj_id
    centre.ledger["01X"] = replace(centre.ledger[one], yj_id="01X", sequence=500)


SEEDS: list[tuple[Seed, list[str]]] = [
    (_delete, ["missing_at_centre"]),
    (_amount, ["amount"]),
    (_method, ["method"]),
    (_category, ["category"]),
    (_line_gone, ["category"]),
    (_line_changed, ["line"]),
    (_two_lines_even_out, ["line"]),
    (_date, ["date"]),
    (_patient, ["patient"]),
    (_department, ["department"]),
    (_operator, ["operator"]),
    (_receipt, ["receipt_no"]),
    (_number_doubled, ["doubled"]),
    (_receipt_doubled, ["receipt_doubled", "receipt_no"]),
    (_extra, ["extra_at_centre"]),
    (_refund_gone, ["missing_at_centre"]),
    (_refund_of_another, ["original"]),
    (_registration_gone, ["missing_at_centre"]),
    (_registration_cancelled, ["registration_status"]),
    (_prescription_unpaid, ["prescription_status"]),
    (_ledger_gone, ["ledger_missing"]),
    (_ledger_amount, ["ledger_amount"]),
    (_ledger_extra, ["ledger_extra"]),
]


@pytest.mark.parametrize(("seed", "found"), SEEDS, ids=[seed.__name__.strip("_") for seed, _ in SEEDS])
def test_each_seeded_discrepancy_is_found_named_and_alone(
    returned: Desk, centre: FakeCentral, tables: Tables, seed: Seed, found: list[str]
) -> None:
    seed(tables, centre)
    report = account(returned, centre)
    assert kinds(report) == found
    assert not report.balanced
    for item in report.differences:
        assert item["yj_id"] or item["central_key"]
        assert item["local"] or item["central"]


def test_documents_of_another_incident_in_the_same_hour_are_not_counted(
    returned: Desk, centre: FakeCentral, tables: Tables
) -> None:
    first = returned.incident_no
    returned.open()
    returned.charge("P1001")
    returned.close()
    assert run_upload(returned.store, centre, Rules(), pause=returned.clock.advance).complete
    for number, total in ((first, "86.36"), (returned.incident_no, "10.00")):
        report = run_reconcile(returned.store, centre, number)
        assert (report.balanced, report.totals["central"]) == (True, total)


def test_what_has_not_arrived_is_listed_by_its_state_and_cannot_be_explained_away(
    desk: Desk, centre: FakeCentral, tables: Tables
) -> None:
    desk.open()
    paid = desk.charge("P1001")
    desk.refund(paid, "P1001")
    desk.close()
    centre.refuse(paid, Refused("receipt_no_used", "in use"))
    run_upload(desk.store, centre, Rules(), pause=desk.clock.advance)
    report = account(desk, centre)
    assert kinds(report) == ["conflict", "pending"]
    assert report.totals == {"local": "0.00", "ledger": "0.00", "central": "0.00"}
    with pytest.raises(YjError) as caught, desk.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        explain_difference(tx, report.differences[0]["id"], "没事")
    assert caught.value.code == "decision_not_possible"


def test_a_settled_document_is_a_difference_that_a_named_person_explains(
    desk: Desk, centre: FakeCentral, tables: Tables
) -> None:
    desk.open()
    paid = desk.charge("P1001")
    desk.charge("P1003")
    desk.close()
    centre.refuse(paid, Refused("receipt_no_used", "in use"))
    run_upload(desk.store, centre, Rules(), pause=desk.clock.advance)
    with desk.store.writing(Permit.HOUSEKEEPING, PAIR) as tx:
        resolve(tx, list_conflicts(tx.conn, desk.incident_no)[0]["id"], "settle", "已在 HIS 补录", "S-123")
    run_upload(desk.store, centre, Rules(), pause=desk.clock.advance)
    report = account(desk, centre)
    assert (kinds(report), report.balanced) == (["settled"], False)
    assert report.totals == {"local": "20.00", "ledger": "10.00", "central": "10.00"}
    with desk.store.writing(Permit.HOUSEKEEPING, FINANCE) as tx:
        explained = explain_difference(tx, report.differences[0]["id"], "HIS 票号 123")
    assert explained["explained_by"] == "0601"
    again = account(desk, centre)  # the explanation survives a new run that says the same
    assert (again.balanced, again.differences[0]["note"]) == (True, "HIS 票号 123")
    assert again.differences[0]["id"] == report.differences[0]["id"]


def test_an_explanation_lapses_when_the_difference_changes(returned: Desk, centre: FakeCentral, tables: Tables) -> None:
    _amount(tables, centre)
    report = account(returned, centre)
    with returned.store.writing(Permit.HOUSEKEEPING, FINANCE) as tx:
        explain_difference(tx, report.differences[0]["id"], "四舍五入")
    _amount(tables, centre)
    assert not account(returned, centre).balanced
    tables.charge[1]["total"] -= Decimal("0.02")
    assert account(returned, centre).differences == []


def test_an_override_of_the_receipt_number_is_not_a_difference(desk: Desk, centre: FakeCentral, tables: Tables) -> None:
    desk.open()
    paid = desk.charge("P1001")
    desk.close()
    centre.refuse(paid, Refused("receipt_no_used", "in use"))
    run_upload(desk.store, centre, Rules(), pause=desk.clock.advance)
    centre.accept(paid)
    with desk.store.writing(Permit.HOUSEKEEPING, PAIR) as tx:
        resolve(tx, list_conflicts(tx.conn, desk.incident_no)[0]["id"], "retry_without_receipt", "换开")
    run_upload(desk.store, centre, Rules(), pause=desk.clock.advance)
    assert account(desk, centre).balanced


def test_skipped_numbers_are_asked_for_at_the_centre_and_never_reused(
    returned: Desk, centre: FakeCentral, tables: Tables
) -> None:
    store = returned.store
    with store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        book = tx.conn.execute(select(receipt_number.c.book_id).limit(1)).scalar_one()
        for number in (15026, 15027):
            tx.conn.execute(
                receipt_number.insert().values(
                    prefix="A", number=number, receipt_no=f"A{number:08d}", book_id=book, state="unknown",
                    operator_code="0201", incident_no=returned.incident_no, at=tx.at,
                )
            )  # fmt: skip
    centre.answers["blind_window/charge"] = [
        {
            "central_key": "901", "patient_no": "P1004", "receipt_no": "A00015026", "total": "5.00", "yj_mark": 0,
            "occurred_at": "2026-11-23 08:10:00", "operator_code": "0201", "refund_of": None,
        }
    ]  # fmt: skip
    run_upload(store, centre, Rules(), pause=returned.clock.advance)
    report = account(returned, centre)
    assert [(item["kind"], item["subject"]) for item in report.differences] == [
        ("receipt_missing", "A00015025"), ("receipt_unknown", "A00015027"),
    ]  # fmt: skip
    numbers = report.cashiers[0]["receipts"]
    assert (numbers["used"], numbers["void"], numbers["unknown"], numbers["missing"]) == (4, 1, 1, 1)
    with store.reading() as tx:
        row = tx.conn.execute(select(receipt_number).where(receipt_number.c.number == 15026)).one()
    assert (row.state, row.reason) == ("void", "used at the centre (901)")


def test_two_people_sign_and_the_incident_is_closed_here_and_there(
    returned: Desk, centre: FakeCentral, tables: Tables
) -> None:
    number, store = returned.incident_no, returned.store

    def signs(actor: Any, name: str) -> str:
        try:
            with store.writing(Permit.HOUSEKEEPING, actor) as tx:
                sign(tx, number, name)
        except YjError as error:
            return error.code
        with store.reading() as tx:
            return str(tx.conn.execute(select(incident.c.state).where(incident.c.incident_no == number)).scalar_one())

    assert signs(ADMIN, "it") == "not_balanced"  # nothing was reconciled yet
    _amount(tables, centre)
    report = account(returned, centre)
    assert signs(ADMIN, "it") == "not_balanced"
    with store.writing(Permit.HOUSEKEEPING, FINANCE) as tx:
        explain_difference(tx, report.differences[0]["id"], "四舍五入")
    assert signs(ADMIN, "boss") == "invalid_request"
    assert signs(ADMIN, "it") == "reconciling"
    assert signs(ADMIN, "finance") == "second_person_required"
    _method(tables, centre)  # the account changes after the first signature
    report = account(returned, centre)
    with store.reading() as tx:
        assert valid_signatures(tx.conn, number) == []
        assert len(tx.conn.execute(select(signature)).all()) == 1  # it stays under the account it was given for
    with store.writing(Permit.HOUSEKEEPING, FINANCE) as tx:
        method = next(item for item in report.differences if item["kind"] == "method")
        explain_difference(tx, method["id"], "刷卡改扫码")
    assert signs(ADMIN, "it") == "reconciling"
    account(returned, centre)  # says the same: the signature stays
    assert signs(FINANCE, "finance") == "closed"
    assert signs(FINANCE, "finance") == "incident_closed"
    centre.reachable = False
    with pytest.raises(Exception, match="does not answer"):
        close_at_centre(store, centre)
    centre.reachable = True
    assert close_at_centre(store, centre) == [number]
    assert close_at_centre(store, centre) == []
    assert all(known.closed_at for known in centre.incidents.values())


def test_an_account_is_kept_unchanged_and_hashed(returned: Desk, centre: FakeCentral, tables: Tables) -> None:
    account(returned, centre)
    _amount(tables, centre)
    account(returned, centre)
    with returned.store.reading() as tx:
        rows = tx.conn.execute(select(reconciliation).order_by(reconciliation.c.id)).all()
        current = current_report(tx.conn, returned.incident_no)
    assert [row.balanced for row in rows] == [True, False]
    assert rows[0].report_hash != rows[1].report_hash
    assert current is not None and current["reconciliation_id"] == rows[1].id
    assert json.dumps(current)


@pytest.mark.parametrize("code", ["incident_open", "drill_fenced", "incident_not_found"])
def test_what_has_no_account_is_refused(desk: Desk, centre: FakeCentral, code: str) -> None:
    number = desk.open(drill=code == "drill_fenced")
    with pytest.raises(YjError) as caught:
        run_reconcile(desk.store, centre, 99 if code == "incident_not_found" else number)
    assert caught.value.code == code


def test_the_page_escapes_what_comes_from_outside(returned: Desk, centre: FakeCentral, tables: Tables) -> None:
    tables.charge[1]["receipt_no"] = "<script>alert(1)</script>"
    account(returned, centre)
    with returned.store.reading() as tx:
        page = html(account_sheet.sheet(tx, returned.incident_no), hospital="测试<医院>")
    assert "<script>" not in page and "&lt;script&gt;" in page and "测试&lt;医院&gt;" in page
    assert "票据号不符" in page and "86.36" in page


def test_sums_over_all_cashiers_are_the_totals(returned: Desk, centre: FakeCentral, tables: Tables) -> None:
    """Grand totals by method and by category, on both sides, each the total to the cent."""
    report = account(returned, centre)
    with returned.store.reading() as tx:
        sheet = account_sheet.sheet(tx, returned.incident_no)
    for lines in (sheet["by_method"], sheet["by_category"]):
        assert sum(Decimal(line["local"]) for line in lines) == Decimal(report.totals["local"])
        assert sum(Decimal(line["central"]) for line in lines) == Decimal(report.totals["central"])
    assert (sheet["cause"], sheet["period"]["from"]) == ("server", sheet["opened_at"])


def test_an_account_before_the_first_is_empty_and_says_so(desk: Desk) -> None:
    number = desk.open()
    with desk.store.reading() as tx:
        sheet = account_sheet.sheet(tx, number)
    assert (sheet["at"], sheet["cashiers"], sheet["totals"]["local"], sheet["balanced"]) == (None, [], "0.00", False)


def test_the_account_is_written_by_the_ending_of_the_name(returned: Desk, centre: FakeCentral, tmp_path: Path) -> None:
    account(returned, centre)
    with returned.store.reading() as tx:
        for name in ("a.json", "a.html", "a.xlsx"):
            write(tx, returned.incident_no, tmp_path / name, hospital="测试医院")
        assert json.loads((tmp_path / "a.json").read_text("utf-8")) == current_report(tx.conn, returned.incident_no)
        names = [one["operator"] for one in account_sheet.sheet(tx, returned.incident_no)["cashiers"]]
    page = (tmp_path / "a.html").read_text("utf-8")
    assert "账平" in page and "全部收费员" in page and "服务器故障" in page and "五层核对" in page and "票据簿" in page
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert [title.split()[0] for title in book.sheetnames] == [
        "合计",
        *names,
        "差异",
        "按日窗口",
        "票据簿",
        "点款",
        "入账日结",
    ]
    figures = [cell.value for row in book["合计"].iter_rows() for cell in row]
    assert figures.count(86.36) >= 4  # local, ledger, centre, and the sums below them


def test_a_workbook_takes_no_text_for_a_formula(returned: Desk, centre: FakeCentral, tables: Tables) -> None:
    tables.charge[1]["receipt_no"] = "=1+1"
    account(returned, centre)
    with returned.store.reading() as tx:
        packed = account_book.workbook(account_sheet.sheet(tx, returned.incident_no), lambda _: [], hospital="=X()")
    book = openpyxl.load_workbook(io.BytesIO(packed))
    kinds_of_cells = {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row}
    assert "f" not in kinds_of_cells


def test_a_workbook_holds_what_no_workbook_can_hold(returned: Desk, centre: FakeCentral) -> None:
    account(returned, centre)
    with returned.store.reading() as tx:
        sheet = account_sheet.sheet(tx, returned.incident_no)
    broken = {
        **sheet,
        "reason": "停机\x0b\x1f\uffff",
        "cashiers": [{**one, "name": "钱\x01"} for one in sheet["cashiers"]],
    }
    book = openpyxl.load_workbook(io.BytesIO(account_book.workbook(broken, lambda _: [], hospital="\x02")))
    assert "停机   " in [cell.value for row in book.worksheets[0].iter_rows() for cell in row]


def test_one_method_twice_is_their_sum_and_each_stands_where_it_was_paid(desk: Desk) -> None:
    desk.open()
    yj_id = desk.charge("P1003", "37.00")
    with desk.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        row = tx.conn.execute(select(payment).where(payment.c.charge_id == yj_id)).mappings().one()
        tx.conn.execute(payment.insert().values({**row, "payment_no": 2, "amount": Decimal("3.00")}))
        tx.conn.execute(
            payment.insert().values({**row, "payment_no": 3, "method": "alipay", "amount": Decimal("5.00")})
        )
    backwards(desk.store)
    with desk.store.reading() as tx:
        paid = account_sheet.takings(tx, desk.incident_no, "0201")[0]["payments"]
    assert list(paid.items()) == [("cash", "40.00"), ("alipay", "5.00")]

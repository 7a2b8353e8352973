"""The five layers each find what is theirs; accounts and signatures stay; posting is kept apart from the act."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import DBAPIError

from fallback_server.domain.clock import from_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.domain.outbox import OutboxState
from fallback_server.store.cash import shift
from fallback_server.store.mode import incident
from fallback_server.store.outbox import outbox
from fallback_server.store.outbox_moves import move
from fallback_server.store.returning import reconciliation, signature
from fallback_server.store.session import Actor
from fallback_server.store.sign_off import (
    current_report,
    explain_difference,
    report_hash,
    sign,
    valid_signatures,
)
from sync.central.fake import FakeCentral
from sync.reconcile.ids import IdSets
from sync.reconcile.report import ReconciliationReport
from sync.reconcile.run import run_reconcile
from sync.upload.run import run_upload
from tests.fixtures_return import ADMIN, FINANCE, PAIR, Desk, Rules, Tables


def _come_back(desk: Desk, centre: FakeCentral) -> None:
    desk.close()
    assert run_upload(desk.store, centre, Rules(), pause=desk.clock.advance).complete


def _account(desk: Desk, centre: FakeCentral) -> ReconciliationReport:
    return run_reconcile(desk.store, centre, desk.incident_no)


def _layer(report: ReconciliationReport, name: str) -> dict[str, Any]:
    return next(one for one in report.layers if one["name"] == name)


def _within(rows: list[dict[str, Any]], binds: Mapping[str, Any]) -> list[dict[str, Any]]:
    since, until = (from_text(binds[name]).strftime("%Y-%m-%d %H:%M:%S") for name in ("since", "until"))
    return [row for row in rows if since <= row["at"] < until]


def _can_count(centre: FakeCentral, tables: Tables) -> None:
    """The centre's own counting, as its database does it."""

    def count(binds: Mapping[str, Any]) -> list[dict[str, Any]]:
        tables.take()
        return [
            {
                "entity": entity,
                "documents": len(rows := _within(getattr(tables, entity), binds)),
                "total": str(sum((row.get("total", Decimal(0)) for row in rows), Decimal(0))),
            }
            for entity in ("charge", "refund", "registration", "prescription")
        ]

    centre.answers["verify/count"] = count


def test_one_lost_among_hundreds_is_found_by_counting_and_few_rows_are_read(
    desk: Desk, centre: FakeCentral, tables: Tables
) -> None:
    desk.open()
    made = [desk.charge("P1001") for _ in range(400)]
    _come_back(desk, centre)
    _can_count(centre, tables)
    report = _account(desk, centre)
    assert (report.balanced, _layer(report, "ids")["questions"]) == (True, 1)
    gone = next(row for row in tables.charge if row["yj_no"] == _yj_no(desk, made[123]))
    tables.charge.remove(gone)
    report = _account(desk, centre)
    assert [(one["kind"], one["yj_id"]) for one in report.differences] == [("missing_at_centre", made[123])]
    told = _layer(report, "ids")
    assert (told["ok"], told["one_side_only"]) == (False, 1)
    assert told["questions"] <= 10 and told["rows_read"] <= 64


def test_ids_are_told_both_ways_and_a_moved_time_is_on_both_sides(
    desk: Desk, centre: FakeCentral, tables: Tables
) -> None:
    number = desk.open()
    begun = desk.clock.now()
    for _ in range(60):
        desk.charge("P1001")
        desk.clock.advance(7)
    _come_back(desk, centre)
    _can_count(centre, tables)
    tables.take()
    tables.charge[3]["at"] = tables.charge[40]["at"]
    extra = tables.charge[9] | {"central_key": "X1", "total": Decimal("11.00")}
    gone = tables.charge.pop(20)
    tables.charge.append(extra)
    sets = IdSets(desk.store, centre, number, set())
    found = sets.compare(begun - timedelta(seconds=1), desk.clock.now())
    assert sorted(found) == sorted([("charge", gone["central_key"], "here"), ("charge", "X1", "there")])


def test_a_question_of_the_mapping_that_hides_rows_is_found_by_the_counting(
    desk: Desk, centre: FakeCentral, tables: Tables
) -> None:
    """The list leaves a row out that nobody else misses: only two ways to the same rows can tell."""
    desk.open()
    desk.charge("P1001")
    _come_back(desk, centre)
    _can_count(centre, tables)
    tables.take()
    hidden = tables.charge[0] | {"central_key": "X7", "yj_no": "YJ999999001", "receipt_no": None}
    listed = centre.answers["verify/charge"]
    tables.charge.append(hidden)
    seen: list[int] = []

    def hides(binds: Mapping[str, Any]) -> list[dict[str, Any]]:
        seen.append(1)
        rows = listed(binds)  # type: ignore[operator]
        return [row for row in rows if row["central_key"] != "X7" or len(seen) > 1]

    centre.answers["verify/charge"] = hides
    report = _account(desk, centre)
    assert ("counted", "X7") in [(one["kind"], one["central_key"]) for one in report.differences]


def test_two_ways_to_the_same_sums_at_the_centre_must_agree(desk: Desk, centre: FakeCentral, tables: Tables) -> None:
    desk.open()
    desk.charge("P1003", "37.00", method="wechat", category="laboratory")
    _come_back(desk, centre)
    day = desk.clock.now().date().isoformat()
    place = {"business_date": day, "operator_code": "0201", "workstation_no": "001"}
    sums = [
        {**place, "kind": "total", "code": "all", "amount": "37"},
        {**place, "kind": "method", "code": "wechat", "amount": "37.00"},
        {**place, "kind": "category", "code": "laboratory", "amount": "37.00"},
    ]
    centre.answers["verify/totals"] = sums
    report = _account(desk, centre)
    assert report.balanced and _layer(report, "totals")["ok"]
    assert report.windows == [
        {
            "business_date": day, "workstation": "W1", "workstation_no": "001", "operator": "0201",
            "local": "37.00", "ledger": "37.00", "central": "37.00",
            "by_method": {"wechat": "37.00"}, "by_category": {"laboratory": "37.00"},
            "central_by_method": {"wechat": "37.00"}, "central_by_category": {"laboratory": "37.00"},
        }
    ]  # fmt: skip
    sums[1] |= {"code": "cash"}
    report = _account(desk, centre)
    assert {one["kind"] for one in report.differences} == {"totals_central"}
    assert sorted(one["subject"].rpartition("/")[2] for one in report.differences) == ["cash", "wechat"]


def test_each_book_is_told_with_its_gaps_and_doubled_numbers(desk: Desk, centre: FakeCentral, tables: Tables) -> None:
    desk.open()
    for _ in range(3):
        desk.charge("P1001")
    next(desk._numbers)  # a number that went nowhere
    desk.charge("P1001")
    _come_back(desk, centre)
    tables.take()
    tables.charge[1]["receipt_no"] = tables.charge[0]["receipt_no"]
    report = _account(desk, centre)
    (book,) = report.books
    assert book["used"] + book["void"] + book["unknown"] + book["missing"] == book["range"] == 5
    assert (book["missing_numbers"], book["doubled_numbers"]) == (["A00015024"], ["A00015021"])
    assert not book["continuous"] and not _layer(report, "numbers")["ok"]


def test_what_was_counted_in_a_shift_stands_against_what_came_in(
    desk: Desk, centre: FakeCentral, tables: Tables
) -> None:
    desk.open()
    counted = [{"method": "cash", "amount": "110.00"}, {"method": "wechat", "amount": "36.00"}]
    with desk.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        tx.conn.execute(
            insert(shift).values(
                id="S1", incident_no=desk.incident_no, drill=False, operator_code="0201", operator_name="钱伟",
                workstation="W1", opened_at=tx.at, float="100.00", closed_at=tx.at, counted=counted, sheet={},
            )
        )  # fmt: skip
    desk.shift_id = "S1"
    desk.charge("P1001")
    desk.charge("P1003", "37.00", method="wechat")
    _come_back(desk, centre)
    report = _account(desk, centre)
    assert [(one["kind"], one["subject"]) for one in report.differences] == [("cash_counted", "S1:wechat")]
    (drawer,) = report.cash
    assert {line["method"]: (line["due"], line["counted"], line["difference"]) for line in drawer["methods"]} == {
        "cash": ("110.00", "110.00", "0.00"), "wechat": ("37.00", "36.00", "-1.00"),
    }  # fmt: skip
    assert not report.balanced
    with desk.store.writing(Permit.HOUSEKEEPING, FINANCE) as tx:
        explain_difference(tx, report.differences[0]["id"], "一笔收款码未到账，已补")
    assert _account(desk, centre).balanced


def test_takings_outside_any_shift_are_shown_and_are_no_difference(
    desk: Desk, centre: FakeCentral, tables: Tables
) -> None:
    desk.open()
    desk.charge("P1001")
    _come_back(desk, centre)
    report = _account(desk, centre)
    assert report.balanced
    assert [(one["shift_id"], one["operator"], one["methods"][0]["due"]) for one in report.cash] == [
        (None, "0201", "10.00")
    ]
    assert _layer(report, "cash")["not_counted"] == 1


def test_which_closing_took_each_charge_and_what_went_to_the_first_open_day(
    desk: Desk, centre: FakeCentral, tables: Tables
) -> None:
    desk.open()
    made = [desk.charge("P1001"), desk.charge("P1003", "37.00"), desk.charge("P1004")]
    _come_back(desk, centre)
    tables.take()
    day = desk.clock.now().date()
    closed = {"closing_no": "7", "closing_date": f"{day}", "closed_at": f"{day} 23:50:00"}
    rows = [
        {"central_key": tables.charge[0]["central_key"], "posting_date": f"{day}", **closed},
        {"central_key": tables.charge[1]["central_key"], "posting_date": f"{day}", "closing_no": None},
        {"central_key": tables.charge[2]["central_key"], "posting_date": f"{day + timedelta(days=1)}"},
    ]
    centre.answers["verify/closing"] = rows
    report = _account(desk, centre)
    numbers = [_yj_no(desk, one) for one in made]
    taken, waiting = report.posting["closings"], report.posting["not_yet"]
    assert [(one["closing_no"], one["documents"], one["amount"], one["yj_nos"]) for one in taken] == [
        ("7", 1, "10.00", numbers[:1])
    ]
    assert [(one["posting_date"], one["yj_nos"]) for one in waiting] == [
        (f"{day}", numbers[1:2]), (f"{day + timedelta(days=1)}", numbers[2:]),
    ]  # fmt: skip
    assert [(one["yj_no"], one["business_date"], one["posting_date"]) for one in report.posting["closed_period"]] == [
        (numbers[2], f"{day}", f"{day + timedelta(days=1)}")
    ]
    assert report.balanced, "on which day it is posted is no difference"


def _signs(desk: Desk, actor: Actor, name: str) -> None:
    with desk.store.writing(Permit.HOUSEKEEPING, actor) as tx:
        sign(tx, desk.incident_no, name)


def test_an_account_and_a_signature_cannot_be_changed_or_deleted(
    desk: Desk, centre: FakeCentral, tables: Tables
) -> None:
    desk.open()
    desk.charge("P1001")
    _come_back(desk, centre)
    _account(desk, centre)
    _signs(desk, ADMIN, "it")
    for statement in (
        update(reconciliation).values(balanced=False), reconciliation.delete(),
        update(signature).values(operator_code="9999"), signature.delete(),
    ):  # fmt: skip
        with pytest.raises(DBAPIError), desk.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
            tx.conn.execute(statement)
    with desk.store.reading() as tx:
        kept = tx.conn.execute(select(reconciliation)).one()
        signed = tx.conn.execute(select(signature)).one()
    assert kept.report_hash == report_hash(kept.report) == signed.report_hash


def test_what_is_signed_holds_the_explanations_and_the_same_state_has_the_same_hash(
    desk: Desk, centre: FakeCentral, tables: Tables
) -> None:
    desk.open()
    desk.charge("P1001")
    _come_back(desk, centre)
    tables.take()
    tables.charge[0]["total"] += Decimal("0.01")
    first = _account(desk, centre)
    with desk.store.writing(Permit.HOUSEKEEPING, FINANCE) as tx:
        explain_difference(tx, first.differences[0]["id"], "尾差")
    _signs(desk, ADMIN, "it")
    with desk.store.reading() as tx:
        rows = tx.conn.execute(select(reconciliation).order_by(reconciliation.c.id)).all()
        (signed,) = valid_signatures(tx.conn, desk.incident_no)
    assert [row.balanced for row in rows] == [False, True]
    assert rows[1].report["differences"][0]["note"] == "尾差" and signed["report_hash"] == rows[1].report_hash
    _account(desk, centre)
    with desk.store.reading() as tx:
        newest = tx.conn.execute(select(reconciliation).order_by(reconciliation.c.id.desc())).first()
        assert newest is not None and newest.report_hash == signed["report_hash"]
    with desk.store.writing(Permit.HOUSEKEEPING, FINANCE) as tx:
        explain_difference(tx, first.differences[0]["id"], "其实是录错")
    with desk.store.reading() as tx:
        assert valid_signatures(tx.conn, desk.incident_no) == []  # it was given for another sentence


def test_a_document_that_moved_since_reopens_the_account(desk: Desk, centre: FakeCentral, tables: Tables) -> None:
    desk.open()
    paid = desk.charge("P1001")
    _come_back(desk, centre)
    _account(desk, centre)
    _signs(desk, ADMIN, "it")
    with desk.store.writing(Permit.HOUSEKEEPING, PAIR) as tx:  # it went away and came back, as with a rewound centre
        move(tx.conn, paid, OutboxState.CONFIRMED, OutboxState.PENDING, at=tx.at, by="0801", detail="rewound")
    centre.ledger.pop(paid)
    assert run_upload(desk.store, centre, Rules(), pause=desk.clock.advance).complete
    with desk.store.reading() as tx:
        report = current_report(tx.conn, desk.incident_no)
        assert report is not None
        assert (report["reopened"], report["balanced"], report["signatures"]) == (True, False, [])
    with pytest.raises(YjError, match="not_balanced"):
        _signs(desk, FINANCE, "finance")


def test_a_closed_incident_whose_account_says_something_else_is_open_again(
    desk: Desk, centre: FakeCentral, tables: Tables
) -> None:
    desk.open()
    desk.charge("P1001")
    _come_back(desk, centre)
    _account(desk, centre)
    _signs(desk, ADMIN, "it")
    _signs(desk, FINANCE, "finance")
    _account(desk, centre)
    assert _state(desk) == "closed"
    tables.charge[0]["total"] += Decimal("0.01")
    assert not _account(desk, centre).balanced
    assert _state(desk) == "reconciling"


def _state(desk: Desk) -> str:
    with desk.store.reading() as tx:
        return str(tx.conn.execute(select(incident.c.state)).scalar_one())


def _yj_no(desk: Desk, yj_id: str) -> str:
    with desk.store.reading() as tx:
        return str(tx.conn.execute(select(outbox.c.yj_no).where(outbox.c.yj_id == yj_id)).scalar_one())


def test_a_time_is_compared_as_exactly_as_the_centre_keeps_it(desk: Desk, centre: FakeCentral, tables: Tables) -> None:
    desk.open()
    desk.charge("P1001")
    _come_back(desk, centre)
    tables.take()
    whole = str(tables.charge[0]["occurred_at"])
    for kept in (whole, whole[:16], whole[:10], datetime.fromisoformat(whole).isoformat()):
        tables.charge[0]["occurred_at"] = kept
        assert _account(desk, centre).balanced, kept

"""The standby's clock is wrong, or is put right, while windows work: nobody is locked out, no number is given twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.store import audit as audit_log
from fallback_server.store.cash import charge as charges
from fallback_server.store.mode_switch import advance
from tests.fixtures_hospital import ADMIN, MONDAY, PASSWORD, Hospital, Window
from tests.web.test_abuse import guess
from tests.web.test_people import log_in
from tests.windows.money_cast import charge, good, items

HOUR = 3600.0


def numbers(hospital: Hospital) -> list[str]:
    with hospital.store.reading() as tx:
        return list(tx.conn.execute(select(charges.c.yj_no)).scalars())


def take_money(window: Window) -> str:
    """One blood count, paid in cash; its YJ number."""
    return str(good(charge(window, items(("F001", 1))))["yj_no"])


def test_a_clock_set_back_and_forth_gives_no_number_twice_and_ends_no_log_in(yj: Hospital) -> None:
    window = yj.window("cashier")
    epoch = window.get("/mode").json["epoch"]
    dates = []
    for step in (0, -10 * HOUR, 7 * HOUR, 3 * HOUR):  # past midnight, into the morning again, and right
        yj.clock.advance(step)
        made = [take_money(window) for _ in range(2)]
        dates.append({one[2:8] for one in made})
    assert dates == [{"261123"}, {"261122"}, {"261123"}, {"261123"}]
    given = numbers(yj)
    assert len(given) == len(set(given)) == 8
    assert [row["sequence"] for row in yj.outbox()] == list(range(1, len(yj.outbox()) + 1))
    assert window.get("/mode").json["epoch"] == epoch
    with yj.store.reading() as tx:
        assert audit_log.verify(tx.conn)[1] == []


def test_a_clock_set_back_locks_nobody_out_longer_than_the_wait(hospital: Hospital) -> None:
    for number in range(6):
        guess(hospital.app, "0201", f"guess-{number}-x", "10.0.0.1")
    hospital.clock.advance(-5 * HOUR)
    refused = guess(hospital.app, "0201", PASSWORD, "10.0.0.2")
    assert refused.status_code == 429 and int(refused.headers["Retry-After"]) <= 5


def test_a_clock_set_back_does_not_begin_the_grace_again(yj: Hospital) -> None:
    window = yj.window("cashier")
    yj.back(grace=120)
    assert take_money(window)
    yj.clock.advance(-60)  # a small correction takes nothing away
    assert take_money(window)
    yj.clock.advance(-3 * HOUR)
    with pytest.raises(YjError, match="mode_returning"), yj.store.writing(Permit.DOCUMENT, ADMIN):
        pass
    assert advance(yj.store) is not None, "and the windows are released"


def test_a_log_in_made_while_the_clock_was_years_ahead_does_not_last_for_years(hospital: Hospital) -> None:
    hospital.clock.at = MONDAY + timedelta(days=3650)
    early = hospital.window("cashier")
    assert early.get("/departments").status == 200
    hospital.clock.at = MONDAY
    assert early.get("/departments").code == "login_required"


def test_a_code_handed_out_while_the_clock_was_years_ahead_does_not_last_for_years(hospital: Hospital) -> None:
    answers = []
    for ahead in (timedelta(days=3650), timedelta(minutes=5)):
        hospital.clock.at = MONDAY + ahead
        lead = hospital.window("supervisor", f"W06{ahead.days}")
        code = lead.post("/operators/codes", {"operators": ["0201"]}).json["items"][0]["code"]
        hospital.clock.at = MONDAY
        answers.append(log_in(hospital.app, "0201", code, new_password="Another-ward-7")["status"])
    assert answers == [401, 200], "a small correction takes nothing away"


def test_a_clock_set_forward_asks_for_the_password_and_loses_nothing(yj: Hospital) -> None:
    window = yj.window("cashier")
    take_money(window)
    yj.clock.advance(13 * HOUR)
    assert window.get("/departments").code == "login_required"
    again = yj.window("cashier", "W0201b")
    assert take_money(again).startswith("YJ261123")
    assert len(yj.outbox("charge")) == 2

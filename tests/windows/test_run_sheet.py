"""The run-sheet of a return: what the system sees ticks itself, the rest a named person ticks with a note."""

from __future__ import annotations

from typing import Any

from fallback_server.domain.clock import SettableClock
from fallback_server.domain.policy import Policy
from fallback_server.domain.run_sheet import STEPS
from fallback_server.store import alarms, centre_look
from fallback_server.windows.console.queries.situation import situation
from fallback_server.windows.console.rules import next_steps
from sync.after.look import look
from sync.central.fake import FakeCentral
from sync.upload.run import run_upload
from tests.fixtures_hospital import Hospital
from tests.fixtures_return import Rules, centre  # noqa: F401
from tests.windows.money_cast import RX_PAID, RX_UNPAID, charge, good


def sheet(yj: Hospital, number: int = 1) -> dict[str, dict[str, Any]]:
    steps = good(yj.window("auditor").get(f"/incidents/{number}/run-sheet"), 200)["steps"]
    return {step["step"]: step for step in steps}


def tick(yj: Hospital, step: str, who: str = "admin", note: str = "电话确认") -> Any:
    return yj.window(who).post(f"/incidents/1/run-sheet/{step}", {"note": note})


def test_the_system_ticks_what_it_sees_with_what_shows_it(
    yj: Hospital,
    clock: SettableClock,
    centre: FakeCentral,  # noqa: F811
) -> None:
    alarms.sound(yj.store, alarms.CENTRE, "lost", "中心连不上。", "Lost.")
    cashier = yj.window("cashier")
    good(cashier.post("/shifts/open", {"float": "100.00"}))
    good(charge(cashier, {"prescription_ids": [RX_UNPAID]}))
    good(yj.window("pharmacist").post(f"/prescriptions/{RX_UNPAID}/handover", {"checked_by": "0402"}))
    clock.advance(3600)
    alarms.silence(yj.store, alarms.CENTRE)
    clock.advance(7 * 60)
    assert (sheet(yj)["sound"]["done"], sheet(yj)["sound"]["values"]["minutes"]) == (False, 7)
    clock.advance(13 * 60)
    assert sheet(yj)["sound"]["evidence"] == "从 09:30 起正常，20 分钟"
    yj.back()
    before = sheet(yj)
    assert list(before) == [code for code in STEPS if code in before]  # in the order of a return
    for step in ("preflight", "not_rewound", "blind_window", "numbers", "upload", "mirror", "pharmacy", "shifts"):
        assert before[step]["done"] is False, step
    clock.advance(60)
    assert run_upload(yj.store, centre, Rules()).complete
    centre.answers["after/dispensed"] = [{"status": "dispensed"}]
    look(yj.store, centre)
    good(cashier.post("/shifts/close", {"counted": [{"method": "cash", "amount": "137.00"}]}), 200)
    after = sheet(yj)
    for step in ("sound", "ended", "preflight", "not_rewound", "blind_window", "numbers", "upload", "released",
                 "pharmacy", "shifts"):  # fmt: skip
        assert (after[step]["done"], after[step]["by"]) == (True, "system"), step
    assert (
        after["upload"]["evidence"].startswith("2 / 2")
        and after["pharmacy"]["evidence"] == "已办 1，未办 0（最久 0 分钟）"
    )
    assert after["numbers"]["minutes"] is not None
    assert (after["mirror"]["done"], after["signed_finance"]["done"]) == (False, False)
    clock.advance(60)
    assert sheet(yj)["sound"]["values"]["minutes"] == 21  # as it was when the upload began


def test_what_a_later_run_finds_wrong_is_no_longer_ticked(
    yj: Hospital,
    clock: SettableClock,
    centre: FakeCentral,  # noqa: F811
) -> None:
    good(charge(yj.window("cashier"), {"prescription_ids": [RX_UNPAID]}))
    yj.back()
    clock.advance(60)
    assert run_upload(yj.store, centre, Rules()).complete
    assert sheet(yj)["not_rewound"]["done"] is True
    centre.ledger.clear()  # the centre came back from a backup of before the upload
    clock.advance(60)
    assert run_upload(yj.store, centre, Rules(), 1).code == "rewound"
    now = sheet(yj)
    assert (now["not_rewound"]["done"], now["preflight"]["done"]) == (False, True)


def test_a_named_person_ticks_what_nobody_else_can_see_once_and_may_take_it_back(yj: Hospital) -> None:
    yj.back()
    assert sheet(yj)["agreed"]["done"] is False
    steps = {one["step"]: one for one in good(tick(yj, "agreed", note="DBA 何工电话同意"))["steps"]}
    assert (steps["agreed"]["by"], steps["agreed"]["who"]) == ("person", "卫信息 0801")
    assert steps["agreed"]["note"] == "DBA 何工电话同意"
    assert tick(yj, "agreed", "duty").code == "already_done"
    good(yj.window("duty").post("/incidents/1/run-sheet/agreed/undo", {"note": "听错了"}), 200)
    assert sheet(yj)["agreed"]["done"] is False
    assert yj.window("duty").post("/incidents/1/run-sheet/agreed/undo", {"note": "x"}).code == "not_found"
    good(tick(yj, "agreed", "duty"))


def test_what_the_system_sees_is_not_ticked_by_hand_and_finances_step_is_finances(yj: Hospital) -> None:
    yj.back()
    assert tick(yj, "ended").code == "step_automatic"
    assert tick(yj, "signed_finance", "supervisor").code == "step_automatic"
    assert tick(yj, "sheets").code == "forbidden"
    good(tick(yj, "sheets", "supervisor", "5 张都收到"))
    assert tick(yj, "nonsense").code == "not_found"
    assert tick(yj, "agreed", note="").code == "invalid_request"
    assert yj.window("admin").post("/incidents/9/run-sheet/agreed", {"note": "x"}).code == "incident_not_found"
    assert tick(yj, "agreed", "cashier").code == "forbidden"


def test_a_person_may_overrule_what_the_system_may_be_mistaken_about(yj: Hospital) -> None:
    centre_look.note(yj.store, None, None, "no answer")
    yj.back()
    assert sheet(yj)["sound"]["done"] is False
    good(tick(yj, "sound", note="监控系统显示 08:00 起正常"))
    assert (sheet(yj)["sound"]["done"], sheet(yj)["sound"]["by"]) == (True, "person")


def test_a_drill_has_a_short_sheet(hospital: Hospital) -> None:
    hospital.emergency(drill=True)
    hospital.back()
    found = sheet(hospital)
    assert {"ended", "released"} <= set(found) and "upload" not in found and found["released"]["done"] is True


def test_the_console_says_that_windows_have_something_left_to_do(
    yj: Hospital,
    centre: FakeCentral,  # noqa: F811
) -> None:
    good(yj.window("pharmacist").post(f"/prescriptions/{RX_PAID}/handover", {"checked_by": "0402"}))
    yj.back()
    assert run_upload(yj.store, centre, Rules()).complete
    with yj.store.reading() as tx:
        found = next_steps(situation(tx, Policy(), []))
    (step,) = [one for one in found if one.code == "after"]
    assert (step.values["n"], step.level, found[-1]) == (1, "wait", step)

"""Two people press the same new button in the same moment: one act is done, the other is told."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from fallback_server.domain.numbers import new_ulid
from fallback_server.store import audit as audit_log
from tests.fixtures_hospital import Hospital, Reply


def at_once(*acts: Callable[[], Reply]) -> list[Reply]:
    """All of them, begun in the same moment."""
    ready, answers = threading.Barrier(len(acts)), {}

    def run(number: int) -> None:
        ready.wait()
        answers[number] = acts[number]()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return [answers[number] for number in range(len(acts))]


def whole(hospital: Hospital) -> bool:
    with hospital.store.reading() as tx:
        return audit_log.verify(tx.conn)[1] == []


def test_two_drills_begun_at_once_are_one_incident(hospital: Hospital) -> None:
    admin, other = hospital.window("admin"), hospital.window("admin2")
    plans = [admin.post("/drills", {"title": f"演练{n}"}).json["id"] for n in range(2)]
    answers = at_once(
        *(
            lambda who=who, plan=plan: who.post(f"/drills/{plan}/start")
            for who, plan in zip((admin, other), plans, strict=True)
        )
    )
    assert sorted(one.status for one in answers) == [200, 409], [one.json for one in answers]
    assert len(admin.get("/incidents").json["items"]) == 1 and whole(hospital)


def test_a_drill_and_a_real_outage_begun_at_once_leave_the_real_one(hospital: Hospital) -> None:
    admin, duty = hospital.window("admin"), hospital.window("duty")
    plan = admin.post("/drills", {"title": "演练"}).json["id"]
    answers = at_once(
        lambda: admin.post(f"/drills/{plan}/start"),
        lambda: duty.post("/mode/emergency", {"cause": "server", "reason": "x"}),
    )
    assert all(one.status in (200, 409, 503) for one in answers), [one.json for one in answers]
    assert whole(hospital)
    shown = admin.get("/mode").json
    if answers[1].status == 200:
        assert shown["mode"] == "emergency" and shown["drill"] is False


@pytest.mark.parametrize("act", ["note", "measure", "analysis"])
def test_one_entry_of_the_record_sent_twice_at_once_is_one_entry(yj: Hospital, act: str) -> None:
    window, key = yj.window("admin"), new_ulid(yj.clock.now())
    path, body = {
        "note": ("/incidents/1/notes", {"text": "来电"}),
        "measure": ("/incidents/1/measures", {"text": "换盘", "responsible": "卫", "due_on": "2026-12-01"}),
        "analysis": ("/incidents/1/analysis", {"cause_analysis": "盘坏了", "lessons": "多备一块"}),
    }[act]
    answers = at_once(*(lambda: window.post(path, body, key=key) for _ in range(4)))
    assert {one.status for one in answers} <= {201, 503}, [one.json for one in answers]
    done = [one for one in answers if one.status == 201]
    assert done and len({str(one.json) for one in done}) == 1 and whole(yj)


def test_two_people_put_the_same_line_of_the_table_at_once(hospital: Hospital) -> None:
    windows = [hospital.window("admin"), hospital.window("admin2")]
    line = {"workstation": "W1", "window": "1号", "role": "cashier"}
    answers = at_once(*(lambda w=w: w.post("/workstations/table/entry", line) for w in windows for _ in range(2)))
    assert {one.status for one in answers} <= {200, 503}, [one.json for one in answers]
    assert [one["workstation"] for one in windows[0].get("/workstations/table").json["items"]] == ["W1"]

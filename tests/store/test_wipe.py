"""`yj mirror wipe`: the patients are gone from the rows, from what could bring them back, and from the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from fallback_server.domain.errors import YjError
from fallback_server.domain.policy import Policy
from fallback_server.store import audit, mirror, stop_orders
from fallback_server.store.database import open_mirror_engine
from fallback_server.store.locks import single_instance
from sync.mirror.wipe import OF_PATIENTS, wipe
from tests.fixtures_hospital import ADMIN, GENERATION, Hospital
from tests.windows.money_cast import charge, items

TWO = replace(ADMIN, approver_code="0802")
WANG = "110101198503120021"
RUN = {
    "trigger": "schedule", "requested_by": "system", "datasets": ["patient_card"], "state": "held",
    "started_at": "2026-11-22T08:00:00+08:00", "counts": {}, "seconds": {},
}  # fmt: skip


def left(hospital: Hospital) -> int:
    with hospital.store.reading() as tx:
        return sum(
            tx.conn.execute(select(func.count()).select_from(mirror.datasets[name])).scalar_one()
            for name in OF_PATIENTS
        )


def test_nothing_of_a_patient_is_left_and_the_mirror_waits_for_a_word(hospital: Hospital) -> None:
    engine = open_mirror_engine(hospital.url)
    held = [
        {"kind": "shrunk", "dataset": "patient_card", "zh": "少了 2 行。", "en": "2 rows", "examples": [f"01/{WANG}"]},
        {"kind": "refused", "dataset": None, "zh": "出错。", "en": f"not a date: {WANG}", "examples": []},
        {"kind": "shrunk", "dataset": "drug", "zh": "少了 2 行。", "en": "2 rows", "examples": ["D001"]},
    ]
    before = {"dataset": "patient", "row_id": "x", "before": {"name": "王芳", "id_no": WANG}}
    with engine.connect() as raw:
        connection = raw.execution_options(yj_write=True)
        with connection.begin():
            connection.execute(mirror.delta.insert().values(generation=GENERATION, **before))
            connection.execute(mirror.run.insert().values(problems=held, **RUN))
    engine.dispose()
    assert left(hospital) > 0
    done = wipe(hospital.store, Policy(), TWO, "设备报废")
    assert done.file and done.rows["patient"] > 0 and left(hospital) == 0
    with hospital.store.reading() as tx:
        assert tx.conn.execute(select(func.count()).select_from(mirror.delta)).scalar_one() == 0
        told = tx.conn.execute(select(mirror.run.c.problems).where(mirror.run.c.state == "held")).scalar_one()
        assert [one["examples"] for one in told] == [[], [], ["D001"]]
        assert WANG not in str(told) and told[0]["en"] == "2 rows"
        stopped = stop_orders.stopped(tx.conn)
        assert stopped is not None and stopped["reason"] == "设备报废"
        assert tx.conn.execute(select(func.count()).select_from(mirror.datasets["drug"])).scalar_one() > 0
        (asked,) = audit.selected(tx.conn, action="mirror.wipe_asked")
        (wiped,) = audit.selected(tx.conn, action="mirror.wipe")
        assert asked["approver_code"] == "0802" and asked["detail"]["reason"] == "设备报废"
        assert asked["sequence"] < wiped["sequence"]
    if hospital.url.startswith("sqlite"):
        folder = Path(hospital.url.removeprefix("sqlite:///")).parent
        assert not [one.name for one in folder.glob("mirror.db*") if WANG.encode() in one.read_bytes()]
    assert hospital.window("admin").get("/patients", q="王芳").json["items"] == []


def test_copies_that_a_dead_process_left_go_too_and_one_in_use_is_named(hospital: Hospital, tmp_path: Path) -> None:
    copies = [("rehearsal", tmp_path / "rehearsal-work"), ("self-test", tmp_path / "self-test-work")]
    for _, folder in copies:
        folder.mkdir()
        (folder / "mirror.db").write_bytes(WANG.encode())
    with single_instance(hospital.url, "self-test", wait_seconds=0):
        assert wipe(hospital.store, Policy(), TWO, "设备报废", copies).in_use == ["self-test-work"]
    assert [folder.exists() for _, folder in copies] == [False, True]
    assert wipe(hospital.store, Policy(), TWO, "设备报废", copies).in_use == []
    assert not copies[1][1].exists()


def test_one_person_or_an_unclosed_incident_wipes_nothing(hospital: Hospital) -> None:
    whole = left(hospital)
    for who, code in ((ADMIN, "second_person_required"), (TWO, "wrong_state")):
        if code == "wrong_state":
            hospital.emergency()
            charge(hospital.window("cashier"), items(("F001", 1)))
            hospital.back()
        with pytest.raises(YjError) as refused:
            wipe(hospital.store, Policy(), who, "设备报废")
        assert refused.value.code == code and left(hospital) == whole

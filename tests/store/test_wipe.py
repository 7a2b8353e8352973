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
from sync.mirror.wipe import OF_PATIENTS, wipe
from tests.fixtures_hospital import ADMIN, GENERATION, Hospital
from tests.windows.money_cast import charge, items

TWO = replace(ADMIN, approver_code="0802")
WANG = "110101198503120021"


def left(hospital: Hospital) -> int:
    with hospital.store.reading() as tx:
        return sum(
            tx.conn.execute(select(func.count()).select_from(mirror.datasets[name])).scalar_one()
            for name in OF_PATIENTS
        )


def test_nothing_of_a_patient_is_left_and_the_mirror_waits_for_a_word(hospital: Hospital) -> None:
    engine = open_mirror_engine(hospital.url)
    before = {"dataset": "patient", "row_id": "x", "before": {"name": "王芳", "id_no": WANG}}
    with engine.connect() as raw:
        connection = raw.execution_options(yj_write=True)
        with connection.begin():
            connection.execute(mirror.delta.insert().values(generation=GENERATION, **before))
    engine.dispose()
    assert left(hospital) > 0
    done = wipe(hospital.store, Policy(), TWO, "设备报废")
    assert done.file and done.rows["patient"] > 0 and left(hospital) == 0
    with hospital.store.reading() as tx:
        assert tx.conn.execute(select(func.count()).select_from(mirror.delta)).scalar_one() == 0
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

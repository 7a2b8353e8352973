"""The reference HIS at `hospital` scale: what it promises, and that the mirror takes all of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from config.settings import load, write_default
from fallback_server.domain.clock import SystemClock
from fallback_server.store.session import Store
from migrations.upgrade import upgrade
from sync.central.sql_gateway import open_gateway
from sync.mirror.run import run_mirror
from sync.reference_his.create import create_reference

pytestmark = [pytest.mark.proof, pytest.mark.postgres, pytest.mark.timeout(1200)]

COUNTS = {
    "SELECT count(*) FROM br_da": 300_000,
    "SELECT count(*) FROM gh_pb WHERE pbrq = to_char(now() AT TIME ZONE 'Asia/Shanghai', 'YYYYMMDD')": 1,
    "SELECT count(*) FROM gh_mx WHERE coalesce(zt, '0') = '0'": 1,
    "SELECT count(*) FROM cf_zb WHERE coalesce(zt, '0') = '0'": 1,
    "SELECT count(*) FROM cf_zb WHERE zt = '1'": 1,
    "SELECT count(*) FROM cf_zb WHERE zt = '2'": 1,
    "SELECT count(*) FROM pj_ly": 12,
}
"""Question → at least so many."""


_PEAK = """
import resource, sys
from sync.reference_his.create import create_reference
create_reference(sys.argv[1], sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_making_a_centre_takes_the_same_memory_at_fifteen_times_the_patients(tmp_path: Path) -> None:
    peaks = {}
    for scale in ("clinic", "hospital"):
        command = [sys.executable, "-c", _PEAK, f"sqlite:///{tmp_path / scale}.sqlite", scale]
        said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600).stdout
        peaks[scale] = int(said.split()[-1])
    assert peaks["hospital"] <= peaks["clinic"] * 1.3, peaks


def test_a_childrens_hospital_is_created_and_mirrored_whole(new_database: Callable[[], str], tmp_path: Path) -> None:
    url = new_database()
    create_reference(url, "hospital", logins=tmp_path / "logins.json")
    engine = create_engine(url)
    with engine.connect() as connection:
        for question, least in COUNTS.items():
            assert connection.execute(text(question)).scalar_one() >= least, question
    engine.dispose()
    write_default(tmp_path / "home", central_url=url, mapping="reference")
    settings = load(tmp_path / "home", {})
    upgrade(settings.database.url, SystemClock())
    store = Store(settings.database.url, SystemClock())
    gateway = open_gateway(url, settings.mapping_dir, SystemClock())
    report = run_mirror(store, gateway, settings.mirror)
    assert report.state == "published", report
    with store.reading() as tx:
        assert tx.conn.execute(text("SELECT count(*) FROM mirror.patient")).scalar_one() >= 299_000
        assert tx.conn.execute(text("SELECT count(*) FROM mirror.staff WHERE may_prescribe")).scalar_one() >= 360
    gateway.close()
    store.close()

"""Ready means that windows could work: a mirror that lacks what they stand on is no mirror."""

from __future__ import annotations

from typing import Any

from fallback_server.store import mirror, readiness
from fallback_server.store.database import open_mirror_engine
from tests.fixtures_hospital import Hospital


class Rules:
    """Nothing is ever too old here."""

    stale_warn_minutes = stale_fail_minutes = open_work_stale_warn_minutes = open_work_stale_fail_minutes = 9999


def said(hospital: Hospital) -> list[tuple[bool | None, str, dict[str, Any]]]:
    with hospital.store.reading() as tx:
        return [(one.ok, one.code, dict(one.values)) for one in readiness.mirror(tx.conn, tx.now, Rules())]


def test_the_open_work_alone_is_no_mirror(hospital: Hospital) -> None:
    assert [code for ok, code, _ in said(hospital) if ok is False] == []
    masters = mirror.dataset_state.c.dataset.not_like("open_%")
    with open_mirror_engine(hospital.url).connect() as raw:
        connection = raw.execution_options(yj_write=True)
        with connection.begin():
            connection.execute(mirror.dataset_state.delete().where(masters))
    lacking = next(values["datasets"] for ok, code, values in said(hospital) if code == "mirror_lacks" and ok is False)
    assert lacking == list(readiness.NEEDED)

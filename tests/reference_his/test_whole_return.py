"""A whole outage at the reference HIS in every database that can be run, from mirror to account."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from config.sections import Mirror
from config.settings import Settings
from fallback_server.domain.documents import ENTITIES
from sync.mirror.run import run_mirror
from sync.reconcile.run import run_reconcile
from sync.reference_his.create import create_reference
from sync.upload.run import run_upload
from tests.fixtures_outage import Codes, Morning, Outage
from tests.fixtures_return import Rules
from tests.reference_his.conftest import ENGINES, FOLDERS, MAPPINGS
from tests.reference_his.least_rights import accounts

pytestmark = pytest.mark.slow


@pytest.fixture(params=ENGINES)
def outage(request: pytest.FixtureRequest, tmp_path: Path, hospital_settings: Settings) -> Iterator[Outage]:
    """A clinic of its own, filled as of now: the pre-flight compares clocks.

    Where a database has accounts, the standby has the two of the DBA's page and no more.
    """
    make = {"postgresql": "new_database", "mariadb": "new_mariadb"}.get(request.param)
    url = request.getfixturevalue(make)() if make else f"sqlite:///{tmp_path / 'his.sqlite'}"
    create_reference(url, "clinic", logins=tmp_path / "logins.json")
    people = _people(url, json.loads((tmp_path / "logins.json").read_text(encoding="utf-8")))
    folder = MAPPINGS / FOLDERS[request.param]
    few = accounts(url, folder, request) if make else None
    made = Outage(tmp_path, url, folder, people, hospital_settings, few)
    yield made
    made.close()


def _people(url: str, logins: list[dict[str, object]]) -> dict[str, tuple[str, str]]:
    """The first of each role; the doctor one who may prescribe."""
    engine = create_engine(url)
    with engine.connect() as connection:
        may = {code.strip() for code in connection.execute(text("SELECT rydm FROM gy_ry WHERE cfq = '1'")).scalars()}
    engine.dispose()
    people: dict[str, tuple[str, str]] = {}
    for one in logins:
        for role in one["roles"]:  # type: ignore[attr-defined]
            if role != "doctor" or one["operator"] in may:
                people.setdefault(str(role), (str(one["operator"]), str(one["password"])))
    return people


def may_not(outage: Outage, statement: str, *, reading: bool = False) -> None:
    """What the standby's account is not allowed, a thief of its password is not either."""
    engine = outage.gateway._mirror if reading else outage.gateway.writing_engine
    with engine.connect() as connection, pytest.raises(DBAPIError) as refused:
        connection.execute(text(statement))
    assert "denied" in str(refused.value.orig) or "owner" in str(refused.value.orig), str(refused.value.orig)


def codes(outage: Outage) -> Codes:
    his, sale = outage.one, "coalesce(tybz, '0') = '0' AND coalesce(zfpb, 0) = 0"
    drug = his(f"SELECT min(ypxh) FROM yp_xx WHERE lb = '1' AND gzfl IS NULL AND lsj BETWEEN 5 AND 20 AND {sale}")
    twice = his("SELECT min(icd) FROM (SELECT icd FROM gy_jb GROUP BY icd HAVING count(*) > 1) t")
    return Codes(
        department=his("SELECT min(trim(ksdm)) FROM gy_ks WHERE kslb = '1' AND coalesce(zfpb, 0) = 0"),
        other_department=his("SELECT max(trim(ksdm)) FROM gy_ks WHERE kslb = '1' AND coalesce(zfpb, 0) = 0"),
        register_type="HLJ-PT", fee="8.00", drug=str(drug),
        item=his(f"SELECT min(trim(xmdm)) FROM sf_xm WHERE mzbz = '1' AND dj BETWEEN 5 AND 20 AND {sale}"),
        diagnosis=f"{twice.strip()}#2",
        known_patient=str(his("SELECT max(brxh) FROM br_da WHERE coalesce(zfpb, 0) = 0")),
        centre_prescription=str(his("SELECT max(cfxh) FROM cf_zb WHERE coalesce(zt, '0') = '0' AND je < 150")),
        centre_order=str(his("SELECT max(sqxh) FROM yj_sq WHERE coalesce(zt, '0') = '0' AND je < 150")),
        usage="1", frequency="tid",
    )  # fmt: skip


def test_every_kind_of_document_comes_back_once_and_the_account_balances(outage: Outage) -> None:
    run = run_mirror(outage.store, outage.gateway, Mirror())
    assert (run.state, run.problems) == ("published", [])
    number = outage.hospital.emergency()
    Morning(outage, codes(outage)).play()
    outage.hospital.back()
    made = outage.hospital.outbox()
    assert {row["entity"] for row in made} == set(ENTITIES)
    rehearsed = run_upload(outage.store, outage.gateway, Rules(), dry_run=True)
    assert rehearsed.state == "done" and all(item["ok"] for item in rehearsed.rehearsed), rehearsed.rehearsed
    assert outage.one("SELECT count(*) FROM sf_zb WHERE yjbz = '1'") == 0
    report = run_upload(outage.store, outage.gateway, Rules(), pause=outage.clock.advance)
    assert report.complete, report
    for row in outage.hospital.outbox():
        found = outage.gateway.ask(f"upload/find_{row['entity']}", {"yj_no": row["yj_no"]})
        assert [str(one["central_key"]) for one in found] == [row["central_key"]], row["entity"]
    account = run_reconcile(outage.store, outage.gateway, number)
    assert account.balanced, account.differences
    assert len(set(account.totals.values())) == 1 and Decimal(account.totals["central"]) > 0
    again = run_upload(outage.store, outage.gateway, Rules(), pause=outage.clock.advance)
    assert again.complete and outage.one("SELECT count(*) FROM yj_ledger") == len(made)
    # The new child's name arrived as it was written, and the second code of a diagnosis as the house knows it.
    assert outage.one("SELECT brxm FROM br_da WHERE yjbz = '1'") == "王芳之子𠮷"
    assert "#" not in outage.one("SELECT min(zddm) FROM cf_zb WHERE yjbz = '1'")
    if outage.his.dialect.name != "sqlite":
        assert not outage.gateway.mirror_may_write()
        for statement in ("DELETE FROM yj_ledger", "UPDATE sf_zb SET zje = 0", "INSERT INTO br_da (brxh) VALUES (1)"):
            may_not(outage, statement, reading=True)
        for statement in ("DELETE FROM yj_ledger", "DELETE FROM sf_zb", "UPDATE yp_xx SET lsj = 0", "DROP TABLE sf_zb"):
            may_not(outage, statement)

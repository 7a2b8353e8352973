"""What a created centre holds: the lists, nasty patients, people, and books that agree to the cent."""

from __future__ import annotations

import csv
import hashlib
import json
import random
import stat
from datetime import timedelta
from itertools import islice
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection

from sync.reference_his import schema, visit_rows
from sync.reference_his.create import ReferenceHisError, create_reference
from sync.reference_his.moments import centre_now, char16
from sync.reference_his.patients import check_digit, persons
from sync.reference_his.traffic import operators_with, play_day
from tests.reference_his.conftest import ENGINES, NOW, Clinic, scalar


def test_the_clinic_has_the_real_lists_and_twenty_thousand_patients(
    clinic: Clinic, postgres_centre: Connection
) -> None:
    assert clinic.summary.rows["br_da"] == 20_000
    assert {
        name: scalar(postgres_centre, f"SELECT count(*) FROM {name}") for name in clinic.summary.rows
    } == clinic.summary.rows
    assert [rows for table, rows in clinic.seen if table == "yp_xx"] == [2966]
    assert clinic.summary.rows["sf_xm"] == 3283
    assert clinic.summary.rows["gy_jb"] == 29395
    assert scalar(postgres_centre, "SELECT count(*) FROM gy_czyjs WHERE jsdm = 'YS'") == 392


def test_the_legacy_habits_are_there(postgres_centre: Connection) -> None:
    assert scalar(postgres_centre, "SELECT count(DISTINCT ypdm) FROM YP_XX") == 2
    assert scalar(postgres_centre, "SELECT count(*) FROM GY_KS WHERE octet_length(ksdm) < 10") == 0
    assert scalar(postgres_centre, "SELECT count(*) FROM CF_ZB WHERE zt IS NULL") > 0
    assert scalar(postgres_centre, "SELECT count(*) FROM SF_ZB WHERE tfxh IS NOT NULL AND zje < 0") > 0
    assert scalar(postgres_centre, "SELECT count(*) FROM SF_ZB WHERE sfrq NOT SIMILAR TO '[0-9]{8}__:__:__'") == 0
    assert scalar(postgres_centre, "SELECT count(*) FROM PJ_LY WHERE length(dqhm) <> 8") == 0
    assert scalar(postgres_centre, "SELECT count(*) FROM GY_JB") > scalar(
        postgres_centre, "SELECT count(DISTINCT icd) FROM GY_JB"
    )


def test_lines_payments_and_the_trigger_sums_agree_with_every_charge(postgres_centre: Connection) -> None:
    wrong = """SELECT count(*) FROM sf_zb z
               WHERE zje <> (SELECT sum(je) FROM sf_mx m WHERE m.sfxh = z.sfxh)
                  OR zje <> (SELECT sum(je) FROM sf_zf p WHERE p.sfxh = z.sfxh)"""
    assert scalar(postgres_centre, wrong) == 0
    assert scalar(postgres_centre, SUMS) == 0


SUMS = """SELECT count(*) FROM (SELECT czydm, substr(sfrq, 1, 8) AS rq, sum(zje) AS je, count(*) AS bs
                                FROM sf_zb GROUP BY 1, 2) a
          FULL JOIN gy_sftj t USING (czydm, rq) WHERE a.je IS DISTINCT FROM t.je OR a.bs IS DISTINCT FROM t.bs"""


def test_no_receipt_number_stands_on_two_charges_and_books_are_past_those_used(postgres_centre: Connection) -> None:
    twice = "SELECT fphm FROM sf_zb WHERE tfxh IS NULL GROUP BY fphm HAVING count(*) > 1"
    assert scalar(postgres_centre, twice) is None
    behind = """SELECT count(*) FROM pj_ly b JOIN sf_zb z ON z.czydm = b.czydm
                WHERE b.zt = '1' AND substr(z.fphm, 3) >= b.dqhm"""
    assert scalar(postgres_centre, behind) == 0


def test_settled_papers_name_their_charge_and_their_total_is_the_sum_of_lines(postgres_centre: Connection) -> None:
    for head, lines, key in (("cf_zb", "cf_mx", "cfxh"), ("yj_sq", "yj_sqmx", "sqxh")):
        assert scalar(postgres_centre, f"SELECT count(*) FROM {head} WHERE zt IN ('1', '2', '3') AND sfxh IS NULL") == 0
        wrong = f"SELECT count(*) FROM {head} h WHERE je <> (SELECT sum(je) FROM {lines} l WHERE l.{key} = h.{key})"
        assert scalar(postgres_centre, wrong) == 0
        states = {
            scalar(postgres_centre, f"SELECT count(*) FROM {head} WHERE coalesce(zt, '0') = '{s}'") > 0 for s in "0123"
        }
        assert states == {True}


def test_keys_go_on_from_the_greatest(postgres_centre: Connection) -> None:
    for name, table, key in (("SF_ZB", "sf_zb", "sfxh"), ("BR_DA", "br_da", "brxh"), ("CF_ZB", "cf_zb", "cfxh")):
        assert scalar(postgres_centre, f"SELECT dqz FROM gy_xh WHERE bm = '{name}'") == scalar(
            postgres_centre, f"SELECT max({key}) FROM {table}"
        )


def test_people_enough_for_every_window(postgres_centre: Connection) -> None:
    counts = {
        role: len(operators_with(postgres_centre, role)) for role in ("SFY", "GHY", "YS", "YFY", "FZHS", "CWZG", "ZZB")
    }
    assert counts["SFY"] >= 12
    assert counts["GHY"] >= 6
    assert counts["YS"] >= 20
    assert min(counts.values()) >= 2
    sessions = "SELECT count(DISTINCT sjd) FROM gh_pb WHERE pbrq = '20261122'"
    assert scalar(postgres_centre, sessions) == 3


def test_the_logins_open_the_stored_hashes_and_only_their_owner_reads_the_file(
    clinic: Clinic, postgres_centre: Connection
) -> None:
    entries = json.loads(clinic.logins.read_text(encoding="utf-8"))
    assert stat.S_IMODE(clinic.logins.stat().st_mode) == 0o600
    assert len(entries) == clinic.summary.logins
    for entry in entries[:40]:
        assert set(entry) == {"operator", "name", "roles", "password"}
        stored = scalar(postgres_centre, "SELECT mm FROM gy_czy WHERE czydm = :code", code=entry["operator"])
        salt, _, digest = stored.partition("$")
        assert hashlib.sha256((salt + entry["password"]).encode()).hexdigest() == digest
        assert len(entry["password"]) >= 8


def test_generated_patients_keep_the_samples_likeness_and_are_the_same_every_time() -> None:
    first = list(islice(persons(26_000, random.Random("a")), 20_800, None))
    assert first == list(islice(persons(26_000, random.Random("a")), 20_800, None))
    children = sum(1 for one in first if one.birth and one.birth.year >= 2012) / len(first)
    assert 0.8 < children < 0.92
    plain = [one for one in first if one.id_type == "01" and not one.tags and len(one.id_no) == 18]
    assert all(check_digit(one.id_no[:17]) == one.id_no[17] and one.id_no[4:6] == "99" for one in plain)
    assert len({one.id_no for one in plain}) > 0.99 * len(plain)
    tags = {tag for one in first for tag in one.tags}
    assert {"newborn_no_own_name", "id_bad_checksum", "char_outside_bmp", "id_15_digits"} <= tags


def test_an_unknown_scale_and_a_filled_database_are_refused(clinic: Clinic) -> None:
    with pytest.raises(ReferenceHisError, match="clinic, hospital, city"):
        create_reference(clinic.url, "village")
    with pytest.raises(ReferenceHisError, match="empty"):
        create_reference(clinic.url, "clinic")


def test_a_patients_change_time_follows_every_change_whoever_makes_it(centre: Connection) -> None:
    times = "SELECT xgsj FROM br_da WHERE brxh = 1"
    made = scalar(centre, times)
    assert made == scalar(centre, "SELECT jdrq FROM br_da WHERE brxh = 1")
    begun = centre_now() - timedelta(minutes=1)
    centre.execute(text("UPDATE br_da SET lxdh = '15400000000' WHERE brxh = 1"))
    centre.execute(text("INSERT INTO br_da (brxh, brxm) VALUES (90000001, '新生儿')"))
    for key in (1, 90_000_001):
        changed = scalar(centre, "SELECT xgsj FROM br_da WHERE brxh = :key", key=key)
        assert char16(begun) <= changed <= char16(centre_now() + timedelta(minutes=1))


def _contents(url: str) -> dict[str, int]:
    """Every table's rows as one number; the ones inserted are all that is compared, not their places in the file."""
    engine = create_engine(url)
    with engine.connect() as connection:
        cursor = connection.connection.cursor()
        names = list(schema.metadata.tables)
        found = {name: hash(frozenset(cursor.execute(f"SELECT * FROM {name}").fetchall())) for name in names}
        cursor.close()
    engine.dispose()
    return found


@pytest.mark.slow
def test_the_same_seed_at_the_same_moment_makes_the_same_centre(tmp_path: Path) -> None:
    made = []
    for number, seed in enumerate((1, 1, 2)):
        url = f"sqlite:///{tmp_path / f'{number}.sqlite'}"
        create_reference(url, "clinic", seed=seed, now=NOW)
        made.append(_contents(url))
    assert made[0] == made[1]
    differing = {name for name in made[0] if made[0][name] != made[2][name]}
    assert {"br_da", "gh_mx", "sf_zb", "gy_czy"} <= differing
    assert "gy_jb" not in differing


@pytest.fixture(params=ENGINES)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of each kind."""
    make = {"postgresql": "new_database", "mariadb": "new_mariadb"}.get(request.param)
    return str(request.getfixturevalue(make)()) if make else f"sqlite:///{tmp_path / 'his.sqlite'}"


@pytest.mark.slow
def test_an_ordinary_day_keeps_books_and_sums_right(empty: str) -> None:
    create_reference(empty, "clinic")
    done = play_day(empty, 80, 3.0, seed=3)
    assert done["register"] > 20
    assert "refused" not in done
    assert {"prescribe", "charge", "dispense", "price"} <= set(done)
    engine = create_engine(empty)
    with engine.connect() as connection:
        assert scalar(connection, SUMS_DIFFER) == 0
        twice = "SELECT fphm FROM sf_zb WHERE tfxh IS NULL GROUP BY fphm HAVING count(*) > 1"
        assert scalar(connection, twice) is None
        changed = "SELECT count(*) FROM yp_tj t JOIN yp_xx d ON d.ypxh = t.ypxh WHERE d.lsj <> t.yjg"
        assert scalar(connection, changed) > 0
    engine.dispose()


# Every day's takings from the charges themselves, beside what the trigger kept.
SUMS_DIFFER = """SELECT count(*) FROM gy_sftj t
                 JOIN (SELECT czydm, substr(sfrq, 1, 8) AS rq, round(sum(zje), 2) AS je, count(*) AS bs
                       FROM sf_zb GROUP BY czydm, substr(sfrq, 1, 8)) a ON a.czydm = t.czydm AND a.rq = t.rq
                 WHERE round(a.je - t.je, 2) <> 0 OR a.bs <> t.bs"""


def test_what_the_doctors_write_is_in_the_list_of_diagnoses() -> None:
    lists = Path(visit_rows.__file__).parent / "data" / "icd10_zh.csv"
    with lists.open(encoding="utf-8") as stream:
        known = {row["icd_code"] for row in csv.DictReader(stream)}
    assert set(visit_rows.COMMON_DIAGNOSES) <= known

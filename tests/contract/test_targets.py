"""A text is held against the column it goes to, as the centre's catalogue shows it: nothing arrives cut, or as "?"."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sync.central.dialects import Column
from sync.central.gateway import Outgoing, Refused
from sync.central.mapping import load
from sync.central.sql_file import parse
from sync.central.targets import limits, targets
from sync.central.texts import TextRules
from tests.contract.centres import US, PostgresCentre, RealCentre, charge

OPENED = "2026-11-22T08:00:00.000+08:00"
MAPPINGS = Path(__file__).parents[2] / "config" / "central"
DIALECTS = ("reference", "reference-mariadb", "reference-mssql", "reference-sqlite")


def test_what_goes_into_a_column_as_it_is_is_found_and_what_is_cut_or_built_is_not() -> None:
    insert = (
        "INSERT INTO a.T (x, y, z, w) VALUES (CAST(:x AS varchar(20)), left(:y, 5), CASE :z WHEN 'a,b' THEN 1 END, :w)"
    )
    assert targets(insert) == (("x", "a.T", "x"), ("w", "a.T", "w"))
    assert targets("INSERT INTO t (a, b) SELECT :a, upper(:b) FROM dual WHERE k = :k") == (("a", "t", "a"),)
    assert targets("UPDATE t SET a = CAST(:a AS nvarchar(9)), b = b || :b, c = :c WHERE a = :k AND d = :d") == (
        ("a", "t", "a"),
        ("c", "t", "c"),
    )
    assert targets("SELECT :a FROM t WHERE b = :b") == ()


def test_the_mappings_of_all_databases_write_the_same_binds_to_the_same_columns() -> None:
    found = [
        {(f.name, *one) for f in load(MAPPINGS / name).files.values() for s in f.steps for one in targets(s.sql)}
        for name in DIALECTS
    ]
    assert found[0] == found[1] == found[2] == found[3] and len(found[0]) > 90


STEP = parse("upload/x", "INSERT INTO t (a, n) VALUES (:a, :n)").steps[0]


@pytest.mark.parametrize(
    ("dialect", "collation", "length", "value", "kept"),
    [
        ("mssql", "Chinese_PRC_CI_AS", 8, "内科门诊", "内科门诊"),
        ("mssql", "Chinese_PRC_CI_AS", 7, "内科门诊", None),  # bytes of GBK
        ("mssql", "Chinese_PRC_CI_AS", 20, "𠮷田", "吉田"),  # by the written rule
        ("mssql", "Chinese_PRC_CI_AS", 20, "㛃田", None),
        ("mssql", "Chinese_PRC_CI_AS", -1, "内科" * 99, "内科" * 99),
        ("mariadb", "gbk_chinese_ci", 4, "内科门诊", "内科门诊"),
        ("mariadb", "gbk_chinese_ci", 3, "内科门诊", None),
        ("mariadb", "latin1_swedish_ci", 9, "内科", None),
        ("mariadb", "utf8mb4_general_ci", 9, "𠮷田", "𠮷田"),
        ("postgresql", None, 2, "𠮷田", "𠮷田"),
        ("postgresql", None, 1, "𠮷田", None),
    ],
)
def test_the_catalogue_decides(dialect: str, collation: str | None, length: int, value: str, kept: str | None) -> None:
    columns = {("t", "a"): Column("t", "a", "varchar", length, collation=collation)}
    rules = TextRules(replace={"𠮷": "吉"}, in_bytes=dialect == "mssql")
    found = limits(STEP.sql, columns, dialect)
    if kept is not None:
        assert rules.kept(STEP, {"a": value, "n": 1}, found) == {"a": kept, "n": 1}
        return
    with pytest.raises(Refused) as refused:
        rules.kept(STEP, {"a": value, "n": 1}, found)
    assert refused.value.code == "text_not_kept" and refused.value.central["column"] == "a"


def named(number: int, receipt_no: str) -> Outgoing:
    document = charge(number)
    return replace(document, payload={**document.payload, "receipt_no": receipt_no})


def refused_text(centre: RealCentre, number: int, receipt_no: str) -> str:
    with pytest.raises(Refused) as refused:
        centre.gateway.apply(named(number, receipt_no))
    assert refused.value.code == "text_not_kept"
    return refused.value.detail


@pytest.mark.odbc
def test_mariadb_tells_the_code_page_of_each_column_and_nothing_becomes_a_question_mark(mariadb: RealCentre) -> None:
    mariadb.run("ALTER TABLE bill MODIFY receipt_no varchar(6) CHARACTER SET gbk")
    mariadb.gateway.register_incident(US, 1, 1, OPENED)
    mariadb.gateway.preflight(["charge"])
    assert "U+20BB7, which the centre's code page gbk" in refused_text(mariadb, 1, "票𠮷")
    assert "7 long, the centre's bill.receipt_no holds 6" in refused_text(mariadb, 1, "A000017")
    mariadb.gateway.apply(named(1, "票A017"))
    assert mariadb.rows("SELECT receipt_no FROM bill") == [("票A017",)]


@pytest.mark.postgres
def test_a_column_that_the_vendor_made_shorter_is_seen_with_the_next_preflight(real: PostgresCentre) -> None:
    real.gateway.register_incident(US, 1, 1, OPENED)
    real.gateway.apply(named(1, "A0000017"))
    real.run("ALTER TABLE bill ALTER receipt_no TYPE varchar(8)")
    real.gateway.preflight(["charge"])
    assert "9 long, the centre's bill.receipt_no holds 8" in refused_text(real, 2, "A00000018")
    assert len(real.arrived()) == 1

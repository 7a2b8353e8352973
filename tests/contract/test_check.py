"""`yj central check` on every real centre: what is in order passes, what is not is named with a cure."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from fallback_server.domain.clock import SystemClock
from sync.central import check as checking
from sync.central.check import check
from sync.central.dialects import Column
from sync.central.edges.aliases import table_of
from sync.central.edges.mariadb import creates
from sync.central.finding import Finding, short_version
from sync.central.options import MappingFile
from sync.central.remarks import code_page_of, text_findings
from sync.central.sql_file import parse
from sync.central.sql_gateway import open_gateway
from tests.contract.centres import MAPPING_SQLITE, QUICK, MariadbCentre, PostgresCentre, RealCentre, SqliteCentre
from tests.contract.test_options import extending
from tests.fixtures_mariadb import MariadbServer


def findings(centre: RealCentre) -> dict[str, Finding]:
    """By subject; the worst where there are several."""
    order = ["ok", "warn", "fail"]
    found: dict[str, Finding] = {}
    for one in sorted(check(centre.gateway, lambda dataset, row: None), key=lambda one: order.index(one.status)):
        found[one.subject] = one
    return found


def test_tables_characters_ledger_and_scans_are_in_order(any_real: RealCentre) -> None:
    any_real.gateway.preflight(["charge"])
    found = findings(any_real)
    for subject in ("reachable", "clock", "tables", "characters", "ledger", "scans", "upload/charge"):
        assert found[subject].status == "ok", found[subject]
    assert len(found["reachable"].sentence) < 120 and "\n" not in found["reachable"].sentence
    assert any_real.rows("SELECT count(*) FROM yj_ledger") == [(0,)]


def test_a_missing_table_and_a_ledger_that_takes_everything_twice_are_named(any_real: RealCentre) -> None:
    any_real.run("DROP TABLE yj_ledger", "DROP TABLE book")
    any_real.run(
        "CREATE TABLE yj_ledger (yj_id varchar(20), entity varchar(30), incident_no integer,"
        " installation_id varchar(40), sequence bigint, payload_hash varchar(64), central_key varchar(40),"
        " amount numeric(14, 2), operator_code varchar(20), receipt_no varchar(40), yj_no varchar(30),"
        " business_date date, applied_at varchar(40))"
    )
    found = findings(any_real)
    assert found["table book"].status == "fail" and "grant SELECT" in found["table book"].cure
    assert found["ledger"].status == "fail" and "twice" in found["ledger"].sentence
    if not isinstance(any_real, SqliteCentre):  # it keeps no lengths
        assert "holds 20 characters" in found["yj_ledger.yj_id"].sentence


def plans_of(centre: RealCentre, folder: Path, name: str, sql: str, more: str = "") -> list[Finding]:
    """What the check says of the plans of a mapping with this file."""
    own = centre.gateway.mapping
    extending(
        folder,
        f'dialect = "{own.options.dialect}"\n[read]\nscan_limit = 500\n[time_formats]\nchar8 = "%Y%m%d"\n{more}',
        MAPPING_SQLITE.parent / "mapping",
    )
    for file in own.folder.rglob("*.sql"):
        target = folder / file.relative_to(own.folder)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(file.read_bytes())
    written = folder / f"{name}.sql"
    written.parent.mkdir(exist_ok=True)
    written.write_text(sql, encoding="utf-8")
    address = centre.direct.url.render_as_string(hide_password=False)
    gateway = open_gateway(address, folder, SystemClock(), timeouts=QUICK)
    found = check(gateway, lambda dataset, row: None)
    gateway.close()
    return [one for one in found if "reads all" in one.sentence or one.subject == "scans"]


@pytest.fixture
def visits(any_real: RealCentre) -> RealCentre:
    """A centre with a table of a thousand rows, found by day."""
    digits = "(SELECT 0 AS n" + "".join(f" UNION SELECT {n}" for n in range(1, 10)) + ")"
    any_real.run(
        "CREATE TABLE visits (nr integer PRIMARY KEY, day char(8), patient integer, state char(1))",
        "CREATE INDEX visits_day ON visits (day)",
        "INSERT INTO visits SELECT a.n * 100 + b.n * 10 + c.n, '20200101', 1, '0'"
        f" FROM {digits} a, {digits} b, {digits} c",
    )
    if isinstance(any_real, PostgresCentre):
        any_real.run("ANALYZE visits")
    return any_real


def wrapped(centre: RealCentre) -> str:
    """The column in a function, which no index serves."""
    return "concat(day, '')" if isinstance(centre, MariadbCentre) else "day || ''"


def test_a_frequent_question_that_reads_a_large_table_from_end_to_end_fails(visits: RealCentre, tmp_path: Path) -> None:
    sql = (
        "SELECT nr AS registration_key, patient AS patient_no, 'x' AS department_code, NULL AS staff_code,"
        " NULL AS type_code, NULL AS schedule_id, NULL AS session, NULL AS visit_kind, NULL AS queue_no,"
        " NULL AS slip_no, day AS registered_at, 'seen' AS status FROM visits v WHERE "
    )
    name = "mirror/open_registration"
    (scan,) = plans_of(visits, tmp_path / "scan", name, f"{sql}{wrapped(visits)} >= :horizon_from_char8")
    assert (scan.status, "1000 rows of visits" in scan.sentence) == ("fail", True), scan
    assert "index" in scan.cure
    (seek,) = plans_of(visits, tmp_path / "seek", name, f"{sql}day >= CAST(:horizon_from_char8 AS char(8))")
    assert seek.status == "ok", seek


def test_asking_for_what_changed_and_for_one_row_of_a_return_is_looked_at_too(
    visits: RealCentre, tmp_path: Path
) -> None:
    sql = (
        "SELECT nr AS department_code, 'x' AS name, 'other' AS kind, NULL AS location, 1 AS active, day AS changed_at"
        " FROM visits v WHERE 1 = 1\n-- changed AND "
    )
    name, marked = "mirror/department", '[datasets.department]\nwatermark = "changed_at"\n'
    (scan,) = plans_of(visits, tmp_path / "scan", name, f"{sql}{wrapped(visits)} >= :changed_from_char8", marked)
    assert (scan.subject, scan.status) == ("changes/department", "fail"), scan
    (seek,) = plans_of(visits, tmp_path / "seek", name, f"{sql}day >= CAST(:changed_from_char8 AS char(8))", marked)
    assert seek.status == "ok", seek
    asked = "SELECT 'unpaid' AS status, 1 AS amount FROM visits v WHERE state = CAST(:key AS char(1))"
    (one,) = plans_of(visits, tmp_path / "one", "upload/settle_check_order", asked)
    assert (one.subject, one.status) == ("upload/settle_check_order", "warn"), one


def test_a_missing_ledger_is_named_and_not_made_by_the_check(any_real: RealCentre) -> None:
    any_real.run("DROP TABLE yj_ledger", "DROP TABLE yj_incident")
    assert findings(any_real)["ledger"].status == "warn"
    assert findings(any_real)["ledger"].sentence == "is missing; the first upload would make it"
    with pytest.raises(DBAPIError):
        any_real.rows("SELECT 1 FROM yj_ledger")


def test_the_dbas_stop_switch_is_tried(any_real: RealCentre, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "stop" not in findings(any_real)
    files = any_real.gateway.mapping.files
    monkeypatch.setitem(files, "stop", parse("stop", "SELECT reason FROM yj_stop"))
    broken = findings(any_real)["stop"]
    assert broken.status == "fail" and "stop.sql" in broken.cure
    any_real.run("CREATE TABLE yj_stop (reason varchar(40))")
    assert findings(any_real)["stop"].status == "ok"
    any_real.run("INSERT INTO yj_stop VALUES ('rebuilding')")
    now = findings(any_real)["stop"]
    assert (now.status, now.sentence) == ("warn", "stops the mirror now: rebuilding")


@pytest.mark.odbc
def test_a_large_dataset_in_one_piece_is_named_where_the_driver_keeps_it_all(
    mariadb: RealCentre, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "LARGE", 2)
    mariadb.set_departments(
        [{"department_code": code, "name": "内科", "kind": "exam", "location": None, "active": 1} for code in "123"]
    )
    folder = extending(
        tmp_path / "own", 'dialect = "mariadb"\n[time_formats]\nchar8 = "%Y%m%d"\n', MAPPING_SQLITE.parent / "mapping"
    )
    for name in ("probe", "ledger"):
        (folder / f"{name}.sql").write_bytes((mariadb.gateway.mapping.folder / f"{name}.sql").read_bytes())
    (folder / "mirror").mkdir()
    select = "SELECT code AS department_code, name, kind, location, active FROM dept WHERE 1 = 1"
    own = folder / "mirror" / "department.sql"
    address = mariadb.direct.url.render_as_string(hide_password=False)
    said = {}
    for paged in ("", "\n-- paged AND code > :after_department_code ORDER BY code LIMIT :page_rows"):
        own.write_text(select + paged, encoding="utf-8")
        gateway = open_gateway(address, folder, SystemClock(), timeouts=QUICK)
        found = check(gateway, lambda dataset, row: None)
        said[bool(paged)] = next(one for one in found if one.subject == "mirror/department" and "rows" in one.sentence)
        whole = next(one for one in found if one.subject == "changes/department")
        assert "all 3 rows" in whole.sentence and "[datasets.department] watermark" in whole.cure
        gateway.close()
    assert said[False].status == "warn" and "-- paged" in said[False].cure
    assert said[True].status == "ok"


@pytest.mark.odbc
def test_what_an_account_may_not_do_is_named(mariadb_server: MariadbServer, mariadb: RealCentre) -> None:
    name = mariadb.direct.url.query["odbc_connect"]
    database = str(name).partition("DATABASE=")[2].partition(";")[0]
    mariadb_server.admin(
        f"CREATE USER 'r_{database}'@'127.0.0.1' IDENTIFIED BY 'reads';"
        f" GRANT SELECT ON {database}.* TO 'r_{database}'@'127.0.0.1'"
    )
    url = mariadb_server.odbc(database, user=f"r_{database}", password="reads")
    gateway = open_gateway(url, mariadb.gateway.mapping.folder, SystemClock(), timeouts=QUICK)
    failed = {one.subject: one for one in check(gateway, lambda dataset, row: None) if one.status == "fail"}
    assert "1142" in failed["upload/charge"].sentence and "grant" in failed["upload/charge"].cure
    assert "1142" in failed["ledger"].sentence
    gateway.close()
    mariadb_server.admin(f"GRANT INSERT, UPDATE ON {database}.* TO 'r_{database}'@'127.0.0.1'")
    gateway = open_gateway(url, mariadb.gateway.mapping.folder, SystemClock(), timeouts=QUICK)
    said = [one for one in check(gateway, lambda dataset, row: None) if one.subject == "ledger"]
    assert [one.status for one in said] == ["ok", "ok"] and "DELETE" in said[1].sentence
    gateway.close()


@pytest.mark.odbc
def test_an_account_that_may_not_make_the_ledger_is_named_on_mariadb_too(
    mariadb_server: MariadbServer, mariadb: RealCentre
) -> None:
    """Its tables cannot be made on trial there: what the account may do is read from its grants."""
    mariadb.run("DROP TABLE yj_ledger", "DROP TABLE yj_incident")
    database = str(mariadb.direct.url.query["odbc_connect"]).partition("DATABASE=")[2].partition(";")[0]
    user = f"'c_{database}'@'127.0.0.1'"
    mariadb_server.admin(
        f"CREATE USER {user} IDENTIFIED BY 'makes'; GRANT SELECT, INSERT, UPDATE ON {database}.* TO {user}"
    )
    said = []
    for grant in (f"GRANT CREATE VIEW ON {database}.* TO {user}", f"GRANT CREATE ON {database}.* TO {user}"):
        mariadb_server.admin(grant)
        url = mariadb_server.odbc(database, user=f"c_{database}", password="makes")
        gateway = open_gateway(url, mariadb.gateway.mapping.folder, SystemClock(), timeouts=QUICK)
        said += [(one.status, one.sentence) for one in check(gateway, lambda *_: None) if one.subject == "ledger"]
        gateway.close()
    assert [status for status, _ in said] == ["fail", "warn"] and "CREATE" in said[0][1]


@pytest.mark.odbc
def test_a_table_without_transactions_fails_on_mariadb(mariadb: RealCentre) -> None:
    mariadb.run("DROP TABLE yj_ledger", "ALTER TABLE book ENGINE = MyISAM")
    ddl = (Path(__file__).parent / "mapping-mariadb" / "ledger.sql").read_text("utf-8").split(";")[0]
    mariadb.run(ddl.replace("InnoDB", "MyISAM"))
    found = findings(mariadb)
    assert found["table book"].status == "fail" and "no transactions" in found["table book"].sentence
    assert found["table yj_ledger"].status == "fail"
    assert found["ledger"].status == "fail" and "rolled back" in found["ledger"].sentence


@pytest.mark.odbc
def test_columns_that_hold_gbk_alone_are_named_until_the_mapping_says_so(
    mariadb_server: MariadbServer, mariadb: RealCentre
) -> None:
    mariadb.run("ALTER TABLE bill CONVERT TO CHARACTER SET gbk")
    found = findings(mariadb)
    assert found["code page"].status == "warn" and 'code_page = "gbk"' in found["code page"].cure


@pytest.mark.parametrize(
    ("dialect", "collation", "page"),
    [
        ("mssql", "Chinese_PRC_CI_AS", "gbk"),
        ("mssql", "Chinese_PRC_90_CI_AS_SC_UTF8", None),
        ("mssql", "SQL_Latin1_General_CP1_CI_AS", "cp1252"),
        ("mssql", "Japanese_CI_AS", "unknown"),
        ("mariadb", "utf8mb4_general_ci", None),
        ("mariadb", "utf8mb3_general_ci", "utf8mb3"),
        ("mariadb", "utf8_bin", "utf8mb3"),
        ("mariadb", "gbk_chinese_ci", "gbk"),
    ],
)
def test_a_collation_tells_what_its_columns_can_hold(dialect: str, collation: str, page: str | None) -> None:
    assert code_page_of(dialect, collation) == page


def test_columns_of_n_types_hold_everything_and_two_collations_are_named() -> None:
    options = MappingFile.model_validate({"name": "x", "dialect": "mssql", "text": {"collation": "Chinese_PRC_CI_AS"}})
    columns = [
        Column("br_da", "brxm", "nvarchar", 60, True, "Chinese_PRC_CI_AS"),
        Column("br_da", "zjhm", "varchar", 40, True, "Chinese_PRC_BIN"),
    ]
    found = {one.subject: one for one in text_findings("mssql", options, columns)}
    assert "Chinese_PRC_BIN" in found["collation"].sentence and found["collation"].status == "warn"
    assert "br_da.zjhm" in found["code page"].sentence
    assert [one.status for one in text_findings("mssql", options, columns[:1])] == ["ok", "ok"]


@pytest.mark.parametrize(
    ("version", "shown"),
    [
        (
            "PostgreSQL 16.2 (Debian 16.2-1.pgdg120+2) on x86_64-pc-linux-gnu, compiled by gcc 12.2.0",
            "PostgreSQL 16.2 (Debian 16.2-1.pgdg120+2)",
        ),
        (
            "Microsoft SQL Server 2008 R2 (SP3) - 10.50.6000.34 (X64) \n\tAug 19 2014 \n\tCopyright (c)",
            "Microsoft SQL Server 2008 R2 (SP3) - 10.50.6000.34",
        ),
        ("10.11.19-MariaDB-0+deb12u1", "10.11.19-MariaDB-0+deb12u1"),
        ("", "unknown version"),
        ("word " * 40, " ".join(["word"] * 16) + " …"),
    ],
)
def test_a_version_is_cut_between_words(version: str, shown: str) -> None:
    assert short_version(version) == shown


@pytest.mark.parametrize(
    ("grants", "may"),
    [
        (["GRANT USAGE ON *.* TO `yj`@`%` IDENTIFIED BY PASSWORD '*X'"], False),
        (["GRANT SELECT, CREATE VIEW, CREATE ROUTINE ON `his`.* TO `yj`@`%`"], False),
        (["GRANT SELECT, CREATE ON `other`.* TO `yj`@`%`"], False),
        (["GRANT SELECT, CREATE ON `his`.* TO `yj`@`%`"], True),
        (["GRANT ALL PRIVILEGES ON *.* TO `yj`@`%` WITH GRANT OPTION"], True),
        (["GRANT CREATE ON `hi_`.* TO `yj`@`%`"], True),
        (["GRANT CREATE ON `h\\_s`.* TO `yj`@`%`"], False),
        (["GRANT SELECT, CREATE ON `his`.`yj_ledger` TO `yj`@`%`"], True),
        (["GRANT SELECT, CREATE ON `his`.`yj_incident` TO `yj`@`%`"], False),
        (["GRANT `clerk` TO `yj`@`%`", "GRANT CREATE ON `his`.* TO `clerk`"], True),
    ],
)
def test_what_grants_say_of_making_a_table(grants: list[str], may: bool) -> None:
    assert creates(grants, "his", "yj_ledger") is may


def test_a_plan_names_the_table_behind_an_alias() -> None:
    sql = (
        "SELECT a, CASE g.kind WHEN '1' THEN 'am' END FROM visits g"
        " JOIN people AS p ON p.nr = g.nr, rooms r WHERE 1 = 1"
    )
    assert [table_of(name, sql) for name in ("g", "p", "r", "visits")] == ["visits", "people", "rooms", "visits"]
    assert table_of("where", "SELECT 1 FROM visits WHERE a = 1") == "where"


def test_keys_that_repeat_are_counted_in_eight_bytes_each() -> None:
    keys = checking.Keys()
    for number in range(20_000):
        keys.add((number, "x"))
    keys.add(("1", "x"))  # a key is text to the mirror
    keys.add((None, "𠮷"))
    keys.add((None, "𠮷"))
    keys.add(("12", "3"))
    keys.add(("1", "23"))
    assert keys.repeated() == 2
    assert sum(len(some) * some.itemsize for some in keys._hashes) < 200_000

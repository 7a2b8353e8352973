"""mapping.toml: every slip is named with key, value and cure; what it says is done to the values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fallback_server.domain.clock import SystemClock
from sync.central.gateway import Refused
from sync.central.mapping import load
from sync.central.options import MappingFile
from sync.central.sql_file import MappingError, parse
from sync.central.sql_gateway import SqlGateway, open_gateway
from sync.central.values import row_converter
from tests.contract.centres import MAPPING_MARIADB, MAPPING_SQLITE, QUICK, US, MariadbCentre, SqliteCentre, charge
from tests.fixtures_mariadb import MariadbServer

OPENED = "2026-11-22T08:00:00.000+08:00"


def extending(folder: Path, toml: str, base: Path = MAPPING_SQLITE.parent / "mapping") -> Path:
    """A mapping in `folder` that extends the tiny one."""
    folder.mkdir(exist_ok=True)
    (folder / "mapping.toml").write_text(f'extends = "{base}"\n{toml}', encoding="utf-8")
    return folder


def slips(folder: Path) -> str:
    with pytest.raises(MappingError) as error:
        load(folder)
    return "\n".join(error.value.problems)


def test_a_mapping_that_extends_another_holds_only_what_differs(tmp_path: Path) -> None:
    folder = extending(tmp_path / "own", '[datasets.drug.guards]\nshrink_percent = 9\n[triggers]\nknown = ["x"]\n')
    (folder / "probe.sql").write_text("SELECT 1 AS server_time, 'mine' AS version", encoding="utf-8")
    mapping = load(folder)
    assert mapping.options.name == "contract" and mapping.options.time_formats["char16"]
    assert mapping.options.triggers.known == ("x",) and mapping.options.tables.touched
    assert mapping.dataset_options("drug").guards.shrink_percent == 9
    assert "mine" in mapping.files["probe"].steps[0].sql and mapping.has("upload/charge")


def test_extending_what_is_not_there_or_extends_itself_is_refused(tmp_path: Path) -> None:
    assert "extends = '../nothing': no mapping is there" in slips(extending(tmp_path / "a", "", Path("../nothing")))
    assert "name the last one instead" in slips(extending(tmp_path / "b", "", MAPPING_SQLITE))


def test_every_slip_is_named_at_once_with_key_value_and_cure(tmp_path: Path) -> None:
    said = slips(
        extending(
            tmp_path / "own",
            """
[read]
isolation = "dirty"
lock_timeout = 0
isolaton = "pages"
[text]
char_encoding = "gkb"
[times]
read = ["yyyymmdd"]
[sentinels]
days = ["1900/01/01"]
[datasets.drug]
horizon = 3
""",
        )
    )
    for sentence in (
        "read.isolation = 'dirty': use one of 'snapshot', 'replica' or 'pages'",
        "read.lock_timeout = 0: input should be greater than or equal to 1",
        "read.isolaton = 'pages': there is no such key; did you mean isolation?",
        "text.char_encoding = 'gkb': Python knows no such code page; use for example gbk",
        "times.read.0 = 'yyyymmdd': write a pattern",
        "sentinels.days.0 = '1900/01/01': write a day as YYYY-MM-DD",
        "datasets.drug.horizon = 3: there is no such key; did you mean horizon_days?",
    ):
        assert sentence in said, said


def test_raw_times_and_sentinels_are_read_without_a_word_of_sql() -> None:
    options = MappingFile.model_validate(
        {
            "name": "x", "dialect": "mssql",
            "times": {"read": ["%Y%m%d%H:%M:%S", "%Y%m%d"]},
            "sentinels": {"days": ["1753-01-01"], "texts": ["-", "无"]},
        }
    )  # fmt: skip
    convert = row_converter("open_order", options)
    assert convert is not None
    row = ["1", None, "7", "- ", "无", "2026112208:15:32", 1, "unpaid", "watermark"]
    assert convert(row) == ("1", None, "7", None, None, "2026-11-22 08:15:32", 1, "unpaid", "watermark")
    assert convert([*row[:5], "1753010100:00:00", *row[6:]])[5] is None
    assert convert([*row[:5], "yesterday", *row[6:]])[5] == "yesterday"  # for the mirror's rules to reject
    assert row_converter("open_order", MappingFile(name="x", dialect="mssql")) is None


def test_time_outs_and_isolation_come_from_the_mapping(tmp_path: Path) -> None:
    folder = extending(
        tmp_path / "own",
        'dialect = "mssql"\n[read]\nisolation = "replica"\nlock_timeout = 7\nstatement_timeout = 90\n'
        "read_only_intent = false\n[write]\nlock_timeout = 9\n[text]\nchar_encoding = 'gbk'\n",
    )
    gateway = open_gateway("mssql+pyodbc://u:p@h/d?driver=x", folder, SystemClock())
    mirror, writing = gateway.session("mirror"), gateway.session("writing")
    assert (mirror.isolation, mirror.timeouts.lock, mirror.statement_seconds) == ("replica", 7, 90)
    assert not mirror.read_only_intent and mirror.char_encoding == "gbk"
    assert (writing.timeouts.lock, writing.statement_seconds, gateway.session("questions").timeouts.lock) == (9, 60, 9)
    gateway.close()


def test_a_copys_delay_makes_what_it_shows_older(sqlite: SqliteCentre, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(sqlite.gateway.edge), "lag_seconds", lambda self, connection: 90.0)
    with sqlite.gateway.snapshot() as snapshot:
        assert 89 < (sqlite.gateway.clock.now() - snapshot.as_of).total_seconds() < 100


def words(sql: str) -> str:
    return " ".join(sql.split())


def test_lines_for_pages_and_for_changes_count_alone_and_together() -> None:
    step = parse(
        "mirror/x",
        "SELECT 1\n-- paged TOP\nWHERE a = 1\n-- changed AND b > :since\n-- paged AND k > :after\n-- other\nORDER BY k",
    ).steps[0]
    assert words(step.sql) == "SELECT 1 WHERE a = 1 ORDER BY k"
    assert words(step.by_pages().sql) == "SELECT 1 TOP WHERE a = 1 AND k > :after ORDER BY k"
    both = step.only_changed().by_pages()
    assert words(both.sql) == "SELECT 1 TOP WHERE a = 1 AND b > :since AND k > :after ORDER BY k"
    assert both.binds == ("since", "after")
    plain = parse("mirror/x", "SELECT 1").steps[0]
    assert plain.by_pages() is plain


@pytest.fixture
def gbk(sqlite: SqliteCentre, tmp_path: Path) -> Iterator[SqlGateway]:
    """The same file as a centre whose CHAR columns hold GBK, but for one."""
    folder = extending(
        tmp_path / "gbk",
        'dialect = "sqlite"\n[text]\ncode_page = "gbk"\nunicode = ["receipt_no"]\n',
        MAPPING_SQLITE.parent / "mapping",
    )
    for name in ("probe", "ledger", "upload/charge"):
        target = folder / f"{name}.sql"
        target.parent.mkdir(exist_ok=True)
        target.write_text((MAPPING_SQLITE / f"{name}.sql").read_text("utf-8"), encoding="utf-8")
    gateway = open_gateway(f"sqlite:///{sqlite.file}", folder, SystemClock(), timeouts=QUICK)
    gateway.register_incident(US, 1, 1, OPENED)
    yield gateway
    gateway.close()


def with_line(number: int, code: str, receipt_no: str | None = None) -> Any:
    document = charge(number, receipt_no=receipt_no)
    lines = [{"line_no": 1, "item_code": code, "amount": "12.00"}]
    return replace(document, payload={**document.payload, "lines": lines})


def test_text_that_a_code_page_cannot_hold_goes_to_a_person_instead_of_becoming_a_question_mark(
    gbk: SqlGateway, sqlite: SqliteCentre
) -> None:
    with pytest.raises(Refused, match=r":item_code has U\+20BB7, which the centre's code page gbk") as refused:
        gbk.apply(with_line(1, "𠮷"))
    assert refused.value.code == "text_not_kept" and sqlite.arrived() == []
    gbk.apply(with_line(1, "内科䶮"[:2], receipt_no="𠮷"))
    assert sqlite.rows("SELECT receipt_no FROM bill") == [("𠮷",)]


@pytest.mark.odbc
def test_short_pages_hold_no_transaction_between_two(
    mariadb_server: MariadbServer, new_mariadb: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "pages"
    folder.mkdir()
    for path in [*MAPPING_MARIADB.parent.joinpath("mapping").rglob("*.*"), *MAPPING_MARIADB.rglob("*.*")]:
        base = MAPPING_MARIADB if path.is_relative_to(MAPPING_MARIADB) else MAPPING_MARIADB.parent / "mapping"
        target = folder / path.relative_to(base)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    extending(folder, 'dialect = "mariadb"\n[read]\nisolation = "pages"\npage_rows = 100\n')
    centre = MariadbCentre(mariadb_server, new_mariadb(), folder)
    department = {"name": "内科", "kind": "exam", "location": None, "active": 1}
    centre.set_departments([department | {"department_code": f"{number:03d}"} for number in range(250)])
    with centre.gateway.snapshot() as snapshot:
        pages = snapshot.pages("department", {"from_code": ""})
        assert len(next(pages)) == 100
        centre.run("DELETE FROM dept WHERE code >= '200'")
        # What is read later is as of later: nothing was held for us.
        assert [len(page) for page in pages] == [100]
    centre.close()

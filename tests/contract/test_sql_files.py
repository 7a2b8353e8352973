"""SQL files and mapping.toml: what is read, and that every slip is named with file and line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sync.central.mapping import load
from sync.central.sql_file import MappingError, parse
from tests.contract.centres import MAPPING

REFERENCE = Path(__file__).parents[2] / "config" / "central" / "reference"


def problems_of(source: str) -> str:
    with pytest.raises(MappingError) as error:
        parse("upload/charge", source)
    return "\n".join(error.value.problems)


def test_steps_and_directives_are_read() -> None:
    file = parse(
        "upload/charge",
        "-- What this file does.\n"
        "-- step head\n-- expect 1 else gone\n-- returns central_key, book\nSELECT 1, :a -- not :this\n;\n"
        "-- step line\n-- each lines\n-- when kind = reissue\n-- when receipt_no absent\n"
        "UPDATE t SET x = ':no' WHERE y = :b\n",
    )
    head, line = file.steps
    assert (head.name, head.line, head.expect, head.conflict) == ("head", 5, 1, "gone")
    assert head.returns == ("central_key", "book") and head.binds == ("a",)
    assert line.each == "lines" and line.binds == ("kind", "receipt_no", "b") and line.statement_binds == ("b",)


def test_a_colon_inside_a_string_is_no_bind_and_stays_a_colon() -> None:
    step = parse("probe", "SELECT 'a :b', ':c:d', '12:30:00' FROM t WHERE x = :y").steps[0]
    assert step.statement_binds == ("y",)
    compiled = str(step.statement)
    assert "'a :b'" in compiled and "':c:d'" in compiled and "'12:30:00'" in compiled


def test_conditions_compare_text_and_presence() -> None:
    step = parse("upload/x", "-- step a\n-- when k = '1'\n-- when n present\n-- when m absent\nSELECT 1").steps[0]
    equal, there, gone = step.when
    assert equal.holds(1) and not equal.holds("2") and not equal.holds(None)
    assert there.holds("") and not there.holds(None)
    assert gone.holds(None) and not gone.holds("x")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("-- step a\nSELECT x::int FROM t", "upload/charge.sql:2: a colon cast"),
        ("-- step a\nSELECT 1; SELECT 2", "upload/charge.sql:2: one statement a step"),
        ("-- step a\n-- expect one else x\nSELECT 1", "upload/charge.sql:3: write `-- expect"),
        ("-- step a\n-- when x is y\nSELECT 1", "upload/charge.sql:3: write `-- when"),
        ("-- step a\nSELECT 1\n-- expect 1 else x\n", "upload/charge.sql:3: `-- expect` must stand above"),
        ("-- step a b\nSELECT 1", "upload/charge.sql:1: write `-- step NAME`"),
        ("-- step a\n-- step b\nSELECT 1", "upload/charge.sql:1: step a has no statement"),
        ("-- nothing here\n", "upload/charge.sql:1: there is no statement"),
    ],
)
def test_slips_are_named_with_file_and_line(source: str, said: str) -> None:
    assert said in problems_of(source)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The tiny mapping, to be spoiled."""
    return Path(shutil.copytree(MAPPING, tmp_path / "mapping"))


def load_problems(folder: Path) -> str:
    with pytest.raises(MappingError) as error:
        load(folder)
    return "\n".join(error.value.problems)


def test_all_slips_of_a_mapping_are_named_at_once(copy: Path) -> None:
    (copy / "mirror" / "drugs.sql").write_text("SELECT 1", encoding="utf-8")
    (copy / "upload" / "refund.sql").write_text("SELECT :yj_on, :occurred_at_char8", encoding="utf-8")
    (copy / "upload" / "patient.sql").write_text("-- step a\n-- each lines\nSELECT 1", encoding="utf-8")
    (copy / "probe.sql").unlink()
    said = load_problems(copy)
    assert "mirror/drugs.sql: there is no dataset drugs; did you mean drug?" in said
    assert "upload/refund.sql:1 step refund: there is nothing to bind as :yj_on; did you mean yj_no?" in said
    assert ":occurred_at_char8" in said
    assert "upload/patient.sql:3 step a: patient has no list lines" in said
    assert "probe.sql: is missing" in said


@pytest.mark.parametrize(
    ("ledger", "problem"),
    [
        ('mode = "sometimes"', "ledger.mode = 'sometimes': use one of"),
        ('mode = "procedure"', "no upload file says by `-- code` what `repeated` is"),
        ('mode = "unique_column"', "ledger.columns is missing"),
        ('mode = "unique_column"\ncolumns = { charge = "bill" }', "write it as table.column"),
        ('mode = "unique_column"\ncolumns = { refund = "bill.no" }', "upload/find_refund.sql is missing"),
        ('mode = "unique_column"\ncolumns = { bill = "bill.no" }', "ledger.columns.bill: there is no such kind"),
        ('mode = "none"\ncolumns = { charge = "bill.yj_no" }', 'is for mode = "unique_column"'),
    ],
)
def test_a_ledger_mode_says_what_it_lacks(copy: Path, ledger: str, problem: str) -> None:
    toml = copy / "mapping.toml"
    toml.write_text(f"{toml.read_text('utf-8')}\n[ledger]\n{ledger}\n", encoding="utf-8")
    assert problem in load_problems(copy)


def test_what_proves_something_is_asked_by_what_stays_known_of_a_document(copy: Path) -> None:
    toml = copy / "mapping.toml"
    columns = '\n[ledger]\nmode = "unique_column"\ncolumns = { charge = "bill.yj_no" }\n'
    toml.write_text(toml.read_text("utf-8") + columns, encoding="utf-8")
    (copy / "upload/find_charge.sql").write_text("SELECT nr AS central_key FROM bill WHERE at = :patient_name")
    assert "there is nothing to bind as :patient_name" in load_problems(copy)


@pytest.mark.parametrize(
    ("codes", "problem"),
    [
        ("0 fine", "one of the meanings being ok"),
        ("0 ok 7", "write `-- code"),
        ("0 ok, 1 repeated", "is for ledger.mode"),
    ],
)
def test_return_codes_are_written_so_that_nothing_is_guessed(copy: Path, codes: str, problem: str) -> None:
    (copy / "upload/charge.sql").write_text(f"-- step go\n-- code {codes}\nSELECT 1 AS code")
    assert problem in load_problems(copy)


def test_pages_that_do_not_say_where_they_begin_are_refused(copy: Path) -> None:
    (copy / "mirror" / "drug_stock.sql").write_text(
        "SELECT 1\n-- paged WHERE drug_code > :after_drug_code ORDER BY 1\n", encoding="utf-8"
    )
    said = load_problems(copy)
    assert "mirror/drug_stock.sql:1 step drug_stock: its `-- paged` lines must also bind :page_rows" in said
    assert ":after_pharmacy_code" in said and ":after_drug_code" not in said


def test_unknown_keys_and_a_missing_file_are_named(copy: Path) -> None:
    toml = copy / "mapping.toml"
    toml.write_text(toml.read_text("utf-8") + "\n[datasets.drug]\nwatermarc = 'x'\n", encoding="utf-8")
    assert "datasets.drug.watermarc" in load_problems(copy)
    toml.unlink()
    assert "mapping.toml: is missing" in load_problems(copy)


def test_the_reference_mapping_holds_and_offers_every_dataset() -> None:
    mapping = load(REFERENCE)
    assert mapping.datasets and mapping.options.dialect == "postgresql"
    assert len(mapping.datasets) == 18


def test_a_changed_line_counts_only_where_the_changed_rows_are_read() -> None:
    file = parse(
        "mirror/patient", "SELECT a, b AS changed_at\nFROM t\n  -- changed WHERE b >= :changed_from\nORDER BY a"
    )
    step = file.steps[0]
    assert step.sql == "SELECT a, b AS changed_at\nFROM t\nORDER BY a" and step.binds == ()
    assert "WHERE b >= :changed_from\nORDER BY a" in step.only_changed().sql
    assert step.only_changed().binds == ("changed_from",)
    with pytest.raises(ValueError, match="no `-- changed` line"):
        parse("mirror/drug", "SELECT a FROM t").steps[0].only_changed()

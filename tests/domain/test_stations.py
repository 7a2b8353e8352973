"""The workstation table as hospitals keep it: a spreadsheet with Chinese heads and every slip a person makes."""

from __future__ import annotations

import pytest

from fallback_server.domain.stations import Entry, Known, Printer, as_csv, as_rows, csv_text, read, rows_of_csv

HOUSE = [
    Entry("W0201", "一楼收费 1 号", "cashier", None, None, (
        Printer("receipt", "LQ-630K", "", 1.5, -2.0), Printer("*", "HP 1020", "Tray1", copies=2),
    )),
    Entry("W0301", "内科一诊室", "doctor", "NK"),
]  # fmt: skip
KNOWN = Known(frozenset({"NK", "XYF"}))
HEAD = "工作站,窗口,角色,科室,药房,打印件,打印机,右移毫米,份数"


def test_what_is_exported_is_read_back_as_it_was() -> None:
    found = read(rows_of_csv(as_csv(HOUSE)), KNOWN)
    assert (found.entries, found.faults) == (HOUSE, [])
    assert read(as_rows(HOUSE), KNOWN).entries == HOUSE


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_spreadsheet_of_any_country_is_read(encoding: str, separator: str) -> None:
    text = f"{HEAD}\r\nW1,急诊收费,cashier,,,收费票据,LQ-630K,0.5,\r\nW1,,,,,挂号单,,,\r\n".replace(",", separator)
    found = read(rows_of_csv(csv_text(text.encode(encoding))), KNOWN)
    printers = (Printer("receipt", "LQ-630K", "", 0.5), Printer("registration"))
    assert (found.entries, found.faults) == ([Entry("W1", "急诊收费", "cashier", printers=printers)], [])


def test_every_bad_line_is_named_at_once() -> None:
    lines = [
        "窗口 1,,,,,,,,", "W1,,clown,,,,,,", "W2,,,ZZ,,,,,", "W3,,,,,song,,,", "W4,,,,,,HP,60,", "W5,,,,,,HP,,0",
        "W6,一楼,,,,receipt,A,,", "W6,二楼,,,,refund,B,,", "W6,,,,,receipt,C,,",
    ]  # fmt: skip
    found = read(rows_of_csv("\n".join([HEAD, *lines])), KNOWN)
    assert [one.line for one in found.faults] == [2, 3, 4, 5, 6, 7, 9, 10]
    words = " ".join(one.en for one in found.faults)
    for said in ("32 letters", "'clown'", "'ZZ'", "'song'", "-50 to 50", "1 to 9", "differs", "twice"):
        assert said in words


def test_a_head_without_workstations_is_no_table() -> None:
    found = read(rows_of_csv("name,colour\nA,red\n"), KNOWN)
    assert {one.line for one in found.faults} >= {1}
    assert any("workstation is missing" in one.en for one in found.faults)


def test_a_workbook_s_figures_are_read_as_they_are_shown() -> None:
    rows = [["workstation", "printer", "copies", "offset_x_mm"], ["W1", "HP", 2.0, 1.5], ["W2", "HP", 1, None]]
    assert [one.printers[0].copies for one in read(rows, Known()).entries] == [2, 1]

"""Pages and rows go through the same rules: whatever a page holds, it comes out as if each row had gone alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fallback_server.domain.datasets import AMOUNT, DATASETS, DATE, FLAG, INT, PRICE, TIME, Column
from sync.central.lines import NULL, Lines, escaped
from sync.mirror.columns import PageNormaliser
from sync.mirror.normalise import Normaliser, Rejection, line_hash


def wide(text: str) -> str:
    """The same in full-width characters."""
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


NASTY = [
    "王小明", " 王 ", "王\u3000", "\xa0李", "a\tb", "a\nb", "a\\b", "\\N", "\\", "a\\Nb", "\ufffd", "\x00x", "\x1f", "",
    " ", "\u2009x", "𠮷田", wide("13800138000"), "13800138000", "（广州）",
    "\x7f", "\x85", "x\r\n", "É", "\\.", "\u2028",
]  # fmt: skip
OF_TYPE: dict[str, list[Any]] = {
    INT: [1, "1", " 2", wide("2"), "1.5", Decimal(3), None, "", "x", True, "1_0"],
    FLAG: [1, 0, "1", "0", "t", "f", "Y", True, False, None, "", "?", wide("1")],
    PRICE: ["12.5", "12.5000", Decimal("1E+1"), 3, "0", "-1", "1.23456", "NaN", None, "", 12.5, wide("12.5")],
    AMOUNT: ["12.5", Decimal("3.10"), 7, "-2.00", None, "0.001", ""],
    DATE: ["2019-05-06", "20190506", date(2019, 5, 6), datetime(2019, 5, 6, 8), "1900-01-01", None, "", "2019-02-30"],  # noqa: DTZ001
    TIME: ["2026-11-23 08:00:00", datetime(2026, 11, 23, 8), "2026-11-23T08:00:00.5+08", "x", None, "", "1900-01-01 0"],  # noqa: DTZ001
}


def values(column: Column) -> st.SearchStrategy[Any]:
    """What a centre might give for a column: mostly clean, sometimes anything at all."""
    if column.type in OF_TYPE:
        return st.sampled_from(OF_TYPE[column.type])
    if column.choices:
        return st.sampled_from([*column.choices, None, "?", f"{column.choices[0]} "])
    clean = st.sampled_from(["A1", "王小明", "13800138000", None])
    return st.one_of(clean, clean, st.sampled_from(NASTY), st.text(max_size=4))


def pages(dataset: str) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    row = st.tuples(*(values(column) for column in DATASETS[dataset].columns))
    return st.lists(row, min_size=1, max_size=6)


def alone(dataset: str, page: Sequence[tuple[Any, ...]]) -> list[Any]:
    rules = Normaliser(DATASETS[dataset])
    return [rules.row(row) for row in page]


def together(dataset: str, page: Sequence[tuple[Any, ...]]) -> list[Any]:
    batch = PageNormaliser(DATASETS[dataset]).page(page)
    rows = list(batch.rows())
    place = PageNormaliser(DATASETS[dataset]).columns.index("row_hash")
    assert [line_hash(line) for line in batch.lines] == [row[place] for row in rows]
    return [*rows, *batch.rejections]


def same(left: list[Any], right: list[Any]) -> None:
    assert sorted(map(repr, left)) == sorted(map(repr, right))


@pytest.mark.parametrize("dataset", ["patient", "drug", "open_prescription", "receipt_book", "dictionary"])
@given(data=st.data())
@settings(max_examples=150)
def test_a_page_of_tuples_comes_out_as_its_rows_would(dataset: str, data: st.DataObject) -> None:
    page = data.draw(pages(dataset))
    same(together(dataset, page), alone(dataset, page))


@pytest.mark.parametrize("dataset", ["patient", "drug", "open_prescription", "receipt_book", "dictionary"])
@given(data=st.data())
@settings(max_examples=150)
def test_a_page_of_copy_text_comes_out_as_its_rows_would(dataset: str, data: st.DataObject) -> None:
    texts = [
        tuple(None if value is None else str(value).replace("\x00", "") for value in row)
        for row in data.draw(pages(dataset))
    ]
    lines = "".join("\t".join(NULL if v is None else escaped(v) for v in row) + "\n" for row in texts)
    page = Lines(lines.encode())
    assert list(page) == texts and len(page) == len(texts)
    same(together(dataset, page), alone(dataset, texts))


def test_clean_rows_keep_the_very_line_that_was_read() -> None:
    line = "1\t王小明\tM\t2019-05-06\t\\N\t\\N\t\\N\t13800138000\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t1"
    batch = PageNormaliser(DATASETS["patient"]).page(Lines(f"{line}\n".encode()))
    assert batch.lines == [line.encode()] and not batch.rejections


def test_one_odd_row_does_not_slow_the_others_or_change_them() -> None:
    clean = [(f"D{number}", "门诊", "outpatient", None, 1) for number in range(50)]
    page = [*clean[:20], ("X", "\ufffd", "outpatient", None, 1), (" Y ", " 急诊 ", "emergency", None, 1), *clean[20:]]
    batch = PageNormaliser(DATASETS["department"]).page(page)
    assert len(batch) == 51 and [rejection.row_key for rejection in batch.rejections] == ["X"]
    assert isinstance(batch.rejections[0], Rejection)
    assert next(row[1] for row in batch.rows() if row[0] == "Y") == "急诊"

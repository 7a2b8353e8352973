"""The further sheets of the workbook: by day and window, receipt books, cash, posting and day closings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Protocol

Head = Sequence[tuple[str, str]]
_WINDOWS: Final[Head] = (
    ("业务日", "Business day"), ("窗口", "Window"), ("工号", "Operator"), ("姓名", "Name"), ("应急", "Standby"),
    ("台账", "Ledger"), ("中心", "Centre"), ("差额", "Difference"), ("付款方式", "Methods"), ("费别", "Categories"),
)  # fmt: skip
_BOOKS: Final[Head] = (
    ("工号", "Operator"), ("票据簿起", "Book from"), ("票据簿止", "Book to"), ("本次起", "From"), ("本次止", "To"),
    ("号数", "Range"), ("已用", "Used"), ("作废", "Void"), ("不明", "Unknown"), ("缺号", "Missing"),
    ("重号", "Doubled"),
)  # fmt: skip
_CASH: Final[Head] = (
    ("工号", "Operator"), ("窗口", "Window"), ("开班", "Opened"), ("交班", "Closed"), ("方式", "Method"),
    ("应缴", "Due"), ("实点", "Counted"), ("差额", "Difference"),
)  # fmt: skip
_POSTING: Final[Head] = (
    ("单据", "Document"), ("工号", "Operator"), ("业务日", "Business day"), ("入账日", "Posted"),
    ("日结日", "Closed day"), ("日结号", "Closing"), ("结账时间", "Closed at"),
)  # fmt: skip


class Writer(Protocol):
    """What account_book gives: words in its language, sheets, rows."""

    def word(self, zh: str, en: str) -> str: ...

    def method(self, code: str) -> str: ...

    def sheet(self, title: str) -> Any: ...

    def rows(self, sheet: Any, rows: Iterable[Sequence[Any]], *, bold: bool = False) -> None: ...


def write(writer: Writer, account: Mapping[str, Any]) -> None:
    """Four sheets behind the differences."""
    for title, head, rows in (
        (("按日窗口", "By window"), _WINDOWS, _windows(writer, account["windows"])),
        (("票据簿", "Books"), _BOOKS, _books(account["books"])),
        (("点款", "Cash"), _CASH, _cash(writer, account["cash"])),
        (("入账日结", "Posting"), _POSTING, _posting(writer, account["posting"])),
    ):
        sheet = writer.sheet(writer.word(*title))
        writer.rows(sheet, [[writer.word(*name) for name in head]], bold=True)
        writer.rows(sheet, rows)


def _windows(writer: Writer, windows: Iterable[Mapping[str, Any]]) -> Iterable[Sequence[Any]]:
    for one in windows:
        sums = [_figure(one[name]) for name in ("local", "ledger", "central", "difference")]
        paid = "，".join(f"{writer.method(code)} {sum_}" for code, sum_ in one["by_method"].items())
        fees = "，".join(f"{code} {sum_}" for code, sum_ in one["by_category"].items())
        yield [one["business_date"], one["workstation"], one["operator"], one["name"], *sums, paid, fees]


def _books(books: Iterable[Mapping[str, Any]]) -> Iterable[Sequence[Any]]:
    for book in books:
        counts = [book[name] for name in ("range", "used", "void")]
        named = [" ".join(book[name]) for name in ("unknown_numbers", "missing_numbers", "doubled_numbers")]
        yield [book["operator"], book["book_from"], book["book_to"], book["from"], book["to"], *counts, *named]


def _cash(writer: Writer, shifts: Iterable[Mapping[str, Any]]) -> Iterable[Sequence[Any]]:
    for shift in shifts:
        when = [_moment(shift["opened_at"]), _moment(shift["closed_at"])]
        for line in shift["methods"]:
            sums = [_figure(line[name]) for name in ("due", "counted", "difference")]
            yield [shift["operator"], shift["workstation"], *when, writer.method(line["method"]), *sums]


def _posting(writer: Writer, posting: Mapping[str, Any]) -> Iterable[Sequence[Any]]:
    """Every charge and refund with the closing that took it."""
    moved = {one["yj_no"]: one for one in posting["closed_period"]}
    waiting = writer.word("尚未日结", "not yet")
    for one in [*posting["closings"], *posting["not_yet"]]:
        closed = [one.get("closing_date"), one.get("closing_no", waiting), _moment(one.get("closed_at"))]
        for no in one["yj_nos"]:
            posted = moved[no]["posting_date"] if no in moved else one.get("posting_date") or _day_in(no)
            days = [_day_in(no), posted]
            yield [no, one["operator"], *days, *closed]


def _day_in(yj_no: str) -> str:
    """The business day, which stands in our number."""
    return f"20{yj_no[2:4]}-{yj_no[4:6]}-{yj_no[6:8]}"


def _figure(text: str | None) -> Decimal | str:
    return "–" if text is None else Decimal(text)


def _moment(text: str | None) -> str:
    return text[:16].replace("T", " ") if text else "–"

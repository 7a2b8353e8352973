"""The account as a workbook for finance: a summary, one sheet per cashier, the differences.

openpyxl is an extra (`excel`); without it everything but the workbook works.
"""

from __future__ import annotations

import importlib
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from fallback_server.acts import account_details
from fallback_server.domain import differences
from fallback_server.domain.categories import (
    ADJUSTING_NAMES,
    CAUSE_NAMES,
    PAYMENT_METHODS,
    RECEIPT_CATEGORIES,
)
from fallback_server.domain.errors import YjError

WIDTHS = (18, 20, 16, 16, 16, 16, 24, 14, 20, 20)
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
Takings = Callable[[str], Sequence[Mapping[str, Any]]]


def workbook(account: Mapping[str, Any], takings: Takings, *, hospital: str, language: str = "zh") -> bytes:
    """The workbook's bytes. `account` is account_sheet.sheet, `takings(operator)` the documents of a cashier.

    Raises excel_unavailable where the extra is not installed.
    """
    try:
        book = importlib.import_module("openpyxl").Workbook()
    except ImportError:
        raise YjError("excel_unavailable") from None
    writer = Writer(book, language)
    writer.summary(account, hospital)
    for one in account["cashiers"]:
        writer.cashier(one, takings(one["operator"]), account["closing_of"])
    writer.differences(account["differences"])
    account_details.write(writer, account)
    packed = io.BytesIO()
    book.save(packed)
    return packed.getvalue()


class Writer:
    """One workbook in one language."""

    def __init__(self, book: Any, language: str) -> None:
        self.book, self.language = book, language
        self.first: Any = book.active

    def word(self, zh: str, en: str) -> str:
        return en if self.language == "en" else zh

    def summary(self, account: Mapping[str, Any], hospital: str) -> None:
        sheet = self.sheet(self.word("合计", "Summary"))
        title = ("演练 DRILL " if account["drill"] else "") + self.word("应急对账单", "Reconciliation")
        self.rows(sheet, [[f"{hospital} {title}"]], bold=True)
        done = self.word("账平", "balanced") if account["balanced"] else self.word("未平", "NOT BALANCED")
        period = account["period"]
        self.rows(
            sheet,
            [
                [self.word("事件", "Incident"), account["incident_no"], done],
                [self.word("原因", "Cause"), CAUSE_NAMES[account["cause"]][self.language == "en"], account["reason"]],
                [self.word("期间", "Period"), moment(period["from"]), moment(period["to"])],
                [self.word("对账时间", "Account made"), moment(account["at"])],
                [],
            ],
        )
        totals = account["totals"]
        self.rows(sheet, [[self.word(*one) for one in _SIDES]], bold=True)
        self.rows(sheet, [[figure(totals[name]) for name in ("local", "ledger", "central")], []])
        self.layers(sheet, account["layers"])
        self._two_sums(sheet, account["by_method"], account["by_category"])
        self.rows(sheet, [[self.word(*one) for one in _CASHIER_HEAD]], bold=True)
        for one in account["cashiers"]:
            numbers = [one["receipts"][name] for name in ("from", "to", "used", "void", "unknown", "missing")]
            sums = [figure(one[name]) for name in ("local", "central", "difference")]
            self.rows(sheet, [[one["operator"], one["name"], *sums, *numbers]])
        self.rows(sheet, [[]])
        for signed_as, word in (("it", ("信息科", "IT")), ("finance", ("财务科", "Finance"))):
            by = [one for one in account["signatures"] if one["signed_as"] == signed_as]
            signed = [by[0]["operator_code"], moment(by[0]["at"])] if by else [self.word("未签字", "not signed")]
            self.rows(sheet, [[self.word(*word), *signed]])

    def layers(self, sheet: Any, layers: Sequence[Mapping[str, Any]]) -> None:
        """What each of the five layers found."""
        self.rows(sheet, [[self.word(*name) for name in _LAYER_HEAD]], bold=True)
        for one in layers:
            said = self.word("相符", "agrees") if one["ok"] else self.word("不符", "DIFFERS")
            name = f"{one['layer']} {self.word(*differences.LAYERS[one['name']])}"
            self.rows(sheet, [[name, said, one["compared"], one["differences"], one["seconds"]]])
        self.rows(sheet, [[]])

    def cashier(
        self, one: Mapping[str, Any], takings: Iterable[Mapping[str, Any]], closing_of: Mapping[str, str]
    ) -> None:
        sheet = self.sheet(_title(f"{one['operator']} {one['name']}".strip(), self.book))
        sums = [figure(one[name]) for name in ("local", "central", "difference")]
        self.rows(sheet, [[self.word("收费员", "Cashier"), one["operator"], one["name"]]], bold=True)
        self.rows(sheet, [["", *(self.word(*name) for name in _SUM_HEAD)], [self.word("合计", "Total"), *sums], []])
        self._two_sums(sheet, one["methods"], one["categories"])
        self.rows(sheet, [[self.word(*name) for name in _TAKINGS_HEAD]], bold=True)
        for row in takings:
            paid = "，".join(f"{self.method(code)} {amount}" for code, amount in row["payments"].items())
            kind = self.word("退费", "refund") if row["refund"] else self.word("收费", "charge")
            self.rows(
                sheet,
                [[row["yj_no"], moment(row["at"]), kind, row["receipt_no"], figure(row["total"]), paid,
                  row["central_key"], row["state"], row["workstation"], closing_of.get(row["yj_no"])]],
            )  # fmt: skip

    def differences(self, found: Iterable[Mapping[str, Any]]) -> None:
        sheet = self.sheet(self.word("差异", "Differences"))
        self.rows(sheet, [[self.word(*name) for name in _DIFFERENCE_HEAD]], bold=True)
        for item in found:
            sides = [differences.words(item[side], self.language) for side in ("local", "central")]
            named = [item["id"], differences.kind(item["kind"], self.language), item["yj_id"], item["central_key"]]
            self.rows(sheet, [[*named, *sides, item["explained_by"], item["note"]]])

    def method(self, code: str) -> str:
        names = PAYMENT_METHODS | ADJUSTING_NAMES
        return names.get(code, (code, code))[self.language == "en"]

    def _two_sums(
        self, sheet: Any, methods: Iterable[Mapping[str, str]], categories: Iterable[Mapping[str, str]]
    ) -> None:
        for word, lines, names in (
            (("付款方式", "Method"), methods, PAYMENT_METHODS | ADJUSTING_NAMES),
            (("费别", "Category"), categories, RECEIPT_CATEGORIES),
        ):
            self.rows(sheet, [[self.word(*word), *(self.word(*name) for name in _SUM_HEAD)]], bold=True)
            for line in lines:
                name = names.get(line["code"], (line["code"],) * 2)[self.language == "en"]
                self.rows(sheet, [[name, *(figure(line[side]) for side in ("local", "central", "difference"))]])
            self.rows(sheet, [[]])

    def sheet(self, title: str) -> Any:
        sheet, self.first = (self.first, None) if self.first is not None else (self.book.create_sheet(), None)
        sheet.title = title
        for index, width in enumerate(WIDTHS):
            sheet.column_dimensions[chr(ord("A") + index)].width = width
        return sheet

    def rows(self, sheet: Any, rows: Iterable[Sequence[Any]], *, bold: bool = False) -> None:
        for row in rows:
            sheet.append([_cell(value) for value in row])
            for cell in sheet[sheet.max_row] if row else ():
                if isinstance(cell.value, Decimal):
                    cell.number_format = "#,##0.00"
                if bold:
                    cell.font = importlib.import_module("openpyxl.styles").Font(bold=True)


_SIDES = (("应急服务器", "Standby"), ("上传台账", "Ledger"), ("中心业务表", "Centre"))
_LAYER_HEAD = (
    ("层", "Layer"), ("结果", "Result"), ("核对项数", "Compared"), ("不符", "Differences"), ("秒", "Seconds"),
)  # fmt: skip
_SUM_HEAD = (("应急", "Standby"), ("中心", "Centre"), ("差额", "Difference"))
_CASHIER_HEAD = (
    ("工号", "Operator"), ("姓名", "Name"), *_SUM_HEAD, ("起号", "From"), ("止号", "To"), ("已用", "Used"),
    ("作废", "Void"), ("不明", "Unknown"), ("缺号", "Missing"),
)  # fmt: skip
_TAKINGS_HEAD = (
    ("YJ 号", "YJ number"), ("时间", "Time"), ("种类", "Kind"), ("票据号", "Receipt"), ("金额", "Total"),
    ("付款", "Payments"), ("中心主键", "Central key"), ("上传", "Upload"), ("窗口", "Window"), ("日结", "Day closing"),
)  # fmt: skip
_DIFFERENCE_HEAD = (
    ("编号", "Id"), ("种类", "Kind"), ("单据", "Document"), ("中心主键", "Central key"), ("应急", "Standby"),
    ("中心", "Centre"), ("说明人", "Explained by"), ("说明", "Explanation"),
)  # fmt: skip


def figure(text: str | None) -> Decimal | str:
    """A number for the sheet; a dash where that side has none to give."""
    return "–" if text is None else Decimal(text)


def moment(text: str | None) -> str:
    return text[:16].replace("T", " ") if text else "–"


def _cell(value: Any) -> Any:
    """Text that a spreadsheet must not take for a formula, without the signs that no workbook holds."""
    if not isinstance(value, str):
        return value
    text = _UNPRINTABLE.sub(" ", value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _title(text: str, book: Any) -> str:
    """A sheet's name: at most 31 characters, none of those a workbook forbids, different from all others."""
    bare = re.sub(r"[\\/*?:\[\]']", " ", _UNPRINTABLE.sub(" ", text))[:28].strip() or "–"
    taken = {name.lower() for name in book.sheetnames}
    free = (f"{bare} {number}" if number else bare for number in range(1000))
    return next(name for name in free if name.lower() not in taken)

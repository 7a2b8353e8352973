"""The account as people and programs read it: JSON, a page to print, a workbook."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fallback_server.domain.categories import ADJUSTING_METHODS, PAYMENT_METHODS, RECEIPT_CATEGORIES

TEMPLATES = Path(__file__).parent / "templates"
KINDS: dict[str, str] = {
    "pending": "待上传",
    "sending": "上传中",
    "unknown": "结果未明",
    "conflict": "待人工处理",
    "settled": "未上传（另行处理）",
    "linked": "已认定为中心原有记录",
    "missing_at_centre": "中心缺少",
    "extra_at_centre": "中心多出",
    "doubled": "中心重复",
    "receipt_doubled": "票据号重复",
    "amount": "金额不符",
    "category": "费别不符",
    "method": "付款方式不符",
    "operator": "收费员不符",
    "receipt_no": "票据号不符",
    "original": "原收费不符",
    "registration_status": "挂号状态不符",
    "prescription_status": "处方状态不符",
    "ledger_missing": "台账缺少",
    "ledger_extra": "台账多出",
    "ledger_hash": "台账内容不符",
    "ledger_amount": "台账金额不符",
    "ledger_key": "台账主键不符",
    "receipt_unknown": "票号去向不明",
    "receipt_missing": "票号缺号",
}

FIELDS: dict[str, str] = {
    "operator": "收费员",
    "receipt_no": "票据号",
    "amount": "金额",
    "total": "金额",
    "method": "付款方式",
    "category": "费别",
    "original": "原收费",
    "sequence": "序号",
    "entity": "单据",
    "status": "状态",
    "yj_no": "YJ 号",
    "state": "状态",
}


class NotInstalled(RuntimeError):
    """An optional library is missing; the text says which and how to get it."""


@dataclass
class ReconciliationReport:
    """The contract's shape; `id` and `at` are those of the stored account."""

    incident_no: int
    balanced: bool
    totals: dict[str, str]
    cashiers: list[dict[str, Any]]
    differences: list[dict[str, Any]]
    id: int | None = field(default=None)
    at: str | None = field(default=None)

    def to_json(self) -> dict[str, Any]:
        """What `yj reconcile --json` prints and what is stored."""
        data = asdict(self)
        return {name: value for name, value in data.items() if name not in ("id", "at")}


def write(report: Mapping[str, Any], path: Path, *, hospital: str = "") -> None:
    """Write an account (`to_json`, or `sign_off.current_report`) as .json, .html or .xlsx, by the name's ending.

    Raises ValueError for another ending, NotInstalled where the workbook's library is missing.
    """
    if path.suffix == ".json":
        path.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    elif path.suffix == ".html":
        path.write_text(html(report, hospital=hospital), encoding="utf-8")
    elif path.suffix == ".xlsx":
        _workbook(report, path)
    else:
        raise ValueError(f"{path.name}: write a name that ends in .json, .html or .xlsx")


def html(report: Mapping[str, Any], *, hospital: str = "") -> str:
    """A page of its own to print and sign; everything from outside is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    names = {code: zh for code, (zh, _) in (RECEIPT_CATEGORIES | PAYMENT_METHODS).items()}
    names |= dict(zip(ADJUSTING_METHODS, ("抹零", "欠费"), strict=True))
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    template = environment.get_template("reconciliation.html")
    signed = {"signatures": [], "at": None, **report}
    return template.render(report=signed, hospital=hospital, kinds=KINDS, names=names, text=words)


def words(value: Any) -> str:
    """A version of a record in one line."""
    if isinstance(value, Mapping):
        return "，".join(
            f"{FIELDS.get(name, name)}: {words(inner)}" for name, inner in value.items() if inner not in (None, "", {})
        )
    return str(value)


def _workbook(report: Mapping[str, Any], path: Path) -> None:
    try:
        book = importlib.import_module("openpyxl").Workbook()
    except ImportError as error:
        raise NotInstalled("an .xlsx needs the library openpyxl: pip install 'openpyxl>=3.1'") from error
    sheet = book.active
    sheet.title = "合计"
    sheet.append(["事件", report["incident_no"], "平" if report["balanced"] else "未平"])
    for name, value in report["totals"].items():
        sheet.append([name, value])
    sheet = book.create_sheet("收费员")
    sheet.append(["收费员", "应急", "中心", "差额", "起号", "止号", "已用", "作废", "不明", "缺号"])
    for own in report["cashiers"]:
        numbers = own["receipts"]
        sheet.append(
            [own["operator"], own["local"], own["central"], own["difference"]]
            + [numbers[name] for name in ("from", "to", "used", "void", "unknown", "missing")]
        )
    sheet = book.create_sheet("差异")
    sheet.append(["编号", "种类", "单据", "中心主键", "应急", "中心", "说明人", "说明"])
    for item in report["differences"]:
        named = [item["id"], KINDS.get(item["kind"], item["kind"]), item["yj_id"], item["central_key"]]
        versions = [_cell(words(item["local"])), _cell(words(item["central"]))]
        sheet.append([*named, *versions, item["explained_by"], _cell(item["note"] or "")])
    book.save(path)


def _cell(text: str) -> str:
    """Text that a spreadsheet must not take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text

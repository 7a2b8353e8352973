"""The workstation table as a file: one line for each printer of each workstation, read strictly, all faults at once.

A workstation with several printers has several lines; window, role, department and pharmacy stand on the first of them
and are the same or empty on the others. Headers are English or Chinese, in any order.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from fallback_server.domain.categories import ROLES
from fallback_server.domain.numbers import WORKSTATION_CODE

EVERY_KIND: Final = "*"
# Kind of print → its name; the same word as in the address of the print.
KINDS: Final = {
    EVERY_KIND: ("其他全部", "everything else"),
    "registration": ("挂号单", "registration slip"),
    "receipt": ("收费票据", "receipt"),
    "refund": ("退费单", "refund slip"),
    "prescription": ("处方笺", "prescription"),
    "order": ("申请单", "order"),
    "shift": ("交接单", "hand-over sheet"),
    "run_sheet": ("补录单", "run sheet"),
    "reconciliation": ("对账单", "account"),
    "incident": ("事件报告", "incident report"),
}
STATION_ROLES: Final = (*ROLES, "display")
MOST_COPIES: Final = 9
MOST_MM: Final = 50
COLUMNS: Final = {
    "workstation": "工作站", "window": "窗口", "role": "角色", "department": "科室", "pharmacy": "药房",
    "print": "打印件", "printer": "打印机", "tray": "纸盒", "offset_x_mm": "右移毫米",
    "offset_y_mm": "下移毫米", "copies": "份数",
}  # fmt: skip
_LONGEST: Final = {"window": 64, "department": 64, "pharmacy": 64, "printer": 128, "tray": 64}


@dataclass(frozen=True)
class Printer:
    """Which printer takes which kind of print. Offsets move the print right and down, in millimetres."""

    kind: str = EVERY_KIND
    printer: str = ""
    tray: str = ""
    offset_x_mm: float = 0.0
    offset_y_mm: float = 0.0
    copies: int = 1


@dataclass(frozen=True)
class Entry:
    """One workstation."""

    code: str
    window: str = ""
    role: str | None = None
    department_code: str | None = None
    pharmacy_code: str | None = None
    printers: tuple[Printer, ...] = ()

    def printer_for(self, kind: str) -> Printer | None:
        """The printer of a kind of print, else the one for everything else, else None."""
        by_kind = {one.kind: one for one in self.printers}
        return by_kind.get(kind) or by_kind.get(EVERY_KIND)

    def shown(self) -> dict[str, Any]:
        """As the API shows it."""
        return {"workstation": self.code, **{k: v for k, v in asdict(self).items() if k != "code"}}


@dataclass(frozen=True)
class Fault:
    """What is wrong with one line of the file (1 is its head)."""

    line: int
    zh: str
    en: str


@dataclass(frozen=True)
class Known:
    """Codes that the copy of the centre knows; None: there is no copy, so nothing can be said against a code."""

    departments: frozenset[str] | None = None


@dataclass
class Reading:
    """What a file says, and everything that is wrong with it."""

    entries: list[Entry] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def rows_of_csv(text: str) -> list[list[str]]:
    """The cells of a CSV text, separated as Excel writes it in any country."""
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=separator))


def csv_text(data: bytes) -> str:
    """The text of a CSV file: UTF-8, or what Excel writes here otherwise. Raises UnicodeDecodeError."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("gb18030")


def read(rows: Iterable[Sequence[Any]], known: Known) -> Reading:
    """The table in `rows`, the first of which is the head."""
    found, lines = Reading(), iter(rows)
    head = _head(next(lines, []), found)
    by_code: dict[str, Entry] = {}
    for number, cells in enumerate(lines, 2):
        texts = [_text(cell) for cell in cells]
        if not any(texts):
            continue
        _line(number, dict(zip(head, texts, strict=False)), by_code, known, found)
    found.entries = list(by_code.values())
    return found


def _text(cell: Any) -> str:
    """A cell as text; a workbook knows whole numbers as 1.0."""
    return "" if cell is None else f"{cell:g}" if isinstance(cell, float) else str(cell).strip()


def _head(cells: Sequence[Any], found: Reading) -> list[str]:
    names = {**{zh: name for name, zh in COLUMNS.items()}, **{name: name for name in COLUMNS}}
    given = [str(cell or "").strip() for cell in cells]
    for cell in given:
        if cell and cell.lower() not in names:
            found.faults.append(Fault(1, f"没有「{cell}」这一列", f"there is no column {cell}"))
    head = [names.get(cell.lower(), "") for cell in given]
    if "workstation" not in head:
        found.faults.append(Fault(1, "缺少「工作站」一列", "the column workstation is missing"))
    return head


def _line(number: int, given: Mapping[str, str], by_code: dict[str, Entry], known: Known, found: Reading) -> None:
    faults = [Fault(number, zh, en) for zh, en in _wrong(given, known)]
    code = given.get("workstation", "")
    own = Entry(
        code, given.get("window", ""), given.get("role") or None, given.get("department") or None,
        given.get("pharmacy") or None,
    )  # fmt: skip
    before = by_code.get(code)
    if before is not None and (other := _differs(before, own)):
        zh, en = COLUMNS[other], other
        faults.append(Fault(number, f"{code}：「{zh}」与前面一行不同", f"{code}: {en} differs from the line before"))
    if not faults:
        merged = before or own
        printer = _printer(given)
        if printer and any(one.kind == printer.kind for one in merged.printers):
            zh = f"{code}：「{KINDS[printer.kind][0]}」写了两次"
            faults.append(Fault(number, zh, f"{code}: {printer.kind} stands there twice"))
        else:
            by_code[code] = replace(merged, printers=(*merged.printers, printer)) if printer else merged
    found.faults += faults


def _wrong(given: Mapping[str, str], known: Known) -> Iterable[tuple[str, str]]:
    code = given.get("workstation", "")
    if not WORKSTATION_CODE.fullmatch(code):
        yield (
            f"工作站编号「{code}」不对：1 到 32 个字母、数字或 . _ -",
            f"workstation {code!r}: 1 to 32 letters, digits, . _ -",
        )
    if (role := given.get("role", "")) and role not in STATION_ROLES:
        yield (
            f"没有「{role}」这个角色：{' '.join(STATION_ROLES)}",
            f"role {role!r} is none of {' '.join(STATION_ROLES)}",
        )
    for name in ("department", "pharmacy"):
        value = given.get(name, "")
        if value and known.departments is not None and value not in known.departments:
            yield f"没有编码为「{value}」的{COLUMNS[name]}", f"{name} {value!r} is not known"
    for name, longest in _LONGEST.items():
        if len(given.get(name, "")) > longest:
            yield f"「{COLUMNS[name]}」超过 {longest} 个字", f"{name} is longer than {longest}"
    yield from _wrong_print(given)


def _wrong_print(given: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    kind = given.get("print", "")
    if kind and _kind(kind) is None:
        yield f"没有「{kind}」这种打印件：{' '.join(KINDS)}", f"print {kind!r} is none of {' '.join(KINDS)}"
    for name in ("offset_x_mm", "offset_y_mm"):
        if _millimetres(given.get(name, "")) is None:
            zh = f"「{COLUMNS[name]}」应为 -{MOST_MM} 到 {MOST_MM}"
            yield zh, f"{name} must be a number from -{MOST_MM} to {MOST_MM}"
    copies = given.get("copies", "") or "1"
    if copies not in {str(n) for n in range(1, MOST_COPIES + 1)}:
        yield f"「份数」应为 1 到 {MOST_COPIES}", f"copies must be 1 to {MOST_COPIES}"


def _kind(text: str) -> str | None:
    """The kind of print by its word or its Chinese name."""
    if text in KINDS:
        return text
    return next((kind for kind, (zh, _) in KINDS.items() if zh == text), None)


def _millimetres(text: str) -> float | None:
    try:
        found = round(float(text or 0), 2)
    except ValueError:
        return None
    return found if -MOST_MM <= found <= MOST_MM else None


def _printer(given: Mapping[str, str]) -> Printer | None:
    """The printer of a line; None where the line says nothing about printing."""
    said = ("print", "printer", "tray", "offset_x_mm", "offset_y_mm", "copies")
    if not any(given.get(name) for name in said):
        return None
    return Printer(
        _kind(given.get("print", "") or EVERY_KIND) or EVERY_KIND, given.get("printer", ""), given.get("tray", ""),
        _millimetres(given.get("offset_x_mm", "")) or 0.0, _millimetres(given.get("offset_y_mm", "")) or 0.0,
        int(given.get("copies", "") or 1),
    )  # fmt: skip


_SHARED: Final = {"window": "window", "role": "role", "department": "department_code", "pharmacy": "pharmacy_code"}


def _differs(before: Entry, own: Entry) -> str | None:
    for column, name in _SHARED.items():
        said = getattr(own, name)
        if said and said != getattr(before, name):
            return column
    return None


def as_rows(entries: Iterable[Entry]) -> Iterable[list[str]]:
    """The table as a file has it: `read` of it gives the same back."""
    yield list(COLUMNS)
    for one in entries:
        own = [one.code, one.window, one.role or "", one.department_code or "", one.pharmacy_code or ""]
        if not one.printers:
            yield [*own, "", "", "", "", "", ""]
        for printer in one.printers:
            yield [
                *own, printer.kind, printer.printer, printer.tray, f"{printer.offset_x_mm:g}",
                f"{printer.offset_y_mm:g}", str(printer.copies),
            ]  # fmt: skip


def as_csv(entries: Iterable[Entry]) -> str:
    """The same as text that Excel opens: with a mark in front, or Chinese would be spoilt there."""
    out = io.StringIO()
    csv.writer(out).writerows(as_rows(entries))
    return "\ufeff" + out.getvalue()

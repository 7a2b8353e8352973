"""Rules of prescribing: which drug goes on which form, what needs special paper, what the doctor is warned of.

Warnings never stop a prescription; refusals are in the usecases. Source: 处方管理办法 article 6 (western
and patent drugs may share a form, herbal drugs have their own).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from fallback_server.domain.categories import PAPER_ONLY_CONTROL_CLASSES
from fallback_server.domain.policy import Policy

FORM_HOLDS: Final[Mapping[str, frozenset[str]]] = {
    "western": frozenset({"western", "patent"}),
    "patent": frozenset({"patent"}),
    "herbal": frozenset({"herbal"}),
}
MAX_WESTERN_DRUGS: Final = 5
_SEPARATORS = re.compile(r"[\s,，、;；/。.:：()（）]+")
_DENIALS = ("无", "否认", "未发现", "未见", "不详", "没有")
_ENDINGS = ("药物过敏史", "药物过敏", "过敏史", "过敏", "类药物", "药物", "类")


@dataclass(frozen=True)
class Prescribed:
    """One line of a prescription that is being written."""

    line_no: int
    drug: Mapping[str, Any]
    quantity: int
    amount: Decimal
    days: int | None

    @property
    def code(self) -> str:
        return str(self.drug["drug_code"])

    @property
    def name(self) -> str:
        return str(self.drug["name"])


def fits(kind: str, category: str) -> bool:
    """Whether a drug of this category may stand on a prescription of this kind."""
    return category in FORM_HOLDS[kind]


def needs_special_paper(control_class: str | None) -> bool:
    """Narcotic and psychotropic-1 drugs are written on the red form only."""
    return control_class in PAPER_ONLY_CONTROL_CLASSES


def supply_limit(policy: Policy, visit_kind: str) -> int:
    """Days of supply on one prescription: 7, in an emergency 3, or what the hospital set."""
    return policy.supply_days_emergency if visit_kind == "emergency" else policy.supply_days


def allergens(text: str | None) -> list[str]:
    """The substances named in an allergy text, without the words around them; none where it is denied."""
    found = []
    for word in _SEPARATORS.split(text or ""):
        bare = word.removeprefix("对")
        if bare.startswith(_DENIALS):
            continue
        for ending in _ENDINGS:
            bare = bare.removesuffix(ending)
        if len(bare) > 1:
            found.append(bare)
    return found


def allergy_warnings(allergy: str | None, lines: Iterable[Prescribed]) -> list[dict[str, Any]]:
    """Text match of the noted allergy with the drug's names: it finds names, not relations between substances."""
    named = allergens(allergy)
    return [
        _warning("allergy", f"病人对{hit}过敏：{line.name}", f"Allergy noted: {hit} ({line.name})", line)
        for line in lines
        for hit in [next((a for a in named if any(a in n for n in _names(line.drug))), None)]
        if hit is not None
    ]


def _names(drug: Mapping[str, Any]) -> list[str]:
    return [str(drug[column]) for column in ("name", "trade_name") if drug.get(column)]


def duplicate_warnings(lines: Sequence[Prescribed], others: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """The same drug twice, by code or name, on this prescription or on `others` (code, name) of the visit."""
    known = {word for pair in others for word in pair}
    found = []
    for line in lines:
        if {line.code, line.name} & known:
            found.append(_warning("duplicate_drug", f"重复用药：{line.name}", f"Prescribed twice: {line.name}", line))
        known |= {line.code, line.name}
    return found


def supply_warnings(lines: Iterable[Prescribed], limit: int) -> list[dict[str, Any]]:
    """More days than one prescription should cover."""
    return [
        _warning(
            "supply_days", f"{line.name} 用药 {line.days} 天，超过 {limit} 天", f"{line.days} days, limit {limit}", line
        )
        for line in lines
        if line.days is not None and line.days > limit
    ]


def form_warnings(kind: str, lines: Sequence[Prescribed], diagnoses: Sequence[str]) -> list[dict[str, Any]]:
    """What is wrong with the form as a whole."""
    found = []
    if not diagnoses:
        found.append(_warning("no_diagnosis", "未填写临床诊断", "No diagnosis"))
    if kind == "western" and len({line.code for line in lines}) > MAX_WESTERN_DRUGS:
        text = f"超过 {MAX_WESTERN_DRUGS} 种药品"
        found.append(_warning("too_many_drugs", text, f"More than {MAX_WESTERN_DRUGS} drugs"))
    return found


def stock_warnings(
    lines: Iterable[Prescribed], stock: Mapping[str, Decimal], as_of: str | None
) -> list[dict[str, Any]]:
    """Drugs of which the chosen pharmacy had too little as of the mirror."""
    wanted: dict[str, int] = {}
    found = []
    when = as_of[5:16].replace("T", " ") if as_of else "–"
    for line in lines:
        wanted[line.code] = wanted.get(line.code, 0) + line.quantity
        if stock.get(line.code, Decimal(0)) < wanted[line.code]:
            text = f"{line.name} 库存不足（数据截至 {when}）"
            found.append(_warning("out_of_stock", text, f"Out of stock as of {when}: {line.name}", line))
    return found


def choose_pharmacy(
    stock: Mapping[str, Mapping[str, Decimal]], wanted: Mapping[str, int], fallback: Sequence[str]
) -> str | None:
    """The pharmacy that holds all of it, else the one that holds most lines, else the first there is.

    `stock` is pharmacy → drug → quantity, `wanted` drug → quantity, `fallback` all pharmacies in order.
    """

    def held(pharmacy: str) -> int:
        return sum(stock[pharmacy].get(code, Decimal(0)) >= quantity for code, quantity in wanted.items())

    ranked = sorted(stock, key=lambda pharmacy: (-held(pharmacy), pharmacy))
    if ranked and held(ranked[0]) > 0:
        return ranked[0]
    listed = sorted(pharmacy for pharmacy in stock if stock[pharmacy])
    return next(iter([*listed, *fallback]), None)


def repeated_items(lines: Iterable[tuple[int, str, str]], others: Iterable[str]) -> list[dict[str, Any]]:
    """Orders (line, code, name) asked for twice in the visit."""
    known = set(others)
    found = []
    for line_no, code, name in lines:
        if code in known:
            found.append(
                {
                    "code": "duplicate_item",
                    "text": f"重复申请：{name}",
                    "text_en": f"Ordered twice: {name}",
                    "line_no": line_no,
                    "item_code": code,
                }
            )
        known.add(code)
    return found


def _warning(code: str, text: str, text_en: str, line: Prescribed | None = None) -> dict[str, Any]:
    where = {} if line is None else {"line_no": line.line_no, "drug_code": line.code}
    return {"code": code, "text": text, "text_en": text_en, **where}

"""The tables of docs/mirror-rules.md, as data: what the document promises of a value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from fallback_server.domain.datasets import AMOUNT, DATASETS, PRICE
from sync.mirror.normalise import Normaliser, Rejection
from tests.mirror.hospital import hospital

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "mirror-rules.md"
_PLACES = {PRICE: 4, AMOUNT: 2}


@dataclass(frozen=True)
class Promise:
    """One line: what the centre gives in a column, the verdict, and what the mirror then holds (or the reason)."""

    code: str
    dataset: str
    column: str
    given: str
    verdict: str
    holds: str


def cells(heading: str) -> Iterator[list[str]]:
    """The rows of the table under a heading of the document, each as its cells without the code marks."""
    text = DOCUMENT.read_text(encoding="utf-8").split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    _, _, body = text.partition("\n|---")
    for line in body.splitlines():
        if line.startswith("| "):
            yield [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def plain(cell: str) -> str:
    """A cell without the marks of code."""
    return cell.strip().removeprefix("`").removesuffix("`")


def promises() -> list[Promise]:
    """Every line about values."""
    found = []
    for code, place, given, verdict, holds in cells("Values"):
        dataset, column = plain(place).split(".")
        found.append(Promise(plain(code), dataset, column, plain(given), verdict, plain(holds)))
    return found


def literal(text: str) -> Any:
    """A value as the document writes it: JSON, or a kind and a value."""
    kind, _, rest = text.partition(" ")
    kinds: dict[str, Any] = {
        "decimal": Decimal, "float": float, "date": date.fromisoformat, "time": datetime.fromisoformat,
        "bytes": bytes.fromhex,
    }  # fmt: skip
    return kinds[kind](rest) if kind in kinds else json.loads(text)


def outcome(promise: Promise) -> tuple[str, str]:
    """What the code does with it: (verdict, what the mirror holds or the reason), written as the document does."""
    sample = dict(hospital()[promise.dataset][0])
    given = literal(promise.given)
    made = Normaliser(DATASETS[promise.dataset]).by_name({**sample, promise.column: given})
    if isinstance(made, Rejection):
        return "rejected", made.reason
    column = next(one for one in DATASETS[promise.dataset].columns if one.name == promise.column)
    value = made[DATASETS[promise.dataset].names.index(promise.column)]
    shown = written(value, _PLACES.get(column.type))
    return ("accepted" if shown == written(given, None) else "normalised"), shown


def written(value: Any, places: int | None) -> str:
    """A value of the mirror as the document writes it."""
    if value is not None and places is not None:
        return f"{Decimal(value).scaleb(-places):.{places}f}"
    if isinstance(value, date | datetime | Decimal):
        return str(value)
    text = json.dumps(value, ensure_ascii=False, default=str)
    return re.sub(r"[\ue000-\uf8ff]", lambda sign: f"\\u{ord(sign[0]):04x}", text)

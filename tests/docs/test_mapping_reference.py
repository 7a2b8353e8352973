"""docs/mapping-reference.md says what the code reads and binds, no more and no less."""

from __future__ import annotations

import re
from pathlib import Path

from fallback_server.domain.categories import ADJUSTING_METHODS, PAYMENT_METHODS
from fallback_server.domain.datasets import DATASETS, TEXT, Column
from fallback_server.domain.documents import ENTITIES
from sync.central import ledger, vocabulary
from sync.central.check import OPTIONAL, QUESTIONS

PAGE = (Path(__file__).parents[2] / "docs" / "mapping-reference.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([a-z_]+)` \| (.*) \|$", PAGE, re.MULTILINE)


def _written(column: Column) -> str:
    mark = "*" if column.key else "??" if column.optional else "?" if column.nullable else ""
    kind = "" if column.type == TEXT else f":{column.type}"
    choices = f" ({'/'.join(column.choices)})" if column.choices else ""
    return f"{column.name}{mark}{kind}{choices}"


def _words(text: str) -> set[str]:
    return {word for word in re.split(r"[,;:`\s]+", text) if word}


def test_the_columns_of_every_dataset_are_on_the_page() -> None:
    page = {name: cells for name, cells in ROWS if name in DATASETS and "*" in cells}
    assert page == {name: ", ".join(map(_written, dataset.columns)) for name, dataset in DATASETS.items()}


def test_the_binds_of_every_entity_are_on_the_page() -> None:
    page = {name: cells.split(" | ") for name, cells in ROWS if name in ENTITIES and " | " in cells}
    assert set(page) == set(ENTITIES)
    for entity, cells in page.items():
        own, keys, lists = (*cells, "", "")[:3]
        assert _words(own) == set(vocabulary.BODY[entity]), entity
        assert _words(keys.rstrip("| ")) == {f"{name}_key" for name in vocabulary.REFS[entity]}, entity
        expected = vocabulary.LISTS.get(entity, {})
        assert _words(lists.rstrip("| ")) == {*expected, *(name for names in expected.values() for name in names)}, (
            entity
        )
    assert {f"`:{name}`" for name in vocabulary.HEADER | vocabulary.ALWAYS} <= set(re.findall(r"`:\w+`", PAGE))


def test_every_question_every_method_and_every_column_of_the_ledger_is_on_the_page() -> None:
    for name in (*QUESTIONS, *OPTIONAL):
        assert name in PAGE or f"`{name.rpartition('/')[2]}.sql`" in PAGE, name
    for word in (*PAYMENT_METHODS, *ADJUSTING_METHODS, *ledger.COLUMNS, *ledger.INCIDENT_COLUMNS, "applied_at"):
        assert re.search(rf"\b{word}\b", PAGE), word

"""docs/mirror-rules.md is what the mirror does: every line of it is tried, and nothing the mirror does is left out."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from fallback_server.domain.datasets import DATASETS
from fallback_server.domain.pinyin import initials as typed
from sync.mirror.columns import PageNormaliser
from sync.mirror.normalise import REASONS, RULES_VERSION, Normaliser
from sync.mirror.pinyin import initials
from tests.mirror.hospital import hospital, patient
from tests.mirror.rule_rows import DOCUMENT, Promise, cells, literal, outcome, plain, promises

PROMISES = promises()
MIRROR = Path(__file__).resolve().parents[2] / "sync" / "mirror"


@pytest.mark.parametrize("promise", PROMISES, ids=[promise.code for promise in PROMISES])
def test_a_line_of_the_document_is_what_the_code_does(promise: Promise) -> None:
    assert outcome(promise) == (promise.verdict, promise.holds)


@pytest.mark.parametrize("promise", PROMISES, ids=[promise.code for promise in PROMISES])
def test_a_page_goes_by_the_same_rules_as_a_row(promise: Promise) -> None:
    dataset = DATASETS[promise.dataset]
    source = {**hospital()[promise.dataset][0], promise.column: literal(promise.given)}
    batch = PageNormaliser(dataset).page([tuple(source[name] for name in dataset.names)])
    made = Normaliser(dataset).by_name(source)
    assert [*batch.rows(), *batch.rejections] == [made]


def test_every_code_stands_there_once() -> None:
    codes = [promise.code for promise in PROMISES]
    assert len(codes) == len(set(codes)) and all(re.fullmatch(r"[a-z]+\.[a-z0-9_]+", code) for code in codes)


def test_every_reason_of_a_rejection_is_explained() -> None:
    explained = {plain(row[0]) for row in cells("Reasons")}
    assert explained == REASONS | {
        "missing_value",
        "unknown_value",
        "key_missing",
        "duplicate_key",
        "orphan",
        "incomplete",
    }
    assert {promise.holds for promise in PROMISES if promise.verdict == "rejected"} <= explained


def problem_kinds() -> set[str]:
    """The first argument of every Problem(...) and Halted(...) in the mirror, and the kinds named by constants."""
    found = set()
    for path in MIRROR.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Problem", "Halted") and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    found.add(first.value)
    return found | {"misconfigured", "refused", "stopped"}


def test_every_reason_to_hold_or_end_a_run_is_explained() -> None:
    assert {plain(row[0]) for row in cells("Runs")} == problem_kinds()


def test_the_version_of_the_rules_is_told() -> None:
    assert f"version {RULES_VERSION}" in DOCUMENT.read_text(encoding="utf-8")


def test_search_codes_are_those_of_the_document() -> None:
    rows = [[plain(cell) for cell in row] for row in cells("Search codes")]
    assert len(rows) > 20
    for name, whose, code in rows:
        assert initials(name, person=whose == "person") == code, name
        if name.isalnum():
            assert typed(name, person=whose == "person") == code, name


def test_rare_characters_come_through_byte_for_byte() -> None:
    """Outside GBK, outside the BMP, private use as hospitals fill their fonts, and combined signs."""
    name = "𠮷㛃䶮𬎆\ue863é·〇Ⅳ"
    made = Normaliser(DATASETS["patient"]).by_name(patient(1, name=name))
    assert isinstance(made, tuple) and made[1].encode() == name.encode()

"""The page on security claims nothing that is not tried: every test it names is there, every threat has some."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
THREATS = [
    "stolen machine", "rogue cashier", "rogue administrator", "rogue workstation", "ransomware", "man in the middle",
]  # fmt: skip


@cache
def known() -> frozenset[str]:
    """Every test function and test file."""
    found: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        found.add(path.name)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return frozenset(found)


def named(text: str) -> set[str]:
    return set(re.findall(r"`(test_[a-z0-9_]+(?:\.py)?)`", text))


def test_every_test_that_the_page_names_is_there() -> None:
    assert sorted(named(PAGE) - known()) == []


@pytest.mark.parametrize("threat", THREATS)
def test_every_threat_says_what_protects_what_remains_and_what_was_tried(threat: str) -> None:
    (part,) = [text for text in PAGE.split("\n### ")[1:] if threat in text.partition("\n")[0].lower()]
    part = part.partition("\n## ")[0]
    for word in ("**Protected.**", "**What remains.**", "**Tests.**"):
        assert word in part
    assert len(named(part)) >= 3


def test_every_trouble_of_the_machine_has_a_test() -> None:
    table = PAGE.partition("## When the machine is in trouble")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("| what")]
    assert len(rows) >= 9 and all(named(row) for row in rows)

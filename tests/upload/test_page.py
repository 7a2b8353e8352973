"""docs/upload.md and docs/reconciliation.md list what the code knows."""

from __future__ import annotations

import re
from pathlib import Path

from fallback_server.domain.differences import KINDS as DIFFERENCES
from fallback_server.domain.differences import LAYERS, layer_of
from fallback_server.store.conflicts import DECISIONS, KINDS

DOCS = Path(__file__).parents[2] / "docs"


def rows(page: str) -> dict[str, str]:
    """First cell (in backticks) → the rest of the line, of every table on the page."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE))


def test_every_kind_and_decision_is_on_the_page_with_its_words() -> None:
    table = rows("upload.md")
    for name, kind in KINDS.items():
        decisions = ", ".join(f"`{decision}`" for decision in kind.decisions)
        assert table[name] == f"{kind.zh} | {kind.en} | {decisions}"
    for name, decision in DECISIONS.items():
        assert table[name].startswith(f"{decision.en} | {decision.zh} | ")
    assert not [name for name in table if name.startswith("doubt_") and name not in KINDS]


def test_every_kind_of_difference_is_on_the_page() -> None:
    layers = list(LAYERS)
    assert rows("reconciliation.md") == {
        name: f"{zh} | {en} | {layers.index(layer_of(name)) + 1}" for name, (zh, en) in DIFFERENCES.items()
    }

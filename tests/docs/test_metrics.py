"""The page about metrics names every metric there is, and none that is not."""

from __future__ import annotations

import re
from pathlib import Path

from fallback_server.web import metrics

PAGE = Path(__file__).parents[2] / "docs/operate.md"
NAMED = re.compile(r"\byj_[a-z_]+[a-z]")
SUFFIX = re.compile(r"_(bucket|sum|count|created)$")


def there() -> set[str]:
    # A counter's family has its name without the suffix that is shown.
    return {
        family.name + ("_total" if family.type == "counter" else "") for family in metrics.REGISTRY.collect()
    }  # fmt: skip


def test_every_metric_is_explained_and_every_one_that_is_named_exists() -> None:
    text = PAGE.read_text(encoding="utf-8")
    begin = text.index("## Metrics")
    named = {SUFFIX.sub("", one) for one in NAMED.findall(text[begin : text.index("\n## ", begin + 5)])}
    assert named == there()


def test_a_method_that_nobody_knows_is_no_label() -> None:
    metrics.answered("X-" * 50, "none", 405, 0.001)
    assert b"X-X-" not in metrics.exposition() and b'method="other"' in metrics.exposition()

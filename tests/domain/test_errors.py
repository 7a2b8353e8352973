"""Every error has a code, a sentence in both languages and a hint, and the page of codes says the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fallback_server.domain.error_codes_standby import STANDBY
from fallback_server.domain.error_codes_work import WORK
from fallback_server.domain.errors import CATALOG, YjError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("code", sorted(CATALOG))
def test_an_error_speaks_both_languages_even_with_forgotten_parameters(code: str) -> None:
    error = YjError(code)
    assert re.search(r"[一-鿿]", error.sentence("zh"))
    assert not re.search(r"[一-鿿]", error.sentence("en"))
    assert error.hint()
    assert 400 <= error.kind.status < 600


def test_an_unknown_code_is_a_programming_error() -> None:
    with pytest.raises(KeyError):
        YjError("no_such_code")


def test_the_page_of_codes_lists_exactly_the_catalogue() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", page, re.MULTILINE))
    assert not STANDBY.keys() & WORK.keys()
    assert listed == {code: str(kind.status) for code, kind in CATALOG.items()}


def test_every_code_is_raised_somewhere() -> None:
    parts = ("fallback_server", "sync", "clients", "migrations")
    sources = [path for part in parts for path in ROOT.glob(f"{part}/**/*.py")]
    text = "".join(p.read_text(encoding="utf-8") for p in sources if not p.name.startswith("error_codes"))
    assert [code for code in CATALOG if f'"{code}"' not in text] == []

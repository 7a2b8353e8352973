"""The operation cards say what the pages do: one sheet of paper each, real keys, real words, nothing missing."""

from __future__ import annotations

import html
import re
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from babel.messages.pofile import read_po

from clients.pages import PAGES_DIR

ROOT = Path(__file__).parents[2]
CARDS = sorted((ROOT / "docs/cards").glob("*.html"))
ROLES: Final = {"registration", "billing", "doctor", "pharmacy", "triage", "it", "finance"}
# Keys that need no button: those of the keyboard itself, and the browser's own for a whole screen.
PLAIN: Final = {"Enter", "Esc", "Tab", "↑", "↓", "←", "→", "F11"}
# Key and label that meet only when the page runs: the sheet of a shift gets its keys from the window it stands in.
HANDED_IN: Final = {
    "registration": {("F9", "frame.shift_close"), ("F7", "frame.paper_check")},
    "billing": {("F9", "frame.shift_close"), ("F7", "frame.paper_check"), *(
        (f"F{number}", f"billing.tab_{name}")
        for number, name in enumerate(("charge", "refund", "today", "drawer"), start=1)
    )},
    "console": {("F8", "console.sign"), ("F9", "console.sign"), *(
        (str(number), f"console.tab_{name}") for number, name in enumerate(
            ("overview", "switch", "windows", "mirror", "incidents", "upload", "conflicts", "account", "books"), start=1
        )
    )},
}  # fmt: skip
KEY = re.compile(r"<kbd>([^<]+)</kbd>")
QUOTE = re.compile(r"<q>([^<]+)</q>")
PRESS = re.compile(r"<kbd>([^<]+)</kbd> <q>([^<]+)</q>")


@cache
def words() -> dict[str, str]:
    """Every text of the Chinese catalogues."""
    found: dict[str, str] = {}
    for path in (PAGES_DIR / "catalogues/zh").glob("*.po"):
        with path.open("rb") as stream:
            found |= {str(one.id): str(one.string) for one in read_po(stream) if one.id}
    return found


def says(text: str, shown: str) -> bool:
    """Whether a text of the catalogue reads like this on the page, whatever its placeholders hold."""
    pattern = re.escape(text).replace(r"\ ", " ")
    pattern = re.sub(r" ?%\\?\((\w+)\\?\)s ?", ".*", pattern)
    return re.fullmatch(pattern, shown) is not None


@cache
def source_of(window: str) -> tuple[str, ...]:
    """The lines of a window's templates and scripts, and of what all windows share."""
    places = [PAGES_DIR / "templates" / window, PAGES_DIR / "static/js" / window, PAGES_DIR / "static/js/kernel"]
    files = [path for place in places for path in sorted(place.glob("*.*"))]
    return tuple(line for path in files for line in path.read_text(encoding="utf-8").split("\n"))


def window_of(card: str) -> str:
    found = re.search(r'data-page="(\w+)"', card)
    assert found, "the card does not say which page it is about"
    return found[1]


def keys_of(window: str) -> set[str]:
    text = "\n".join(source_of(window))
    marked = set(re.findall(r'data-key="(F\d+)"', text)) | set(re.findall(r'key: "((?:Shift\+)?F\d+)"', text))
    return marked | {key for key, _ in HANDED_IN.get(window, set())} | set(re.findall(r"'(F\d+)'", text))


def cards() -> list[pytest.param]:  # type: ignore[valid-type]
    return [pytest.param(path, id=path.stem) for path in CARDS]


def test_every_role_has_its_card_and_the_index_names_them() -> None:
    assert {path.stem for path in CARDS} == ROLES
    index = (ROOT / "docs/cards/README.md").read_text(encoding="utf-8")
    assert [path.name for path in CARDS if f"({path.name})" not in index] == []


@pytest.mark.parametrize("path", cards())
def test_a_card_is_one_sheet_of_a4(path: Path) -> None:
    weasyprint = pytest.importorskip("weasyprint")
    pages = weasyprint.HTML(filename=str(path)).render().pages
    assert [(round(page.width), round(page.height)) for page in pages] == [(794, 1123)]  # CSS pixels


@pytest.mark.parametrize("path", cards())
def test_every_key_on_a_card_is_a_key_of_its_page(path: Path) -> None:
    card = path.read_text(encoding="utf-8")
    assert set(KEY.findall(card)) - PLAIN - keys_of(window_of(card)) == set()


@pytest.mark.parametrize("path", cards())
def test_every_word_quoted_from_the_page_is_on_it(path: Path) -> None:
    card = path.read_text(encoding="utf-8")
    quoted = {html.unescape(text) for text in QUOTE.findall(card)}
    assert quoted
    assert [text for text in sorted(quoted) if not any(says(known, text) for known in words().values())] == []


@pytest.mark.parametrize("path", cards())
def test_a_key_named_with_a_label_presses_that_button(path: Path) -> None:
    card = path.read_text(encoding="utf-8")
    window = window_of(card)
    wrong = []
    for key, label in PRESS.findall(card):
        ids = [name for name, text in words().items() if text == html.unescape(label)]
        pairs = HANDED_IN.get(window, set())
        there = any((key, name) in pairs for name in ids) or any(
            f'"{key}"' in line and any(f"{quote}{name}{quote}" in line for quote in "'\"")
            for name in ids
            for line in source_of(window)
        )
        if not there and key not in PLAIN:
            wrong.append((key, label))
    assert wrong == []


@pytest.mark.parametrize("path", cards())
def test_a_card_stands_alone_with_its_sheet_of_style_and_its_picture(path: Path) -> None:
    card = path.read_text(encoding="utf-8")
    assert "<script" not in card and 'href="card.css"' in card
    linked = re.findall(r'(?:src|href)="([^"]+)"', card)
    assert [link for link in linked if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", cards())
def test_a_card_says_whom_to_call_what_the_band_means_and_what_comes_after(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for needed in ("找谁", "应急模式 YJ", "正在恢复 YJ", "正常模式", "演练 DRILL", "恢复以后", "遇到这些情况"):
        assert needed in text, needed
    # Nothing that the product does not do yet.
    for later in ("临时卡", "绿色通道", "收费模板", "推送", "备份", "自动切换到应急"):
        assert later not in text, later

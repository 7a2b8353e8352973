"""What the pages promise by themselves: words in two languages, no text in code, nothing newer than Chromium 109,
nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from fallback_server.windows import all_pages
from tests.house.tree import ROOT

PAGES = ROOT / "clients/pages"
LANGUAGES = ("zh", "en")
TEMPLATES = sorted((PAGES / "templates").rglob("*.html"))
SCRIPTS = sorted((PAGES / "static").rglob("*.js"))
STYLES = sorted((PAGES / "static").rglob("*.css"))
SPEAKING = ("pages.py", "login_page.py", "rules.py")  # and whatever stands in a folder `pages`
PLACEHOLDER = re.compile(r"%\(\w+\)s")

# An id is written whole, or begins as written and ends in a value: `frame.band_${mode}` or "prints.kind_" ~ kind.
WHOLE = re.compile(r"""["'`]([a-z]+(?:\.[a-z0-9_]+)+)["'`]""")
BEGINNING = re.compile(r"""["'`]([a-z]+\.[a-z0-9_]+_)(?:["']\s*[~+]|\$\{)""")


def catalogue(language: str) -> dict[str, str]:
    """id → text of one language."""
    found: dict[str, str] = {}
    for path in sorted((PAGES / "catalogues" / language).glob("*.po")):
        with path.open("rb") as file:
            read: Catalog = read_po(file, locale=language)
        for message in read:
            if message.id:
                assert message.id not in found, f"{message.id} stands in two catalogues"
                found[str(message.id)] = str(message.string)
    return found


def sources() -> Iterator[tuple[Path, str]]:
    """Everything that may name a message."""
    for path in (*TEMPLATES, *SCRIPTS, *sorted((ROOT / "fallback_server").rglob("*.py"))):
        yield path, path.read_text(encoding="utf-8")


def named() -> tuple[set[str], set[str]]:
    """Ids written whole and beginnings of ids, of the windows that have catalogues."""
    windows = {path.stem for path in (PAGES / "catalogues/zh").glob("*.po")}
    whole: set[str] = set()
    beginnings: set[str] = set()
    for path, text in sources():
        if path.suffix == ".py" and path.parent.name != "pages" and path.name not in SPEAKING:
            continue
        whole |= {found for found in WHOLE.findall(text) if found.split(".")[0] in windows and not found.endswith("_")}
        beginnings |= {found for found in BEGINNING.findall(text) if found.split(".")[0] in windows}
    return whole, beginnings


def test_every_message_exists_in_both_languages() -> None:
    zh, en = catalogue("zh"), catalogue("en")
    assert set(zh) == set(en)
    assert [key for key in zh if not zh[key].strip() or not en[key].strip()] == []


def test_both_languages_name_the_same_values() -> None:
    zh, en = catalogue("zh"), catalogue("en")
    odd = [key for key in zh if sorted(set(PLACEHOLDER.findall(zh[key]))) != sorted(set(PLACEHOLDER.findall(en[key])))]
    assert odd == []


def test_every_message_that_is_named_exists() -> None:
    known = set(catalogue("zh"))
    whole, beginnings = named()
    # File names look like ids: `pages.css`.
    missing = {key for key in whole - known if not key.endswith((".html", ".css", ".js", ".svg"))}
    assert sorted(missing) == []
    assert [start for start in sorted(beginnings) if not any(key.startswith(start) for key in known)] == []


def test_every_message_is_used_somewhere() -> None:
    whole, beginnings = named()
    unused = [key for key in catalogue("zh") if key not in whole and not key.startswith(tuple(beginnings))]
    assert unused == []


# The stops of Chinese text, which an English sentence must not have: `frame.colon` and its like are in both languages.
WIDE = r"[\u3001\u3002\uff01-\uff1f]"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.relative_to(PAGES).as_posix())
def test_a_template_holds_no_words_of_its_own(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"{#.*?#}|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"{%.*?%}|{{.*?}}", " ", text, flags=re.DOTALL)
    shown = re.sub(r"<[^>]*>", " ", text)
    words = re.findall(rf"[\u3400-\u9fff]+|[A-Za-z]{{3,}}|{WIDE}", shown)
    # The marks of a print are the same in every language.
    assert [word for word in words if word not in {"演练", "DRILL", "nbsp", "times", "HIS", "amp", "middot"}] == []
    labels = re.findall(r'(?:placeholder|title|aria-label|alt)="([^"]*[\u3400-\u9fffA-Za-z][^"]*)"', text)
    assert [label for label in labels if label.strip()] == []


def code(path: Path) -> str:
    """A script without its comments."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r"/\*.*?\*/|(?<![:\"'`])//[^\n]*", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.relative_to(PAGES).as_posix())
def test_a_script_holds_no_words_of_its_own(path: Path) -> None:
    assert re.findall(r"[\u3400-\u9fff]+", code(path)) == []
    assert re.findall(rf"""["'`][^"'`\n]*{WIDE}[^"'`\n]*["'`]""", code(path)) == []


# What came after Chromium 109 (the last one for Windows 7), from the browsers' own release notes.
NEWER_SCRIPT = {
    r"Object\.groupBy|Map\.groupBy": 117,
    r"Array\.fromAsync": 121,
    r"Promise\.withResolvers": 119,
    r"Promise\.try": 128,
    r"\.toSorted\(|\.toReversed\(|\.toSpliced\(|\.with\(": 110,
    r"\.(isSubsetOf|isSupersetOf|isDisjointFrom|symmetricDifference|difference|intersection|union)\(": 122,
    r"Iterator\.from|\.toArray\(": 122,
    r"URL\.canParse": 120,
    r"AbortSignal\.any": 116,
    r"\.isWellFormed\(|\.toWellFormed\(": 111,
    r"\busing\s+\w+\s*=": 134,
    r"RegExp\.escape": 136,
    r"showPopover|hidePopover|togglePopover": 114,
    r"startViewTransition": 111,
    r"Intl\.DurationFormat": 129,
    r"Uint8Array\.from(Base64|Hex)": 140,
}
NEWER_STYLE = {
    r"^\s*&|[;{]\s*&": 112,
    r"color-mix\(|oklch\(|oklab\(|\blch\(|\blab\(": 111,
    r"light-dark\(": 123,
    r"text-wrap\s*:\s*(balance|pretty)": 114,
    r"white-space-collapse": 114,
    r"\bsubgrid\b": 117,
    r"@scope\b": 118,
    r"@starting-style": 117,
    r"anchor-name|position-anchor|\banchor\(": 125,
    r"field-sizing": 123,
    r":user-(in)?valid": 119,
    r"\b(round|mod|rem)\(": 125,
    r"\blinear\(": 113,
    r"(animation|scroll|view)-timeline": 115,
    r":popover-open": 114,
    r"scrollbar-color|scrollbar-width": 121,
    r"calc-size\(|interpolate-size": 129,
    r"font-size-adjust": 127,
    r":dir\(": 120,
    r":nth-child\([^)]*\bof\b": 111,
}
NEWER_MARKUP = {r"\spopover[=\s>]|\spopovertarget": 114, r"<search\b": 118, r"\scommandfor=": 135}


@pytest.mark.parametrize("path", [*SCRIPTS, *STYLES, *TEMPLATES], ids=lambda p: p.relative_to(PAGES).as_posix())
def test_nothing_is_newer_than_chromium_109(path: Path) -> None:
    text = code(path) if path.suffix != ".html" else path.read_text(encoding="utf-8")
    table = {".js": NEWER_SCRIPT, ".css": NEWER_STYLE, ".html": NEWER_MARKUP}[path.suffix]
    newer = [
        (match.group(), since) for pattern, since in table.items() for match in re.finditer(pattern, text, re.MULTILINE)
    ]
    assert newer == []


@pytest.mark.parametrize("path", [*SCRIPTS, *STYLES, *TEMPLATES], ids=lambda p: p.relative_to(PAGES).as_posix())
def test_nothing_is_loaded_from_elsewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/", "")
    assert re.findall(r"https?://|//[a-z0-9.-]+\.(?:com|net|org|cn)\b", text) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.relative_to(PAGES).as_posix())
def test_a_template_has_no_code_and_no_style_of_its_own(path: Path) -> None:
    """The content policy of the pages would refuse it, in silence."""
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"\son[a-z]+=|\sstyle=|<style|javascript:", text) == []
    assert [
        tag for tag in re.findall(r"<script[^>]*>", text) if "src=" not in tag and "application/json" not in tag
    ] == []


def test_every_page_has_its_template_and_its_title() -> None:
    known = set(catalogue("zh"))
    for group in all_pages():
        for page in group.pages:
            assert (PAGES / "templates" / page.template).is_file(), page.path
            assert page.title in known, page.path


def test_no_page_is_declared_twice() -> None:
    paths = [page.path for group in all_pages() for page in group.pages]
    assert len(paths) == len(set(paths))

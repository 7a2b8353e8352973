"""Documentation that runs: every `yj` command on a page exists with the options it shows; links lead somewhere."""

from __future__ import annotations

import html
import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from clients.console import verbs
from clients.console.main import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
COMMAND = re.compile(r"(?:^|[`\s])(?:\.venv/bin/)?(yj [a-z-][^`\n]*)")
GLOBAL = {"--home"}


def commands() -> list[tuple[str, str]]:
    """(page, command line) of every full command in backticks or console blocks."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL) + re.findall(r"`(yj [^`]+)`", text)
        for block in blocks:
            for line in block.split("\n"):
                if match := COMMAND.search(line.split("  #")[0]):
                    found.append((page.name, match.group(1).strip()))
    for card in sorted(ROOT.glob("docs/**/*.html")):
        text = html.unescape(card.read_text(encoding="utf-8"))
        found += [(card.name, line) for line in re.findall(r"<code>(yj [^<]+)</code>", text)]
    return found


@cache
def tree() -> Any:
    verbs.add_to(app)
    return typer.main.get_command(app)


def options_of(command: Any) -> set[str]:
    return {name for parameter in command.params for name in [*parameter.opts, *parameter.secondary_opts]}


@pytest.mark.parametrize(("page", "line"), commands(), ids=lambda value: str(value)[:60])
def test_a_command_on_a_page_exists(page: str, line: str) -> None:
    words = shlex.split(line.replace("…", "X").replace("\\|", "|"))[1:]
    node: Any = tree()
    while words and (not words[0].startswith("-") or words[0] in GLOBAL) and hasattr(node, "commands"):
        word = words.pop(0)
        if word in GLOBAL:
            words.pop(0)
            continue
        names = [word] if "|" not in word else word.split("|")
        for name in names:
            assert name in node.commands, f"{page}: yj has no `{name}` in {line!r}"
        node = node.commands[names[0]]
    shown = {word.strip("[]").split("=")[0] for word in words if word.startswith(("-", "[-"))}
    assert shown <= options_of(node) | GLOBAL, f"{page}: {line!r}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_to_another_page_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_make_targets_of_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"make ([a-z]+)", text)) <= targets

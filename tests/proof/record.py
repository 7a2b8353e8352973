"""What the proof did, kept while the tests run, and written as one page: what was injected, what came out."""

from __future__ import annotations

import html
import json
import platform
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STYLE = (
    "body{font:15px/1.5 'Noto Sans CJK SC','Noto Sans SC',sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;"
    "color:#222}table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}th,td{border:1px solid #bbb;"
    "padding:.25rem .6rem;text-align:left;vertical-align:top}th{background:#eee}td.n{text-align:right;"
    "font-variant-numeric:tabular-nums}.ok{color:#060}.bad{color:#a00;font-weight:bold}h2{margin-top:2rem}"
)


@dataclass
class Entry:
    """One proof: what it says, what was injected, what was counted."""

    title: str
    claim: str
    injected: Counter[str] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)
    facts: dict[str, str] = field(default_factory=dict)

    def inject(self, what: Iterable[str] | Mapping[str, int]) -> None:
        """Add to what was injected."""
        self.injected.update(what)

    def count(self, **numbers: int) -> None:
        """Add to what was counted."""
        self.counted.update(numbers)


class Book:
    """All entries of a session, by the name of the module that wrote them, and how every test ended."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.results: list[tuple[str, str, float]] = []

    def entry(self, name: str, doc: str) -> Entry:
        """The entry of a test module; its docstring is title and claim."""
        if name not in self.entries:
            title, _, claim = doc.strip().partition("\n")
            self.entries[name] = Entry(title.rstrip("."), " ".join(claim.split()))
        return self.entries[name]

    def result(self, node: str, outcome: str, seconds: float) -> None:
        """How one test ended."""
        self.results.append((node, outcome, seconds))

    def _of(self, module: str) -> list[tuple[str, str, float]]:
        """The results of one module of the proof; of every other module for an empty name."""
        found = []
        for node, outcome, seconds in self.results:
            file, _, test = node.partition("::")
            known = Path(file).stem if Path(file).stem in self.entries else ""
            if known == module:
                found.append((test if module else node, outcome, seconds))
        return sorted(found)

    @property
    def sound(self) -> bool:
        """Whether everything that ran passed."""
        return bool(self.results) and all(outcome == "passed" for _, outcome, _ in self.results)

    def save(self, file: Path) -> None:
        """What this process noted, for the one that writes the page."""
        file.write_text(json.dumps({name: vars(entry) for name, entry in self.entries.items()}), encoding="utf-8")

    def add(self, file: Path) -> None:
        """Add what another process noted."""
        for name, noted in json.loads(file.read_text(encoding="utf-8")).items():
            own = self.entries.setdefault(name, Entry(noted["title"], noted["claim"]))
            own.inject(noted["injected"])
            own.count(**noted["counted"])
            own.facts |= noted["facts"]

    def write(self, file: Path, at: str, facts: Mapping[str, Any]) -> None:
        """The page."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self._page(at, facts), encoding="utf-8")

    def _page(self, at: str, facts: Mapping[str, Any]) -> str:
        verdict = (
            '<p class="ok">全部通过 · everything that ran passed</p>'
            if self.sound
            else '<p class="bad">未通过 · NOT in order</p>'
        )
        told = {"run": at, "python": platform.python_version(), **facts}
        injected = sum(entry.injected.total() for entry in self.entries.values())
        parts = [
            "<!doctype html><html lang='en'><meta charset='utf-8'><title>Proof of the way back</title>",
            f"<style>{STYLE}</style><h1>回传恰好一次的证明 · proof of the way back</h1>{verdict}",
            "<p>Each case is a copy of a clinic in a real PostgreSQL and of a standby's store. After every case: "
            "documents at the centre = ledger rows = confirmed here + parked, none doubled, none lost, money equal to "
            "the cent. <code>make proof</code> makes this page.</p>",
            _table("", ("", ""), [*told.items(), ("faults injected", injected)]),
            *(self._section(name) for name in sorted(self.entries)),
        ]
        if others := self._of(""):
            parts.append("<h2>其他长时测试 Other long runs</h2>" + _results(others))
        return "\n".join(parts) + "\n</html>\n"

    def _section(self, name: str) -> str:
        entry = self.entries[name]
        return "".join(
            (
                f"<h2>{html.escape(entry.title)}</h2><p>{html.escape(entry.claim)}</p>",
                _table("injected", ("what", "times"), sorted(entry.injected.items())),
                _table("counted", ("what", "number"), [*entry.counted.items(), *entry.facts.items()]),
                _results(self._of(name)),
            )
        )


def _table(caption: str, head: tuple[str, str], rows: Iterable[tuple[str, Any]]) -> str:
    cells = [
        f"<tr><td>{html.escape(str(name))}</td><td{' class=n' if isinstance(value, int) else ''}>"
        f"{html.escape(f'{value:,}' if isinstance(value, int) else str(value))}</td></tr>"
        for name, value in rows
    ]
    if not cells:
        return ""
    top = f"<tr><th>{head[0] or 'this run'}</th><th>{head[1]}</th></tr>"
    return f"<table><caption>{caption}</caption>{top}{''.join(cells)}</table>"


def _results(results: Iterable[tuple[str, str, float]]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(name.replace('_', ' '))}</td><td class='{'ok' if outcome == 'passed' else 'bad'}'>"
        f"{outcome}</td><td class=n>{seconds:.1f}</td></tr>"
        for name, outcome, seconds in results
    )
    return f"<table><tr><th>test</th><th>result</th><th>seconds</th></tr>{rows}</table>"

"""The only module that prints. People get lines, tables and progress; `--json` gets one document on standard output.

Everything that is not the answer itself (progress, refusals) goes to standard error, so that a pipe stays clean.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


def log_to_standard_error() -> None:
    """Parts of the worker that are used inside a verb say their warnings where refusals go; by default a log would be
    printed into the document. A process that keeps logs has set them up before."""
    import structlog

    if structlog.is_configured():
        return

    def warnings_only(logger: Any, method: str, event: Any) -> Any:
        if method in ("debug", "info"):
            raise structlog.DropEvent
        return event

    structlog.configure(
        processors=[
            warnings_only, structlog.processors.add_log_level, structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=lambda *names: structlog.PrintLogger(sys.stderr),
    )  # fmt: skip


class Ticker:
    """Progress of one piece of work: a bar on a terminal, a line now and then elsewhere.

    `note_seconds`: how often a note inside one step is worth showing.
    """

    note_seconds: float = 5.0

    def advance(self, done: int, total: int | None = None, note: str = "") -> None:
        """`done` of `total` (None: unknown)."""


class Output:
    """Where one verb writes. `as_json`: only `document` goes to standard output, what people read to standard error."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json

    def say(self, text: str) -> None:
        """A line for people."""
        print(text, file=sys.stderr if self.as_json else sys.stdout, flush=True)

    def document(self, value: Any) -> None:
        """The answer as one JSON document; written only where JSON was asked for."""
        if self.as_json:
            print(json.dumps(value, ensure_ascii=False, indent=2, default=_plain), flush=True)

    def table(
        self, title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[int] = ()
    ) -> None:
        """A table for people; columns whose number is in `right` are aligned right (figures)."""
        from rich.table import Table
        from rich.text import Text

        # Text, not markup: "[central] url" is a key, not a colour.
        table = Table(title=Text(title), title_justify="left", title_style="bold", header_style="bold")
        for number, name in enumerate(columns):
            table.add_column(name, justify="right" if number in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text("" if value is None else str(value)) for value in row))
        self.show(table)

    def show(self, what: RenderableType) -> None:
        """Anything rich can draw."""
        self._console().print(what)

    @contextmanager
    def progress(self, title: str) -> Iterator[Ticker]:
        """A bar on a terminal, plain lines otherwise."""
        console = self._console()
        if console.is_terminal:
            with _bar(console, title) as ticker:
                yield ticker
        else:
            yield _Lines(self, title)

    def _console(self) -> Console:
        from rich.console import Console

        stream = sys.stderr if self.as_json else sys.stdout
        # A pipe has no width: wide enough for a table of accounts, whatever reads it.
        return Console(file=stream, highlight=False, width=None if stream.isatty() else 140)


def complain(lines: Iterable[str]) -> None:
    """Say what is wrong, on standard error."""
    for line in lines:
        print(f"yj: {line}", file=sys.stderr, flush=True)


def ask(prompt: str) -> str:
    """A line from the person at the terminal."""
    print(prompt, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


class _Lines(Ticker):
    """At most one line a second, so that a log stays readable."""

    def __init__(self, out: Output, title: str) -> None:
        self._out, self._title, self._last = out, title, 0.0

    def advance(self, done: int, total: int | None = None, note: str = "") -> None:
        import time

        if time.monotonic() - self._last < 1 and done != total:
            return
        self._last = time.monotonic()
        of = f"/{total}" if total is not None else ""
        self._out.say(f"  {self._title}: {done}{of} {note}".rstrip())


@contextmanager
def _bar(console: Console, title: str) -> Iterator[Ticker]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("  {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task(title, total=None, note="")

        class Bar(Ticker):
            note_seconds = 0.2

            def advance(self, done: int, total: int | None = None, note: str = "") -> None:
                shown.update(task, completed=done, total=total, note=note)

        yield Bar()


def _plain(value: object) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)

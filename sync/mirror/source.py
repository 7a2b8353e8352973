"""The pages of one dataset as the run wants them: without the watermark column, whose greatest value is noted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sync.central.gateway import DatasetHints, Row, Snapshot
from sync.central.lines import NULL, Lines
from sync.mirror.watermark import Kind, greatest


class Source:
    """One read of a dataset; `seen` is the greatest watermark so far."""

    def __init__(
        self, snapshot: Snapshot, name: str, binds: Row, hints: DatasetHints, *, changed: bool = False
    ) -> None:
        self._snapshot, self._name, self._binds, self._changed = snapshot, name, binds, changed
        self._marked, self._kind = hints.watermark is not None, hints.watermark_kind
        self.seen: str | None = None

    def __iter__(self) -> Iterator[Sequence[tuple[Any, ...]]]:
        pages = self._snapshot.pages(self._name, self._binds, changed=self._changed)
        for page in pages:
            yield self._without_mark(page) if self._marked else page

    def _without_mark(self, page: Sequence[tuple[Any, ...]]) -> Sequence[tuple[Any, ...]]:
        if isinstance(page, Lines):
            parts = [line.rpartition(b"\t") for line in page.split()]
            self._note({mark.decode() for mark in {part[2] for part in parts}} - {NULL})
            return Lines.of([part[0] for part in parts])
        self._note({row[-1] for row in page} - {None})
        return [row[:-1] for row in page]

    def _note(self, values: set[Any]) -> None:
        self.seen = _greater(self._kind, self.seen, _top(values))

    @property
    def kind(self) -> Kind:
        return self._kind


def _top(values: set[Any]) -> list[Any]:
    """Few values that hold the greatest: texts of one shape sort as what they mean."""
    if len(values) > 1 and all(isinstance(value, str) for value in values) and len({len(v) for v in values}) == 1:
        return [max(values)]
    return list(values)


def _greater(kind: Kind, seen: str | None, values: list[Any]) -> str | None:
    return greatest(kind, [*values, *([] if seen is None else [seen])])

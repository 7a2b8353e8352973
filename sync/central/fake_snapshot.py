"""What the centre in memory held at one moment, read in pages like a real one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from fallback_server.domain.datasets import DATASETS
from sync.central.gateway import Row, Systemic


@dataclass(frozen=True)
class FakeSnapshot:
    """The datasets as they were when the snapshot was taken."""

    as_of: datetime
    datasets: Mapping[str, tuple[Row, ...]]
    watermarks: Mapping[str, str]
    breaks: Callable[[str, int], None]
    page_rows: int = 2000
    oldest_running: datetime | None = None
    row_version_limit: int | None = None
    shapes: Mapping[str, str] = field(default_factory=dict)
    one_moment: bool = True

    def shape(self, dataset: str) -> str | None:
        return self.shapes.get(dataset)

    def pages(
        self, dataset: str, binds: Row | None = None, *, changed: bool = False
    ) -> Iterator[Sequence[tuple[Any, ...]]]:
        if dataset not in self.datasets:
            raise Systemic(f"mirror/{dataset}.sql is missing")
        watermark = self.watermarks.get(dataset)
        names = (*DATASETS[dataset].names, *((watermark,) if watermark else ()))
        blank = dict.fromkeys(DATASETS[dataset].optional)
        rows = self._live(dataset)  # looked at with the first page
        if changed:
            since = (binds or {})["changed_from"]
            rows = (row for row in rows if row[str(watermark)] is None or not _older(row[str(watermark)], since))
        for number in itertools.count(1):
            self.breaks(dataset, number)
            page = [tuple((blank | dict(row))[name] for name in names) for row in islice(rows, self.page_rows)]
            if not page:
                return
            yield page

    def _live(self, dataset: str) -> Iterator[Row]:
        yield from self.datasets[dataset]

    def rows(self, dataset: str, binds: Row | None = None) -> Iterator[Row]:
        names = DATASETS[dataset].names
        for page in self.pages(dataset, binds):
            for row in page:
                yield dict(zip(names, row, strict=False))


def _older(mark: Any, since: str) -> bool:
    """Row versions are numbers, times are text."""
    return bool(mark < type(mark)(since))

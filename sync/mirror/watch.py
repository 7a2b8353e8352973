"""A look over the shoulder of a run: what it asks of the centre, page by page, and whether it may go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, cast

from sync.central.gateway import CentralError, CentralGateway, Row, Snapshot
from sync.central.lines import Lines

LOOK_SECONDS: Final = 1.0  # between two looks at whether the run may go on

Seen = Callable[[str, int], None]
"""Called after every page with the dataset and the rows of it read so far."""


class Halted(CentralError):
    """The run was stopped between two pages; nothing was published. `kind` is that of the run's problem, `local` says
    that the order is the standby's own."""

    def __init__(self, kind: str, zh: str, en: str, *, local: bool = True) -> None:
        super().__init__(en)
        self.kind, self.zh, self.en, self.local = kind, zh, en, local


@dataclass
class Load:
    """What reading one dataset cost the centre. `bytes_about` is guessed from one row of every page, unless the page is
    text; `seconds` is the time spent waiting for the centre, its network and its driver; `changed`: only the changed
    rows were asked for."""

    changed: bool = False
    statements: int = 0
    pages: int = 0
    rows: int = 0
    bytes_about: int = 0
    seconds: float = 0.0


class Watch:
    """One run's watch. `may_go_on` raises Halted where the run must end; it is asked at most once a second."""

    def __init__(self, may_go_on: Callable[[], None], seen: Seen | None = None) -> None:
        self.load: dict[str, Load] = {}
        self.halted: Halted | None = None
        self._may_go_on, self._seen = may_go_on, seen
        self._looked = time.monotonic()

    def over(self, gateway: CentralGateway) -> CentralGateway:
        """The same centre, watched."""
        return cast(CentralGateway, _Watched(gateway, self))

    def as_json(self) -> dict[str, dict[str, Any]]:
        """The load by dataset, for the run's row."""
        return {name: {**asdict(one), "seconds": round(one.seconds, 3)} for name, one in self.load.items()}

    def asked(self, dataset: str, changed: bool) -> Load:
        """Note a new statement for a dataset."""
        found = self.load.setdefault(dataset, Load())
        found.statements += 1
        found.changed = changed
        return found

    def page(self, dataset: str, load: Load, page: Sequence[Any], waited: float) -> None:
        """Note a page that came, and whether another may be asked for."""
        load.pages += 1
        load.rows += len(page)
        load.seconds += waited
        load.bytes_about += len(page.data) if isinstance(page, Lines) else len(page) * _size(page[0]) if page else 0
        if self._seen is not None:
            self._seen(dataset, load.rows)
        self.look()

    def look(self, *, now: bool = False) -> None:
        """Raises Halted if the run must end."""
        if not now and time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        try:
            self._may_go_on()
        except Halted as halted:
            self.halted = halted
            raise


def _size(row: Sequence[Any]) -> int:
    return sum(len(str(value).encode("utf-8", "surrogatepass")) for value in row if value is not None)


class _Watched:
    """A gateway whose snapshots are watched; everything else is the gateway's own."""

    def __init__(self, gateway: CentralGateway, watch: Watch) -> None:
        self._gateway, self._watch = gateway, watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        self._watch.look(now=True)
        with self._gateway.snapshot() as snapshot:
            yield cast(Snapshot, _WatchedSnapshot(snapshot, self._watch))


class _WatchedSnapshot:
    """A snapshot whose pages are counted."""

    def __init__(self, snapshot: Snapshot, watch: Watch) -> None:
        self._snapshot, self._watch = snapshot, watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._snapshot, name)

    @property
    def as_of(self) -> datetime:
        return self._snapshot.as_of

    def pages(
        self, dataset: str, binds: Row | None = None, *, changed: bool = False
    ) -> Iterator[Sequence[tuple[Any, ...]]]:
        load, pages = self._watch.asked(dataset, changed), iter(self._snapshot.pages(dataset, binds, changed=changed))
        while True:
            begun = time.monotonic()
            page = next(pages, None)
            waited = time.monotonic() - begun
            if page is None:
                load.seconds += waited
                return
            self._watch.page(dataset, load, page, waited)
            yield page

    def rows(self, dataset: str, binds: Row | None = None) -> Iterator[Row]:
        return self._snapshot.rows(dataset, binds)

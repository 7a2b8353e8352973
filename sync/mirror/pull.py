"""Reading a dataset in one of four ways, streamed, in bounded memory. What differs is staged; the mirror is untouched.

- `load`: the mirror has no row of it yet. Rows go straight into its table, in the publishing transaction.
- `full`: every row is staged and compared. For small tables, and for heads and lines, which depend on one another.
- `sweep`: every row is read, and what is not published line by line is staged. For large tables; finds deletes.
- `changed`: only what changed since the watermark is asked for. Finds no deletes: a sweep follows, in its hours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import compress
from typing import Any, Final, Literal

from sqlalchemy import Connection

from fallback_server.domain.datasets import DATASETS, Dataset
from sync.central.lines import Lines
from sync.mirror import stage
from sync.mirror.batch import Batch
from sync.mirror.columns import PageNormaliser
from sync.mirror.known import Known
from sync.mirror.load import Loader
from sync.mirror.normalise import SALT, Rejection
from sync.mirror.source import Source
from sync.mirror.workspace import transaction

REJECTIONS_KEPT: Final = 500  # a dataset; all are counted
How = Literal["load", "full", "sweep", "changed"]


@dataclass(frozen=True)
class Diff:
    """How a staged dataset differs from the mirror, in rows."""

    published: int = 0
    changed: int = 0
    gone: int = 0
    new: int = 0


@dataclass
class Staged:
    """What was read of one dataset. `rejected` counts all rows set aside, `rejections` holds the first of them.

    `loaded` holds the rows of a first load, which are in their table already and not in the staging tables.
    """

    dataset: Dataset
    columns: tuple[str, ...]
    how: How = "full"
    read: int = 0
    rejected: int = 0
    rejections: list[Rejection] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)
    diff: Diff = Diff()
    watermark: str | None = None
    shape: str | None = None
    rests: bool = False  # next read in the hours of sweeps
    loaded: Loader | None = None
    torn: set[str] = field(default_factory=set)  # keys of the heads of which a line was set aside

    @property
    def table(self) -> str:
        return stage.staging_table(self.dataset.name)

    @property
    def whole(self) -> bool:
        """Whether every row of the centre was looked at."""
        return self.how != "changed"

    def set_aside(self, rejection: Rejection) -> None:
        self.rejected += 1
        self.reasons[rejection.reason] = self.reasons.get(rejection.reason, 0) + 1
        if self.dataset.parent is not None:
            self.torn.add(rejection.row_key.rpartition("/")[0])
        if len(self.rejections) < REJECTIONS_KEPT:
            self.rejections.append(rejection)

    def take(self, page: Sequence[Any], batch: Batch) -> None:
        """Count a page and what of it was set aside."""
        self.read += len(page)
        for rejection in batch.rejections:
            self.set_aside(rejection)


def pull(connection: Connection, source: Source, name: str, how: How, binds: Mapping[str, Any] | None = None) -> Staged:
    """Read, normalise and stage one dataset. Raises what the snapshot raises.

    Staging is committed as it goes, unless the caller has a transaction open. Raises IntegrityError where a first load
    meets a key twice: it must be rolled back, and the dataset read again in full.
    """
    rules = PageNormaliser(DATASETS[name])
    staged = Staged(DATASETS[name], rules.columns, how)
    if how == "load":
        _load(connection, source, staged, rules)
        return staged
    with transaction(connection):
        stage.create(connection, name)
    if how == "sweep":
        _sweep(connection, source, staged, rules)
    else:
        for page in source:
            batch = rules.page(page)
            staged.take(page, batch)
            with transaction(connection):
                stage.add(connection, name, rules.columns, batch)
    with transaction(connection):
        stage.index(connection, name)
    return staged


def _load(connection: Connection, source: Source, staged: Staged, rules: PageNormaliser) -> None:
    staged.loaded = loader = Loader(connection, staged.dataset.name, rules.columns)
    loader.start()
    try:
        for page in source:
            batch = rules.page(page)
            staged.take(page, batch)
            loader.add(batch)
    # Whatever ends the reading, an interruption too: half a table is given up before anybody else hears of it.
    except BaseException:
        loader.abandon()
        raise
    loader.finish()
    staged.diff = Diff(0, 0, 0, loader.rows)


def _sweep(connection: Connection, source: Source, staged: Staged, rules: PageNormaliser) -> None:
    name = staged.dataset.name
    with transaction(connection):
        known = Known.of(connection, name)
    place = rules.columns.index("row_hash")
    for page in source:
        batch = rules.page(_unknown(known, page, rules, staged) if isinstance(page, Lines) else page)
        staged.take(page, batch)
        # A line that is known by no hash may still be a known row, written otherwise.
        unknown, again = known.meet(map(bytes.fromhex, batch.columns[place]))
        _note_again(staged, batch, again)
        if not all(unknown):
            batch = batch.only(unknown)
        with transaction(connection):
            stage.add(connection, name, rules.columns, batch)
    with transaction(connection):
        stage.add_gone(connection, name, known.unmet())


def _unknown(known: Known, page: Lines, rules: PageNormaliser, staged: Staged) -> Lines:
    """The lines of a page whose hash is not known as it stands."""
    lines = page.split()
    wanted, again = known.meet([blake2b(line, digest_size=8, person=SALT).digest() for line in lines])
    if again:
        _note_again(staged, rules.page(Lines.of([lines[place] for place in again])), range(len(again)))
    return Lines.of(list(compress(lines, wanted)))


def _note_again(staged: Staged, batch: Batch, places: Sequence[int]) -> None:
    """A row that was met before, unchanged in both places: its key stands there twice."""
    keys = [staged.columns.index(key) for key in staged.dataset.keys]
    for place in places:
        shown = "/".join(str(batch.columns[key][place]) for key in keys)
        staged.set_aside(Rejection(staged.dataset.name, shown, "duplicate_key", "2 rows"))

"""The mirror's tables, derived from the datasets, and the bookkeeping of its generations.

Windows attach this schema read-only; only `sync.mirror` writes it. All tables are in the `mirror` schema.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, CheckConstraint, Column, Index, Integer, String, Table, Text

from fallback_server.domain.datasets import AMOUNT, DATASETS, DATE, FLAG, INT, PRICE, Dataset
from fallback_server.domain.datasets import Column as Field
from fallback_server.store.schema import BigKey, Cents, UnitPrice, mirror_metadata

# A receipt number of ten digits is beyond 32 bits.
_TYPES: dict[str, Any] = {INT: BigInteger, FLAG: Boolean, PRICE: UnitPrice, AMOUNT: Cents, DATE: String(10)}

# Columns a window searches by prefix; text order must be byte order there, so that `>= p AND < next(p)` is exact.
SEARCHED: dict[str, tuple[str, ...]] = {
    "patient": ("name", "pinyin", "id_no", "phone_reversed", "guardian_phone"),
    "drug": ("name", "pinyin"),
    "fee_item": ("name", "pinyin"),
    "diagnosis": ("name", "pinyin"),
    "staff": ("pinyin",),
}
LOOKED_UP: dict[str, tuple[tuple[str, ...], ...]] = {
    "patient_card": (("patient_no",),),
    "schedule": (("department_code", "date"),),
    "open_registration": (("patient_no",), ("department_code",)),
    "open_prescription": (("patient_no",), ("registration_key",)),
    "open_order": (("patient_no",), ("registration_key",)),
}


def _column(field: Field) -> Column[Any]:
    kind = _TYPES.get(field.type, Text().with_variant(Text(collation="C"), "postgresql"))
    return Column(field.name, kind, primary_key=field.key, nullable=field.nullable, autoincrement=False)


def _table(dataset: Dataset) -> Table:
    search = SEARCHED.get(dataset.name, ())
    own = {field.name for field in dataset.columns}
    text_c = Text().with_variant(Text(collation="C"), "postgresql")
    table = Table(
        dataset.name,
        mirror_metadata,
        *(_column(field) for field in dataset.columns),
        Column("id", String(32), nullable=False),
        Column("row_hash", String(16), nullable=False),
        *(Column(name, text_c) for name in search if name not in own),
    )
    # An index, not a constraint: a first load makes all indexes when its rows are there.
    Index(f"uq_{dataset.name}_id", table.c.id, unique=True)
    for name in search:
        Index(f"ix_{dataset.name}_{name}", table.c[name])
    for names in LOOKED_UP.get(dataset.name, ()):
        Index(f"ix_{dataset.name}_{'_'.join(names)}", *(table.c[n] for n in names))
    return table


datasets: dict[str, Table] = {name: _table(dataset) for name, dataset in DATASETS.items()}

run = Table(
    "mirror_run",
    mirror_metadata,
    Column("run_id", BigKey, primary_key=True, autoincrement=True),
    Column("trigger", String(16), nullable=False),  # schedule | manual | approved | demo
    Column("requested_by", String(64), nullable=False),
    Column("datasets", JSON, nullable=False),
    Column("state", String(12), nullable=False),
    Column("started_at", String(35), nullable=False),
    Column("finished_at", String(35)),
    Column("as_of", String(35)),  # the centre's state that was read, by the standby's clock
    Column("clock_offset_seconds", Integer),
    Column("content_hash", String(64)),
    Column("counts", JSON, nullable=False),  # {dataset: {read, rejected, inserted, updated, retired}}
    Column("problems", JSON, nullable=False),  # why it is held or failed
    Column("seconds", JSON, nullable=False),
    Column("load", JSON),  # what it asked of the centre: {dataset: {rows, bytes, pages, statements, seconds}}
    Column("approved_by", String(64)),
    Column("approved_reason", Text),
    CheckConstraint("state IN ('running', 'published', 'held', 'failed', 'frozen')", name="state"),
)
Index("ix_mirror_run_started", run.c.started_at)

generation = Table(
    "generation",
    mirror_metadata,
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("run_id", Integer, nullable=False),
    Column("published_at", String(35), nullable=False),
    Column("as_of", String(35), nullable=False),  # of the oldest dataset in it
    Column("rolled_back_at", String(35)),
)

dataset_state = Table(
    "dataset_state",
    mirror_metadata,
    Column("dataset", String(32), primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("as_of", String(35), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("watermark", Text),
    Column("rules_version", Integer, nullable=False),
    Column("greatest_key", Text),
    Column("swept_at", String(35)),  # as of when every row of the centre was last looked at
    Column("shape", Text),  # the columns the centre gave and their types
    Column(
        "rests", Boolean, nullable=False, default=False
    ),  # read in the hours of sweeps only, so a day old by intention
)

# What a publish changed, so that it can be undone: the row before it, NULL where there was none.
delta = Table(
    "delta",
    mirror_metadata,
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("dataset", String(32), primary_key=True),
    Column("row_id", String(32), primary_key=True),
    Column("before", JSON(none_as_null=True)),
)

rejection = Table(
    "rejection",
    mirror_metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("run_id", Integer, nullable=False, index=True),
    Column("dataset", String(32), nullable=False),
    Column("row_key", Text, nullable=False),
    Column("reason", String(64), nullable=False),
    Column("detail", Text, nullable=False),
)

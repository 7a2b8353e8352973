"""A centre with as many patients as wanted, and edits of a given share."""

# ruff: noqa: S608  (the statements are ours, the numbers are numbers)

from __future__ import annotations

from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from bench.stage import CLOCK, Stage
from sync.central.mapping import load

SAMPLE = 20_000  # patients of the `clinic` scale, which the others are made of
_COPIED = "xb, csny, zjlx, zjhm, lxdh, dz, jhrxm, jhrgx, jhrdh, brxz, ybkh, ybqh, gms, jdrq, zfpb"


def fill(here: Stage, rows: int) -> None:
    """Bring the centre's patient archive to `rows` patients: names crossed, telephones of their own."""
    engine = create_engine(here.centre_url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE br_da DISABLE TRIGGER USER"))
        connection.execute(text(f"DELETE FROM br_da WHERE brxh > {min(rows, SAMPLE)}"))
        for turn in range(1, -(-rows // SAMPLE)):
            connection.execute(text(_more(turn, rows)))
        connection.execute(text("UPDATE br_da SET xgsj = '2026010108:00:00'"))
        connection.execute(text("ALTER TABLE br_da ENABLE TRIGGER USER"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM FULL ANALYZE br_da"))
    engine.dispose()


def _more(turn: int, rows: int) -> str:
    values = _COPIED.replace(
        "lxdh", f"left(a.lxdh, 3) || lpad(((a.brxh::bigint * 7919 + {turn}) % 100000000)::text, 8, '0')"
    )
    values = ", ".join(part if "(" in part or ")" in part else f"a.{part}" for part in _split(values))
    return (
        f"INSERT INTO br_da (brxh, brxm, {_COPIED}) SELECT a.brxh + {turn * SAMPLE},"
        f" left(a.brxm, 1) || substr(b.brxm, 2), {values}"
        f" FROM br_da a JOIN br_da b ON b.brxh = (a.brxh * 31 + {turn * 977}) % {SAMPLE} + 1"
        f" WHERE a.brxh <= {SAMPLE} AND a.brxh + {turn * SAMPLE} <= {rows}"
    )


def _split(columns: str) -> list[str]:
    parts, depth, last = [], 0, 0
    for place, character in enumerate(columns):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append(columns[last:place].strip())
            last = place + 1
    return [*parts, columns[last:].strip()]


def edit(here: Stage, share: float, turn: int, *, delete: bool = False) -> None:
    """Change a share of the patients, with the change time of this minute; perhaps delete a tenth as many."""
    at = CLOCK.now().astimezone(here.settings.zone).strftime("%Y%m%d%H:%M:%S")
    every = max(1, round(1 / share))
    engine = create_engine(here.centre_url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE br_da DISABLE TRIGGER USER"))
        # Half an hour lies between two cycles; the edits of the one before are out of the overlap by then.
        connection.execute(text("UPDATE br_da SET xgsj = '2026010108:00:00' WHERE xgsj > '2026010108:00:00'"))
        connection.execute(
            text(f"UPDATE br_da SET dz = left(dz, 60) || '改{turn}', xgsj = :at WHERE brxh % {every} = :turn"),
            {"at": at, "turn": turn % every},
        )
        if delete:
            connection.execute(text(f"DELETE FROM br_da WHERE brxh % {every * 10} = {(turn + 7) % (every * 10)}"))
        connection.execute(text("ALTER TABLE br_da ENABLE TRIGGER USER"))
    engine.dispose()


def select_of(here: Stage) -> str:
    """The SELECT of the patients, as the reference mapping has it."""
    return load(here.settings.mapping_dir).files["mirror/patient"].steps[-1].sql


def raw(url: str) -> Any:
    """A bare psycopg2 connection."""
    import psycopg2

    parts = make_url(url)
    return psycopg2.connect(
        host=parts.host, port=parts.port, user=parts.username, password=parts.password, dbname=parts.database
    )

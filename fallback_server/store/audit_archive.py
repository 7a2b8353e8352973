"""Closed years of the audit log as files that prove themselves; the rows stay where they are.

    audit-2026.jsonl           the rows, one JSON document a line, each with its hash
    audit-2026.manifest.json   first and last row, the hash before the first, SHA-256 of the rows

The chain goes on through the years: the head at the end of a file is what the first row of the next one follows.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, case, func, select

from fallback_server.domain.documents import canonical
from fallback_server.domain.errors import YjError
from fallback_server.store.audit import CHAINED, GENESIS, audit, selected

MANIFEST: Final = ".manifest.json"


def years(conn: Connection, today: str) -> list[int]:
    """The closed years of which there are rows, oldest first. `today`: as ISO date, by the hospital's clock."""
    stamped = {int(one) for one in conn.execute(select(func.substr(audit.c.at, 1, 4)).distinct()).scalars()}
    found, before = [], 0
    for year in range(min(stamped, default=0), int(today[:4])):
        if {year, year + 1} & stamped and (last := _ends(conn, year)) > before:
            found.append(year)
            before = last
    return found


def write(conn: Connection, year: int, folder: Path) -> dict[str, Any]:
    """Write the files of a year, each whole or not at all; returns the manifest. A year without rows gives rows 0.

    A file that is there already is compared, never written over. Raises archive_differs where it is another one.
    """
    path = folder / f"audit-{year}.jsonl"
    first, last = _bounds(conn, year, folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    part, digest, head = path.with_name(path.name + ".part"), hashlib.sha256(), GENESIS
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            for row in selected(conn, since_row=first, below=last + 1):
                line = (json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n").encode()
                digest.update(line)
                out.write(line)
                head = row["hash"]
            out.flush()
            os.fsync(out.fileno())
        told = {
            "year": year, "first": first, "last": last, "rows": last - first + 1, "previous_hash": _before(conn, first),
            "head": head, "sha256": digest.hexdigest(),
        }  # fmt: skip
        _keep(path, part, told)
    finally:
        part.unlink(missing_ok=True)
    return {**told, "file": str(path)}


def _keep(path: Path, part: Path, told: dict[str, Any]) -> None:
    manifest = path.with_name(path.stem + MANIFEST)
    if path.exists():
        with path.open("rb") as stream:
            there = hashlib.file_digest(stream, "sha256").hexdigest()
        if there != told["sha256"]:
            raise YjError("archive_differs", name=path.name)
    else:
        part.replace(path)
    if not manifest.exists():
        half = manifest.with_name(manifest.name + ".part")
        half.unlink(missing_ok=True)
        half.touch(mode=0o600)
        half.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        half.replace(manifest)


def _bounds(conn: Connection, year: int, folder: Path) -> tuple[int, int]:
    """The first and last sequence of a year. What a file of it, or of the year before, says already stands."""
    before, there = _told(folder, year - 1), _told(folder, year)
    first = there["first"] if there else before["last"] + 1 if before else _ends(conn, year - 1) + 1
    return first, there["last"] if there else max(first - 1, _ends(conn, year))


def _told(folder: Path, year: int) -> dict[str, Any] | None:
    try:
        told: dict[str, Any] = json.loads((folder / f"audit-{year}{MANIFEST}").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise YjError("archive_differs", name=f"audit-{year}{MANIFEST}") from error
    return told


def _ends(conn: Connection, year: int) -> int:
    """The last sequence of a year: the cut with the fewest rows on its wrong side, the first of several.

    The order of the chain counts. A clock that died for an hour stamps rows with 1970, or with 2099: they lie among
    those of their day, and are archived with them.
    """
    step = case((audit.c.at >= f"{year + 1}-01-01", 1), else_=-1)
    later = func.sum(step).over(order_by=audit.c.sequence).label("later")
    counted = select(audit.c.sequence, later).subquery()
    found = conn.execute(select(counted).order_by(counted.c.later, counted.c.sequence).limit(1)).first()
    return int(found.sequence) if found is not None and found.later < 0 else 0


def _before(conn: Connection, first: int) -> str:
    found = conn.execute(select(audit.c.hash).where(audit.c.sequence == first - 1)).scalar()
    return str(found) if found is not None else GENESIS


def check(conn: Connection, path: Path) -> tuple[dict[str, Any], list[str]]:
    """An archived year walked by itself, and held against the log. Returns the manifest and a sentence for every break.

    Raises archive_differs where it cannot be read.
    """
    try:
        told = json.loads(path.with_name(path.stem + MANIFEST).read_text(encoding="utf-8"))
        with path.open("rb") as lines:
            last, breaks = _walk(told, map(json.loads, lines))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:  # a line may be anything
        raise YjError("archive_differs", name=path.name) from error
    if last is not None and not breaks:
        here = conn.execute(select(audit.c.hash).where(audit.c.sequence == last["sequence"])).scalar()
        if here != last["hash"]:
            breaks.append(f"row {last['sequence']} of the log is not the one that was archived")
    return told, breaks


def _walk(told: dict[str, Any], rows: Iterable[dict[str, Any]]) -> tuple[dict[str, Any] | None, list[str]]:
    """The last of the rows, which are read one at a time, and a sentence for every break."""
    breaks, last, count, previous = [], None, 0, told["previous_hash"]
    for expected, row in enumerate(rows, start=told["first"]):
        text = canonical({name: row.get(name) for name in CHAINED})
        if row["sequence"] != expected or row["previous_hash"] != previous:
            breaks.append(f"row {row['sequence']} does not follow its predecessor")
        if hashlib.sha256(text.encode()).hexdigest() != row["hash"]:
            breaks.append(f"row {row['sequence']} was changed")
        last, count, previous = row, count + 1, row["hash"]
    if count != told["rows"]:
        breaks.insert(0, f"{count} rows, {told['rows']} were written")
    if last is not None and previous != told["head"]:
        breaks.append("its head is not the one that was written down")
    return last, breaks

"""The papers of an incident as PDF files in a folder, with a list of them: for the shelf, for years.

What was made is noted line by line, each after its file is whole: an archive that was interrupted goes on where it was,
and a paper that has not changed since is not made again.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Callable
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from flask import Flask

    from fallback_server.store.session import Actor, Store
    from fallback_server.windows.console.queries.papers import Paper

MANIFEST: Final = "manifest.csv"


@dataclass(frozen=True)
class Entry:
    """A line of the manifest. `fingerprint` is that of what the paper says, `sha256` that of the file."""

    file: str
    kind: str
    number: str
    sha256: str
    fingerprint: str


@dataclass
class Archive:
    """What one run found and did. `failed` names papers that could not be made, with the code of why."""

    folder: Path
    made: int = 0
    kept: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    sha256: str = ""


def write(
    app: Flask, store: Store, actor: Actor, incident_no: int, folder: Path, tell: Callable[[int, int], None]
) -> Archive:
    """Bring the archive of an incident up to date; `tell(done, of)` after each paper.

    Who took it is audited before the first file and, with the manifest's hash, after the last (P11). One paper that
    cannot be made does not stop the others (P14). Raises pdf_unavailable, incident_not_found, OSError.
    """
    from fallback_server.domain.modes import Permit
    from fallback_server.web.papers import require_pdf
    from fallback_server.windows.console.queries.papers import papers_of

    require_pdf()
    with store.reading(actor) as tx:
        papers = papers_of(tx, incident_no)
    with store.writing(Permit.HOUSEKEEPING, actor) as writing:
        writing.audit("incident.archive", subject=str(incident_no), papers=len(papers))
    folder.mkdir(parents=True, exist_ok=True)
    found, known = Archive(folder), read_manifest(folder)
    _rewrite(folder, known)  # a line that a crash cut off must not swallow the next
    for done, paper in enumerate(papers, start=1):
        _one(app, actor, paper, found, known)
        tell(done, len(papers))
    found.sha256 = _rewrite(folder, known)
    with store.writing(Permit.HOUSEKEEPING, actor) as writing:
        writing.audit(
            "incident.archived", subject=str(incident_no), manifest=found.sha256, made=found.made, kept=found.kept,
            failed=len(found.failed),
        )  # fmt: skip
    return found


def _one(app: Flask, actor: Actor, paper: Paper, found: Archive, known: dict[str, Entry]) -> None:
    from fallback_server.domain.errors import YjError
    from fallback_server.web import archive

    name = f"{paper.kind}/{re.sub(r'[^A-Za-z0-9._-]', '_', paper.name)}.pdf"
    try:
        printed = archive.printed(app, paper.address, actor)
        before = known.get(name)
        if before and before.fingerprint == printed.fingerprint and _hash(found.folder / name) == before.sha256:
            found.kept += 1
            return
        packed = archive.as_pdf(app, printed)
    except YjError as error:
        found.failed.append((name, error.code))
        return
    _put(found.folder / name, packed)
    entry = Entry(name, paper.kind, printed.number, hashlib.sha256(packed).hexdigest(), printed.fingerprint)
    _note(found.folder, entry)
    known[name] = entry
    found.made += 1


def read_manifest(folder: Path) -> dict[str, Entry]:
    """File → its last line; a line that a crash cut off is left out."""
    path = folder / MANIFEST
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.reader(stream) if len(row) == len(fields(Entry))]
    return {row[0]: Entry(*row) for row in rows if row[0] != "file"}


def _hash(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None


def _put(path: Path, content: bytes) -> None:
    """The file, whole or not at all; readable by its owner only, as it names patients."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_bytes(content)
    part.replace(path)


def _note(folder: Path, entry: Entry) -> None:
    with (folder / MANIFEST).open("a", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerow(astuple(entry))


def _rewrite(folder: Path, known: dict[str, Entry]) -> str:
    """Write the manifest in order and without repetitions; its hash."""
    part = folder / f"{MANIFEST}.part"
    with part.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([one.name for one in fields(Entry)])
        writer.writerows(astuple(known[name]) for name in sorted(known))
    part.replace(folder / MANIFEST)
    return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()

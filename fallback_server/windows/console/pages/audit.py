"""The screen about the audit log: who did what, when, from where, what was before and after; and its proof."""

from __future__ import annotations

import json
from typing import Any, Final

from flask_babel import gettext as _

from fallback_server.domain.audit_words import WORDS, words_of
from fallback_server.domain.clock import to_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.field_words import FIELD_WORDS
from fallback_server.store import audit as log
from fallback_server.web.pages import File, Pages, View
from fallback_server.windows.console.pages.documents import STAMP
from fallback_server.windows.console.pages.screen import screen
from fallback_server.windows.console.queries import audit as queries

pages = Pages("console")
READ: Final = ("admin", "supervisor", "auditor")
SHOWN: Final = 100
TAKEN: Final = 100_000  # rows of one table for a browser; where there are more the page has several
FIELDS: Final = ("since", "until", "operator", "workstation", "action", "incident", "document", "failed")


@pages.page("/console/audit", template="console/audit.html", title="log.title", roles=READ, words=("log",))
def audit(view: View) -> dict[str, Any]:
    """The sieve, the rows that fit, and the head of the chain to hold against paper."""
    asked, below = _asked(view), view.query.get("cursor", "")
    rows: list[dict[str, Any]] = []
    further, wrong = None, None
    parts: list[int | None] = [None]
    sequence, digest = log.head(view.tx.conn)
    try:
        rows, further = queries.found(view.tx, asked, SHOWN, _number(below))
        parts = queries.parts(view.tx, asked, TAKEN) if sequence > TAKEN else parts
    except YjError as error:
        wrong = error.sentence(view.language)
    given = {name: value for name, value in asked.items() if value}
    return screen(
        view, "audit", rows=[_shown(row, view.language) for row in rows], asked_for=asked, given=given, wrong=wrong,
        further=further, below=below, head={"sequence": sequence, "hash": digest}, parts=parts, taken=TAKEN,
        field=lambda name: FIELD_WORDS.get(name, (name, name))[view.language == "en"],
        kinds=sorted((code, words_of(code, view.language)) for code in WORDS),
    )  # fmt: skip


def _number(text: str) -> int | None:
    """A number of a row; None for what is none. Other scripts have digits too, which are no numbers to `int`."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _asked(view: View) -> dict[str, Any]:
    """The sieve as it stands in the address."""
    found: dict[str, Any] = {name: view.query.get(name, "").strip()[:64] for name in FIELDS}
    number = found["incident"]
    found["incident"] = _number(number)
    return found


def _shown(row: dict[str, Any], language: str) -> dict[str, Any]:
    detail = row["detail"]
    return {
        **row, "what": words_of(row["action"], language),
        "changes": [(name, _text(before), _text(after)) for name, before, after in queries.changes(detail)],
        "rest": [(name, _text(value)) for name, value in queries.rest(detail)],
    }  # fmt: skip


def _text(value: Any) -> str:
    if value is None or value == "":
        return "—"
    if isinstance(value, bool):
        return "✓" if value else "✗"
    if isinstance(value, str):
        return value[:19].replace("T", " ") if STAMP.match(value) and len(value) < 30 else value
    if isinstance(value, list) and not any(isinstance(one, list | dict) for one in value):
        return str(_("frame.comma")).join(map(_text, value))
    return json.dumps(value, ensure_ascii=False)


@pages.file("/console/audit.csv", export="audit.export", roles=READ)
def table(view: View) -> File:
    """The rows that fit as a table, in their order; of too many the newest, or those below the row `cursor`. The name
    says from which row to which."""
    wanted = queries.conditions(view.tx, _asked(view))
    below = _number(view.query.get("cursor", ""))
    rows = list(log.selected(view.tx.conn, newest_first=True, limit=TAKEN, below=below, **wanted))
    content = "".join(log.as_csv(reversed(rows))).encode("utf-8-sig")
    stamp = to_text(view.tx.now)[:16].replace(":", "")
    which = f"{rows[-1]['sequence']}-{rows[0]['sequence']}" if rows else "empty"
    return File(content, f"audit-{stamp}-{which}.csv", "text/csv; charset=utf-8", f"{len(rows)} rows, {which}")

"""The incident report as a file: its JSON, or the print as one HTML page that needs nothing beside it, or as PDF."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from clients.console.context import Misuse

if TYPE_CHECKING:
    from clients.console.context import Instance
    from fallback_server.store.session import Actor, Store

KINDS: Final = (".json", ".html", ".pdf")


def write(
    found: Instance, store: Store, actor: Actor, report: dict[str, Any], path: Path, language: str
) -> None:  # fmt: skip
    """Write it, readable by its owner only; that it was taken is audited before. Raises pdf_unavailable, Misuse."""
    from fallback_server.domain.modes import Permit

    content = _content(found, store, actor, report, path.suffix, language)
    with store.writing(Permit.HOUSEKEEPING, actor) as tx:
        tx.audit("incident.export", subject=str(report["incident_no"]), file=path.name)
    try:
        path.touch(mode=0o600)
        path.write_bytes(content)
    except OSError as error:
        raise Misuse(f"--out {path}: cannot be written ({error.strerror})") from error


def _content(
    found: Instance, store: Store, actor: Actor, report: dict[str, Any], kind: str, language: str
) -> bytes:  # fmt: skip
    if kind == ".json":
        return json.dumps(report, ensure_ascii=False, indent=2).encode()
    from clients.pages import PAGES_DIR
    from fallback_server.app import create_app
    from fallback_server.web import archive
    from fallback_server.web.papers import require_pdf

    if kind == ".pdf":
        require_pdf()
    app = create_app(found.settings, found.clock, PAGES_DIR, store=store)
    printed = archive.printed(app, f"/print/incident/{report['incident_no']}", actor, language)
    return archive.as_pdf(app, printed) if kind == ".pdf" else _alone(printed.html, PAGES_DIR / "static").encode()


def _alone(html: str, static: Path) -> str:
    """The page with its styles inside it."""

    def inside(match: re.Match[str]) -> str:
        style = static / "css" / match["name"]
        return f"<style>\n{style.read_text(encoding='utf-8')}</style>"

    return re.sub(r'<link rel="stylesheet" href="[^"]*/css/(?P<name>[a-z0-9-]+\.css)">', inside, html)

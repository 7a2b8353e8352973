"""`yj ready`: would it work now, with the reasons if not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clients.console import output
from clients.console.context import Instance, Misuse, NotInOrder, instance
from clients.console.output import Output

if TYPE_CHECKING:
    from fallback_server.domain.readiness import Finding
    from fallback_server.store.session import Tx

MARKS = {"ok": "✓", "fail": "✗", "warn": "!"}
LANGUAGES = ("en", "zh")


def ready(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
    language: Annotated[str, typer.Option(help="of the sentences: en or zh")] = "en",
) -> None:
    """Look at everything the standby needs, with a score; exit 1 with the reasons if it could not take over."""
    from fallback_server.domain import readiness

    if language not in LANGUAGES:
        raise Misuse(f"--language {language}: must be one of {', '.join(LANGUAGES)}")
    out, found = Output(as_json), instance(ctx)
    findings = look(found)
    score, fine = readiness.score(findings), readiness.ready(findings)
    out.table(
        f"就绪检查 · ready: {score}/100", ["", "check", "detail", "age", "limit", "cure"],
        [_row(one, language) for one in findings if one.code != "mirror_fresh"], right=(3,),
    )  # fmt: skip
    reasons = [_line(one, language) for one in findings if one.ok is False]
    warnings = [_line(one, language) for one in findings if one.ok is None]
    out.document({"ready": fine, "score": score, "reasons": reasons, "warnings": warnings, "checks": _both(findings)})
    if not fine:
        output.complain(reasons)
        raise typer.Exit(1)
    out.say(f"就绪 · ready: {score}/100")


def look(found: Instance) -> list[Finding]:
    """The findings everybody sees; where no worker watches the centre, this process looks at it itself."""
    from sqlalchemy.exc import SQLAlchemyError

    from fallback_server.acts import trial
    from fallback_server.domain.errors import YjError
    from fallback_server.domain.readiness import Finding
    from fallback_server.store import readiness

    try:
        with found.store() as store:
            trial.run(store, found.policy)
            with store.reading() as tx:
                return readiness.findings(tx, found.policy, _centre(found, tx))
    except SQLAlchemyError as error:
        return [Finding("store", False, "store_trouble", {"why": type(error).__name__})]
    except YjError as error:
        return [Finding("store", False, "store_trouble", {"why": error.sentence("en")})]
    except NotInOrder as error:
        return [Finding("store", False, "store_trouble", {"why": "; ".join(error.lines)})]


def _row(one: Finding, language: str) -> list[str]:
    return [
        MARKS[one.state], one.name(language), one.sentence(language), _span(one.age_seconds), one.limit,
        one.cure(language),
    ]  # fmt: skip


def _span(seconds: int | None) -> str:
    """An age for a table: in the largest unit that says something."""
    if seconds is None:
        return ""
    for unit, size in (("d", 172_800), ("h", 7_200), ("min", 120)):
        if seconds >= size:
            return f"{seconds // {'d': 86_400, 'h': 3_600, 'min': 60}[unit]} {unit}"
    return f"{seconds} s"


def _line(one: Finding, language: str) -> str:
    cure = one.cure(language)
    return f"{one.check}: {one.sentence(language)}" + (f"; {cure}" if cure else "")


def _both(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """As /readyz and the console's API give them, in both languages."""
    return [{**one.view("en"), "detail_zh": one.sentence("zh"), "cure_zh": one.cure("zh")} for one in findings]


def _centre(found: Instance, tx: Tx) -> dict[str, Any]:
    """What the worker saw last; without one, what is seen now. The centre being away is what the standby is for."""
    from fallback_server.store import centre_look
    from sync.central.gateway import CentralError

    seen = centre_look.last(tx.conn, tx.now)
    if seen["watched"]:
        return seen
    try:
        with found.gateway() as gateway:
            probe = gateway.probe()
    except (CentralError, Misuse):
        return {**seen, "state": centre_look.DOWN if found.settings.central.url else centre_look.UNKNOWN}
    state = centre_look.judged(probe.seconds)
    return {**seen, "state": state, "seconds": probe.seconds, "clock_offset_seconds": probe.clock_offset_seconds}

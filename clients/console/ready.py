"""`yj ready`: would it work now, with the reasons if not."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clients.console import output
from clients.console.context import Instance, Misuse, NotInOrder, instance
from clients.console.output import Output

if TYPE_CHECKING:
    from fallback_server.store.session import Store
    from sync.central.gateway import Probe


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `ok` None: a warning that does not keep the standby from working."""

    check: str
    ok: bool | None
    detail: str


CERTIFICATE_DAYS = 30

# What the standby's own tables say (store.readiness), in the words of the command line.
SENTENCES = {
    "mirror_missing": "there is none yet; run `yj mirror run`",
    "mirror_there": "generation {n}, {rows} rows, as of {as_of}",
    "mirror_lacks": "never read yet: {datasets}; run `yj mirror run`",
    "mirror_old": "{minutes} min old",
    "mirror_held": "run {run} is held; look at it, approve or mend",
    "mirror_stopped": "stopped: {reason}",
    "operators_seen": "{can} of {of} operators seen in the last 30 days could log in ({percent} %; {least} % are"
    " needed); `yj operator code` gives codes",
    "operators_all": "{can} of {of} operators could log in ({percent} %; {least} % are needed)",
    "night_role_empty": "nobody with the role {role} could log in; `yj operator list --all` says why",
    "alone_unsigned": "{operator} did {act} alone at {at}; counter-sign by {due}: `yj operator countersign`",
    "alone_overdue": "{operator} did {act} alone at {at}; the counter-signature was due at {due}",
    "seal_missing": "there is no break-glass account; `yj operator seal` makes one for the safe",
    "seal_opened": "the break-glass account was opened at {at}; find out why, then `yj operator seal`",
    "backup_never": "there is none; `yj backup create`",
    "backup_there": "{name}, {minutes} min old",
    "backup_old": "{name} is {minutes} min old; see the alarms and logs/worker.log, then `yj backup create`",
    "backup_elsewhere": "the store is in PostgreSQL: the hospital backs it up, and nobody here sees whether it does",
    "backup_one_place": "only in one place; set [backup] second_directory",
    "backup_second_failed": "{name} is not in the second place; is it mounted?",
    "rehearsal_never": "no restore was ever rehearsed: `yj backup verify --rehearsal`",
    "rehearsal_was": "a restore was rehearsed {days} days ago",
    "restored_unrecovered": "restored from {name} at {at}; uploads are fenced until `yj upload recover`",
    "administrators": "{n} of our own can log in; two are needed to come back",
}


def ready(
    ctx: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="one JSON document")] = False
) -> None:
    """Look at store, schema, mirror, disk and centre; exit 1 with the reasons if the standby could not take over."""
    out, found = Output(as_json), instance(ctx)
    findings = [_disk(found), *_certificate(found), *_centre(found)]
    try:
        with found.store() as store:
            findings += [
                Finding("schema", True, "at the newest version"),
                *_tables(found, store),
                _writable(store),
            ]
    except NotInOrder as error:
        findings.append(Finding("store", False, "; ".join(error.lines)))
    marks = {True: "✓", False: "✗", None: "!"}
    out.table("就绪检查 · ready", ["", "check", "detail"], [[marks[one.ok], one.check, one.detail] for one in findings])
    reasons = [f"{one.check}: {one.detail}" for one in findings if one.ok is False]
    warnings = [f"{one.check}: {one.detail}" for one in findings if one.ok is None]
    out.document(
        {"ready": not reasons, "reasons": reasons, "warnings": warnings, "checks": [vars(one) for one in findings]}
    )
    if reasons:
        output.complain(reasons)
        raise typer.Exit(1)
    out.say("就绪 · ready")


def _disk(found: Instance) -> Finding:
    usage = shutil.disk_usage(found.home if found.home.is_dir() else found.home.absolute().parent)
    free = usage.free * 100 // usage.total
    least = found.settings.alerts.disk_free_percent
    detail = f"{free} % free ({usage.free // 1_000_000_000} GB)"
    # Percent alone is alarm on a big disk: what counts is whether days of work fit.
    return Finding("disk", True if free >= least else None if usage.free > 2_000_000_000 else False, detail)


def _certificate(found: Instance) -> list[Finding]:
    """Whether browsers will believe the front door: days left, and that it names this machine."""
    from datetime import timedelta

    from clients.console.fronting import CERTIFICATES, names_of
    from fallback_server.door import certificates

    server = found.settings.server
    if not server.tls or server.certificate:
        return []
    try:
        shown = certificates.look(found.home / CERTIFICATES)
    except certificates.CertificateTrouble as error:
        return [Finding("certificate", False, f"{error}; `yj certificate renew`")]
    days = (shown.expires_at - found.clock.now()) // timedelta(days=1)
    due = shown.due(found.clock.now(), names_of(found))
    # A door that runs renews it two months before: less than one left means that it could not.
    ok = None if due is not None and days > CERTIFICATE_DAYS else days > CERTIFICATE_DAYS
    return [Finding("certificate", ok, f"{days} days left" + (f"; {due}" if due else ""))]


def _tables(found: Instance, store: Store) -> list[Finding]:
    from fallback_server.store import readiness

    with store.reading() as tx:
        looked = [
            *readiness.mirror(tx.conn, tx.now, found.settings.mirror),
            readiness.administrators(tx.conn),
            *readiness.people(tx.conn, tx.now, found.policy.night_roles),
            *readiness.backups(tx.conn, tx.now, str(tx.mode.mode), found.settings.backup),
        ]
    return [
        Finding(
            f"{one.check} {one.values['dataset']}" if one.code == "mirror_old" else one.check,
            one.ok, SENTENCES[one.code].format(**_spoken(one.values)),
        )
        for one in looked
    ]  # fmt: skip


def _spoken(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as a sentence names them: a list by commas."""
    return {name: ", ".join(value) if isinstance(value, list) else value for name, value in values.items()}


def _writable(store: Store) -> Finding:
    from fallback_server.domain.errors import YjError
    from fallback_server.domain.modes import Permit
    from fallback_server.store.mode import SYSTEM_OPERATOR
    from fallback_server.store.session import Actor

    try:
        with store.writing(Permit.HOUSEKEEPING, Actor(SYSTEM_OPERATOR, SYSTEM_OPERATOR)) as tx:
            tx.audit("ready")
    except YjError as error:
        return Finding("store", False, error.sentence("en"))
    return Finding("store", True, "can be written")


def _centre(found: Instance) -> list[Finding]:
    """The centre being away is what the standby is for: a warning, never a reason. A clock far off is one."""
    from sync.central.finding import short_version
    from sync.central.gateway import CentralError

    try:
        with found.gateway() as gateway:
            probe = gateway.probe()
    except CentralError as error:
        return [Finding("centre", None, f"{type(error).__name__}: {error.detail}")]
    except Misuse as error:
        return [Finding("centre", None, "; ".join(error.lines))]
    said = f"answers in {probe.seconds * 1000:.0f} ms, {short_version(probe.version)}"
    return [Finding("centre", True, said), clock_finding(probe)]


def clock_finding(probe: Probe) -> Finding:
    """The two clocks, by the limits of [alerts]."""
    verdict = {"ok": True, "warn": None, "fail": False}[probe.clock]
    return Finding("clock", verdict, f"the centre's is {probe.clock_offset_seconds:+.1f} s from ours")

"""What the worker does for each kind of job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from fallback_server.domain.modes import IncidentState, Permit
from fallback_server.store import audit, backup, jobs
from fallback_server.store.mode import incident
from fallback_server.store.returns_queries import clean_left
from fallback_server.store.session import Actor, Tx

if TYPE_CHECKING:
    from sync.upload.report import UploadReport
    from sync.worker.work import Worker


def do_mirror(worker: Worker, job: jobs.Job) -> Mapping[str, Any]:
    """A mirror asked for at the console, the approval of a held run, or the way back to the generation before."""
    if job.arguments.get("rollback"):
        from sync.mirror.rollback import go_back

        return {"state": "rolled_back", "generation": go_back(worker.store, job.requested_by)}
    return worker.mirror(
        job.arguments.get("datasets"),
        trigger="manual",
        requested_by=job.requested_by,
        approve=job.arguments.get("approve"),
        approved_reason=job.arguments.get("reason"),
    )


def do_upload(worker: Worker, job: jobs.Job) -> Mapping[str, Any]:
    """Return documents, those of older outages first; if the centre went away, ask again when it may be back."""
    number, dry_run = job.arguments.get("incident_no"), bool(job.arguments.get("dry_run", False))
    if number is not None and not dry_run:
        with worker.store.reading() as tx:
            older = [one for one in wanted_uploads(tx) if one < number]
        for one in older:
            report = _upload(worker, job, one)
            if report.state != "done":
                # What stopped it stops the next one too; both are asked for again when that is over.
                worker.upload_later(number, report.retry_after_seconds or 0.0)
                return report.to_json()
    return _upload(worker, job, number, dry_run=dry_run).to_json()


def _upload(worker: Worker, job: jobs.Job, number: int | None, *, dry_run: bool = False) -> UploadReport:
    from sync.upload.run import run_upload
    from sync.worker import backups

    if not dry_run:
        backups.before_upload(worker.store, worker.settings, job.requested_by)
    report = run_upload(
        worker.store,
        worker.centre.gateway(),
        worker.settings.upload,
        number,
        dry_run=dry_run,
        requested_by=job.requested_by,
        stop=worker.stop,
    )
    if dry_run or report.incident_no is None:
        return report
    if report.retry_after_seconds is not None:
        worker.upload_later(report.incident_no, report.retry_after_seconds)
    elif report.code == "new_incident":
        worker.upload_later(report.incident_no, 0.0)  # as soon as that outage is over
    return report


def wanted_uploads(tx: Tx) -> list[int]:
    """Incidents whose upload was asked for and in which something can still move, oldest first."""
    wanted = select(incident.c.incident_no).where(
        incident.c.upload_wanted.is_(True),
        incident.c.drill.is_(False),
        incident.c.state.in_([IncidentState.CLOSING.value, IncidentState.UPLOADING.value]),
    )
    numbers = tx.conn.execute(wanted.order_by(incident.c.incident_no)).scalars()
    return [number for number in numbers if clean_left(tx.conn, number)]


def do_reconcile(worker: Worker, job: jobs.Job) -> Mapping[str, Any]:
    """A fresh account of an incident."""
    from sync.reconcile.run import run_reconcile

    report = run_reconcile(
        worker.store, worker.centre.gateway(), int(job.arguments["incident_no"]), requested_by=job.requested_by
    )
    return report.to_json()


def do_backup(worker: Worker, job: jobs.Job) -> Mapping[str, Any]:
    """A backup asked for at the console; or one is opened again, to be sure or to rehearse."""
    from sync.worker import backups

    if "verify" in job.arguments:
        return backups.open_again(worker.store, worker.settings, job.requested_by, job.arguments)
    made = backup.create(worker.store, backups.places(worker.settings), worker.settings.backup, job.requested_by)
    return {"name": made.name, "bytes": made.bytes, "seconds": made.seconds, "second": made.second, "code": made.code}


def do_audit(worker: Worker, job: jobs.Job) -> Mapping[str, Any]:
    """Walk the audit chain and hold it against heads from paper; what was found is audited itself."""
    printed = [(int(number), str(digits)) for number, digits in job.arguments.get("heads", [])]
    with worker.store.reading() as tx:
        found = audit.prove(tx.conn, printed)
    with worker.store.writing(Permit.HOUSEKEEPING, Actor(job.requested_by, job.requested_by)) as tx:
        tx.audit("audit.verify", ok=found["unbroken"], rows=found["rows"], heads=len(printed))
    return found

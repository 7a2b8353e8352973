"""The record of an incident as the console and programs see it: grades, timers, calls, analysis, measures, reports."""

from __future__ import annotations

from typing import Any

from fallback_server.acts import incident_record, incident_report
from fallback_server.acts.timeline_outage import grades_of
from fallback_server.domain import grades
from fallback_server.domain.incident_record import report_due
from fallback_server.domain.policy import Policy
from fallback_server.store.mode_switch import incident_row
from fallback_server.store.session import Tx


def record(tx: Tx, policy: Policy, number: int) -> dict[str, Any]:
    """All that is kept of an incident beside its timeline; raises incident_not_found."""
    row = incident_row(tx.conn, number)
    every = grades_of(tx, policy, row)
    reports = incident_report.reports(tx, number)
    owed = row["closed_at"] is not None and not row["drill"]
    due = report_due(row["closed_at"], policy.report_days) if owed else None
    final = any(one["stage"] == incident_report.FINAL and one["at"] >= (row["closed_at"] or "") for one in reports)
    return {
        "incident_no": number,
        "grade": incident_report.grade_view(every[-1]),
        "worst": incident_report.grade_view(grades.worst(every)),
        "grades": [incident_report.grade_view(one) for one in every],
        "timers": [incident_report.timer_view(one) for one in incident_record.timers(tx, policy, row)],
        "calls": incident_record.notes(tx, number, calls_only=True),
        "announcements": incident_report.announcements(tx, number),
        "notice": tx.mode.notice,
        "analysis": incident_record.analysis(tx, number),
        "measures": incident_record.measures(tx, number),
        "reports": reports,
        "report_due": due,
        "report_overdue": due is not None and not final and due < tx.at,
        "final": final,
    }

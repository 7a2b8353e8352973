"""Counters and gauges in Prometheus format. Labels have few values: codes of ours, names of routes, never what a caller
sent. docs/operate.md shows a scrape and rules; a test keeps the names there and here the same."""

from __future__ import annotations

from threading import Lock
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

REGISTRY = CollectorRegistry()
SCRAPE = Lock()  # one at a time: gauges with labels are emptied and filled again
REFUSALS = Counter("yj_refusals_total", "Requests refused, by error code", ["code"], registry=REGISTRY)
REQUESTS = Counter("yj_requests_total", "Requests answered", ["method", "route", "status"], registry=REGISTRY)
SECONDS = Histogram(
    "yj_request_seconds",
    "Time to answer",
    ["route"],
    registry=REGISTRY,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
MODE = Gauge("yj_mode", "1 for the present mode", ["mode"], registry=REGISTRY)
EPOCH = Gauge("yj_epoch", "The mode's epoch", registry=REGISTRY)
DRILL = Gauge("yj_drill", "1 while the outage is a drill", registry=REGISTRY)
MIRROR_AGE = Gauge("yj_mirror_age_seconds", "Age of a dataset", ["dataset"], registry=REGISTRY)
OUTBOX = Gauge("yj_outbox_documents", "Documents by state", ["state"], registry=REGISTRY)
READY = Gauge("yj_ready", "1 if nothing keeps the standby from working", registry=REGISTRY)
SCORE = Gauge("yj_ready_score", "0 to 100, as `yj ready` says it", registry=REGISTRY)
CHECK = Gauge("yj_check", "A check of `yj ready`: 1 in order, 0.5 a warning, 0 not", ["check"], registry=REGISTRY)
WORKSTATIONS = Gauge(
    "yj_workstations", "Windows: live, switched to the present mode, missed", ["state"], registry=REGISTRY
)
ALARMS = Gauge("yj_alarms", "Alarms that are on", ["severity", "acknowledged"], registry=REGISTRY)
CHANNEL = Gauge("yj_alarm_channel_failures", "Failures in a row of a channel", ["channel"], registry=REGISTRY)
CENTRE = Gauge("yj_centre", "1 for how the centre was at the last look", ["state"], registry=REGISTRY)
CENTRE_SECONDS = Gauge("yj_centre_seconds", "How long the centre took to answer; NaN: not at all", registry=REGISTRY)
CLOCK = Gauge("yj_clock_offset_seconds", "Centre's clock minus ours; NaN: not known", registry=REGISTRY)
BACKUP_AGE = Gauge("yj_backup_age_seconds", "Since the last good backup; NaN: never", registry=REGISTRY)
TRIAL_SECONDS = Gauge("yj_trial_seconds", "What the last test document took; NaN: never", registry=REGISTRY)


def answered(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answer. A method that HTTP does not know is somebody's invention, and no label."""
    REQUESTS.labels(method if method in METHODS else "other", route, str(status)).inc()
    SECONDS.labels(route).observe(seconds)


def exposition() -> bytes:
    """All metrics as text."""
    return generate_latest(REGISTRY)

"""Counters and gauges in Prometheus format."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()
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
MIRROR_AGE = Gauge("yj_mirror_age_seconds", "Age of a dataset", ["dataset"], registry=REGISTRY)
OUTBOX = Gauge("yj_outbox_documents", "Documents by state", ["state"], registry=REGISTRY)


def exposition() -> bytes:
    """All metrics as text."""
    return generate_latest(REGISTRY)

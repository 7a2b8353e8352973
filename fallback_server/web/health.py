"""Health, readiness and metrics, outside the API prefix and without log-in; no patient data in any of them."""

from __future__ import annotations

from flask import Flask, Response, jsonify
from sqlalchemy import func, select

from fallback_server.domain.clock import from_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Mode
from fallback_server.domain.outbox import OutboxState
from fallback_server.store.outbox import outbox
from fallback_server.store.session import Store, Tx, current_generation, mirror_as_of
from fallback_server.web import metrics


def install(app: Flask, store: Store) -> None:
    """Bind /healthz (the process answers), /readyz (it could take documents), /metrics."""

    @app.get("/healthz")
    def healthz() -> Response:
        return jsonify(status="ok")

    @app.get("/readyz")
    def readyz() -> tuple[Response, int]:
        with store.reading() as tx:
            reasons = not_ready(tx)
        return jsonify(ready=not reasons, reasons=reasons), 200 if not reasons else 503

    @app.get("/metrics")
    def metric_page() -> Response:
        with store.reading() as tx:
            refresh_gauges(tx)
        return Response(metrics.exposition(), content_type="text/plain; version=0.0.4; charset=utf-8")


def not_ready(tx: Tx) -> list[str]:
    """Codes of what keeps this server from taking over; empty when it could."""
    try:
        current_generation(tx.conn)
    except YjError as error:
        return [error.code]
    return []


def refresh_gauges(tx: Tx) -> None:
    """Set the gauges from the tables, at reading time."""
    for known in Mode:
        metrics.MODE.labels(known.value).set(1 if tx.mode.mode is known else 0)
    metrics.EPOCH.set(tx.mode.epoch)
    for dataset, as_of in mirror_as_of(tx.conn).items():
        metrics.MIRROR_AGE.labels(dataset).set((tx.now - from_text(as_of)).total_seconds())
    counts = {
        row.state: row.n
        for row in tx.conn.execute(select(outbox.c.state, func.count().label("n")).group_by(outbox.c.state))
    }
    for state in OutboxState:
        metrics.OUTBOX.labels(state.value).set(counts.get(state.value, 0))

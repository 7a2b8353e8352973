"""Health, readiness and metrics, outside the API prefix and without log-in; no patient data in any of them.

Everybody may know whether the process answers and whether the standby would work. Why not, and all figures, are for
this machine and the networks of `[alerts] networks`: they tell an attacker where it hurts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from threading import Lock
from typing import Any, Final

from flask import Flask, Response, jsonify, request
from sqlalchemy import func, select

from fallback_server.domain import readiness as judge
from fallback_server.domain.clock import from_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Mode
from fallback_server.domain.outbox import OutboxState
from fallback_server.domain.policy import Policy
from fallback_server.domain.readiness import Finding
from fallback_server.store import alarm_channels, alarms, backup_rows, centre_look, readiness, trial
from fallback_server.store.outbox import outbox
from fallback_server.store.session import Store, Tx, mirror_as_of
from fallback_server.web import metrics
from fallback_server.web.problems import problem

RollCall = Callable[[Tx], Sequence[Mapping[str, Any]]]
"""Every window with `live`, `acknowledged`, `missed`; handed in, because this layer knows no acts."""
FRESH_SECONDS: Final = 5.0  # whoever asks more often gets the same answer: nobody outside can keep the store busy


def install(app: Flask, store: Store, policy: Policy, roll: RollCall) -> None:
    """Bind /healthz (the process answers), /readyz (would the standby work), /metrics."""
    recent = Recent(policy)
    inside = [ip_network(one, strict=False) for one in policy.standards.networks]

    @app.get("/healthz")
    def healthz() -> Response:
        return jsonify(status="ok")

    @app.get("/readyz")
    def readyz() -> tuple[Response, int]:
        with store.reading() as tx:
            found, state = recent.findings(tx), tx.mode
        ready = judge.ready(found)
        shown: dict[str, Any] = {"ready": ready}
        if may_look(request.remote_addr, inside):
            shown |= {"score": judge.score(found), "mode": state.mode.value, "epoch": state.epoch, **_details(found)}
        return jsonify(shown), 200 if ready else 503

    @app.get("/metrics")
    def metric_page() -> Response:
        if not may_look(request.remote_addr, inside):
            return problem(YjError("forbidden", roles="an address of [alerts] networks"))
        with metrics.SCRAPE, store.reading() as tx:
            refresh_gauges(tx, recent.findings(tx), roll(tx))
            text = metrics.exposition()
        return Response(text, content_type="text/plain; version=0.0.4; charset=utf-8")


def may_look(address: str | None, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    """Whether this address is told more than the state: this machine, and the networks that were named."""
    try:
        found = ip_address(address or "")
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None) or found
    return mapped.is_loopback or any(mapped in one for one in networks)


class Recent:
    """The findings of the last seconds, for those who ask without a log-in."""

    def __init__(self, policy: Policy) -> None:
        self._policy, self._lock = policy, Lock()
        self._found: list[Finding] = []
        self._at: Any = None

    def findings(self, tx: Tx) -> list[Finding]:
        """What store.readiness finds, or found a moment ago."""
        with self._lock:
            if self._at is None or not 0 <= (tx.now - self._at).total_seconds() < FRESH_SECONDS:
                self._found, self._at = readiness.findings(tx, self._policy), tx.now
            return self._found


def _details(found: Sequence[Finding]) -> dict[str, Any]:
    """Codes, ages and limits: for programs, and without a name in them."""
    names = ("check", "subject", "state", "code", "age_seconds", "limit")
    return {
        "reasons": [one.code for one in found if one.ok is False],
        "warnings": [one.code for one in found if one.ok is None],
        "checks": [{name: getattr(one, name) for name in names} for one in found],
    }


def refresh_gauges(tx: Tx, found: Sequence[Finding], roll: Sequence[Mapping[str, Any]]) -> None:
    """Set the gauges from the tables, at reading time; under metrics.SCRAPE, until they were read."""
    for known in Mode:
        metrics.MODE.labels(known.value).set(1 if tx.mode.mode is known else 0)
    metrics.EPOCH.set(tx.mode.epoch)
    metrics.DRILL.set(1 if tx.mode.drill and tx.mode.mode is not Mode.NORMAL else 0)
    metrics.READY.set(1 if judge.ready(found) else 0)
    metrics.SCORE.set(judge.score(found))
    for check, ok in judge.worst(found).items():
        metrics.CHECK.labels(check).set(judge.SHARES[ok])
    _data(tx)
    _windows(roll)
    _centre(tx)
    _alarms(tx)


def _data(tx: Tx) -> None:
    metrics.MIRROR_AGE.clear()
    for dataset, as_of in mirror_as_of(tx.conn).items():
        metrics.MIRROR_AGE.labels(dataset).set((tx.now - from_text(as_of)).total_seconds())
    grouped = select(outbox.c.state, func.count().label("n")).group_by(outbox.c.state)
    counts = {row.state: row.n for row in tx.conn.execute(grouped)}
    for state in OutboxState:
        metrics.OUTBOX.labels(state.value).set(counts.get(state.value, 0))
    made = backup_rows.ended(backup_rows.last(tx.conn, backup_rows.BACKUP, ok=True))
    metrics.BACKUP_AGE.set((tx.now - made).total_seconds() if made else math.nan)
    last = trial.last(tx.conn)
    metrics.TRIAL_SECONDS.set(last["seconds"] if last else math.nan)


def _windows(roll: Sequence[Mapping[str, Any]]) -> None:
    for state, n in (
        ("live", sum(one["live"] for one in roll)),
        ("switched", sum(one["live"] and one["acknowledged"] for one in roll)),
        ("missed", sum(one["missed"] for one in roll)),
    ):
        metrics.WORKSTATIONS.labels(state).set(n)


def _centre(tx: Tx) -> None:
    look = centre_look.last(tx.conn, tx.now)
    for state in (centre_look.FINE, centre_look.SLOW, centre_look.DOWN, centre_look.UNKNOWN):
        metrics.CENTRE.labels(state).set(1 if look["state"] == state else 0)
    metrics.CENTRE_SECONDS.set(math.nan if look["seconds"] is None else look["seconds"])
    offset = look["clock_offset_seconds"]
    metrics.CLOCK.set(math.nan if offset is None else offset)


def _alarms(tx: Tx) -> None:
    counts = Counter((row["severity"], "yes" if row["acknowledged_at"] else "no") for row in alarms.on(tx.conn))
    metrics.ALARMS.clear()
    for labels, n in counts.items():
        metrics.ALARMS.labels(*labels).set(n)
    metrics.CHANNEL.clear()
    for row in alarm_channels.listed(tx.conn):
        metrics.CHANNEL.labels(row["name"]).set(row["failures"])

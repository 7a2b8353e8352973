"""Composition root of the window server: settings in, a WSGI application out. Needs no centre, no internet, no ODBC."""

from __future__ import annotations

import logging
import time
from datetime import time as time_of_day
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException

from config.settings import Settings
from config.sources import secret_files
from fallback_server.acts import roll_call
from fallback_server.acts.standing import shown_mode
from fallback_server.domain import places
from fallback_server.domain.clock import Clock
from fallback_server.domain.detection import Switching
from fallback_server.domain.errors import YjError
from fallback_server.domain.incident_record import timers
from fallback_server.domain.numbers import new_ulid
from fallback_server.domain.policy import Policy
from fallback_server.domain.readiness import MachineLook, Standards
from fallback_server.domain.traces import without_values
from fallback_server.door import believed, certificates
from fallback_server.store import at_rest
from fallback_server.store.database import is_sqlite, sqlite_files
from fallback_server.store.session import Store
from fallback_server.web import authority, dispatch, health, login_page, metrics, openapi, pages
from fallback_server.web.problems import problem
from fallback_server.web.routes import Api
from fallback_server.windows import all_pages, all_windows
from migrations.upgrade import newest

log = logging.getLogger("yj.web")


def policy_of(settings: Settings) -> Policy:
    """What acts and windows need of the settings."""
    return Policy(
        hospital_name=settings.windows.hospital_name,
        receipt_preprinted=settings.windows.receipt == "preprinted",
        payment_methods=frozenset(settings.windows.payment_methods),
        grace_seconds=settings.rules.grace_seconds,
        return_hold_seconds=settings.upload.return_hold,
        session_hours=settings.rules.session_hours,
        confirm_within_minutes=settings.rules.confirm_within_minutes,
        refund_approval_above=settings.rules.refund_approval_above,
        supply_days=settings.rules.supply_days,
        supply_days_emergency=settings.rules.supply_days_emergency,
        stale_warn_minutes=settings.mirror.stale_warn_minutes,
        stale_fail_minutes=settings.mirror.stale_fail_minutes,
        open_work_stale_warn_minutes=settings.mirror.open_work_stale_warn_minutes,
        open_work_stale_fail_minutes=settings.mirror.open_work_stale_fail_minutes,
        login_attempts=settings.security.login_attempts,
        lockout_minutes=settings.security.lockout_minutes,
        address_attempts=settings.security.address_attempts,
        idle_lock_minutes=settings.security.idle_lock_minutes,
        password_min_length=settings.security.password_min_length,
        password_history=settings.security.password_history,
        password_max_age_days=settings.security.password_max_age_days,
        weak_mirrored=settings.security.weak_mirrored,
        activation_hours=settings.security.activation_hours,
        approval_minutes=settings.security.approval_minutes,
        approval_sheet_hours=settings.security.approval_sheet_hours,
        two_persons=frozenset(settings.security.two_persons),
        alone_acts=frozenset(settings.security.alone_acts),
        countersign_by=time_of_day.fromisoformat(settings.security.countersign_by),
        void_approval_above=settings.rules.void_approval_above,
        night_roles=tuple(settings.security.night_roles),
        max_body_bytes=settings.server.max_body_bytes,
        standards=standards_of(settings),
        grade_minutes=tuple(settings.incident.grade_minutes),
        tell=timers(settings.incident.tell),
        report_days=settings.incident.report_days,
        switching=Switching(
            settings.detection.switch_by_itself, settings.detection.switch_after_seconds,
            settings.detection.windows_percent, settings.detection.least_windows, settings.detection.rest_minutes,
        ),
        windows_knock=places.knock(settings.detection.windows_address, settings.central.url),
        backup_daily_at=settings.backup.daily_at,
        backup_places=tuple(filter(None, (settings.backup.directory, settings.backup.second_directory))),
        backup_key=settings.backup.key,
    )  # fmt: skip


def standards_of(settings: Settings) -> Standards:
    """From where on the standby is not in order, with looks at what no table says. A new look is a line here."""
    return Standards(
        home=_disk(settings),
        version=product_version(),
        schema=newest(),
        networks=tuple(settings.alerts.networks),
        disk_free_percent=settings.alerts.disk_free_percent,
        clock_warn_seconds=settings.alerts.clock_warn_seconds,
        clock_fail_seconds=settings.alerts.clock_fail_seconds,
        backup_emergency_minutes=settings.backup.emergency_minutes,
        backup_rehearsal_days=settings.backup.rehearsal_days,
        drill_days=settings.drill.drill_days,
        self_test=settings.drill.self_test_day != "never",
        backup_second_place=bool(settings.backup.second_directory),
        machine=(
            _certificate_look(settings),
            at_rest.disks(_disk(settings)),
            at_rest.secrets(lambda: _secret_files(settings)),
        ),
    )


def _disk(settings: Settings) -> Path:
    """The folder whose disk counts: where the store's own file is, which may be elsewhere than its settings."""
    url = settings.database.url
    return sqlite_files(url)[0].parent if is_sqlite(url) else settings.home


def _secret_files(settings: Settings) -> list[Path]:
    """Everything of an instance that gives somebody away or lets somebody in."""
    own = [settings.home / "yj.toml", Path(settings.backup.key), *(settings.home / certificates.FOLDER).glob("*.key")]
    bought = [settings.home / settings.server.certificate_key] if settings.server.certificate_key else []
    return [*own, *bought, *secret_files(settings.home)]


def _certificate_look(settings: Settings) -> MachineLook:
    server = settings.server
    if not server.tls:
        return believed.off
    if server.certificate:
        return believed.bought(settings.home / server.certificate)
    return believed.own(settings.home / certificates.FOLDER, lambda: certificates.own_names(server.host, server.names))


def product_version() -> str:
    """The installed version, or `0` in a tree that was never installed."""
    try:
        return version("his-yj")
    except PackageNotFoundError:
        return "0"


def create_app(
    settings: Settings, clock: Clock, pages_dir: Path | None = None, *, store: Store | None = None,
    authority_file: Path | None = None, address_file: Path | None = None,
) -> Flask:  # fmt: skip
    """The WSGI application on an initialised store. `pages_dir` holds the windows' pages, if they are installed.

    `authority_file` is the certificate of the door's own authority and `address_file` where the door writes down its
    address, for agents that are being enrolled.
    """
    store = store or Store(settings.database.url, clock, pool_size=settings.server.threads + 4)
    policy = policy_of(settings)
    app = Flask("fallback_server", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = policy.max_body_bytes
    app.extensions["yj_store"] = store
    apis = all_windows()
    authority.install(app, authority_file, address_file)
    dispatch.install(app, apis, store, policy)
    health.install(app, store, policy, roll_call.windows)
    _install_openapi(app, apis)
    if pages_dir is not None:
        site = pages.install(app, all_pages(), store, policy, shown_mode, pages_dir, product_version())
        login_page.install(app, site)
    _install_edges(app, clock, store)
    return app


def _install_openapi(app: Flask, apis: list[Api]) -> None:
    @cache
    def shape() -> dict[str, Any]:  # made when it is asked for: no start of the server waits for what few ever read
        return openapi.document(apis, product_version())

    @app.get("/api/v1/openapi.json")
    def openapi_page() -> Response:
        return jsonify(shape())


def _install_edges(app: Flask, clock: Clock, store: Store) -> None:
    """What surrounds every request: timing, the epoch header, and errors nobody foresaw."""

    with store.reading() as tx:
        latest = {"epoch": tx.mode.epoch}

    @app.before_request
    def start() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def finish(response: Response) -> Response:
        # A request refused before it read anything carries the epoch this process saw last.
        latest["epoch"] = g.get("epoch", latest["epoch"])
        response.headers["YJ-Epoch"] = str(latest["epoch"])
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Content-Type-Options"] = "nosniff"
        route = request.endpoint or "none"
        metrics.answered(request.method, route, response.status_code, time.perf_counter() - g.started)
        return response

    def refused(error: YjError) -> Response:
        """In words: a page for a person, problem+json for a program."""
        site = app.extensions.get("yj_site")
        return pages.trouble(site, error) if site is not None and pages.wants_page() else problem(error)

    @app.errorhandler(YjError)
    def told(error: YjError) -> Response:
        # The store's own trouble, where no route says it in words of its own: /readyz and the like.
        return refused(error)

    @app.errorhandler(HTTPException)
    def known(error: HTTPException) -> Response:
        code = {405: "method_not_allowed", 413: "body_too_large", 415: "unsupported_media_type"}.get(
            error.code or 0, "not_found"
        )
        if (error.code or 500) >= 500:
            return unforeseen(error)
        return refused(
            YjError(code, limit=app.config["MAX_CONTENT_LENGTH"]) if code == "body_too_large" else YjError(code)
        )

    @app.errorhandler(Exception)
    def unforeseen(error: Exception) -> Response:
        # The edge of the process: nothing was committed, the trace goes to the log, the person gets words and a number.
        incident = new_ulid(clock.now())
        log.error("unforeseen error %s", incident, exc_info=without_values(error))
        return refused(YjError("internal_error", incident=incident))

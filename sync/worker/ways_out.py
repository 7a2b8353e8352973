"""The channels that [alerts] of yj.toml names, and their pace."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog

from config.sections import Alerts
from config.settings import Settings
from fallback_server.domain.alerting import Pace
from fallback_server.store.session import Store
from sync.worker import channels
from sync.worker.channels import Channel
from sync.worker.sending import Sending

log: Any = structlog.get_logger("yj.worker")


def configured(settings: Settings) -> list[Channel]:
    """Every channel with an address. Raises OSError or ssl.SSLError for a file of authorities that cannot be used."""
    rules, trust = settings.alerts, _trust(settings)
    found: list[Channel] = []
    if rules.wecom_url:
        found.append(channels.wecom(rules.wecom_url, trust))
    if rules.dingtalk_url:
        found.append(channels.dingtalk(rules.dingtalk_url, rules.dingtalk_secret, trust))
    if rules.webhook_url:
        found.append(channels.generic(rules.webhook_url, rules.webhook_token, trust))
    if rules.mail_host:
        found.append(_mail(rules, trust))
    if rules.syslog:
        found.append(channels.Syslog(rules.syslog))
    return found


def sending_of(store: Store, settings: Settings) -> Sending:
    """The sender of an instance; where the authorities cannot be read, the channels that need none still speak."""
    try:
        found = configured(settings)
    except (OSError, ssl.SSLError) as error:
        log.error("alerts_ca_file", error=type(error).__name__)
        found = configured(settings.model_copy(update={"alerts": settings.alerts.model_copy(update={"ca_file": ""})}))
    rules = settings.alerts
    return Sending(store, found, pace(rules), language=rules.language, hospital=settings.windows.hospital_name)


def pace(rules: Alerts) -> Pace:
    """How much a channel may say."""
    repeat = timedelta(minutes=rules.repeat_minutes) if rules.repeat_minutes else None
    return Pace(rules.least, timedelta(minutes=rules.quiet_minutes), repeat, rules.per_hour, rules.digest_over)


def _mail(rules: Alerts, trust: ssl.SSLContext | None) -> channels.Mail:
    return channels.Mail(
        rules.mail_host, rules.mail_port, rules.mail_security, rules.mail_from, tuple(rules.mail_to), rules.mail_user,
        rules.mail_password, trust,
    )  # fmt: skip


def _trust(settings: Settings) -> ssl.SSLContext | None:
    if not settings.alerts.ca_file:
        return None
    return ssl.create_default_context(cafile=str(Path(settings.home) / settings.alerts.ca_file))

"""Opening the centre of an instance: settings and mapping in, a gateway out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clients.console.context import Misuse

if TYPE_CHECKING:
    from config.settings import Settings
    from fallback_server.domain.clock import Clock
    from sync.central.sql_gateway import SqlGateway


def open_gateway(settings: Settings, clock: Clock) -> SqlGateway:
    """The real centre of `settings`. Raises Misuse where there is no address or the mapping cannot be used."""
    from sync.central import sql_gateway
    from sync.central.gateway import ClockLimits
    from sync.central.sql_file import MappingError

    if not settings.central.url:
        raise Misuse(
            '[central] url = "": there is no centre yet; write its address into yj.toml or set YJ_CENTRAL__URL'
        )
    limits = ClockLimits(settings.alerts.clock_warn_seconds, settings.alerts.clock_fail_seconds)
    try:
        return sql_gateway.open_gateway(
            settings.central.url,
            settings.mapping_dir,
            clock,
            read_url=settings.central.read_url,
            clock_limits=limits,
        )
    except MappingError as error:
        raise Misuse(
            *(f"[central] mapping = {settings.central.mapping}: {line}" for line in str(error).splitlines())
        ) from error

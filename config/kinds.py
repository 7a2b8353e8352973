"""The kinds of values that settings have. Each check refuses a wrong value with its cure, as people read it."""

from __future__ import annotations

import re
from decimal import Decimal
from ipaddress import ip_network
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field

STORE_DRIVERS = ("sqlite", "postgresql+psycopg2")
CENTRE_DRIVERS = ("postgresql+psycopg2", "mssql+pyodbc", "mariadb+pyodbc", "mysql+pyodbc", "sqlite", "oracle+oracledb")
# A URL without a driver means another driver in every second release of SQLAlchemy: refused, with the cure.
_DRIVER_OF = {
    "postgres": "postgresql+psycopg2",
    "postgresql": "postgresql+psycopg2",
    "mssql": "mssql+pyodbc",
    "mysql": "mysql+pyodbc",
    "mariadb": "mariadb+pyodbc",
    "oracle": "oracle+oracledb",
}


def _check_url(url: str, drivers: tuple[str, ...]) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise ValueError(f"is not a database address; write driver://…, with one of {', '.join(drivers)}")
    if scheme not in drivers:
        named = _DRIVER_OF.get(scheme)
        if named in drivers:
            raise ValueError(f"the driver is not named; write {named}://…")
        raise ValueError(f"the driver {scheme} cannot be used here; use one of {', '.join(drivers)}")
    if scheme == "sqlite" and not rest.lstrip("/"):
        raise ValueError("a database in memory forgets everything; write sqlite:///{home}/yj.db")
    return url


def _store_url(url: str) -> str:
    return _check_url(url, STORE_DRIVERS)


def _centre_url(url: str) -> str:
    return _check_url(url, CENTRE_DRIVERS) if url else url


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("is not a time zone; write a name like Asia/Shanghai") from error
    return name


def _no_float(value: object) -> object:
    if isinstance(value, float):
        raise ValueError('money is written as text with two decimals, like "200.00"')
    return value


def _hours(span: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d", span):
        raise ValueError("write a span of the day as HH:MM-HH:MM; it may pass midnight, like 22:00-06:00")
    return span


def _time_of_day(text: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise ValueError("write a time of day as HH:MM, like 12:00")
    return text


def _web_address(url: str) -> str:
    if url and not re.match(r"https?://[^/\s]+", url):
        raise ValueError("is not a web address; write https://…")
    return _with_a_port(url)


def _syslog_address(address: str) -> str:
    if address and not re.match(r"(udp|tcp)://[^/\s]+$|unix:///", address):
        raise ValueError("write udp://HOST:514, tcp://HOST:601 or unix:///dev/log")
    return _with_a_port(address)


def _with_a_port(address: str) -> str:
    """An address whose port, if it names one, is one."""
    try:
        port = urlsplit(address).port
    except ValueError as error:
        raise ValueError("the port must be a number from 1 to 65535") from error
    if port == 0:
        raise ValueError("the port must be a number from 1 to 65535")
    return address


def _network(text: str) -> str:
    try:
        ip_network(text, strict=False)
    except ValueError as error:
        raise ValueError("is not a network; write it like 10.0.8.0/24, or one address") from error
    return text


def _timer(text: str) -> str:
    if not re.fullmatch(r"[0-9]{1,5}\s+[^/]+(/.+)?", text.strip()):
        raise ValueError('write minutes and whom to tell, like "30 分管院领导 / hospital leader"')
    return text


def _knock(text: str) -> str:
    if text in ("", "none") or re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[^\s:\[\]]+):[1-9]\d{0,4}", text):
        return text
    raise ValueError('write host:port, like "10.1.0.5:1433", "none", or nothing for the address of [central] url')


StoreUrl = Annotated[str, AfterValidator(_store_url)]
CentreUrl = Annotated[str, AfterValidator(_centre_url)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
SyslogAddress = Annotated[str, AfterValidator(_syslog_address)]
Network = Annotated[str, AfterValidator(_network)]
ZoneName = Annotated[str, AfterValidator(_zone)]
Money = Annotated[Decimal, BeforeValidator(_no_float), Field(ge=0, max_digits=14, decimal_places=2)]
DaySpan = Annotated[str, AfterValidator(_hours)]
Knock = Annotated[str, AfterValidator(_knock)]
TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]
TellTimer = Annotated[str, AfterValidator(_timer)]
Positive = Annotated[int, Field(ge=1)]
Percent = Annotated[int, Field(ge=0, le=100)]
Role = Literal["registrar", "cashier", "doctor", "pharmacist", "triage", "supervisor", "duty", "admin", "auditor"]
TwoPersonAct = Literal[
    "mode_normal",
    "drill_end",
    "upload",
    "refund",
    "void",
    "conflict",
    "price_override",
    "rewound",
    "wipe",
    "restore",
    "seal",
]
AloneAct = Literal["mode_normal", "drill_end", "upload", "wipe", "restore", "seal"]
PaymentMethod = Literal["cash", "bank_card", "wechat", "alipay", "other", "rounding", "arrears"]

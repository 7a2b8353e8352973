"""The part of the check that looks at plans: what is asked often reads no large table from end to end.

Nothing is run but by the database's own explanation of a statement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final, Literal, NamedTuple

from fallback_server.domain.clock import business_date, to_text
from fallback_server.domain.datasets import DATASETS
from sync.central.finding import Finding
from sync.central.gateway import CentralError
from sync.central.sql_file import Step
from sync.central.sql_gateway import SqlGateway

HORIZON_DAYS: Final = 30
NEWEST: Final = 2**62  # a row version that no row has come to
# Asked for each document of a return, or each minute after it, while the centre is recovering. NULL is planned for
# otherwise than a value.
_SOMEBODY: Final[dict[str, Any]] = {"name": "王小明", "sex": "M", "birth_date": "2019-05-06"}
PER_DOCUMENT: Final[tuple[tuple[str, Mapping[str, Any]], ...]] = (
    ("upload/match_patient", {"id_no": "110101201905060028", **_SOMEBODY}),
    ("upload/match_patient", {"id_no": None, **_SOMEBODY}),
    ("upload/settle_check_prescription", {"key": "1"}),
    ("upload/settle_check_order", {"key": "1"}),
    ("verify/patient_key", {"key": "1"}),
    ("after/dispensed", {"prescription_key": "1"}),
)


class _Question(NamedTuple):
    """`often`: in words, how often it is asked. `status`: what a large scan for it is."""

    name: str
    step: Step
    binds: Mapping[str, Any]
    often: str
    status: Literal["warn", "fail"]


def horizon(gateway: SqlGateway) -> dict[str, str]:
    """What a SELECT of the mirror is given where no run asks for it."""
    now = gateway.clock.now()
    since = business_date(now, gateway.clock.zone) - timedelta(days=HORIZON_DAYS)
    return {"horizon_from": since.isoformat(), "now_at": to_text(now)}


def scans(gateway: SqlGateway) -> Iterator[Finding]:
    """Fails what the timetable asks, and warns of what a return asks, where its plan reads a large table whole."""
    limit, found = gateway.mapping.options.read.scan_limit, 0
    for one in _questions(gateway):
        try:
            with gateway.reading() as connection, gateway.errors(one.step.file):
                values = gateway.binds(one.binds).of(one.step)
                seen = gateway.edge.scans(connection, one.step.sql, values)
        except CentralError as error:
            yield Finding("warn", one.name, f"its plan cannot be seen: {error.detail}", "grant SHOWPLAN, or look")
            continue
        for scan in seen:
            if scan.rows > limit:
                found += 1
                yield Finding(
                    one.status, one.name, f"reads all {scan.rows} rows of {scan.table} {one.often}",
                    "write its conditions so that an index serves (binds cast to the column's type, no function around"
                    " the column), or make one",
                )  # fmt: skip
    if not found:
        yield Finding("ok", "scans", f"no frequent question reads a table of more than {limit} rows from end to end")


def _questions(gateway: SqlGateway) -> Iterator[_Question]:
    usual = horizon(gateway)
    for name in gateway.offers():
        step, hints = gateway.file(f"mirror/{name}").steps[-1], gateway.hints(name)
        if DATASETS[name].group != "master":
            yield _Question(f"mirror/{name}", step, usual, "every few minutes", "fail")
        elif hints.watermark:
            newest = str(NEWEST) if hints.watermark_kind == "number" else _just_now(gateway)
            binds = {**usual, "changed_from": newest}
            yield _Question(f"changes/{name}", step.only_changed(), binds, "in every run, to find what changed", "fail")
    for name, own in PER_DOCUMENT:
        if gateway.has(name):
            yield _Question(name, gateway.file(name).steps[-1], own, "for each document of a return", "warn")


def _just_now(gateway: SqlGateway) -> str:
    return (gateway.clock.now() - timedelta(minutes=30)).astimezone(gateway.clock.zone).strftime("%Y-%m-%d %H:%M:%S")

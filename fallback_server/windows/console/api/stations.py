"""Routes of the console about the workstation table: see it, take a file in, change one line, test its printers."""

from __future__ import annotations

import csv
import re
from typing import Annotated, Any

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, StringConstraints

from fallback_server.acts import silent_prints, station_table
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.domain.numbers import WORKSTATION_CODE
from fallback_server.domain.stations import (
    EVERY_KIND,
    KINDS,
    MOST_COPIES,
    MOST_MM,
    STATION_ROLES,
    Entry,
    Printer,
    rows_of_csv,
)
from fallback_server.store import stations
from fallback_server.web.routes import Api, Body, Call

api = Api("console")
ADMIN = ("admin",)
LOOKERS = ("admin", "duty", "supervisor")
Code = Annotated[StrictStr, Field(pattern=f"^{WORKSTATION_CODE.pattern}$")]
Kind = Annotated[StrictStr, Field(pattern=f"^({'|'.join(map(re.escape, KINDS))})$")]
Role = Annotated[StrictStr, Field(pattern=f"^({'|'.join(STATION_ROLES)})$")]
Text64 = Annotated[StrictStr, Field(max_length=64)]
Millimetres = Annotated[StrictFloat | StrictInt, Field(ge=-MOST_MM, le=MOST_MM)]


class TableRequest(Body):
    """The table as the text of a CSV file; `dry_run` only says what it would change. `sure`: also where more than half
    of the table goes."""

    table: Annotated[str, StringConstraints(strip_whitespace=False, max_length=500_000)]
    dry_run: StrictBool = False
    sure: StrictBool = False


class PrinterRequest(Body):
    """Which printer takes which kind of print ('*': everything else). Without a printer: the browser's own."""

    kind: Kind = EVERY_KIND
    printer: Annotated[StrictStr, Field(max_length=128)] = ""
    tray: Text64 = ""
    offset_x_mm: Millimetres = 0.0
    offset_y_mm: Millimetres = 0.0
    copies: Annotated[StrictInt, Field(ge=1, le=MOST_COPIES)] = 1


class EntryRequest(Body):
    """One workstation of the table."""

    workstation: Code
    window: Text64 = ""
    role: Role | None = None
    department_code: Text64 | None = None
    pharmacy_code: Text64 | None = None
    printers: Annotated[list[PrinterRequest], Field(max_length=len(KINDS), default_factory=list)]


class PlaceRequest(Body):
    """One workstation."""

    workstation: Code


class TestPageRequest(PlaceRequest):
    """One printer of a workstation."""

    kind: Kind


class TestedRequest(TestPageRequest):
    """Whether the test page came out; `id` of the one that an agent printed."""

    ok: StrictBool
    id: Annotated[StrictStr, Field(min_length=1, max_length=26)] | None = None


@api.get("/workstations/table", summary="The workstation table with its printers", roles=LOOKERS)
def show_table(call: Call) -> Any:
    return {"items": [one.shown() for one in stations.entries(call.tx.conn)], "tests": stations.tests(call.tx.conn)}


@api.post(
    "/workstations/table", summary="Make the workstation table what a file says, all of it or nothing", roles=ADMIN,
    permit=Permit.HOUSEKEEPING, body=TableRequest, keyed=False, reason="the same file twice changes nothing more",
)  # fmt: skip
def take_in(call: Call) -> Any:
    try:
        rows = rows_of_csv(call.body.table)
    except csv.Error as error:
        raise YjError("invalid_request", field="table", problem=str(error)) from None
    found = station_table.reading(call.tx, rows)
    if not call.body.dry_run:
        return {"applied": True, "faults": [], **station_table.take_in(call.tx, found, sure=call.body.sure).shown()}
    change = station_table.difference(call.tx, found.entries)
    return {"applied": False, "faults": station_table.faults(found.faults), **change.shown()}


@api.post(
    "/workstations/table/entry", summary="One workstation of the table", roles=ADMIN, permit=Permit.HOUSEKEEPING,
    body=EntryRequest, keyed=False, reason="it replaces the line that is there",
)  # fmt: skip
def put(call: Call) -> Any:
    body: EntryRequest = call.body
    kinds = [one.kind for one in body.printers]
    if len(set(kinds)) < len(kinds):
        raise YjError("invalid_request", field="printers", problem="同一打印件写了两次 / a kind of print twice")
    printers = tuple(
        Printer(one.kind, one.printer, one.tray, float(one.offset_x_mm), float(one.offset_y_mm), one.copies)
        for one in body.printers
    )
    entry = Entry(
        body.workstation, body.window, body.role, body.department_code or None, body.pharmacy_code or None, printers
    )
    return station_table.put(call.tx, entry)


@api.post(
    "/workstations/table/remove", summary="Take a workstation out of the table", roles=ADMIN,
    permit=Permit.HOUSEKEEPING, body=PlaceRequest, keyed=False, reason="what is out is refused as unknown",
)  # fmt: skip
def remove(call: Call) -> Any:
    return station_table.remove(call.tx, call.body.workstation)


@api.post(
    "/workstations/test-page", summary="A test page on one printer, by the agent there", roles=LOOKERS,
    permit=Permit.HOUSEKEEPING, body=TestPageRequest, status=201,
)  # fmt: skip
def test_page(call: Call) -> Any:
    return silent_prints.ask_test(call.tx, call.key, call.body.workstation, call.body.kind, "zh")


@api.post(
    "/workstations/tested", summary="Whether a test page came out, by who looked", roles=LOOKERS,
    permit=Permit.HOUSEKEEPING, body=TestedRequest, keyed=False, reason="the last word about a printer counts",
)  # fmt: skip
def tested(call: Call) -> Any:
    body: TestedRequest = call.body
    return station_table.say_tested(call.tx, body.workstation, body.kind, ok=body.ok, job=body.id)

"""The two centres the contract is tried on: the fake, and a real PostgreSQL behind a wire that can be cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url

from fallback_server.domain.clock import SystemClock
from fallback_server.domain.documents import canonical, payload_hash
from sync.central.dialects import Timeouts
from sync.central.fake import FakeCentral
from sync.central.gateway import CentralGateway, LedgerRow, Outgoing, Refused
from sync.central.sql_gateway import SqlGateway, open_gateway
from tests.contract.proxy import Cut, Proxy

MAPPING = Path(__file__).parent / "mapping"
US, THEM = "01INSTALLATION00000000000A", "01INSTALLATION00000000000B"
SCHEMA = """
CREATE TABLE dept (code varchar(10) PRIMARY KEY, name varchar(60), kind varchar(20), location varchar(60),
    active integer);
CREATE TABLE bill (key integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, yj_no varchar(30) NOT NULL,
    receipt_no varchar(20), patient_key integer, total numeric(14, 2) NOT NULL, at char(16), kind varchar(10));
CREATE TABLE bill_line (bill integer NOT NULL REFERENCES bill, code varchar(20),
    amount numeric(14, 2) CHECK (amount < 5000));
CREATE TABLE rx (key integer PRIMARY KEY, paid_by integer);
CREATE TABLE book (operator varchar(10), next_no integer);
INSERT INTO rx VALUES (501, NULL);
INSERT INTO book VALUES ('C01', 100);
"""


def charge(
    number: int, *, total: str = "12.00", receipt_no: str | None = None, installation: str = US, incident_no: int = 1
) -> Outgoing:
    """A charge of two lines that settles no prescription; its sequence and identity follow `number`."""
    yj_id = f"01J{number:023d}"
    payload = {
        "yj_id": yj_id,
        "entity": "charge",
        "yj_no": f"YJ2611220010{number:03d}",
        "sequence": number,
        "incident_no": incident_no,
        "installation_id": installation,
        "operator_code": "C01",
        "occurred_at": "2026-11-22T08:15:32.000+08:00",
        "business_date": "2026-11-22",
        "charge_kind": "outpatient",
        "patient_name": "测试",
        "receipt_no": receipt_no,
        "total": total,
        "refs": {"patient": {"id": "01JPATIENT", "origin": "yj", "central_key": None}, "registration": None},
        "lines": [
            {"line_no": 1, "item_code": "A", "amount": total},
            {"line_no": 2, "item_code": "B", "amount": "0.00"},
        ],
        "payments": [],
        "prescriptions": [],
        "orders": [],
    }
    row = LedgerRow(
        yj_id=yj_id,
        entity="charge",
        incident_no=incident_no,
        installation_id=installation,
        sequence=number,
        payload_hash=payload_hash(canonical(payload)),
        central_key=None,
        amount=total,
        operator_code="C01",
        receipt_no=receipt_no,
        yj_no=str(payload["yj_no"]),
        business_date="2026-11-22",
    )
    return Outgoing(row, payload, {"01JPATIENT": "7"})


class Centre(Protocol):
    """What the contract suite can do to a centre besides talking to it."""

    gateway: CentralGateway

    def set_departments(self, rows: Sequence[Mapping[str, Any]]) -> None: ...

    def arrived(self) -> list[str]:
        """YJ numbers of the charges that are really there, in order."""

    def use_receipt(self, receipt_no: str) -> None:
        """Let the centre itself use a receipt number."""

    def cut(self, when: Cut) -> None: ...

    def go_down(self) -> None: ...

    def come_back(self) -> None: ...

    def close(self) -> None: ...


class FakeCentre:
    """FakeCentral with the same habits as the tiny mapping."""

    def __init__(self) -> None:
        self.gateway = FakeCentral()
        self.gateway.datasets["department"] = []
        self.gateway.answers["upload/advance_receipt_book"] = [{}]
        self.gateway.answers["upload/find_charge"] = self._find

    def set_departments(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.gateway.datasets["department"] = list(rows)

    def arrived(self) -> list[str]:
        return [document.ledger.yj_no for document in self.gateway.documents]

    def use_receipt(self, receipt_no: str) -> None:
        self.gateway.refuse("charge", Refused("receipt_no_used", "used", {"receipt_no": receipt_no}))

    def cut(self, when: Cut) -> None:
        self.gateway.fail_next("after_commit" if when is Cut.AFTER_COMMIT else "at_commit")

    def go_down(self) -> None:
        self.gateway.reachable = False

    def come_back(self) -> None:
        self.gateway.reachable = True

    def close(self) -> None:
        self.gateway.close()

    def _find(self, binds: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [{"central_key": "1"} for document in self.gateway.documents if document.ledger.yj_no == binds["yj_no"]]


class PostgresCentre:
    """A real database with the tiny mapping's tables; the gateway reaches it through the proxy only."""

    def __init__(self, url: str) -> None:
        address = make_url(url)
        self.direct: Engine = create_engine(address)
        with self.direct.begin() as connection:
            for statement in filter(None, map(str.strip, SCHEMA.split(";"))):
                connection.execute(text(statement))
        self.proxy = Proxy(address.port or 5432)
        wire = address.set(port=self.proxy.port).render_as_string(hide_password=False)
        quick = Timeouts(connect=3, lock=1, write=5, read=5)
        self.gateway: SqlGateway = open_gateway(wire, MAPPING, SystemClock(), timeouts=quick)
        self.gateway.preflight(["charge"])

    def set_departments(self, rows: Sequence[Mapping[str, Any]]) -> None:
        with self.direct.begin() as connection:
            connection.execute(text("DELETE FROM dept"))
            for row in rows:
                connection.execute(
                    text("INSERT INTO dept VALUES (:department_code, :name, :kind, :location, :active)"), dict(row)
                )

    def arrived(self) -> list[str]:
        with self.direct.begin() as connection:
            return list(connection.execute(text("SELECT yj_no FROM bill WHERE yj_no <> '' ORDER BY key")).scalars())

    def use_receipt(self, receipt_no: str) -> None:
        with self.direct.begin() as connection:
            connection.execute(
                text("INSERT INTO bill (yj_no, receipt_no, total) VALUES ('', :no, 1)"), {"no": receipt_no}
            )

    def cut(self, when: Cut) -> None:
        self.proxy.cut = when

    def go_down(self) -> None:
        self.proxy.go_down()

    def come_back(self) -> None:
        self.proxy.down = False

    def close(self) -> None:
        self.gateway.close()
        self.proxy.close()
        self.direct.dispose()

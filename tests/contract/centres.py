"""The centres the contract is tried on: the fake, and real databases behind a wire that can be cut."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from fallback_server.domain.clock import SystemClock
from fallback_server.domain.documents import canonical, payload_hash
from sync.central.dialects import Timeouts
from sync.central.edges.mariadb import spell_out
from sync.central.fake import FakeCentral
from sync.central.gateway import CentralGateway, LedgerMode, LedgerRow, Outgoing, Refused
from sync.central.sql_gateway import SqlGateway, open_gateway
from tests.contract.proxy import Cut, Proxy
from tests.fixtures_mariadb import MariadbServer

MAPPING = Path(__file__).parent / "mapping"
MAPPING_MARIADB = Path(__file__).parent / "mapping-mariadb"
MAPPING_SQLITE = Path(__file__).parent / "mapping-sqlite"
US, THEM = "01INSTALLATION00000000000A", "01INSTALLATION00000000000B"
# `serial` and `space` stand for what no two databases say alike: numbers it gives itself, and how a table is kept.
SCHEMA = """
CREATE TABLE dept (code varchar(10) PRIMARY KEY, name varchar(60), kind varchar(20), location varchar(60),
    active integer){space};
CREATE TABLE bill (nr {serial}, yj_no varchar(30) NOT NULL,
    receipt_no varchar(20), patient_key integer, total numeric(14, 2) NOT NULL, at char(16), kind varchar(10)){space};
CREATE TABLE bill_line (bill integer NOT NULL, code varchar(20),
    amount numeric(14, 2) CHECK (amount < 5000), FOREIGN KEY (bill) REFERENCES bill (nr)){space};
CREATE TABLE rx (nr integer PRIMARY KEY, paid_by integer){space};
CREATE TABLE book (operator varchar(10), next_no integer){space};
INSERT INTO rx VALUES (501, NULL);
INSERT INTO book VALUES ('C01', 100)
"""
QUICK = Timeouts(connect=3, lock=1, write=5, read=5)


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

    def __init__(self, mode: LedgerMode = LedgerMode.SAME_TRANSACTION) -> None:
        self.gateway = FakeCentral(ledger_mode=mode)
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


class RealCentre:
    """A real database with the tiny mapping's tables. `direct` is the tests' own way to it, past the gateway."""

    direct: Engine
    gateway: SqlGateway

    def fill(self, serial: str, space: str = "") -> None:
        """Make the tables."""
        with self.direct.begin() as connection:
            for statement in SCHEMA.format(serial=serial, space=space).split(";"):
                connection.execute(text(statement.strip()))

    def set_departments(self, rows: Sequence[Mapping[str, Any]]) -> None:
        with self.direct.begin() as connection:
            connection.execute(text("DELETE FROM dept"))
            for row in rows:
                connection.execute(
                    text("INSERT INTO dept VALUES (:department_code, :name, :kind, :location, :active)"), dict(row)
                )

    def arrived(self) -> list[str]:
        with self.direct.begin() as connection:
            return list(connection.execute(text("SELECT yj_no FROM bill WHERE yj_no <> '' ORDER BY nr")).scalars())

    def use_receipt(self, receipt_no: str) -> None:
        with self.direct.begin() as connection:
            connection.execute(
                text("INSERT INTO bill (yj_no, receipt_no, total) VALUES ('', :no, 1)"), {"no": receipt_no}
            )

    def rows(self, sql: str) -> list[Any]:
        """What is really in the tables."""
        with self.direct.begin() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]

    def run(self, *statements: str) -> None:
        """Change the centre behind the gateway's back."""
        with self.direct.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))

    def cut(self, when: Cut) -> None:
        raise NotImplementedError

    def go_down(self) -> None:
        raise NotImplementedError

    def come_back(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.gateway.close()
        self.direct.dispose()


class WiredCentre(RealCentre):
    """One that is reached over TCP; the gateway goes through a wire that can be cut."""

    proxy: Proxy

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


class PostgresCentre(WiredCentre):
    """PostgreSQL through psycopg2."""

    def __init__(self, url: str, mapping: Path = MAPPING) -> None:
        address = make_url(url)
        self.direct = create_engine(address)
        self.fill("integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY")
        self.proxy = Proxy(address.port or 5432)
        wire = address.set(port=self.proxy.port).render_as_string(hide_password=False)
        self.gateway = open_gateway(wire, mapping, SystemClock(), timeouts=QUICK)
        self.gateway.preflight(["charge"])


class MariadbCentre(WiredCentre):
    """MariaDB through pyodbc and its ODBC driver."""

    def __init__(self, server: MariadbServer, url: str, mapping: Path = MAPPING_MARIADB) -> None:
        self.direct = create_engine(url)
        event.listen(self.direct, "before_cursor_execute", spell_out, retval=True)
        self.fill("integer AUTO_INCREMENT PRIMARY KEY", " ENGINE = InnoDB")
        self.proxy = Proxy(server.port)
        wire = url.replace(f"PORT%3D{server.port}", f"PORT%3D{self.proxy.port}")
        self.gateway = open_gateway(wire, mapping, SystemClock(), timeouts=QUICK)
        self.gateway.preflight(["charge"])


class SqliteCentre(RealCentre):
    """A file. It goes down by being moved away, and an answer is lost between the driver and us."""

    def __init__(self, folder: Path, mapping: Path = MAPPING_SQLITE) -> None:
        self.file = folder / "his.sqlite"
        self.direct = create_engine(f"sqlite:///{self.file}", connect_args={"timeout": 5, "check_same_thread": False})
        with self.direct.begin() as connection:
            connection.execute(text("PRAGMA journal_mode = WAL"))
        self.fill("integer PRIMARY KEY")
        self.gateway = open_gateway(f"sqlite:///{self.file}", mapping, SystemClock(), timeouts=QUICK)
        self.gateway.preflight(["charge"])

    def cut(self, when: Cut) -> None:
        @event.listens_for(self.gateway.writing_engine, "commit", once=True)
        def lose(connection: Connection) -> None:
            raw = connection.connection.dbapi_connection
            if when is Cut.AFTER_COMMIT:
                raw.commit()  # type: ignore[union-attr]
            else:
                raw.rollback()  # type: ignore[union-attr]
            raise DBAPIError("COMMIT", {}, sqlite3.OperationalError("made to fail"))

    def go_down(self) -> None:
        self.direct.dispose()
        self.file.rename(self.file.with_suffix(".gone"))

    def come_back(self) -> None:
        self.file.with_suffix(".gone").rename(self.file)

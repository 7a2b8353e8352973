"""A standby beside some centre, and a morning at its windows that makes every kind of document once at least.

Which centre it is, only the mapping and a few codes say; the windows are the real ones, over HTTP in one process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, text

from config.settings import Settings
from fallback_server.app import create_app
from fallback_server.domain.clock import SettableClock, SystemClock
from fallback_server.store.session import Store
from migrations.upgrade import upgrade
from sync.central.sql_gateway import SqlGateway, open_gateway
from tests.fixtures_hospital import Hospital, Reply, Window


@dataclass(frozen=True)
class Codes:
    """What of the centre's lists the morning uses."""

    department: str
    other_department: str
    register_type: str
    fee: str
    drug: str
    item: str
    diagnosis: str
    known_patient: str
    centre_prescription: str
    centre_order: str
    usage: str
    frequency: str


class Outage:
    """The standby of one centre and the people who work at it; the clock is the real one, as the pre-flight asks."""

    def __init__(
        self,
        folder: Path,
        url: str,
        mapping: Path,
        people: Mapping[str, tuple[str, str]],
        settings: Settings,
        accounts: tuple[str, str] | None = None,
    ) -> None:
        """`people`: role → operator code and password; `accounts`: (url to read with, url to write with)."""
        self.clock = SettableClock(SystemClock().now())
        self.his: Engine = create_engine(url)
        reader, writer = accounts or ("", url)
        self.gateway: SqlGateway = open_gateway(writer, mapping, self.clock, read_url=reader)
        store_url = f"sqlite:///{folder}/yj.db"
        upgrade(store_url, self.clock)
        self.store = Store(store_url, self.clock)
        self.hospital = Hospital(store_url, self.clock, self.store, create_app(settings, self.clock, store=self.store))
        self._people = people
        self._windows: dict[str, Window] = {}

    def window(self, role: str) -> Window:
        """The window of the person with this role, logged in with the centre's own password."""
        if role not in self._windows:
            operator, password = self._people[role]
            body = {"operator": operator, "password": password, "workstation": f"W-{role}"}
            with self.hospital.app.test_client() as client:
                answer = client.post("/api/v1/session", json=body)
            assert answer.status_code == 200, answer.get_data(as_text=True)
            self._windows[role] = Window(self.hospital.app, self.clock, answer.get_json()["token"], operator)
        return self._windows[role]

    def one(self, sql: str, **binds: Any) -> Any:
        """One value of the centre's tables."""
        with self.his.connect() as connection:
            return connection.execute(text(sql), binds).scalar()

    def close(self) -> None:
        self.gateway.close()
        self.store.close()
        self.his.dispose()


def good(reply: Reply) -> Any:
    """The answer of a success."""
    assert reply.status in (200, 201), reply.json
    return reply.json


def paid(total: str, method: str = "cash") -> list[dict[str, str]]:
    """One payment of all of it."""
    voucher = {} if method == "cash" else {"reference": "4200001234"}
    return [{"method": method, "amount": total, **voucher}] if Decimal(total) else []


class Morning:
    """What the windows do."""

    def __init__(self, outage: Outage, codes: Codes) -> None:
        self.outage, self.codes = outage, codes

    def post(self, role: str, path: str, **body: Any) -> Any:
        self.outage.clock.advance(1)
        return good(self.outage.window(role).post(path, body))

    def register(self, patient: str) -> str:
        """A visit with its fee; returns its id."""
        codes = self.codes
        made = self.post(
            "registrar", "/registrations", patient_id=patient, department_code=codes.department,
            type_code=codes.register_type, payments=paid(codes.fee),
        )  # fmt: skip
        return str(made["id"])

    def prescribe(self, visit: str, quantity: int = 1) -> str:
        codes = self.codes
        how = {"usage": codes.usage, "frequency": codes.frequency, "days": 3}
        line = {"drug_code": codes.drug, "quantity": quantity, **how}
        body = {"registration_id": visit, "kind": "western", "diagnoses": [codes.diagnosis], "lines": [line]}
        return str(self.post("doctor", "/prescriptions", **body)["id"])

    def order(self, visit: str) -> str:
        lines = [{"item_code": self.codes.item, "quantity": 1}]
        return str(self.post("doctor", "/orders", registration_id=visit, lines=lines)["id"])

    def charge(self, method: str = "cash", **basket: Any) -> dict[str, Any]:
        whole = {"prescription_ids": [], "order_ids": [], **basket}
        total = self.post("cashier", "/charges/quote", **whole)["total"]
        return dict(self.post("cashier", "/charges", **whole, payments=paid(total, method), expected_total=total))

    def play(self) -> None:
        """Every kind of document."""
        child = self.post(
            "registrar", "/patients", name="王芳之子𠮷", sex="M", birth_date="2026-08-11", guardian_name="王芳",
            guardian_phone="15400000001", address="天河路1号 'A\\B' 默",
        )  # fmt: skip
        known = good(self.outage.window("registrar").get("/patients", q=self.codes.known_patient))["items"][0]
        first, second = self.register(child["id"]), self.register(known["id"])
        self.post(
            "registrar", f"/registrations/{second}/transfer", department_code=self.codes.other_department, reason="转科"
        )
        self.post("registrar", f"/registrations/{self.register(known['id'])}/cancel", reason="走错科")
        rx, request = self.prescribe(first, 2), self.order(first)
        self.post("doctor", f"/prescriptions/{self.prescribe(second)}/cancel", reason="开错")
        self.post("doctor", f"/orders/{self.order(second)}/cancel", reason="开错")
        whole = self.charge(registration_id=first, prescription_ids=[rx], order_ids=[request])
        self.post("cashier", f"/charges/{whole['id']}/reissue", reason="卡纸")
        checker = self.outage.window("doctor").operator
        self.post("pharmacist", f"/prescriptions/{rx}/handover", checked_by=checker)
        self._of_the_centre()
        self._refunded(second)
        spoilt = good(self.outage.window("cashier").get("/receipt-book"))["next_no"]
        self.post("cashier", "/receipt-book/void", from_no=spoilt, to_no=spoilt + 1, reason="撕坏")

    def _of_the_centre(self) -> None:
        """The centre's own unpaid papers, found by their numbers as from the slips in a patient's hand."""
        rx = self._own("prescriptions", self.codes.centre_prescription)
        self.charge("wechat", patient_id=rx["patient_id"], prescription_ids=[rx["id"]])
        request = self._own("orders", self.codes.centre_order)
        self.charge("alipay", patient_id=request["patient_id"], order_ids=[request["id"]])

    def _own(self, kind: str, number: str) -> Mapping[str, Any]:
        items: Sequence[Mapping[str, Any]] = good(self.outage.window("cashier").get(f"/{kind}", number=number))["items"]
        (item,) = items
        return item

    def _refunded(self, visit: str) -> None:
        """Three packs, given back one, one, and the rest."""
        made = self.charge("wechat", registration_id=visit, prescription_ids=[self.prescribe(visit, 3)])
        part = [{"line_id": made["lines"][0]["line_id"], "quantity": 1}]
        self.post("cashier", f"/charges/{made['id']}/refund", lines=part, reason="退一盒")
        self.post("cashier", f"/charges/{made['id']}/refund", lines=part, reason="再退一盒")
        self.post("cashier", f"/charges/{made['id']}/refund", reason="全退")

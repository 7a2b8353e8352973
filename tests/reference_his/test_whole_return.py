"""A whole outage at the reference HIS in every database that can be run, from mirror to account."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from config.settings import Mirror, Settings
from fallback_server.app import create_app
from fallback_server.domain.clock import SettableClock, SystemClock
from fallback_server.domain.documents import ENTITIES
from fallback_server.store.session import Store
from migrations.upgrade import upgrade
from sync.central.sql_gateway import SqlGateway, open_gateway
from sync.mirror.run import run_mirror
from sync.reconcile.run import run_reconcile
from sync.reference_his.create import create_reference
from sync.upload.run import run_upload
from tests.fixtures_hospital import Hospital, Reply, Window
from tests.fixtures_return import Rules
from tests.reference_his.conftest import ENGINES, FOLDERS, MAPPINGS

pytestmark = pytest.mark.slow


class Outage:
    """The standby of one clinic and the people who work at it."""

    def __init__(self, folder: Path, url: str, mapping: str, settings: Settings) -> None:
        self.clock = SettableClock(SystemClock().now())
        create_reference(url, "clinic", logins=folder / "logins.json")
        self.logins = json.loads((folder / "logins.json").read_text(encoding="utf-8"))
        self.his: Engine = create_engine(url)
        self.gateway: SqlGateway = open_gateway(url, MAPPINGS / mapping, self.clock)
        store_url = f"sqlite:///{folder}/yj.db"
        upgrade(store_url, self.clock)
        self.store = Store(store_url, self.clock)
        app = create_app(settings, self.clock, store=self.store)
        self.hospital = Hospital(store_url, self.clock, self.store, app)
        self._windows: dict[str, Window] = {}

    def window(self, role: str) -> Window:
        """The window of the first operator with a role; everybody has the password of the log-ins file."""
        if role not in self._windows:
            one = next(entry for entry in self.logins if role in entry["roles"] and self._may(role, entry["operator"]))
            body = {"operator": one["operator"], "password": one["password"], "workstation": f"W-{role}"}
            with self.hospital.app.test_client() as client:
                answer = client.post("/api/v1/session", json=body)
            assert answer.status_code == 200, answer.get_data(as_text=True)
            token = answer.get_json()["token"]
            self._windows[role] = Window(self.hospital.app, self.clock, token, one["operator"])
        return self._windows[role]

    def _may(self, role: str, operator: str) -> bool:
        return role != "doctor" or bool(
            self.one("SELECT count(*) FROM gy_ry WHERE rydm = :code AND cfq = '1'", operator)
        )

    def one(self, sql: str, code: str | None = None) -> Any:
        """One value of the centre's tables."""
        with self.his.connect() as connection:
            return connection.execute(text(sql), {"code": code} if code else {}).scalar()

    def close(self) -> None:
        self.gateway.close()
        self.store.close()
        self.his.dispose()


@pytest.fixture(params=ENGINES)
def outage(request: pytest.FixtureRequest, tmp_path: Path, hospital_settings: Settings) -> Iterator[Outage]:
    """A clinic of its own, filled as of now: the pre-flight compares clocks."""
    make = {"postgresql": "new_database", "mariadb": "new_mariadb"}.get(request.param)
    url = request.getfixturevalue(make)() if make else f"sqlite:///{tmp_path / 'his.sqlite'}"
    made = Outage(tmp_path, url, FOLDERS[request.param], hospital_settings)
    yield made
    made.close()


def good(reply: Reply, *statuses: int) -> Any:
    assert reply.status in (statuses or (200, 201)), reply.json
    return reply.json


def paid(total: str, method: str = "cash") -> list[dict[str, str]]:
    voucher = {} if method == "cash" else {"reference": "4200001234"}
    return [{"method": method, "amount": total, **voucher}] if Decimal(total) else []


class Morning:
    """What the windows do: every kind of document once at least."""

    def __init__(self, outage: Outage) -> None:
        self.outage = outage
        his = outage.one
        self.department = his("SELECT min(trim(ksdm)) FROM gy_ks WHERE kslb = '1' AND coalesce(zfpb, 0) = 0")
        self.other = his("SELECT max(trim(ksdm)) FROM gy_ks WHERE kslb = '1' AND coalesce(zfpb, 0) = 0")
        self.drug = str(
            his(f"SELECT min(ypxh) FROM yp_xx WHERE lb = '1' AND gzfl IS NULL AND lsj BETWEEN 5 AND 20 AND {_IN_SALE}")
        )
        self.item = his(f"SELECT min(trim(xmdm)) FROM sf_xm WHERE mzbz = '1' AND dj BETWEEN 5 AND 20 AND {_IN_SALE}")

    def post(self, role: str, path: str, **body: Any) -> Any:
        self.outage.clock.advance(1)
        return good(self.outage.window(role).post(path, body))

    def register(self, patient: str) -> dict[str, Any]:
        return dict(
            self.post(
                "registrar", "/registrations", patient_id=patient, department_code=self.department,
                type_code="HLJ-PT", payments=paid("8.00"),
            )
        )  # fmt: skip

    def prescribe(self, visit: str, quantity: int = 1) -> dict[str, Any]:
        line = {"drug_code": self.drug, "quantity": quantity, "usage": "1", "frequency": "tid", "days": 3}
        diagnoses = [self._diagnosis()]
        return dict(
            self.post(
                "doctor", "/prescriptions", registration_id=visit, kind="western", diagnoses=diagnoses, lines=[line]
            )
        )

    def _diagnosis(self) -> str:
        items = good(self.outage.window("doctor").get("/diagnoses", q="#2"))["items"]
        return str(items[0]["diagnosis_code"]) if items else "J06.903"

    def order(self, visit: str) -> dict[str, Any]:
        lines = [{"item_code": self.item, "quantity": 1}]
        return dict(self.post("doctor", "/orders", registration_id=visit, lines=lines))

    def charge(self, method: str = "cash", **basket: Any) -> dict[str, Any]:
        whole = {"prescription_ids": [], "order_ids": [], **basket}
        total = self.post("cashier", "/charges/quote", **whole)["total"]
        return dict(self.post("cashier", "/charges", **whole, payments=paid(total, method), expected_total=total))

    def centres_own(self, kind: str) -> dict[str, Any]:
        """An unpaid paper of the centre, found by its number as from the slip in a patient's hand."""
        table, key = {"prescription": ("cf_zb", "cfxh"), "order": ("yj_sq", "sqxh")}[kind]
        number = self.outage.one(f"SELECT max({key}) FROM {table} WHERE coalesce(zt, '0') = '0' AND je < 150")
        (item,) = good(self.outage.window("cashier").get(f"/{kind}s", number=str(number)))["items"]
        return dict(item)

    def play(self) -> None:
        child = self.post(
            "registrar", "/patients", name="王芳之子𠮷", sex="M", birth_date="2026-08-11", guardian_name="王芳",
            guardian_phone="15400000001", address="天河路1号 'A\\B'",
        )  # fmt: skip
        known = good(self.outage.window("registrar").get("/patients", q=self._known()))["items"][0]
        first, second = self.register(child["id"])["id"], self.register(known["id"])["id"]
        self.post("registrar", f"/registrations/{second}/transfer", department_code=self.other, reason="转科")
        self.post("registrar", f"/registrations/{self.register(known['id'])['id']}/cancel", reason="走错科")
        rx, request = self.prescribe(first, 2), self.order(first)
        self.post("doctor", f"/prescriptions/{self.prescribe(second)['id']}/cancel", reason="开错")
        self.post("doctor", f"/orders/{self.order(second)['id']}/cancel", reason="开错")
        whole = self.charge(registration_id=first, prescription_ids=[rx["id"]], order_ids=[request["id"]])
        self.post("cashier", f"/charges/{whole['id']}/reissue", reason="卡纸")
        checker = self.outage.window("doctor").operator
        self.post("pharmacist", f"/prescriptions/{rx['id']}/handover", checked_by=checker)
        self._of_the_centre()
        self._refunded(second)
        spoilt = good(self.outage.window("cashier").get("/receipt-book"))["next_no"]
        self.post("cashier", "/receipt-book/void", from_no=spoilt, to_no=spoilt + 1, reason="撕坏")

    def _of_the_centre(self) -> None:
        rx, request = self.centres_own("prescription"), self.centres_own("order")
        self.charge("wechat", patient_id=rx["patient_id"], prescription_ids=[rx["id"]])
        self.charge("alipay", patient_id=request["patient_id"], order_ids=[request["id"]])

    def _refunded(self, visit: str) -> None:
        rx = self.prescribe(visit, 3)
        made = self.charge("wechat", registration_id=visit, prescription_ids=[rx["id"]])
        line = made["lines"][0]["line_id"]
        part = [{"line_id": line, "quantity": 1}]
        self.post("cashier", f"/charges/{made['id']}/refund", lines=part, reason="退一盒")
        self.post("cashier", f"/charges/{made['id']}/refund", lines=part, reason="再退一盒")
        self.post("cashier", f"/charges/{made['id']}/refund", reason="全退")

    def _known(self) -> str:
        return str(self.outage.one("SELECT max(brxh) FROM br_da WHERE coalesce(zfpb, 0) = 0"))


_IN_SALE = "coalesce(tybz, '0') = '0' AND coalesce(zfpb, 0) = 0"


def test_every_kind_of_document_comes_back_once_and_the_account_balances(outage: Outage) -> None:
    run = run_mirror(outage.store, outage.gateway, Mirror())
    assert (run.state, run.problems) == ("published", [])
    number = outage.hospital.emergency()
    Morning(outage).play()
    outage.hospital.back()
    made = outage.hospital.outbox()
    assert {row["entity"] for row in made} == set(ENTITIES)
    rehearsed = run_upload(outage.store, outage.gateway, Rules(), dry_run=True)
    assert rehearsed.state == "done" and all(item["ok"] for item in rehearsed.rehearsed), rehearsed.rehearsed
    assert outage.one("SELECT count(*) FROM sf_zb WHERE yjbz = '1'") == 0
    report = run_upload(outage.store, outage.gateway, Rules(), pause=outage.clock.advance)
    assert report.complete, report
    for row in outage.hospital.outbox():
        found = outage.gateway.ask(f"upload/find_{row['entity']}", {"yj_no": row["yj_no"]})
        assert [str(one["central_key"]) for one in found] == [row["central_key"]], row["entity"]
    assert outage.one("SELECT count(*) FROM yj_ledger") == len(made)
    account = run_reconcile(outage.store, outage.gateway, number)
    assert account.balanced, account.differences
    assert len(set(account.totals.values())) == 1 and Decimal(account.totals["central"]) > 0
    again = run_upload(outage.store, outage.gateway, Rules(), pause=outage.clock.advance)
    assert again.complete and outage.one("SELECT count(*) FROM yj_ledger") == len(made)

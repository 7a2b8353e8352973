"""A small hospital for tests: a published mirror with a small cast, on both stores, and windows that post as pages do.

`hospital` is a fresh instance on SQLite or PostgreSQL (each test that uses it runs on both). Nothing is open: call
`hospital.emergency()` first where documents are needed. `hospital.window("doctor")` is a logged-in window.
"""

from __future__ import annotations

import hashlib
import itertools
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import Engine, select

from config.settings import Settings, load, write_default
from fallback_server.app import create_app
from fallback_server.domain.clock import SettableClock, to_text
from fallback_server.domain.datasets import DATASETS
from fallback_server.domain.modes import Permit
from fallback_server.domain.numbers import mirrored_id, new_ulid
from fallback_server.domain.pinyin import initials
from fallback_server.store import mirror, provision
from fallback_server.store.database import open_mirror_engine
from fallback_server.store.mode_switch import begin_return, enter_emergency, release
from fallback_server.store.outbox import outbox
from fallback_server.store.schema import metadata, mirror_metadata
from fallback_server.store.session import Actor, Store
from migrations import upgrade
from sync.reference_his.postgres import EmbeddedPostgres

MONDAY = datetime(2026, 11, 23, 8, 30, tzinfo=ZoneInfo("Asia/Shanghai"))
AS_OF = "2026-11-23T08:00:00.000+08:00"
PASSWORD = "Ward-round-7"
GENERATION = 7
_NUMBERS = itertools.count(1)


def _hash(code: str) -> str:
    return f"{code}$" + hashlib.sha256((code + PASSWORD).encode()).hexdigest()


def _operator(
    code: str, name: str, roles: str, staff: str | None = None, department: str | None = None
) -> dict[str, Any]:
    return {
        "operator_code": code,
        "name": name,
        "roles": roles,
        "staff_code": staff,
        "department_code": department,
        "password_hash": _hash(code),
        "password_scheme": "sha256",
        "active": True,
    }


def _drug(
    code: str, name: str, spec: str, unit: str, price: str, category: str = "western", **more: Any
) -> dict[str, Any]:
    return {
        "drug_code": code,
        "name": name,
        "spec": spec,
        "unit": unit,
        "unit_price": price,
        "category": category,
        "active": True,
        **more,
    }


def _fee(
    code: str, name: str, unit: str, price: str, category: str, department: str | None = None, active: bool = True
) -> dict[str, Any]:
    return {
        "item_code": code,
        "name": name,
        "unit": unit,
        "unit_price": price,
        "receipt_category": category,
        "exec_department_code": department,
        "active": active,
    }


def _stock(pharmacy: str, code: str, quantity: str) -> dict[str, Any]:
    return {"pharmacy_code": pharmacy, "drug_code": code, "qty": quantity, "active": True}


def _rows(columns: str, *rows: tuple[Any, ...]) -> list[dict[str, Any]]:
    return [dict(zip(columns.split(), row, strict=True)) for row in rows]


def _line(key: str, number: int, drug: str, name: str, price: str, quantity: int, amount: str) -> dict[str, Any]:
    return {
        "prescription_key": key,
        "line_no": number,
        "drug_code": drug,
        "name": name,
        "unit": "盒",
        "unit_price": price,
        "quantity": quantity,
        "amount": amount,
    }


# The cast. Roles: 0101 registrar, 0201 and 0202 cashiers, 0301 doctor of internal medicine, 0302 of paediatrics,
# 0303 of emergency (may not prescribe), 0401 pharmacist, 0501 triage nurse, 0601 supervisor, 0701 duty, 0801 admin.
CAST: dict[str, list[dict[str, Any]]] = {
    "operator": [
        _operator("0101", "赵敏", "registrar"),
        _operator("0201", "钱伟", "cashier"),
        _operator("0202", "孙丽", "cashier"),
        _operator("0301", "李建国", "doctor", "D301", "NK"),
        _operator("0302", "周小红", "doctor", "D302", "EK"),
        _operator("0303", "吴进修", "doctor", "D303", "JZ"),
        _operator("0304", "无编号", "doctor"),
        _operator("0401", "郑药师", "pharmacist", "Y401", "XYF"),
        _operator("0402", "冯药师", "pharmacist", "Y402", "XYF"),
        _operator("0501", "王护士", "triage"),
        _operator("0601", "陈组长", "supervisor"),
        _operator("0701", "褚总值班", "duty"),
        _operator("0801", "卫信息", "admin"),
        _operator("0802", "蒋信息", "admin"),
        _operator("0901", "沈审计", "auditor"),
    ],
    "staff": _rows(
        "staff_code name title department_code may_prescribe may_prescribe_controlled active",
        ("D301", "李建国", "主任医师", "NK", True, True, True),
        ("D302", "周小红", "主治医师", "EK", True, False, True),
        ("D303", "吴进修", "进修医师", "JZ", False, False, True),
        ("D304", "何退休", "主任医师", "NK", True, True, False),
        ("Y401", "郑药师", "药师", "XYF", False, False, True),
    ),
    "department": _rows(
        "department_code name kind location active",
        ("NK", "内科门诊", "outpatient", "门诊楼2层", True),
        ("EK", "儿科门诊", "outpatient", "门诊楼3层", True),
        ("JZ", "急诊科", "emergency", "急诊楼1层", True),
        ("XYF", "西药房", "pharmacy", "门诊楼1层", True),
        ("ZYF", "中药房", "pharmacy", "门诊楼1层", True),
        ("JYK", "检验科", "exam", "医技楼2层", True),
        ("LNK", "老年科", "outpatient", None, False),
    ),
    "register_type": _rows(
        "type_code name registration_fee consultation_fee validity_days active",
        ("PT", "普通号", "1.00", "9.00", 1, True),
        ("ZJ", "专家号", "2.00", "28.00", 1, True),
        ("MF", "免费号", "0.00", "0.00", 1, True),
    ),
    "schedule": _rows(
        "schedule_id date session department_code staff_code type_code capacity used",
        ("S1", "2026-11-23", "am", "NK", "D301", "ZJ", 2, 1),
        ("S2", "2026-11-23", "am", "EK", "D302", "PT", 30, 3),
    ),
    "drug": [
        _drug("A001", "阿莫西林胶囊", "0.25g*24粒", "盒", "12.3400", trade_name="阿莫仙", manufacturer="珠海联邦"),
        _drug("A002", "布洛芬缓释胶囊", "0.3g*20粒", "盒", "18.5000"),
        _drug("A003", "氯化钠注射液", "250ml", "瓶", "3.3350"),
        _drug("A004", "维生素C片", "0.1g*100片", "瓶", "2.0000"),
        _drug("A005", "甲硝唑片", "0.2g*100片", "瓶", "5.6000"),
        _drug("A006", "奥美拉唑肠溶胶囊", "20mg*14粒", "盒", "21.9000"),
        _drug("A007", "头孢克肟颗粒", "50mg*6包", "盒", "26.0000"),
        _drug("A008", "断货滴眼液", "5ml", "支", "9.9000"),
        _drug("P001", "板蓝根颗粒", "10g*20袋", "盒", "15.8000", "patent"),
        _drug("H001", "黄芪", "饮片", "克", "0.1250", "herbal"),
        _drug("N001", "盐酸吗啡注射液", "10mg", "支", "4.5000", control_class="narcotic"),
        _drug("N002", "地西泮片", "2.5mg*100片", "瓶", "6.0000", control_class="psychotropic2"),
        _drug("X001", "停用止痛片", "0.5g", "盒", "7.0000", active=False),
    ],
    "drug_stock": [
        *(_stock("XYF", f"A00{number}", "500.00") for number in range(1, 8)),
        *(_stock("XYF", code, "500.00") for code in ("N001", "N002", "P001")),
        _stock("XYF", "A008", "0.00"),
        _stock("ZYF", "H001", "9000.00"),
        _stock("ZYF", "P001", "50.00"),
    ],
    "fee_item": [
        _fee("F001", "血常规", "次", "25.0000", "laboratory", "JYK"),
        _fee("F002", "胸部DR正位", "次", "80.0000", "examination"),
        _fee("F003", "静脉输液", "次", "8.5000", "treatment"),
        _fee("F004", "一次性注射器", "支", "0.8350", "material"),
        _fee("F009", "停用项目", "次", "10.0000", "other", active=False),
    ],
    "patient": _rows(
        "patient_no name sex birth_date id_type id_no phone address allergy active guardian_name"
        " guardian_phone insurance_type insurance_no insurance_area",
        (
            "P1001", "王芳", "F", "1985-03-12", "01", "110101198503120021", "13812345678", "朝阳区",
            "青霉素过敏，头孢类", True, None, None, None, None, None,
        ),
        (
            "P1002", "王芳之子", "M", "2026-08-11", None, "110101198503120021", None, None, None, True, "王芳",
            "13812345678", None, None, None,
        ),
        (
            "P1003", "张伟", "M", "1970-01-01", None, "11010119700101003X", "13900001111", None, None, True, None,
            None, "310", "YB0000001", "110100",
        ),
        (
            "P1004", "欧阳修文", "M", "1990-10-10", None, None, "01088886666", None, None, True, None, None, None,
            None, None,
        ),
        ("P1005", "已并档", "U", None, None, None, None, None, None, False, None, None, None, None, None),
        (
            "P1006", "SMITH JOHN", "M", "1979-05-05", "03", "E12345678", "13700009999", None, None, True, None,
            None, None, None, None,
        ),
        (
            "P1007", "王凤", "F", "1999-09-09", None, None, "13611112222", None, None, True, None, None, None,
            None, None,
        ),
    ),
    "patient_card": _rows(
        "card_no card_type patient_no active",
        ("8800001", "1", "P1001", True),
        ("8800003", "1", "P1003", True),
        ("8800099", "1", "P1004", False),
    ),
    "diagnosis": _rows(
        "diagnosis_code name",
        ("J06.900", "急性上呼吸道感染"),
        ("I10.x00", "高血压病"),
    ),
    "dictionary": _rows(
        "dict code name extra",
        ("usage", "PO", "口服", None),
        ("frequency", "TID", "每日三次", "3"),
        ("insurance_type", "310", "职工基本医疗保险", None),
    ),
    "receipt_book": _rows(
        "operator_code prefix start_no end_no next_no",
        ("0101", "GH", 1, 1000, 101),
        ("0201", "A", 5001, 6000, 5021),
        ("0202", "A", 7001, 7003, 7001),
        ("0601", "Z", 1, 500, 1),
    ),
    "open_registration": _rows(
        "registration_key patient_no department_code staff_code type_code session visit_kind queue_no"
        " slip_no registered_at status",
        (
            "5001", "P1003", "NK", "D301", "PT", "am", "outpatient", 12, "GH20261123012", "2026-11-23 07:45:00",
            "waiting",
        ),
        ("5002", "P1004", "NK", None, "PT", "am", "outpatient", 3, "GH20261123003", "2026-11-23 07:20:00", "seen"),
    ),
    "open_prescription": _rows(
        "prescription_key registration_key patient_no department_code staff_code kind diagnosis_codes"
        " pharmacy_code written_at total status",
        (
            "3001", "5001", "P1003", "NK", "D301", "western", "I10.x00", "XYF", "2026-11-23 07:50:00", "37.00",
            "unpaid",
        ),
        ("3002", "5002", "P1004", "NK", "D301", "western", None, "XYF", "2026-11-23 07:30:00", "12.34", "paid"),
    ),
    "open_prescription_line": [
        _line("3001", 1, "A002", "布洛芬缓释胶囊", "18.5000", 2, "37.00"),
        _line("3002", 1, "A001", "阿莫西林胶囊", "12.3400", 1, "12.34"),
    ],
    "open_order": _rows(
        "order_key registration_key patient_no department_code staff_code written_at total status",
        ("2001", "5001", "P1003", "NK", "D301", "2026-11-23 07:52:00", "25.00", "unpaid"),
    ),
    "open_order_line": _rows(
        "order_key line_no item_code name unit unit_price quantity amount exec_department_code"
        " receipt_category",
        ("2001", 1, "F001", "血常规", "次", "25.0000", 1, "25.00", "JYK", "laboratory"),
    ),
}  # fmt: skip


def centre_id(dataset: str, *key: str) -> str:
    """The id of a mirrored row, e.g. `centre_id("patient", "P1001")`."""
    return mirrored_id(dataset, *key)


def mirror_row(dataset: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as the mirror stores it: every column, the stable id, the search columns."""
    shape = DATASETS[dataset]
    full = {name: row.get(name) for name in shape.names}
    key = [str(full[name]) for name in shape.keys]
    full |= {"id": mirrored_id(dataset, *key), "row_hash": hashlib.sha256(repr(full).encode()).hexdigest()[:16]}
    table = mirror.datasets[dataset]
    if "pinyin" in table.c:
        full["pinyin"] = full.get("input_code") or initials(str(full["name"]))
    if "phone_reversed" in table.c:
        full["phone_reversed"] = full["phone"][::-1] if full["phone"] else None
    return full


def publish(
    engine: Engine, cast: Mapping[str, list[dict[str, Any]]], generation: int = GENERATION, as_of: str = AS_OF
) -> None:
    """Replace the mirror's rows with `cast` as one published generation."""
    with engine.connect() as raw:
        connection = raw.execution_options(yj_write=True)
        with connection.begin():
            for name in DATASETS:
                table = mirror.datasets[name]
                connection.execute(table.delete())
                rows = [mirror_row(name, row) for row in cast.get(name, [])]
                if rows:
                    connection.execute(table.insert(), rows)
                connection.execute(mirror.dataset_state.delete().where(mirror.dataset_state.c.dataset == name))
                connection.execute(
                    mirror.dataset_state.insert().values(
                        dataset=name, generation=generation, as_of=as_of, rows=len(rows), rules_version=1
                    )
                )
            connection.execute(
                mirror.generation.insert().values(
                    generation=generation, run_id=generation, published_at=as_of, as_of=as_of
                )
            )


@dataclass
class Reply:
    """An answer of the server: status, JSON, headers."""

    status: int
    json: Any
    headers: Mapping[str, str]

    @property
    def code(self) -> str:
        """The problem's code, or an empty text for a success."""
        return str(self.json.get("code", "")) if self.status >= 400 else ""


@dataclass
class Window:
    """One logged-in window. Every `post` carries a fresh key unless one is given."""

    app: Flask
    clock: SettableClock
    token: str
    operator: str

    def get(self, path: str, **query: Any) -> Reply:
        """GET below /api/v1."""
        return self._send("GET", path, query_string=query)

    def post(
        self, path: str, body: Any = None, *, key: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """POST below /api/v1 with an Idempotency-Key."""
        key = key or new_ulid(self.clock.now())
        return self._send("POST", path, json=body or {}, headers={"Idempotency-Key": key, **(headers or {})})

    def _send(self, method: str, path: str, headers: Mapping[str, str] | None = None, **options: Any) -> Reply:
        with self.app.test_client() as client:
            answer = client.open(
                "/api/v1" + path,
                method=method,
                headers={"Authorization": f"Bearer {self.token}", **(headers or {})},
                **options,
            )
            return Reply(answer.status_code, answer.get_json(silent=True, force=True), dict(answer.headers))


CODES = {
    "registrar": "0101", "cashier": "0201", "cashier2": "0202",
    "doctor": "0301", "paediatrician": "0302", "trainee": "0303",
    "pharmacist": "0401", "pharmacist2": "0402", "triage": "0501",
    "supervisor": "0601", "duty": "0701", "admin": "0801",
    "admin2": "0802", "auditor": "0901",
}  # fmt: skip


@dataclass
class Hospital:
    """One instance with the cast in its mirror."""

    url: str
    clock: SettableClock
    store: Store
    app: Flask
    _windows: dict[tuple[str, str], Window] = field(default_factory=dict)

    def window(self, who: str, workstation: str | None = None) -> Window:
        """The window of a role (`doctor`) or operator code, logged in at `workstation` (one per person by default)."""
        code = CODES.get(who, who)
        station = workstation or f"W{code}"
        if (code, station) not in self._windows:
            with self.app.test_client() as client:
                answer = client.post(
                    "/api/v1/session",
                    json={"operator": code, "password": PASSWORD, "workstation": station, "take_over": True},
                )
            assert answer.status_code == 200, answer.get_data(as_text=True)
            self._windows[code, station] = Window(self.app, self.clock, answer.get_json()["token"], code)
        return self._windows[code, station]

    def emergency(self, departments: list[str] | None = None, *, drill: bool = False) -> int:
        """Switch YJ on; returns the incident number."""
        with self.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
            return enter_emergency(tx, cause="server", reason="test", departments=departments, drill=drill)

    def back(self, *, grace: int = 0) -> None:
        """Switch off without upload; with `grace` 0 the windows are released at once."""
        with self.store.writing(Permit.HOUSEKEEPING, replace(ADMIN, approver_code="0802")) as tx:
            begin_return(tx, upload=False, grace_seconds=grace, hold_seconds=0)
        if not grace:
            with self.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
                release(tx, "test")

    def mirror(self, cast: Mapping[str, list[dict[str, Any]]], *, generation: int, as_of: str | None = None) -> None:
        """Publish another generation."""
        engine = open_mirror_engine(self.url)
        try:
            publish(engine, cast, generation, as_of or to_text(self.clock.now()))
        finally:
            engine.dispose()

    def outbox(self, entity: str | None = None) -> list[dict[str, Any]]:
        """Outbox rows in order, of one entity if given."""
        with self.store.reading() as tx:
            rows = tx.conn.execute(select(outbox).order_by(outbox.c.sequence)).mappings()
            return [dict(row) for row in rows if entity in (None, row["entity"])]


ADMIN = Actor("0801", "卫信息", frozenset({"admin"}), "W0801")


@cache
def _settings(folder: Path) -> Settings:
    write_default(folder, hospital_name="测试医院")
    return load(folder, {})


@pytest.fixture(scope="session")
def hospital_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Default settings of a test instance."""
    return _settings(tmp_path_factory.mktemp("settings"))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the two files of an embedded store, migrated and with the cast published."""
    folder = tmp_path_factory.mktemp("template")
    _prepare(f"sqlite:///{folder}/yj.db")
    return folder


@pytest.fixture(scope="session")
def postgres_hospital(postgres_server: EmbeddedPostgres) -> str:
    """URL of one migrated database for the session, which keeps the cast beside its mirror; see `store_url`."""
    url = postgres_server.create_database(f"hospital_{next(_NUMBERS)}")
    _prepare(url)
    kept = (f'CREATE TABLE kept."{name}" AS TABLE mirror."{name}"' for name in _mirror_tables())
    _run(url, "CREATE SCHEMA kept", *kept)
    return url


def _prepare(url: str) -> None:
    upgrade.upgrade(url, SettableClock(MONDAY))
    engine = open_mirror_engine(url)
    try:
        publish(engine, CAST)
    finally:
        engine.dispose()


@pytest.fixture
def sqlite_store_url(sqlite_template: Path, tmp_path: Path) -> str:
    """URL of a fresh embedded store with the cast in its mirror."""
    for file in sqlite_template.iterdir():
        shutil.copy(file, tmp_path / file.name)
    return f"sqlite:///{tmp_path}/yj.db"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest) -> str:
    """URL of a fresh store with the cast in its mirror; the test runs once per kind of store."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_store_url"))
    url: str = request.getfixturevalue("postgres_hospital")
    start_over(url, SettableClock(MONDAY))
    # In one message: making the rows of the cast anew costs a fifth of a second a test.
    _run(url, *(f'INSERT INTO mirror."{name}" TABLE kept."{name}"' for name in _mirror_tables()))
    return url


def _run(url: str, *statements: str) -> None:
    """These statements as one message, in one transaction."""
    engine = open_mirror_engine(url)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(";".join(statements))
    finally:
        engine.dispose()


def start_over(url: str, clock: SettableClock) -> None:
    """Make a used PostgreSQL store as fresh as a new one. Copying a template instead costs a second a test."""
    engine = open_mirror_engine(url)
    try:
        with engine.begin() as connection:
            # The guards against changing money fire for everybody but a replica.
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            connection.exec_driver_sql(";".join(f'DELETE FROM "{table.name}"' for table in metadata.tables.values()))
            connection.exec_driver_sql(";".join(f'DELETE FROM mirror."{name}"' for name in _mirror_tables()))
            connection.exec_driver_sql("SELECT setval(c.oid, 1, false) FROM pg_class c WHERE c.relkind = 'S'")
            provision.seed(connection, clock)
    finally:
        engine.dispose()


def _mirror_tables() -> list[str]:
    return [table.name for table in mirror_metadata.tables.values()]


@pytest.fixture
def clock() -> SettableClock:
    """Monday morning at half past eight, standing still until moved."""
    return SettableClock(MONDAY)


@pytest.fixture
def store(store_url: str, clock: SettableClock) -> Iterator[Store]:
    """A fresh store with the cast in its mirror, in mode normal."""
    opened = Store(store_url, clock, pool_size=4)
    yield opened
    opened.close()


@pytest.fixture
def hospital(store_url: str, clock: SettableClock, store: Store, hospital_settings: Settings) -> Hospital:
    """A fresh instance with its application, in mode normal."""
    return Hospital(store_url, clock, store, create_app(hospital_settings, clock, store=store))


@pytest.fixture
def yj(hospital: Hospital) -> Hospital:
    """The same, in YJ mode for the whole hospital."""
    hospital.emergency()
    return hospital

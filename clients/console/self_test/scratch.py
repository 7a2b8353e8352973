"""The scratch instance: a backup opened, or a copy of the store; a copy of the mirror; people of its own."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from clients.console.context import Instance, NotInOrder
from clients.sdk import Person
from fallback_server.store.drills import SELF_TEST_FOLDER as FOLDER

if TYPE_CHECKING:
    from sqlalchemy import Select, Table

    from config.settings import Settings
    from fallback_server.store.session import Store, Tx

COPY: Final = "copy"
PATIENTS: Final = 1000
# Who works in it, beside a doctor of the mirror, whose staff code a prescription needs.
PEOPLE: Final = {"admin": "admin", "second": "admin", "registrar": "registrar", "cashier": "cashier",
                 "supervisor": "supervisor", "pharmacist": "pharmacist"}  # fmt: skip


@dataclass(frozen=True)
class Scratch:
    """An instance to play in. `people`: part → log-in; `doctor` works in `department`; `before`: documents in it."""

    instance: Instance
    source: str
    people: dict[str, Person]
    department: str
    before: int


@contextmanager
def made(found: Instance) -> Iterator[Scratch]:
    """A scratch instance in a folder of its own beside the store, gone afterwards.

    Raises backup_* for a backup that cannot be opened, NotInOrder where nobody could write a prescription.
    """
    folder = found.home.resolve() / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    try:
        source = _fill(found, folder)
        own = _settle(found, folder)
        with own.store() as store:
            yield _staffed(own, store, source)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fill(found: Instance, folder: Path) -> str:
    """The newest backup as a restore would bring it; before the first one, the store as it is. And the mirror."""
    from fallback_server.store.database import is_sqlite

    embedded = is_sqlite(found.settings.database.url)
    opened = _opened(found, folder)
    if embedded:
        _snapshots(found, folder, own=opened is None)
    else:
        _copied(found, folder, own=opened is None)
    return opened or COPY


def _opened(found: Instance, folder: Path) -> str | None:
    """The newest backup in `folder`, an embedded store whichever kind it was made of; its name, None without one."""
    from clients.console.backup import places
    from fallback_server.domain.errors import YjError
    from fallback_server.store import backup, backup_file, backup_opening

    where = places(found)
    try:
        newest = backup.find(where, None)
    except YjError as error:
        if error.code != "backup_not_found":
            raise
        return None
    size = int(backup_file.read_header(newest).get("size", 0))
    backup.require_room(folder, size + where.spare_bytes)
    backup_opening.check(newest, backup_file.read_key(where.key), folder)
    return newest.name


def _snapshots(found: Instance, folder: Path, *, own: bool) -> None:
    """The embedded mirror, and the store itself where no backup stands for it."""
    from clients.console.backup import places
    from fallback_server.store import backup
    from fallback_server.store.database import sqlite_files

    live, mirror = sqlite_files(found.settings.database.url)
    wanted = [(mirror, folder / mirror.name)] + ([(live, folder / "yj.db")] if own else [])
    backup.require_room(folder, sum(source.stat().st_size for source, _ in wanted) + places(found).spare_bytes)
    for source, target in wanted:
        backup.snapshot(source, target)


def _copied(found: Instance, folder: Path, *, own: bool) -> None:
    """The same of a store in PostgreSQL, row by row; of the patients as many as a test needs."""
    from fallback_server.store import tables
    from fallback_server.store.session import Store
    from migrations.upgrade import upgrade
    from sync.rehearsal.scratch import SEEDED, copy_rows, make_tables

    url = f"sqlite:///{(folder / 'yj.db').as_posix()}"
    if own:
        upgrade(url, found.clock)
    else:
        make_tables(url, [tables.MIRRORED])  # the backup has a schema already, and knows of no mirror
    store = Store(found.settings.database.url, found.clock, pool_size=2)
    try:
        parts = (tables.MIRRORED, tables.OWN) if own else (tables.MIRRORED,)
        wanted = [table for part in parts for table in part.sorted_tables]
        copy_rows(store, url, wanted, _some, emptied=SEEDED if own else ())
    finally:
        store.close()


def _some(table: Table) -> Select[Any]:
    """All rows, but of the mirror's patients and of its history as many as a test needs."""
    from sqlalchemy import select

    from fallback_server.store import mirror

    if table in (mirror.delta, mirror.rejection, mirror.run):
        return select(table).limit(0)
    return (
        select(table).limit(PATIENTS) if table.name in ("patient", "patient_card") and table.schema else select(table)
    )


def _settle(found: Instance, folder: Path) -> Instance:
    """Settings of its own: no centre, no TLS, no grace; then the schema of this version."""
    from config.settings import write_default
    from migrations.upgrade import upgrade

    path = write_default(folder, hospital_name=found.settings.windows.hospital_name)
    with path.open("a", encoding="utf-8") as stream:
        stream.write("\n[server]\ntls = false\n\n[rules]\ngrace_seconds = 0\n")
    own = _Alone(folder)
    upgrade(own.settings.database.url, own.clock)
    return own


class _Alone(Instance):
    """An instance that the environment of the real one says nothing to: YJ_DATABASE__URL above all."""

    @cached_property
    def settings(self) -> Settings:
        from config.settings import load

        return load(self.home, {})


def _staffed(own: Instance, store: Store, source: str) -> Scratch:
    from sqlalchemy import func, select

    from fallback_server.domain.modes import Permit
    from fallback_server.store import backup_rows
    from fallback_server.store.mode import SYSTEM_OPERATOR
    from fallback_server.store.outbox import outbox
    from fallback_server.store.session import Actor
    from fallback_server.web.people import find_person, hasher, set_password

    words = {part: secrets.token_urlsafe(18) + "-1a" for part in (*PEOPLE, "doctor")}
    hashes = {part: hasher().hash(word) for part, word in words.items()}
    with store.writing(Permit.HOUSEKEEPING, Actor(SYSTEM_OPERATOR, SYSTEM_OPERATOR, approver_code="-")) as tx:
        _into_normal_mode(tx)
        backup_rows.recovered_now(tx)  # nothing of it is ever uploaded
        codes = {part: _hire(tx, part, role, hashes[part]) for part, role in PEOPLE.items()}
        codes["doctor"], department = _prescriber(tx)
        doctor = find_person(tx, codes["doctor"])
        if doctor is None:
            raise NotInOrder("no doctor of the mirror may prescribe")
        set_password(tx, own.policy, doctor, hashes["doctor"])
        before = int(tx.conn.execute(select(func.count()).select_from(outbox)).scalar_one())
    return Scratch(own, source, {part: Person(codes[part], words[part]) for part in words}, department, before)


def _into_normal_mode(tx: Tx) -> None:
    """A backup may have been made in an outage: here that is over."""
    from fallback_server.domain.modes import Mode
    from fallback_server.store import mode_switch

    if tx.mode.mode is Mode.EMERGENCY:
        mode_switch.begin_return(tx, upload=False, grace_seconds=0, hold_seconds=0)
    if tx.mode.mode is Mode.RETURNING:
        mode_switch.release(tx, "self-test")


def _hire(tx: Tx, part: str, role: str, password_hash: str) -> str:
    from fallback_server.store.people import operator

    code = f"self-test-{part}"
    row = {"operator_code": code, "name": "自检", "roles": [role], "password_hash": password_hash}
    tx.conn.execute(operator.delete().where(operator.c.operator_code == code))
    tx.conn.execute(operator.insert().values(**row, password_set_at=tx.at, created_at=tx.at))
    return code


def _prescriber(tx: Tx) -> tuple[str, str]:
    """A doctor of the mirror who may prescribe, and a department that takes patients. Raises NotInOrder."""
    from sqlalchemy import select

    from fallback_server.store.mirror import datasets

    who, staff, place = datasets["operator"], datasets["staff"], datasets["department"]
    asked = (
        select(who.c.operator_code, place.c.department_code)
        .join(staff, staff.c.staff_code == who.c.staff_code)
        .join(place, place.c.department_code == staff.c.department_code)
        .where(
            who.c.active, staff.c.active, staff.c.may_prescribe, place.c.active,
            who.c.roles.like("%doctor%"), place.c.kind.in_(("outpatient", "emergency")),
        )
        .order_by(who.c.operator_code)
        .limit(1)
    )  # fmt: skip
    row = tx.conn.execute(asked).first()
    if row is None:
        raise NotInOrder("no doctor of the mirror may prescribe in a department that takes patients")
    return str(row.operator_code), str(row.department_code)

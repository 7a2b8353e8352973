"""No document of a drill reaches the centre's real tables: every way there is walked, and the rows are counted."""

from __future__ import annotations

import ast
import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.engine import make_url

from config.sections import Mirror
from config.settings import Settings
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.store import drills, jobs
from fallback_server.store.mode_switch import advance
from sync.after.look import Look, look
from sync.central.sql_gateway import SqlGateway, open_gateway
from sync.mirror.run import run_mirror
from sync.reconcile.run import close_at_centre, run_reconcile
from sync.reference_his.create import create_reference
from sync.reference_his.postgres import EmbeddedPostgres
from sync.rehearsal.fence import MARK
from sync.rehearsal.run import FOLDER, rehearse
from sync.upload.run import run_upload
from sync.worker.centre import Centre
from sync.worker.work import Worker
from tests.fixtures_hospital import ADMIN
from tests.fixtures_outage import Morning, Outage, good
from tests.fixtures_return import Rules, backwards
from tests.house.tree import modules
from tests.reference_his.test_whole_return import _people, codes

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
MAPPING = Path(__file__).parents[2] / "config/central/reference"
# Everything of the port that can write, and who calls it: a new caller is walked below before it is added here.
WRITES = {
    "register_incident", "renew_fence", "close_incident", "apply", "apply_link", "take_link_back", "tell", "preflight",
}  # fmt: skip
CALLERS = {
    "sync/upload/run.py", "sync/upload/sender.py", "sync/upload/rehearse.py", "sync/upload/books.py",
    "sync/upload/recover.py", "sync/upload/admission.py", "sync/after/look.py", "sync/reconcile/run.py",
    "sync/rehearsal/run.py",
}  # fmt: skip


class Recorder:
    """The real centre behind a list of everything that was asked of it."""

    def __init__(self, real: SqlGateway) -> None:
        self._real = real
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if callable(found):
            self.calls.append(name)
        return found

    @property
    def writes(self) -> list[str]:
        return [name for name in self.calls if name in WRITES]


class DrillMorning(Morning):
    """A drill: the centre's own papers are not there, and not to be had."""

    def _of_the_centre(self) -> None:
        cashier = self.outage.window("cashier")
        assert good(cashier.get("/prescriptions", number=self.codes.centre_prescription))["items"] == []
        assert good(cashier.get("/orders", number=self.codes.centre_order))["items"] == []


@pytest.fixture
def urls(postgres_server: EmbeddedPostgres, request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """A clinic, and a copy of it as a restored backup would be."""
    import psycopg2

    name = f"fence_{abs(hash(request.node.name)) % 10**8}"
    url = postgres_server.create_database(name)
    create_reference(url, "clinic", logins=tmp_path / "logins.json")
    _copied(psycopg2, url, name)
    return url, make_url(url).set(database=f"{name}_copy").render_as_string(hide_password=False)


def _copied(psycopg2: Any, url: str, name: str) -> None:
    admin = make_url(url).set(database="postgres", drivername="postgresql").render_as_string(hide_password=False)
    connection = psycopg2.connect(admin)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}_copy" TEMPLATE "{name}"')
    connection.close()


@pytest.fixture
def outage(urls: tuple[str, str], tmp_path: Path, hospital_settings: Settings) -> Iterator[Outage]:
    """The standby of that clinic, with a mirror."""
    people = _people(urls[0], json.loads((tmp_path / "logins.json").read_text(encoding="utf-8")))
    made = Outage(tmp_path, urls[0], MAPPING, people, hospital_settings)
    assert run_mirror(made.store, made.gateway, Mirror()).state == "published"
    yield made
    made.close()


@pytest.fixture
def copy(urls: tuple[str, str], outage: Outage) -> Iterator[SqlGateway]:
    opened = open_gateway(urls[1], MAPPING, outage.clock)
    yield opened
    opened.close()


def rows(his: Engine) -> dict[str, str]:
    """Every row of every table of the centre, as one hash a table; tables of ours count as empty before they exist."""
    with his.connect() as connection:
        found = {}
        for name in sorted(inspect(his).get_table_names()):
            lines = sorted(str(tuple(row)) for row in connection.execute(text(f"SELECT * FROM {name}")))
            found[name] = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        return found


def practised(outage: Outage, morning: Morning, title: str = "秋季演练") -> tuple[int, int]:
    """A planned drill with a morning's work, ended by two; (drill, incident)."""
    with outage.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        number = drills.plan(tx, title=title, workstations=["W-cashier"])
        incident_no = drills.start(tx, number)
    morning.play()
    outage.hospital.back()
    return number, incident_no


def every_way_there(outage: Outage, centre: Any, incident_no: int, settings: Settings) -> None:
    """What the worker, the command line and the console can begin, in normal mode after a drill."""
    for act in (
        lambda: run_upload(outage.store, centre, Rules(), incident_no),
        lambda: run_upload(outage.store, centre, Rules(), incident_no, dry_run=True),
        lambda: run_reconcile(outage.store, centre, incident_no),
    ):
        with pytest.raises(YjError, match="drill_fenced"):
            act()
    assert run_upload(outage.store, centre, Rules()).code == "no_incident"
    admin = outage.window("admin")
    assert admin.post(f"/incidents/{incident_no}/upload", {"dry_run": False}).code == "drill_fenced"
    assert admin.post(f"/incidents/{incident_no}/upload", {"dry_run": True}).code == "drill_fenced"
    assert admin.post(f"/incidents/{incident_no}/reconciliation").code == "drill_fenced"
    worker = Worker(outage.store, Centre(lambda: centre), settings, threading.Event())
    with outage.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:  # past the console's own refusal
        asked = [jobs.enqueue(tx, kind, {"incident_no": incident_no}, "0801") for kind in (jobs.UPLOAD, jobs.RECONCILE)]
    while worker.one_job(jobs.KINDS):
        pass
    with outage.store.reading() as tx:
        found = [jobs.find(tx.conn, number) for number in asked]
        assert all(row is not None and "drill_fenced" in str(row["error"]) for row in found), found
    worker.resume()
    worker.tick()
    worker.probe()
    worker.look_after()
    worker.scheduled_mirror(("drug", "fee_item"))
    assert look(outage.store, centre) == Look()  # of a drill nothing is asked, handed back nor ended at the centre
    assert close_at_centre(outage.store, centre) == []
    advance(outage.store)


def test_a_drill_leaves_every_row_of_the_centre_as_it_was(
    outage: Outage, tmp_path: Path, hospital_settings: Settings
) -> None:
    before, centre = rows(outage.his), Recorder(outage.gateway)
    drill, incident_no = practised(outage, DrillMorning(outage, codes(outage)))
    made = outage.hospital.outbox()
    assert len(made) > 20 and {row["state"] for row in made} == {"fenced"}
    assert all((row["receipt_no"] or "DRILL").startswith("DRILL") for row in made)
    every_way_there(outage, centre, incident_no, hospital_settings)
    assert centre.writes == [] and "probe" in centre.calls and "snapshot" in centre.calls
    assert rows(outage.his) == before
    # The address of the copy is the centre's own, under another name: asked who it is, it is refused before a write.
    same = make_url(outage.his.url).set(host="localhost").render_as_string(hide_password=False)
    gateway = open_gateway(same, MAPPING, outage.clock)
    with pytest.raises(YjError, match="rehearsal_same_centre"):
        rehearse(outage.store, centre, gateway, Rules(), drill, target=same, folder=tmp_path, by="0801")
    gateway.close()
    assert rows(outage.his) == before
    with outage.store.reading() as tx:
        assert [one["code"] for one in drills.rehearsals(tx.conn, drill)] == ["rehearsal_same_centre"]


def test_a_real_outage_ends_a_drill_in_one_act_and_only_its_documents_return(
    outage: Outage, copy: SqlGateway, tmp_path: Path
) -> None:
    drill, practised_no = practised(outage, DrillMorning(outage, codes(outage)))
    before = rows(outage.his)
    backwards(outage.store)  # a refund may come before the charge that it points at
    report = rehearse(outage.store, outage.gateway, copy, Rules(), drill, target="copy", folder=tmp_path, by="0801")
    assert (report["ok"], report["conflicts"]) == (True, {}), report
    assert report["balanced"] and report["totals"]["central"] == report["totals"]["local"] != "0.00"
    assert rows(outage.his) == before and not (tmp_path / FOLDER).exists()
    assert {row["state"] for row in outage.hospital.outbox()} == {"fenced"}  # in the store in use they still are
    with outage.store.writing(Permit.HOUSEKEEPING, ADMIN) as tx:
        drills.start(tx, drills.plan(tx, title="第二次"))
    morning = DrillMorning(outage, codes(outage))
    child = morning.post("registrar", "/patients", name="演练病人", sex="F", birth_date="1990-02-02")
    morning.register(child["id"])
    admin = outage.window("admin")
    switched = good(admin.post("/mode/emergency", {"cause": "storage", "reason": "真的坏了"}))
    assert (switched["mode"], switched["drill"]) == ("emergency", False)
    states = {one["incident_no"]: (one["state"], one["drill"]) for one in good(admin.get("/incidents"))["items"]}
    real = switched["incident_no"]
    assert states == {real: ("open", False), real - 1: ("closed", True), practised_no: ("closed", True)}
    Morning(outage, codes(outage)).play()
    mine = {row["yj_id"] for row in outage.hospital.outbox() if row["incident_no"] == real}
    outage.hospital.back()
    assert run_upload(outage.store, outage.gateway, Rules(), pause=outage.clock.advance).complete
    assert run_reconcile(outage.store, outage.gateway, real).balanced
    with outage.his.connect() as there:
        assert set(there.execute(text("SELECT yj_id FROM yj_ledger")).scalars()) == mine
        assert there.execute(text("SELECT incident_no FROM yj_incident")).scalars().all() == [real]
        assert there.execute(text("SELECT count(*) FROM sf_zb WHERE fphm LIKE 'DRILL%'")).scalar_one() == 0
        assert there.execute(text("SELECT count(*) FROM br_da WHERE brxm = '演练病人'")).scalar_one() == 0
    numbers = [row["yj_no"] for row in outage.hospital.outbox()]
    assert len(set(numbers)) == len(numbers)  # no number of a drill is given out again
    # What was returned to the centre is in its next backup: a copy of that is no place for a rehearsal.
    with create_engine(copy.writing_engine.url).begin() as there:
        there.execute(text("UPDATE yj_incident SET installation_id = 'REAL' || substr(installation_id, 5)"))
    with pytest.raises(YjError, match="rehearsal_has_ledger"):
        rehearse(outage.store, outage.gateway, copy, Rules(), drill, target="copy", folder=tmp_path, by="0801")


def test_a_new_caller_that_writes_to_the_centre_is_walked_here_first() -> None:
    found = {
        path.as_posix()
        for path, tree in modules("sync", "clients")
        if not path.as_posix().startswith(("sync/central/", "sync/reference_his/"))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITES
        and ast.unparse(node.func.value).endswith(("gateway", "copy", "centre"))
    }  # fmt: skip
    assert found == CALLERS and MARK == "DRILL"

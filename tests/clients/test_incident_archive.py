"""`yj incident archive`: every paper of an outage as a real PDF, listed, whole, and not made twice."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from clients.console.main import main
from config.settings import Settings, write_default
from fallback_server.app import create_app
from fallback_server.domain.clock import SettableClock
from fallback_server.domain.errors import YjError
from fallback_server.store.session import Store
from fallback_server.web import archive as shelf
from fallback_server.web import papers
from tests.fixtures_hospital import CAST, PASSWORD, Hospital
from tests.pages.busy_day import BusyDay, busy_day

KINDS = {"registration": 2, "prescription": 1, "order": 1, "receipt": 1, "refund": 1, "shift": 2, "incident": 1}


@pytest.fixture
def ward(sqlite_store_url: str, clock: SettableClock, hospital_settings: Settings) -> Any:
    """The cast on SQLite: nobody serves it."""
    store = Store(sqlite_store_url, clock, pool_size=4)
    yield Hospital(sqlite_store_url, clock, store, create_app(hospital_settings, clock, store=store))
    store.close()


@pytest.fixture
def day(ward: Hospital) -> BusyDay:
    return busy_day(ward)


@pytest.fixture
def home(ward: Hospital, tmp_path: Path) -> Path:
    write_default(tmp_path / "home", database_url=ward.url, hospital_name="测试医院")
    (tmp_path / "words.json").write_text(json.dumps(dict.fromkeys(["0601", "0201"], PASSWORD)))
    return tmp_path / "home"


def archive(home: Path, number: int = 1, operator: str = "0601") -> int:
    words = str(home.parent / "words.json")
    return main(
        ["--home", str(home), "incident", "archive", str(number), "--out", str(home.parent / "shelf"),
         "--operator", operator, "--password-file", words, "--json"]
    )  # fmt: skip


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return dict(json.loads(capsys.readouterr().out))


def manifest(home: Path) -> list[dict[str, str]]:
    with (home.parent / "shelf/incident-1/manifest.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def words_of(path: Path) -> str:
    done = subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, check=True)
    return done.stdout.decode()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of the same name that take no time to make: what a PDF says is tried once, with real ones."""
    monkeypatch.setattr(shelf, "as_pdf", lambda app, one: b"%PDF-" + one.html.encode())


needs_pdftotext = pytest.mark.skipif(shutil.which("pdftotext") is None, reason="poppler-utils is not installed")


@needs_pdftotext
def test_every_paper_of_the_outage_is_there_as_it_was_printed(
    day: BusyDay, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert archive(home) == 0
    answer = told(capsys)
    rows, folder = manifest(home), home.parent / "shelf/incident-1"
    counts = {kind: sum(row["kind"] == kind for row in rows) for kind in KINDS}
    assert counts == KINDS and len(rows) == answer["made"] == sum(KINDS.values())
    for row in rows:
        packed = (folder / row["file"]).read_bytes()
        assert packed.startswith(b"%PDF-") and hashlib.sha256(packed).hexdigest() == row["sha256"]
        words = words_of(folder / row["file"])
        assert row["number"] in words.replace("\n", "") and "测试医院" in words and "YJ" in words
    receipt = words_of(folder / next(row["file"] for row in rows if row["kind"] == "receipt"))
    assert "门诊收费票据" in receipt and "欧阳𠮷䶮㛃" in receipt and "贰佰柒拾壹元" in receipt
    assert hashlib.sha256((folder / "manifest.csv").read_bytes()).hexdigest() == answer["manifest"]


@pytest.mark.usefixtures("quick")
def test_what_has_not_changed_is_kept_and_what_has_is_made_again(
    ward: Hospital, day: BusyDay, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert archive(home) == 0
    first, folder = {row["file"]: row for row in manifest(home)}, home.parent / "shelf/incident-1"
    slip, other = sorted(name for name in first if name.startswith("registration/"))
    receipt = next(name for name in first if name.startswith("receipt/"))
    (folder / slip).unlink()
    (folder / other).write_bytes(b"scribbled over")
    with (folder / "manifest.csv").open("a") as stream:
        stream.write("prescription/cut-off-by-a-cra")
    assert ward.window("cashier").post(f"/charges/{day.charge}/prints").status == 201  # 补打 1
    ward.clock.advance(3600)
    ward.mirror(CAST, generation=8)  # newer data, but not that of these papers
    capsys.readouterr()
    assert archive(home) == 0
    answer, second = told(capsys), {row["file"]: row for row in manifest(home)}
    changed = {name for name in second if second[name]["fingerprint"] != first[name]["fingerprint"]}
    volatile = {name for name in second if name.split("/")[0] in ("incident", "shift")}  # they show the hour
    assert set(second) == set(first) and receipt in changed and changed <= {receipt} | volatile
    assert answer["made"] == len(changed | {slip, other})
    assert all(
        hashlib.sha256((folder / name).read_bytes()).hexdigest() == row["sha256"] for name, row in second.items()
    )


@pytest.mark.usefixtures("quick")
def test_who_took_it_is_in_the_audit_log_and_it_says_what_was_taken(
    ward: Hospital, day: BusyDay, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert archive(home) == 0
    digest = told(capsys)["manifest"]
    with ward.store.reading() as tx:
        taken = "FROM audit WHERE action LIKE 'incident.archive%' ORDER BY sequence"
        rows = tx.conn.execute(text(f"SELECT action, operator_code, detail {taken}")).all()
    assert [(row.action, row.operator_code) for row in rows] == [
        ("incident.archive", "0601"),
        ("incident.archived", "0601"),
    ]
    assert digest in rows[1].detail


def test_who_may_not_read_everything_takes_nothing(
    day: BusyDay, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert archive(home, operator="0201") == 1
    assert archive(home, number=99) == 1
    assert not (home.parent / "shelf/incident-99").exists() and not (home.parent / "shelf/incident-1").exists()
    assert "incident_not_found" in capsys.readouterr().err


def test_without_the_extra_it_says_what_to_install_and_writes_nothing(
    day: BusyDay, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise YjError("pdf_unavailable")

    monkeypatch.setattr(papers, "require_pdf", missing)
    assert archive(home) == 1
    assert "pdf_unavailable" in (said := capsys.readouterr().err) and "pango" in said
    assert not (home.parent / "shelf").exists()


@pytest.mark.usefixtures("quick")
def test_a_paper_that_cannot_be_made_is_named_and_does_not_stop_the_others(
    day: BusyDay, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def all_but_one(app: Any, address: str, actor: Any) -> Any:
        if address == f"/print/order/{day.order}":
            raise YjError("order_not_found")
        return printed(app, address, actor)

    printed = shelf.printed
    monkeypatch.setattr(shelf, "printed", all_but_one)
    assert archive(home) == 1
    said = capsys.readouterr()
    (failed,) = json.loads(said.out)["failed"]
    assert failed["code"] == "order_not_found" and failed["file"] in said.err
    assert len(manifest(home)) == sum(KINDS.values()) - 1

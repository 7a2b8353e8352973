"""The command line: exit codes, one JSON document, everything that is wrong at once, passwords never in an argument."""

from __future__ import annotations

import json
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clients.console.main import main
from clients.console.serving import DOOR_PORTS, free_port

ADMINS: list[dict[str, Any]] = [
    {"operator": "A01", "name": "王敏", "password": "apple7tree"},
    {"operator": "A02", "name": "李强", "password": "a long phrase without figures"},
    {"operator": "CW9", "name": "陈会计", "password": "ledger42x", "roles": ["supervisor"]},
]


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance with two administrators and a supervisor, made once by `yj init`."""
    folder = tmp_path_factory.mktemp("founded")
    (folder / "admins.json").write_text(json.dumps(ADMINS), encoding="utf-8")
    assert main(["init", "--home", str(folder / "home"), "--admins", str(folder / "admins.json")]) == 0
    (folder / "words.json").write_text(
        json.dumps({one["operator"]: one["password"] for one in ADMINS}), encoding="utf-8"
    )
    return folder


@pytest.fixture
def home(founded: Path, tmp_path: Path) -> Path:
    """A copy of it of the test's own."""
    shutil.copytree(founded, tmp_path, dirs_exist_ok=True)
    return tmp_path / "home"


def words(home: Path) -> list[str]:
    return ["--password-file", str(home.parent / "words.json")]


def answer(capsys: pytest.CaptureFixture[str]) -> Any:
    """The one document on standard output."""
    return json.loads(capsys.readouterr().out)


def test_init_makes_an_instance_that_only_its_owner_reads(home: Path) -> None:
    assert stat.S_IMODE((home / "yj.toml").stat().st_mode) == 0o600
    rows = sqlite3.connect(home / "yj.db").execute("SELECT operator_code, password_hash FROM operator").fetchall()
    assert [row[0] for row in sorted(rows)] == ["A01", "A02", "CW9"]
    assert all(row[1].startswith("$argon2id$") for row in rows)


def test_init_refuses_a_folder_that_has_an_instance(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (home / "yj.toml").read_text(encoding="utf-8")
    assert main(["init", "--home", str(home), "--admins", str(home.parent / "admins.json")]) == 2
    assert "choose another folder" in capsys.readouterr().err
    assert (home / "yj.toml").read_text(encoding="utf-8") == before


def test_a_store_of_a_newer_version_is_left_alone_and_said_in_words(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with sqlite3.connect(home / "yj.db") as store:
        store.execute("UPDATE schema_version SET version_num = '9999'")
    for verb in (["up", "--port", str(free_port(DOOR_PORTS))], ["mode", "show"], ["ready"]):
        assert main(["--home", str(home), *verb]) == 1
        assert "install that version again" in capsys.readouterr().err


def test_a_command_in_the_wrong_folder_names_the_way_to_the_instance(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--home", str(tmp_path / "nothing"), "mode", "show"]) == 2
    assert "YJ_HOME" in capsys.readouterr().err


def test_init_names_everything_that_is_wrong_with_the_administrators(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = [
        {"operator": "A01", "name": "", "password": "short"},
        {"operator": "A01", "name": "李", "password": "onlyletters"},
    ]
    (tmp_path / "bad.json").write_text(json.dumps(bad), encoding="utf-8")
    assert main(["--home", str(tmp_path / "home"), "init", "--admins", str(tmp_path / "bad.json")]) == 2
    said = capsys.readouterr().err
    for reason in ("twice", "name is missing", "at least 8", "letters and digits"):
        assert reason in said
    assert not (tmp_path / "home").exists()


def test_init_leaves_nothing_behind_when_an_address_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "admins.json").write_text(json.dumps(ADMINS), encoding="utf-8")
    admins = ["--admins", str(tmp_path / "admins.json")]
    wrong = ["--database", "postgresql://x/y", "--central", "mssql://h/d", "--mapping", "nowhere"]
    assert main(["init", "--home", str(tmp_path / "home"), *admins, *wrong]) == 2
    said = capsys.readouterr().err
    assert "postgresql+psycopg2://" in said and "mssql+pyodbc://" in said
    assert not (tmp_path / "home" / "yj.toml").exists()


def test_a_wrong_configuration_is_told_whole_and_is_exit_code_2(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (home / "yj.toml").open("a", encoding="utf-8") as stream:
        stream.write('\n[server]\nport = "many"\ncolour = "red"\n[rules]\ngrace_seconds = -1\n')
    assert main(["--home", str(home), "mode", "show"]) == 2
    said = capsys.readouterr().err
    assert "server.port" in said and "server.colour" in said and "rules.grace_seconds" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["mode"],
        ["mode", "emergency"],
        ["book", "add", "--start", "x"],
        ["upload", "run", "--incident", "0"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], home: Path) -> None:
    assert main(["--home", str(home), *arguments]) == 2


def test_without_an_instance_the_cure_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(tmp_path / "none"), "mode", "show"]) == 2
    assert "yj init" in capsys.readouterr().err


def test_status_verbs_print_one_document(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = {
        ("mode", "show"): 0, ("ready",): 1, ("mirror", "status"): 1, ("book", "list"): 0, ("operator", "list"): 0,
        ("audit", "verify"): 0, ("upload", "status"): 0, ("conflicts", "list"): 0,
    }  # fmt: skip
    capsys.readouterr()
    for verb, code in expected.items():
        assert main(["--home", str(home), *verb, "--json"]) == code, verb
        assert isinstance(answer(capsys), dict), verb


def test_ready_says_why_not(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["--home", str(home), "ready", "--json"]) == 1
    told = answer(capsys)
    assert not told["ready"] and any("mirror" in reason for reason in told["reasons"])
    assert any("centre" in warning for warning in told["warnings"])


def test_the_switch_wants_a_role_a_password_and_a_mirror(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    switch = ["--home", str(home), "mode", "emergency", "--cause", "server", "--reason", "主机故障"]
    assert main([*switch, "--operator", "CW9", *words(home)]) == 1
    assert "forbidden" in capsys.readouterr().err
    (home.parent / "wrong.json").write_text('{"A01": "apple7tre"}', encoding="utf-8")
    assert main([*switch, "--operator", "A01", "--password-file", str(home.parent / "wrong.json")]) == 1
    assert "login_failed" in capsys.readouterr().err
    assert main([*switch, "--operator", "A01", *words(home)]) == 1
    assert "mirror_missing" in capsys.readouterr().err


def test_an_unknown_cause_is_wrong_usage(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = ["mode", "emergency", "--cause", "ghosts", "--reason", " ", "--operator", "A01", *words(home)]
    assert main(["--home", str(home), *wrong]) == 2
    said = capsys.readouterr().err
    assert "--cause ghosts" in said and "--reason" in said


def test_a_password_is_never_taken_without_a_terminal_or_a_file(home: Path) -> None:
    switch = ["mode", "release", "--reason", "x", "--operator", "A01"]
    done = subprocess.run(
        [sys.executable, "-m", "clients.console", "--home", str(home), *switch],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 2 and "--password-file" in done.stderr


def test_the_way_back_needs_a_second_person(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(home), "mode", "normal", "--operator", "A01", *words(home)]) == 2
    assert "--approver" in capsys.readouterr().err


def test_operators_come_and_go_and_everything_is_audited(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = home.parent / "secret"
    secret.write_text("weak\n", encoding="utf-8")
    add = ["operator", "add", "N1", "--name", "赵护士", "--role", "triage", "--operator", "A01"]
    assert main(["--home", str(home), *add, "--password-from", str(secret), *words(home)]) == 2
    secret.write_text("strong4word\n", encoding="utf-8")
    assert main(["--home", str(home), *add, "--password-from", str(secret), *words(home)]) == 0
    assert main(["--home", str(home), *add, "--password-from", str(secret), *words(home)]) == 2
    assert main(["--home", str(home), "operator", "disable", "N1", "--operator", "A01", *words(home)]) == 0
    capsys.readouterr()
    assert main(["--home", str(home), "operator", "list", "--json"]) == 0
    one = next(row for row in answer(capsys)["items"] if row["operator_code"] == "N1")
    assert one["roles"] == ["triage"] and one["disabled_at"] is not None
    reset = ["operator", "reset", "N1", "--operator", "A02", "--password-from", str(secret)]
    assert main(["--home", str(home), *reset, *words(home)]) == 0
    assert main(["--home", str(home), "audit", "verify"]) == 0
    actions = {row[0] for row in sqlite3.connect(home / "yj.db").execute("SELECT action FROM audit")}
    assert {"operator.add", "operator.disable", "operator.reset"} <= actions


def test_a_changed_audit_row_is_found(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = sqlite3.connect(home / "yj.db")
    store.execute("DROP TRIGGER audit_no_update")
    store.execute("UPDATE audit SET operator_code = 'nobody' WHERE sequence = 2")
    store.commit()
    store.close()
    capsys.readouterr()
    assert main(["--home", str(home), "audit", "verify", "--json"]) == 1
    told = answer(capsys)
    assert not told["unbroken"] and "row 2" in told["breaks"][0]


def test_the_home_may_stand_anywhere(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["mode", "show", "--json", f"--home={home}"]) == 0
    assert answer(capsys)["mode"] == "normal"


def test_light_verbs_load_no_heavy_library(tmp_path: Path) -> None:
    code = (
        "import sys; from clients.console.main import main; main(['--help']); "
        "print([m for m in ('flask', 'sqlalchemy', 'psycopg2', 'alembic') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd())
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("verb", [["create"], ["traffic", "--rate", "1"]])
@pytest.mark.parametrize("url", ["postgresql://x/y", "foo", "", "oracle+nothing://x"])
def test_a_reference_address_without_its_driver_is_wrong_usage(
    verb: list[str], url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reference", *verb, "--url", url]) == 2
    assert "Traceback" not in capsys.readouterr().err

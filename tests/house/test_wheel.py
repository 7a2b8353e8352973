"""The product installs, complete, on a machine without a network and outside any checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.house.tree import PACKAGES, ROOT, tracked

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

BUILD_FILES = ("pyproject.toml", "LICENSE", "README.md")
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
ADMINS = [
    {"operator": "A01", "name": "王敏", "password": "first admin of a test"},
    {"operator": "A02", "name": "李强", "password": "second admin of a test"},
]


def run(*command: str | Path, cwd: Path, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command away from the checkout: no PYTHONPATH, no setting of the caller."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("YJ_", "PYTHON"))}
    if home:
        env["YJ_HOME"] = str(home)
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The product's wheel, built from a copy so that no build folder is shared between runs."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for package in PACKAGES:
        if (ROOT / package).is_dir():
            shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in BUILD_FILES:
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, source / name)
    built = run(*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", out, source, cwd=out)
    assert built.returncode == 0, built.stderr
    return next(out.glob("his_yj-*.whl"))


@pytest.fixture(scope="module")
def wheelhouse(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and everything it needs: what `make wheelhouse` makes."""
    house = tmp_path_factory.mktemp("wheelhouse")
    shutil.copy(wheel, house)
    pins = ROOT / "config/requirements/runtime.txt"
    made = ROOT / "dist/wheelhouse"
    offline = ("--no-index", "--find-links", str(made)) if made.is_dir() else ()
    command = (*PIP, "download", "--only-binary", ":all:", "--require-hashes", "-r", str(pins), "--dest", str(house))
    answer = run(*command, *offline, cwd=house)
    if answer.returncode and offline:
        answer = run(*command, cwd=house)
    if answer.returncode:
        pytest.skip("no package index is reachable and there is no dist/wheelhouse (make wheelhouse)")
    return house


@pytest.fixture(scope="module")
def installed(wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs folder of an empty environment into which the product was installed from the wheelhouse alone."""
    folder = tmp_path_factory.mktemp("elsewhere") / "env"
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin/python"
    answer = run(
        *PIP, "--python", python, "install", "--no-index", "--find-links", wheelhouse, "his-yj[reference,excel,pdf]",
        cwd=folder.parent,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return folder / "bin"


def test_the_wheel_holds_every_tracked_file_of_the_packages(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {p.as_posix() for p in tracked() if p.parts[0] in PACKAGES and p.parts[:2] != ("config", "requirements")}
    assert sorted(wanted - held) == []


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} <= set(PACKAGES)
    assert [name for name in names if "requirements/" in name or "__pycache__" in name] == []


def test_the_installed_product_is_not_the_checkout(installed: Path, tmp_path: Path) -> None:
    answer = run(installed / "python", "-c", "import config.settings as s; print(s.__file__)", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert not Path(answer.stdout.strip()).is_relative_to(ROOT)


def test_the_installed_product_makes_an_instance(installed: Path, tmp_path: Path) -> None:
    needs_console()
    (tmp_path / "admins.json").write_text(json.dumps(ADMINS), encoding="utf-8")
    home = tmp_path / "home"
    answer = run(installed / "yj", "init", "--admins", tmp_path / "admins.json", cwd=tmp_path, home=home)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert (home / "yj.toml").is_file()


def test_an_agent_is_installed_out_of_the_wheel_with_nothing_but_python(
    wheelhouse: Path, wheel: Path, tmp_path: Path
) -> None:
    bare = (sys.executable, "-S", "-I")  # without any installed package
    begin = (
        f"import runpy, sys; sys.path.insert(0, {str(wheel)!r}); runpy.run_module('clients.agent', run_name='__main__')"
    )
    words = ("--folder", tmp_path / "agent", "upgrade", "--from", wheelhouse, "--root", tmp_path / "programs")
    answer = run(*bare, "-c", begin, *words, cwd=tmp_path)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    program = (*bare, tmp_path / "programs/agent.py", "--folder", tmp_path / "agent")
    answer = run(*program, "check", "--alone", cwd=tmp_path)
    assert answer.returncode == 0 and "starts" in answer.stdout, answer.stderr
    refused = run(*program, "run", "--role", "cashier", cwd=tmp_path)  # all of it is there; it is not enrolled yet
    assert refused.returncode == 2 and "enrol this workstation first" in refused.stderr, refused.stderr


@pytest.mark.postgres
def test_the_installed_product_runs_the_demo(installed: Path, tmp_path: Path) -> None:
    needs_console()
    answer = run(installed / "yj", "demo", "--visits", "10", "--json", cwd=tmp_path, home=tmp_path / "home")
    assert answer.returncode == 0, answer.stdout[-2000:] + answer.stderr[-4000:]
    assert json.loads(answer.stdout)["balanced"] is True


def needs_console() -> None:
    """The command is one of the last rooms to be built."""
    if not (ROOT / "clients/console/main.py").is_file():
        pytest.skip("there is no console yet")

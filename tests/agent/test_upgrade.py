"""An agent gets another version from a folder of wheels, tries it first, and goes back: with real processes.

The wheels are packed from this tree and from what is installed; tests/house installs from the ones that pip builds.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

from clients.agent import launch, upgrading, wheels
from clients.agent.place import AgentMisuse, AgentTrouble, Enrolled, Place, place_to_enrol
from clients.agent.versions import Installation
from tests.fixtures_door import DoorThread, Inner, in_front_of_inner, until

ROOT = Path(__file__).parents[2]
Product = Callable[..., Path]


def _lines() -> list[str]:
    lines = (ROOT / wheels.NEEDS).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def needed(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The wheels of other packages, packed once from what is installed here."""
    folder, made = tmp_path_factory.mktemp("needed"), []
    for name in (line for line in _lines() if not line.startswith("./")):
        one = distribution(name)
        file = folder / f"{name.replace('-', '_')}-{one.version}-py3-none-any.whl"
        with zipfile.ZipFile(file, "w") as packed:
            for path in one.files or []:
                if ".." not in path.parts and "__pycache__" not in path.parts:
                    packed.write(str(path.locate()), str(path))
        made.append(file)
    return made


@pytest.fixture
def product(needed: list[Path], tmp_path: Path) -> Product:
    """Adds a version of the product to the folder of wheels; `changed` replaces files in it."""
    house = tmp_path / "wheelhouse"
    house.mkdir()
    for file in needed:
        (house / file.name).symlink_to(file)

    def pack(version: str, **changed: str) -> Path:
        info = f"his_yj-{version}.dist-info"
        with zipfile.ZipFile(house / f"his_yj-{version}-py3-none-any.whl", "w") as packed:
            for part in (line[2:] for line in _lines() if line.startswith("./")):
                place = ROOT / part
                for file in sorted(place.rglob("*")) if place.is_dir() else [place]:
                    if file.is_file() and "__pycache__" not in file.parts:
                        more = changed.get(file.stem, "") if file.parent.name == "agent" else ""
                        packed.writestr(str(file.relative_to(ROOT)), file.read_bytes() + more.encode())
            packed.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: his-yj\nVersion: {version}\n")
        return house

    return pack


@pytest.fixture
def standby(tmp_path: Path) -> Iterator[tuple[Inner, DoorThread]]:
    with in_front_of_inner(tmp_path / "door") as both:
        yield both


@pytest.fixture
def pc(standby: tuple[Inner, DoorThread], product: Product, tmp_path: Path) -> tuple[Installation, Place]:
    """A window PC with version 0.1.0, enrolled."""
    here, place = Installation(tmp_path / "programs"), Place(tmp_path / "agent")
    first = upgrading.upgrade(here, product("0.1.0"), place)
    assert (first.version, first.before) == ("0.1.0", None) and "was not asked" in first.said
    place.keep_enrolled(Enrolled(standby[1].https, "W0201", "yjw_x"))
    place.ca.write_bytes(standby[1].ca.read_bytes())
    place.configuration.write_text("action = []\n", encoding="utf-8")
    return here, place


def test_a_version_takes_over_by_itself_and_one_that_does_not_stay_gives_way(
    pc: tuple[Installation, Place], product: Product
) -> None:
    here, place = pc
    log = place.folder / "agent.log"

    def began() -> list[str]:
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        return [line.split("version ")[1].split()[0] for line in lines if " follows " in line]

    words = [sys.executable, str(here.launcher), "--folder", str(place.folder), "run", "--role", "cashier"]
    running = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    try:
        until(lambda: began() == ["0.1.0"], 60)
        done = upgrading.upgrade(here, product("0.2.0"), place)
        assert (done.version, done.before) == ("0.2.0", "0.1.0")
        assert "0.2.0 talks to https://" in done.said and "as W0201: normal, epoch 1" in done.said
        until(lambda: began() == ["0.1.0", "0.2.0"], 60)
        assert upgrading.upgrade(here, product("0.2.0"), place).words == "0.2.0 is installed already and stays"

        # Its trial goes well, yet it does not stay: the one before goes on without anybody.
        upgrading.upgrade(here, product("0.10.0", running="\n\ndef run(*_):\n    sys.exit(7)\n"), place)
        assert here.order() == ["0.10.0", "0.2.0", "0.1.0"]
        until(lambda: began() == ["0.1.0", "0.2.0", "0.2.0"], 90)

        assert upgrading.roll_back(here, place).version == "0.2.0"
        assert upgrading.roll_back(here, place).version == "0.1.0"
        until(lambda: began()[-1] == "0.1.0" and len(began()) > 3, 60)
        with pytest.raises(AgentTrouble, match=r"there is no version before 0\.1\.0"):
            upgrading.roll_back(here, place)

        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 0
    finally:
        running.kill()
        running.wait()
    place.alone().close()  # nobody holds the folder any more


def test_a_pc_is_set_up_by_one_command_with_its_code(
    standby: tuple[Inner, DoorThread], product: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner, door = standby
    plain = inner.answer

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        if environ["PATH_INFO"].endswith("/workstations/enrol"):
            return inner._json(start, {"workstation": "W0201", "token": "yjw_x"}, "201 Created")
        return plain(environ, start)

    monkeypatch.setattr(inner, "answer", answer)
    inner.stop()
    inner.start()
    house, begin = product("0.1.0"), "import runpy; runpy.run_module('clients.agent', run_name='__main__')"
    words = ["--folder", str(tmp_path / "agent"), "install", "--from", str(house), "--root", str(tmp_path / "programs")]
    given = ["--server", door.https, "--code", "ABCD-EFGH-JKLM-NPQR", "--ca", str(door.ca)]
    done = subprocess.run(
        [sys.executable, "-c", begin, *words, *given], capture_output=True, text=True, timeout=110, check=False,
        env={"PYTHONPATH": str(house / "his_yj-0.1.0-py3-none-any.whl"), "PATH": ""}, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "W0201: enrolled" in done.stdout and "0.1.0 talks to https://" in done.stdout
    assert Place(tmp_path / "agent").enrolled() == Enrolled(door.https, "W0201", "yjw_x")


def test_an_agent_ends_with_its_launcher(pc: tuple[Installation, Place]) -> None:
    here, place = pc
    words = [sys.executable, str(here.launcher), "--folder", str(place.folder), "run", "--role", "cashier"]
    running = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    log = place.folder / "agent.log"
    try:
        until(lambda: log.exists() and "follows" in log.read_text(encoding="utf-8"), 60)
        with pytest.raises(AgentMisuse, match="another agent"):
            place.alone()
    finally:
        running.kill()
        running.wait()

    def free() -> bool:
        try:
            place.alone().close()
        except AgentMisuse:
            return False
        return True

    until(free, 60)


def test_a_version_that_does_not_start_or_does_not_reach_the_standby_is_not_taken(
    pc: tuple[Installation, Place], product: Product, standby: tuple[Inner, DoorThread]
) -> None:
    here, place = pc
    with pytest.raises(AgentTrouble, match=r"0\.2\.0 was not taken; 0\.1\.0 goes on.*no good"):
        upgrading.upgrade(here, product("0.2.0", settings="\nraise ImportError('no good')\n"), place)
    standby[1].close()
    with pytest.raises(AgentTrouble, match=r"0\.3\.0 was not taken; 0\.1\.0 goes on"):
        upgrading.upgrade(here, product("0.3.0"), place)
    assert here.order() == ["0.1.0"]
    assert [one.name for one in (here.folder / launch.VERSIONS).iterdir()] == ["0.1.0"]


def test_a_version_that_was_damaged_is_unpacked_again_by_the_same_command(product: Product, tmp_path: Path) -> None:
    here, place, house = Installation(tmp_path / "programs"), Place(tmp_path / "agent"), product("0.1.0")
    upgrading.upgrade(here, house, place)
    damaged = here.folder_of("0.1.0") / "clients/agent/settings.py"
    whole = damaged.read_bytes()
    damaged.write_bytes(b"\0" * 4000)
    assert "unpacked again" in upgrading.upgrade(here, house, place).words
    assert damaged.read_bytes() == whole

    # The set-up that is repeated looks at it, too, before it spends the code.
    damaged.unlink()
    with pytest.raises(AgentTrouble, match="its enrol ended"):
        upgrading.install(here, house, place, upgrading.Enrolment("https://127.0.0.1:1", "ABCD"))
    assert damaged.read_bytes() == whole
    damaged.unlink()
    (house / "his_yj-0.1.0-py3-none-any.whl").rename(tmp_path / "elsewhere.whl")
    with pytest.raises(AgentTrouble, match=r"0\.1\.0 does not start .* cannot be unpacked again.*no his_yj-0\.1\.0"):
        upgrading.install(here, house, place, upgrading.Enrolment("https://127.0.0.1:1", "ABCD"))
    assert [one.name for one in (here.folder / launch.VERSIONS).iterdir()] == ["0.1.0"]


def test_an_agent_that_was_called_wrongly_does_not_count_against_its_version(tmp_path: Path) -> None:
    pointer = tmp_path / launch.POINTER
    pointer.write_text('{"order": ["0.2.0", "0.1.0"]}', encoding="utf-8")
    watch = launch.Watch(tmp_path, ["run"])
    assert watch._chosen() == "0.2.0"
    for _ in range(2 * launch.TRIES):
        watch._count("0.2.0", launch.MISUSE, 0.1)
    assert watch._chosen() == "0.2.0"
    for _ in range(launch.TRIES):
        watch._count("0.2.0", 1, 0.1)
    assert watch._chosen() == "0.1.0"
    os.utime(pointer, ns=(1, 1))  # written again, after it was mended
    assert watch._chosen() == "0.2.0"


def test_a_launcher_that_cannot_be_replaced_is_named(
    product: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Installation(tmp_path / "programs")
    (here.launcher / "held").mkdir(parents=True)  # a folder in its place: no file takes it
    with pytest.raises(AgentTrouble, match=r"0\.1\.0 is started from now on, but .*agent\.py cannot be written"):
        here.lead(wheels.find(product("0.1.0")))


def test_everything_that_a_folder_of_wheels_lacks_is_named_at_once(product: Product, tmp_path: Path) -> None:
    house = product("0.2.0")
    for name in ("httpx", "idna"):
        next(house.glob(f"{name}-*")).unlink()
    here = Installation(tmp_path / "programs")
    with pytest.raises(AgentMisuse) as refused:
        upgrading.upgrade(here, house, Place(tmp_path / "agent"))
    assert "no wheel of httpx" in str(refused.value) and "no wheel of idna" in str(refused.value)
    with pytest.raises(AgentMisuse, match=r"there is no his_yj-9-py3"):
        upgrading.upgrade(here, house, Place(tmp_path / "agent"), "9")
    (house / "his_yj-0.3.0-py3-none-any.whl").write_bytes(b"half a w")
    with pytest.raises(AgentTrouble, match="no whole wheel"):
        upgrading.upgrade(here, house, Place(tmp_path / "agent"))
    file = house / "his_yj-0.4.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(wheels.NEEDS, "./clients/agent\n" * 20)
    spoiled = bytearray(file.read_bytes())
    spoiled[30 + len(wheels.NEEDS)] |= 6  # the kind of the first block: one that there is not
    file.write_bytes(spoiled)
    with pytest.raises(AgentTrouble, match=r"his_yj-0\.4\.0.* no whole wheel"):
        upgrading.upgrade(here, house, Place(tmp_path / "agent"))
    one = wheels.Wheel("his_yj", "0.4.0", file)
    with pytest.raises(AgentTrouble, match=r"his_yj-0\.4\.0.* cannot be unpacked"):
        wheels.unpack(wheels.Version(one, (), ("clients/",)), tmp_path)
    assert here.order() == []


def test_the_newest_version_is_the_highest_number_and_a_trial_comes_before_it() -> None:
    names = ["0.2.0rc1", "0.2.0", "0.9", "0.10.0", "0.10.0.post1", "1.0"]
    found = [wheels.Wheel("his_yj", name, Path()) for name in reversed(names)]
    assert [one.version for one in sorted(found, key=lambda one: one.rank)] == names


def test_a_pc_enrolled_for_all_its_users_is_found_by_each_of_them(tmp_path: Path) -> None:
    machine, own = (
        place_to_enrol(None, machine=True, shared=tmp_path / "machine"),
        Place(tmp_path / "own", tmp_path / "machine"),
    )
    own.keep_enrolled(Enrolled("https://b", "W0202", "yjw_y"))
    assert own.enrolled() == Enrolled("https://b", "W0202", "yjw_y")
    machine.keep_enrolled(Enrolled("https://a", "W0201", "yjw_x"))
    assert own.enrolled() == Enrolled("https://a", "W0201", "yjw_x")
    assert (tmp_path / "machine/enrolled.json").stat().st_mode & 0o777 == 0o644
    with pytest.raises(AgentMisuse, match="say --machine"):
        place_to_enrol(None, machine=False, shared=tmp_path / "machine")
    assert own.ca == tmp_path / "machine/ca.crt" and own.configuration == tmp_path / "own/agent.toml"
    (tmp_path / "machine/agent.toml").touch()
    assert own.configuration == tmp_path / "machine/agent.toml"

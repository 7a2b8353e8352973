"""The wheels of a version in a folder without a network, and unpacking them. The standard library is enough for it.

A pure wheel is a zip file that works where it is unpacked. What is compiled is not for the agent.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from clients.agent.place import AgentMisuse, AgentTrouble

PRODUCT: Final = "his_yj"
NEEDS: Final = "clients/agent/needs.txt"
LAUNCHER: Final = "clients/agent/launch.py"
_NAME: Final = re.compile(
    r"(?P<name>[A-Za-z0-9_.]+)-(?P<version>[A-Za-z0-9_.!+]+)(-[0-9][^-]*)?-py(2\.py)?3-none-any\.whl"
)
_SPOILED: Final = (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)  # the last: a method nobody knows
_RELEASE: Final = re.compile(r"(?:v?\d+!)?(\d+(?:\.\d+)*)(.*)")


@dataclass(frozen=True)
class Wheel:
    """One file."""

    name: str
    version: str
    file: Path

    @property
    def rank(self) -> tuple[tuple[int, ...], int, str]:
        """Orders versions: by their numbers; before a number come its trials, after it its repairs."""
        found = _RELEASE.fullmatch(self.version)
        if found is None:
            return (), 0, self.version
        numbers, rest = tuple(map(int, found[1].split("."))), found[2]
        while numbers[-1:] == (0,):
            numbers = numbers[:-1]
        return numbers, 1 if not rest else 2 if "post" in rest or rest[0] == "+" else 0, rest


@dataclass(frozen=True)
class Version:
    """A version of the agent: the product's wheel, those that it needs, and of which parts it is made."""

    product: Wheel
    needed: tuple[Wheel, ...]
    parts: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.product.version


def find(folder: Path, wanted: str | None = None) -> Version:
    """The newest version in a folder, or the `wanted` one. Raises AgentMisuse with all that is missing there."""
    try:
        there = [
            Wheel(_plain(m["name"]), m["version"], one) for one in folder.iterdir() if (m := _NAME.fullmatch(one.name))
        ]
    except OSError as error:
        raise AgentMisuse(f"--from {folder}: cannot be read ({error.strerror})") from error
    product = _newest(there, PRODUCT, wanted)
    if product is None:
        raise AgentMisuse(f"--from {folder}: there is no his_yj-{wanted or '…'}-py3-none-any.whl (make wheelhouse)")
    names, parts = _needs(product)
    needed = {name: _newest(there, name) for name in names}
    missing = [
        f"--from {folder}: no wheel of {name}, which {product.version} needs" for name, one in needed.items() if not one
    ]
    if missing:
        raise AgentMisuse("\n".join(missing))
    return Version(product, tuple(one for one in needed.values() if one), parts)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _newest(there: Iterable[Wheel], name: str, wanted: str | None = None) -> Wheel | None:
    fit = [one for one in there if one.name == name and wanted in (None, one.version)]
    return max(fit, key=lambda one: one.rank, default=None)


def _needs(product: Wheel) -> tuple[list[str], tuple[str, ...]]:
    lines = [line.strip() for line in _member(product, NEEDS).decode().splitlines()]
    said = [line for line in lines if line and not line.startswith("#")]
    return [_plain(one) for one in said if not one.startswith("./")], tuple(one[2:] for one in said if one[:2] == "./")


def launcher(version: Version) -> bytes:
    """The file that starts the versions, as this one has it. Raises AgentTrouble."""
    return _member(version.product, LAUNCHER)


def _member(wheel: Wheel, name: str) -> bytes:
    try:
        with zipfile.ZipFile(wheel.file) as inside:
            return inside.read(name)
    except (*_SPOILED, KeyError) as error:
        raise AgentTrouble(f"{wheel.file}: is no whole wheel of an agent ({error})") from error


def unpack(version: Version, folder: Path) -> None:
    """All of it into `folder`. Raises AgentTrouble for a wheel that is not whole."""
    for one in (version.product, *version.needed):
        parts = version.parts if one is version.product else ("",)
        try:
            with zipfile.ZipFile(one.file) as inside:
                inside.extractall(folder, [name for name in inside.namelist() if _wanted(name, parts)])
        except _SPOILED as error:
            raise AgentTrouble(f"{one.file}: cannot be unpacked ({error})") from error


def _wanted(name: str, parts: Sequence[str]) -> bool:
    """Whether a member of a wheel is a part that is wanted; nothing of it may lie outside the folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or path.parts[0].endswith(".data"):
        return False
    return name.startswith(tuple(parts)) or path.parts[0].endswith(".dist-info")

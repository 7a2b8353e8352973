"""The house has the rooms that are drawn, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.tree import PACKAGES, ROOT, modules, tracked

TOP = {
    ".ci", ".gitattributes", ".gitignore", "LICENSE", "Makefile", "NOTICE", "README.md", "bench", "clients", "config",
    "docs", "fallback_server", "migrations", "pyproject.toml", "sync", "tests",
}  # fmt: skip
ROOMS = {
    "fallback_server": {"__init__", "app", "domain", "store", "web", "door", "acts", "windows"},
    "sync": {"__init__", "worker", "rehearsal", "central", "mirror", "upload", "reconcile", "after", "reference_his"},
    "clients": {"__init__", "pages", "agent", "console", "sdk", "transport"},
}
WINDOWS = {"common", "registration", "billing", "pharmacy", "triage", "doctor", "console", "after"}
WINDOW_FILES = {"__init__", "rules", "usecases", "queries", "api", "pages"}
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "lib"}


def children(folder: Path) -> set[str]:
    """Names of modules and packages right inside a folder."""
    return {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}


def test_the_top_level_is_fixed() -> None:
    assert {path.parts[0] for path in tracked()} <= TOP


@pytest.mark.parametrize("package", sorted(ROOMS))
def test_a_package_has_only_the_rooms_drawn(package: str) -> None:
    assert children(ROOT / package) <= ROOMS[package]


def test_there_are_only_the_windows_of_the_hospital() -> None:
    assert children(ROOT / "fallback_server/windows") - {"__init__"} <= WINDOWS


@pytest.mark.parametrize("window", sorted(WINDOWS))
def test_every_window_has_the_same_files(window: str) -> None:
    assert children(ROOT / "fallback_server/windows" / window) <= WINDOW_FILES


def test_there_is_no_drawer_for_helpers() -> None:
    found = [str(path) for path, _ in modules() if path.stem in DRAWERS or path.parent.name in DRAWERS - {"common"}]
    assert found == []


def test_every_folder_with_code_is_a_package() -> None:
    """The wheel takes packages; a folder without __init__.py would be missing from it."""
    folders = {path.parent for path, _ in modules() if "versions" not in path.parts}
    assert [str(folder) for folder in sorted(folders) if not (ROOT / folder / "__init__.py").is_file()] == []


def test_the_packages_are_those_of_the_wheel() -> None:
    found = {path.parts[0] for path in tracked() if path.name == "__init__.py" and len(path.parts) == 2}
    assert found - {"tests", "bench"} <= set(PACKAGES)

"""Every dependency has a reason, and the pinned files hold what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from packaging.requirements import Requirement
from packaging.version import Version

from tests.house.tree import ROOT


def project() -> dict[str, Any]:
    content: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return content


def wanted(*extras: str) -> dict[str, Requirement]:
    """Direct dependencies with those of the extras, by lower-case name."""
    lines = project()["dependencies"] + [line for extra in extras for line in project()["optional-dependencies"][extra]]
    return {Requirement(line).name.lower(): Requirement(line) for line in lines}


def pinned(name: str) -> dict[str, set[Version]]:
    """Pinned versions by name; a name may have several, for different Pythons."""
    found: dict[str, set[Version]] = {}
    text = (ROOT / "config/requirements" / name).read_text(encoding="utf-8")
    for package, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", text, re.MULTILINE):
        found.setdefault(package.lower().replace("_", "-"), set()).add(Version(version))
    return found


def test_every_direct_dependency_has_its_reason() -> None:
    text = (ROOT / "docs/decisions/0001-dependencies.md").read_text(encoding="utf-8")
    reasons = {name.lower() for name in re.findall(r"^\| ([A-Za-z0-9_-]+) \| (?!reason)", text, re.MULTILINE)}
    assert reasons == set(wanted(*project()["optional-dependencies"]))


def test_pinned_versions_lie_in_the_ranges() -> None:
    for file, extras in (
        ("runtime.txt", ["reference", "excel", "pdf"]),
        ("dev.txt", list(project()["optional-dependencies"])),
    ):
        pins = pinned(file)
        for name, requirement in wanted(*extras).items():
            versions = pins.get(name, set())
            assert versions, f"{name} is not in {file}; run make pins"
            assert all(requirement.specifier.contains(v) for v in versions), f"{name} in {file}; run make pins"


def test_both_pinned_files_agree() -> None:
    runtime, dev = pinned("runtime.txt"), pinned("dev.txt")
    assert {name: versions for name, versions in runtime.items() if dev.get(name) != versions} == {}


def test_what_bandit_skips_has_its_reason_and_ruff_asks_it_line_by_line() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lines = text.partition("[tool.bandit]")[2].partition("\n]")[0].partition("skips = [")[2].strip().splitlines()
    skipped = [code for line in lines for code in re.findall(r'"(B\d+)"', line)]
    assert skipped == tomllib.loads(text)["tool"]["bandit"]["skips"]
    assert [line for line in lines if len(line.partition("#")[2]) < 20] == []
    assert "S" in tomllib.loads(text)["tool"]["ruff"]["lint"]["select"]
    assert (
        "$(BIN)/bandit" in (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ncheck:")[2].partition("\n\n")[0]
    )

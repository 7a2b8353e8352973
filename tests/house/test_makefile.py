"""The make targets others rely on exist and are explained."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from tests.house.tree import ROOT

TARGETS = {"setup", "demo", "test", "check", "bench", "proof", "wheelhouse", "help"}


def test_help_lists_every_target() -> None:
    answer = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(re.findall(r"^  make (\w+)", answer.stdout, re.MULTILINE)) >= TARGETS


def test_ci_calls_what_the_readme_calls() -> None:
    ci = ROOT / ".ci/run"
    assert os.access(ci, os.X_OK)
    assert "make test" in ci.read_text(encoding="utf-8")
    if not (ROOT / "README.md").is_file():
        pytest.skip("no README yet")
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")

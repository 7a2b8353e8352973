"""The checkout as the house tests see it: tracked files and parsed modules."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("fallback_server", "sync", "clients", "config", "migrations")


@cache
def tracked() -> tuple[Path, ...]:
    """Files under version control, relative to the root; skips outside a checkout."""
    answer = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if answer.returncode:
        pytest.skip("not a git checkout: there is no list of tracked files")
    return tuple(Path(name) for name in answer.stdout.split("\0") if name and (ROOT / name).is_file())


@cache
def modules(*packages: str) -> tuple[tuple[Path, ast.Module], ...]:
    """Every Python file of the packages (all of the product by default) with its syntax tree."""
    files = [path for package in packages or PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return tuple((path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))) for path in files)

"""Habits of the house that the linters do not know, read from the syntax trees."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.house.tree import modules

# The standby's store is committed in one file. The centre's own transactions are the gateway's; the reference centre
# is a centre; migrations make the store before there is anything to protect. The mirror's writer cannot see the store;
# a rehearsal's scratch store is nobody's; a backup is put into PostgreSQL while nobody works there.
COMMITTERS = (
    "fallback_server/store/session.py", "fallback_server/store/backup_postgres.py", "sync/central/",
    "sync/mirror/workspace.py", "sync/reference_his/", "sync/rehearsal/scratch.py", "migrations/",
)  # fmt: skip
MONEY = re.compile(r"(^|_)(money|price|amount|total|fee|cents|paid|due|tendered|balance)(_|$)")
CLOCKS = ("fallback_server/domain/clock.py",)


def where(path: Path, node: ast.AST) -> str:
    """file:line of a node."""
    return f"{path.as_posix()}:{getattr(node, 'lineno', 0)}"


def calls(tree: ast.Module, *names: str) -> Iterator[ast.Call]:
    """Calls of a method with one of these names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names:
            yield node


def names_in(node: ast.AST | None) -> set[str]:
    """Plain names used in an annotation or expression."""
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)} if node else set()


def imported(node: ast.AST) -> set[str]:
    """Top packages an import statement names."""
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        return {node.module.split(".")[0]}
    return set()


def test_only_the_session_opens_and_commits_transactions() -> None:
    found = [
        where(path, call)
        for path, tree in modules()
        if not path.as_posix().startswith(COMMITTERS)
        for call in calls(tree, "commit", "begin", "begin_nested", "rollback")
    ]
    assert found == []


def test_pyodbc_has_one_edge_and_is_imported_late() -> None:
    importers = {path for path, tree in modules() for node in ast.walk(tree) if "pyodbc" in imported(node)}
    assert len(importers) <= 1
    assert all(path.as_posix().startswith("sync/central/") for path in importers)
    at_the_top = [path for path, tree in modules() for node in tree.body if "pyodbc" in imported(node)]
    assert at_the_top == []


def test_only_the_worker_knows_the_scheduler() -> None:
    importers = {
        path.as_posix() for path, tree in modules() for node in ast.walk(tree) if "apscheduler" in imported(node)
    }
    assert importers <= {"sync/worker/timetable.py"}


def test_money_is_never_a_float() -> None:
    found = []
    for path, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.AnnAssign) and "float" in names_in(node.annotation):
                name = node.target.id if isinstance(node.target, ast.Name) else getattr(node.target, "attr", "")
            elif isinstance(node, ast.arg) and "float" in names_in(node.annotation):
                name = node.arg
            elif isinstance(node, ast.FunctionDef) and "float" in names_in(node.returns):
                name = node.name
            elif (
                isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float" and node.args
            ):
                name = getattr(node.args[0], "attr", None) or getattr(node.args[0], "id", "")
            else:
                continue
            if MONEY.search(name):
                found.append(f"{where(path, node)}: {name}")
    assert found == []


def test_no_column_of_money_is_a_binary_fraction() -> None:
    kinds = {"Float", "REAL", "Double", "DOUBLE", "FLOAT", "DOUBLE_PRECISION"}
    found = []
    for path, tree in modules("fallback_server", "migrations"):
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            used = {
                getattr(inner, "id", getattr(inner, "attr", "")) for arg in node.args[1:] for inner in ast.walk(arg)
            }
            if used & kinds and MONEY.search(str(node.args[0].value)):
                found.append(f"{where(path, node)}: {node.args[0].value}")
    assert found == []


def test_time_comes_from_the_clock() -> None:
    """Naive times are the linter's; here: in server and sync nobody but the clock asks the system for the day."""
    found = []
    for path, tree in modules("fallback_server", "sync"):
        if path.as_posix() in CLOCKS or path.as_posix().startswith("sync/reference_his/"):
            continue
        for call in calls(tree, "now", "utcnow", "today", "time"):
            owner = call.func.value if isinstance(call.func, ast.Attribute) else None
            if isinstance(owner, ast.Name) and owner.id in {"datetime", "date", "time"}:
                found.append(where(path, call))
    assert found == []


def test_blind_excepts_say_why_they_are_at_an_edge() -> None:
    """The lint exception beside `except Exception` comes with its reason, in the same line or the one above."""
    root = Path(__file__).resolve().parents[2]
    found = []
    for path, tree in modules():
        lines = (root / path).read_text(encoding="utf-8").splitlines()
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and names_in(node.type) & {"Exception", "BaseException"}:
                line, above = lines[node.lineno - 1], lines[node.lineno - 2].strip()
                if not re.search(r"BLE001.*\S{3}", line) and not above.startswith("#"):
                    found.append(where(path, node))
    assert found == []

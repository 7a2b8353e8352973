"""What the console shows beside a one-time code is what the agent understands, where its installation leaves it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from clients.agent import __main__ as agent
from clients.agent import versions
from fallback_server.domain.agent_commands import FOLDER, LINUX, WINDOWS, commands

ROOT = Path(__file__).parents[2]
ASKED = ["--server", "https://10.1.0.9:8765", "--code", "ABCD-EFGH"]


@pytest.mark.parametrize("known", commands("0.1.0"), ids=lambda one: one["system"])
@pytest.mark.parametrize("verb", ["enrol", "install"])
def test_the_agent_understands_what_a_person_is_told_to_type(
    known: dict[str, Any], verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    monkeypatch.setitem(agent._VERBS, verb, lambda given: told.append(given) or 0)
    words = shlex.split(known[verb][-1])
    assert agent.main([*words[words.index(verb) :], *ASKED]) == 0
    assert (told[0].code, told[0].machine) == ("ABCD-EFGH", True)
    assert verb == "enrol" or str(told[0].wheels) == FOLDER


@pytest.mark.skipif(sys.platform == "win32", reason="the folder of Linux")
def test_it_is_called_where_its_installation_leaves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("YJ_AGENT_ROOT", raising=False)
    assert LINUX.split()[-1] == str(versions.Installation(versions.usual()).launcher)
    page = (ROOT / "docs/agent.md").read_text(encoding="utf-8")
    assert WINDOWS in page and LINUX in page

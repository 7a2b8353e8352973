"""Files under version control run anywhere: no path of one machine, no address of a package registry."""

from __future__ import annotations

import re

import pytest

from tests.house.tree import ROOT, tracked

# Written in pieces, so that this file passes its own test.
MACHINE_PATH = re.compile(
    r"(?<![\w.:~}])/(?:" + "|".join(("wo" + "rk", "tm" + "p", "ro" + "ot", "ho" + "me")) + r")/\w"
)
REGISTRY = re.compile(
    "|".join(("py" + r"pi\.org", "pythonhos" + r"ted\.org", "npm" + r"js\.(?:org|com)", "deb" + r"ian\.org/debian"))
)
SECRET = re.compile("-----BEGIN (?:[A-Z]+ )?PRIV" + "ATE KEY-----")
TEXT_LIMIT = 4 * 1024 * 1024


def texts() -> list[tuple[str, str]]:
    """Tracked text files of ordinary size with their content."""
    found = []
    for path in tracked():
        data = (ROOT / path).read_bytes()
        if len(data) <= TEXT_LIMIT and b"\0" not in data[:8192]:
            found.append((path.as_posix(), data.decode("utf-8", "replace")))
    return found


@pytest.mark.parametrize("rule", [MACHINE_PATH, REGISTRY, SECRET], ids=["machine path", "registry", "private key"])
def test_no_tracked_file_contains(rule: re.Pattern[str]) -> None:
    found = [
        f"{path}:{number}: {line.strip()[:100]}"
        for path, text in texts()
        if rule.search(text)
        for number, line in enumerate(text.splitlines(), 1)
        if rule.search(line)
    ]
    assert found == []


def test_requirement_files_name_no_index_and_have_hashes() -> None:
    for path in sorted((ROOT / "config/requirements").glob("*.txt")):
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
        entries = [line for line in lines if not line.startswith(" ")]
        assert entries, path
        assert [e for e in entries if not re.match(r"[A-Za-z0-9._-]+==\S+( ; .+)? \\$", e)] == []
        assert all(
            re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in lines if line.startswith(" ")
        )

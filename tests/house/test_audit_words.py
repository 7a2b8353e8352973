"""Every kind of event that the program writes into the audit log has words for those who read it."""

from __future__ import annotations

import ast

from fallback_server.domain.audit_words import WORDS
from tests.house.tree import modules


def test_every_event_of_the_audit_log_has_words() -> None:
    written = {
        call.args[0].value
        for _, tree in modules()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "audit"
        if call.args and isinstance(call.args[0], ast.Constant)
    }
    assert len(written) > 60
    assert sorted(str(one) for one in written - set(WORDS)) == [], (
        "write them into fallback_server/domain/audit_words.py"
    )

"""The range that stands for "begins with"."""

from __future__ import annotations

import pytest

from fallback_server.acts.searching import next_text
from tests.fixtures_hospital import Hospital


@pytest.mark.parametrize(
    ("prefix", "following"),
    [("A", "B"), ("王", "玌"), ("1Z", "1["), ("a\ud7ff", "a\ue000"), ("a\U0010ffff", "b"), ("\U0010ffff", None)],
)
def test_the_range_ends_before_the_next_text(prefix: str, following: str | None) -> None:
    assert next_text(prefix) == following


@pytest.mark.parametrize(
    "typed", ["\U0010ffff", "\ud7ff", "%", "_", "'", '"', "王%", "\\", "\uff11\uff12\uff13", "²", " " * 50, "x" * 1999]
)
def test_nothing_that_can_be_typed_breaks_the_search(hospital: Hospital, typed: str) -> None:
    window = hospital.window("registrar")
    for path in ("/patients", "/drugs", "/fee-items", "/diagnoses", "/departments"):
        answer = window.get(path, q=typed)
        assert answer.status == 200, answer.json
        if typed.strip() and path == "/patients":
            assert answer.json["items"] == []


@pytest.mark.parametrize(
    ("path", "narrow"),
    [("/patients", "13812345678"), ("/patients", "P1001"), ("/patients", "wf"), ("/fee-items", "F001")],
)
def test_an_input_method_left_in_full_width_finds_the_same(hospital: Hospital, path: str, narrow: str) -> None:
    window = hospital.window("registrar")
    wide = "".join(chr(ord(sign) + 0xFEE0) for sign in narrow)
    found = window.get(path, q=wide).json["items"]
    assert found and found == window.get(path, q=narrow).json["items"]

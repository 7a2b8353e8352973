"""What several processes of the tests share: a module is never torn apart, and every place that is named is there."""

from __future__ import annotations

from tests.house.tree import ROOT
from tests.work_units import FIRST, TOGETHER, place_of, unit_of


def test_a_module_is_one_unit_and_what_shares_more_than_a_module_is_one_too() -> None:
    assert unit_of("tests/store/test_audit.py::test_a[x::y]") == unit_of("tests/store/test_audit.py::test_b")
    assert unit_of("tests/store/test_audit.py::test_a") != unit_of("tests/store/test_backup.py::test_a")
    assert unit_of("tests/proof/test_kill.py::test_a") == unit_of("tests/proof/test_wire.py::test_a")


def test_every_place_that_is_named_is_there() -> None:
    assert [path for path in (*TOGETHER, *(set(FIRST) - set(TOGETHER.values()))) if not (ROOT / path).exists()] == []


def test_what_takes_longest_begins_first() -> None:
    nodes = ("tests/web/test_edges.py::a", "tests/pages/test_frame.py::a", "tests/acceptance/test_kill.py::a")
    assert sorted(nodes, key=place_of) == list(reversed(nodes))

"""The drawn arrows are the real ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import INCIDENT_ARROWS, MODE_ARROWS, Mode, mode_arrow
from fallback_server.domain.outbox import FINAL, OPEN_WORK, OUTBOX_ARROWS, OutboxState, outbox_arrow

PAGE = Path(__file__).parents[2] / "docs" / "states.md"


def drawn(section: str) -> set[tuple[str, str, str]]:
    """(letter, from, to) of every table row in a section of docs/states.md."""
    text = PAGE.read_text(encoding="utf-8").split(f"## {section}\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| (\w) \| (\w+) \| (\w+) \|", text, re.MULTILINE))


@pytest.mark.parametrize(
    ("section", "arrows"), [("Mode", MODE_ARROWS), ("Incident", INCIDENT_ARROWS), ("Outbox", OUTBOX_ARROWS)]
)
def test_the_page_of_states_shows_exactly_the_arrows_of_the_code(section: str, arrows: dict) -> None:  # type: ignore[type-arg]
    assert drawn(section) == {(letter, start.value, end.value) for (start, end), letter in arrows.items()}


def test_unknown_is_left_only_by_asking_the_centre_or_a_person() -> None:
    assert {end for start, end in OUTBOX_ARROWS if start is OutboxState.UNKNOWN} == {
        OutboxState.CONFIRMED,
        OutboxState.PENDING,
        OutboxState.CONFLICT,
    }


def test_a_drills_document_never_moves() -> None:
    assert not [pair for pair in OUTBOX_ARROWS if OutboxState.FENCED in pair]


def test_nothing_goes_straight_from_pending_to_confirmed() -> None:
    with pytest.raises(YjError, match="wrong_state"):
        outbox_arrow(OutboxState.PENDING, OutboxState.CONFIRMED)


def test_open_work_and_final_states_are_apart_and_conflict_is_in_neither() -> None:
    assert not OPEN_WORK & FINAL
    assert {OutboxState.CONFLICT} == set(OutboxState) - OPEN_WORK - FINAL


def test_the_standby_never_goes_back_to_the_his_without_returning() -> None:
    with pytest.raises(YjError, match="wrong_state"):
        mode_arrow(Mode.EMERGENCY, Mode.NORMAL)

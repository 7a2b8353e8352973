"""kill -9 of server and worker at random moments of work and upload: nothing acknowledged is lost, nothing is doubled.

The demo's own check does the comparing: what windows were told, the outbox, the ledger, the centre's own tables.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.demo import play, require_sound

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(900)]


def test_three_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    played = play(tmp_path / "home", "--visits", "40", "--kills", "3", "--seed", "3")
    require_sound(played)
    assert len(played.told["kills"]) == 3


@pytest.mark.proof
@pytest.mark.parametrize("seed", [10, 11])
def test_ten_kills_lose_nothing_and_double_nothing(tmp_path: Path, seed: int) -> None:
    played = play(tmp_path / "home", "--visits", "120", "--kills", "10", "--seed", str(seed))
    require_sound(played)
    assert len(played.told["kills"]) == 10

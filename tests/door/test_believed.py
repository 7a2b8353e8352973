"""A certificate that ends soon is a warning in good time; only one that is all but over keeps the standby from work."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fallback_server.door import believed

NOW = datetime(2026, 11, 23, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "due", "ok"),
    [
        (31, None, True),
        (31, "the machine has another address", None),
        (30, None, None),
        (3, None, None),
        (2, None, False),
        (-1, None, False),
    ],
)
def test_days_left_are_judged(days: int, due: str | None, ok: bool | None) -> None:
    assert believed._judged(NOW + timedelta(days=days, hours=1), NOW, due).ok is ok

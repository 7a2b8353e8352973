"""A certificate that ends soon is a warning in good time; only one that is all but over keeps the standby from work."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fallback_server.door import believed, certificates

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
    began = NOW - timedelta(days=300)
    assert believed._judged(began, NOW + timedelta(days=days, hours=1), NOW, due).ok is ok


def found(folder: Path, now: datetime) -> dict[str, tuple[str, bool | None]]:
    names = ("127.0.0.1",)
    return {one.subject: (one.code, one.ok) for one in believed.own(folder, lambda: names)(now)}


def test_the_authority_is_named_too_before_its_twenty_years_are_over(tmp_path: Path) -> None:
    certificates.ensure(tmp_path, ["127.0.0.1"], NOW, "Hospital")
    assert found(tmp_path, NOW) == {"": ("certificate_fine", True), "authority": ("authority_fine", True)}
    ends = certificates.look(tmp_path).authority_expires_at
    for days, ok in ((401, True), (400, None), (3, None), (2, False), (-1, False)):
        assert found(tmp_path, ends - timedelta(days=days, hours=1))["authority"][1] is ok, days


def test_a_certificate_that_has_not_begun_is_a_clock_that_is_wrong(tmp_path: Path) -> None:
    """Ten years ahead a machine renews into the future; set right again, it makes another. Ten years back it makes
    none: windows would not believe it."""
    certificates.ensure(tmp_path, ["127.0.0.1"], NOW, "Hospital")
    ahead, back = NOW + timedelta(days=3650), NOW - timedelta(days=3650)
    assert found(tmp_path, back) == {"": ("certificate_not_yet", False), "authority": ("authority_not_yet", False)}
    assert certificates.ensure(tmp_path, ["127.0.0.1"], back, "Hospital") is None
    assert certificates.ensure(tmp_path, ["127.0.0.1"], ahead, "Hospital") is not None
    assert found(tmp_path, NOW)[""] == ("certificate_not_yet", False)
    assert certificates.ensure(tmp_path, ["127.0.0.1"], NOW, "Hospital") is not None
    assert found(tmp_path, NOW) == {"": ("certificate_fine", True), "authority": ("authority_fine", True)}


def test_a_certificate_of_the_hospital_is_not_to_be_renewed_here(tmp_path: Path) -> None:
    certificates.ensure(tmp_path, ["127.0.0.1"], NOW, "Hospital")
    look = believed.bought(tmp_path / certificates.CERTIFICATE)
    for days, code in ((380, "certificate_bought_due"), (-9, "certificate_bought_not_yet"), (9, "certificate_fine")):
        (one,) = look(NOW + timedelta(days=days))
        assert one.code == code
        assert "certificate renew" not in one.cure("en")

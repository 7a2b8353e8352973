"""Whether the disk is encrypted is asked of the kernel; whether secrets are shut, of the files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.settings import load
from config.sources import secret_files
from fallback_server.app import standards_of
from fallback_server.store import at_rest

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def block(system: Path, name: str, uuid: str | None, *below: Path) -> Path:
    """A device as the kernel shows it."""
    device = system / "devices" / name
    (device / "slaves").mkdir(parents=True)
    if uuid is not None:
        (device / "dm").mkdir()
        (device / "dm" / "uuid").write_text(uuid, encoding="utf-8")
    for one in below:
        (device / "slaves" / one.name).symlink_to(one)
    return device


@pytest.mark.parametrize(
    ("built", "sealed"),
    [
        (lambda s: block(s, "sda1", None), False),
        (lambda s: block(s, "dm-0", "CRYPT-LUKS2-ab", block(s, "sda1", None)), True),
        (lambda s: block(s, "dm-1", "LVM-xy", block(s, "dm-0", "CRYPT-LUKS2-ab", block(s, "sda1", None))), True),
        (lambda s: block(s, "md0", None, block(s, "dm-0", "CRYPT-LUKS2-a"), block(s, "sdb1", None)), False),
    ],
    ids=["plain partition", "LUKS", "LVM on LUKS", "a mirror with one open half"],
)
def test_encryption_is_looked_for_down_to_the_last_disk(tmp_path: Path, built: object, sealed: bool) -> None:
    device = built(tmp_path)  # type: ignore[operator]
    assert at_rest._sealed(device) is sealed


def test_the_disk_that_counts_is_that_of_the_store(tmp_path: Path) -> None:
    store = tmp_path / "data" / "yj.db"
    text = f'[database]\nurl = "sqlite:///{store.as_posix()}"\n'
    for written, folder in ((text, store.parent), ("", tmp_path)):
        (tmp_path / "yj.toml").write_text(written, encoding="utf-8")
        assert standards_of(load(tmp_path, {})).home == folder


def test_what_cannot_be_told_is_a_warning(tmp_path: Path) -> None:
    (found,) = at_rest.disks(tmp_path, system=tmp_path / "no-sys")(NOW)
    assert found.ok is None and found.code == "at_rest_unknown"


def test_a_disk_is_asked_again_after_a_while_and_after_a_clock_was_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(at_rest, "encrypted", lambda folder, system: asked.append(folder))
    look = at_rest.disks(tmp_path)
    for minutes in (0, 9, 20, -4000, -3995):
        list(look(NOW + timedelta(minutes=minutes)))
    assert len(asked) == 3


def test_a_secret_that_others_may_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "yj.toml").write_text('[central]\nurl = { file = "secrets/central" }\n', encoding="utf-8")
    secret = tmp_path / "secrets" / "central"
    secret.write_text("postgresql+psycopg2://…", encoding="utf-8")
    assert secret_files(tmp_path) == [secret]
    look = at_rest.secrets(lambda: secret_files(tmp_path))
    secret.chmod(0o600)
    assert [one.code for one in look(NOW)] == ["secrets_closed"]
    secret.chmod(0o640)
    (found,) = look(NOW)
    assert found.ok is None and found.code == "secrets_open" and "central" in found.sentence("en")

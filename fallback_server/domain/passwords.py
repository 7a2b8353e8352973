"""What a password of the standby must be, and the short codes that people read to one another."""

from __future__ import annotations

import re
import secrets
from typing import Final

PHRASE: Final = 16
ACTIVATION_DIGITS: Final = 8
APPROVAL_DIGITS: Final = 8
# Break-glass: letters and digits that nobody confuses on paper; 24 of 31 signs are about 119 bits.
_CLEAR: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


def problem(password: str, least: int, code: str = "") -> str | None:
    """Why a password will not do, or None: letters and digits, or a phrase long enough to need neither.

    `code` is the operator's: the first thing anybody would guess.
    """
    if len(password) < least:
        return f"has {len(password)} characters; at least {least}"
    letters, digits = any(c.isalpha() for c in password), any(c.isdigit() for c in password)
    if not (letters and digits) and len(password) < PHRASE:
        return f"needs letters and digits (or at least {PHRASE} characters)"
    return "is the operator's code" if code and password.casefold() == code.casefold() else None


def digits(count: int) -> str:
    """A fresh code of digits: dictated over a telephone without spelling."""
    return "".join(secrets.choice("0123456789") for _ in range(count))


def sealed() -> str:
    """A fresh code for the sealed account, in groups of four."""
    return _in_fours(24)


def enrolment() -> str:
    """A fresh code for the agent of a workstation, typed once: 16 of 31 signs are about 79 bits."""
    return _in_fours(16)


def _in_fours(count: int) -> str:
    signs = "".join(secrets.choice(_CLEAR) for _ in range(count))
    return "-".join(signs[i : i + 4] for i in range(0, count, 4))


def spoken(code: str) -> str:
    """The code as it is shown and read out: in groups of four."""
    return " ".join(code[i : i + 4] for i in range(0, len(code), 4))


def plain(given: str) -> str:
    """What was typed for a code of digits, without the gaps between groups; other text stays as it is."""
    bare = re.sub(r"[\s-]", "", given)
    return bare if bare.isascii() and bare.isdigit() else given

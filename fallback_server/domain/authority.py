"""The mark of an authority: enough of its certificate's SHA-256 that nobody makes another with the same, in few signs.

It stands behind the one-time code of an agent. So the code alone lets a PC fetch the certificate from whoever answers
at the address, and find out whether that is the standby, before it sends anything.
"""

from __future__ import annotations

import hashlib
from typing import Final

SIGNS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that looks like another; 32 of them are 5 bits each
CODE_SIGNS: Final = 16
MARK_SIGNS: Final = 16  # 80 bits


def mark_of(certificate: bytes) -> str:
    """The mark of a certificate (DER)."""
    number = int.from_bytes(hashlib.sha256(certificate).digest()[: MARK_SIGNS * 5 // 8])
    return "".join(SIGNS[number >> 5 * place & 31] for place in range(MARK_SIGNS))


def plain(code: str) -> str:
    """A code as it counts, however it was typed."""
    return "".join(sign for sign in code.upper() if sign.isalnum())


def parts(code: str) -> tuple[str, str]:
    """The one-time code itself, and the mark behind it ('' where there is none)."""
    whole = plain(code)
    return whole[:CODE_SIGNS], whole[CODE_SIGNS:]


def in_fours(text: str) -> str:
    """As it is shown and read out."""
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))

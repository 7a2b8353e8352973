"""Identities and human numbers: the ULID of an act, the YJ number, receipt numbers, stable ids of mirrored rows."""

from __future__ import annotations

import hashlib
import re
from datetime import date, datetime

from ulid import ULID

_ULID_TEXT = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
IDEMPOTENCY_KEY = re.compile(r"[\x20-\x7e]{8,80}")
WORKSTATION_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
DRILL_PREFIX = "DRILL"
AGENT_TOKEN = "yjw_"  # noqa: S105 - tells an agent's token from a person's; it opens nothing by itself


def new_ulid(at: datetime) -> str:
    """A fresh identity minted at `at`; 80 random bits make two installations' identities differ."""
    return str(ULID.from_datetime(at))


def is_ulid(text: str) -> bool:
    """Whether `text` is a ULID in its canonical upper-case form."""
    return _ULID_TEXT.fullmatch(text) is not None


def child_ulid(parent: str, name: str) -> str:
    """The identity of a further document made by the same act, derived so that a repeat derives it again.

    Keeps the parent's time part, so that both sort together.
    """
    digest = hashlib.blake2b(f"{parent}:{name}".encode(), digest_size=10).digest()
    return parent[:10] + str(ULID(bytes(6) + digest))[10:]


def yj_number(day: date, workstation_number: int, sequence: int) -> str:
    """`YJ` + yymmdd + three-digit workstation number + sequence of at least four digits."""
    if not 1 <= workstation_number <= 999 or sequence < 1:
        raise ValueError("workstation 1–999 and sequence from 1")
    return f"YJ{day:%y%m%d}{workstation_number:03d}{sequence:04d}"


def receipt_number(prefix: str, number: int, width: int) -> str:
    """Prefix and zero-padded number, as pre-printed on the paper."""
    return f"{prefix}{number:0{width}d}"


def mirrored_id(dataset: str, *key: str) -> str:
    """The id of a mirrored object: derived from the centre's key, the same in every generation.

    Starts with `c`, so that it can never be mistaken for a ULID of ours (those start with 0–7).
    """
    return "c" + hashlib.blake2b("\x1f".join((dataset, *key)).encode(), digest_size=12).hexdigest()

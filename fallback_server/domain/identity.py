"""When two records are the same person: only an id number that is the person's own decides (1-system.md, Identity)."""

from __future__ import annotations

import re
from datetime import date

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"


def resident_id_birth(id_no: str) -> date | None:
    """The birth date in an 18-digit resident id with a valid check digit (GB 11643), else None."""
    text = id_no.strip().upper()
    if len(text) != 18 or not text[:17].isdigit() or not text.isascii():
        return None
    if _CHECK[sum(int(d) * w for d, w in zip(text[:17], _WEIGHTS, strict=True)) % 11] != text[17]:
        return None
    try:
        return date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return None


def owns_id(id_no: str | None, birth_date: str | None) -> bool:
    """Whether the id number is the person's own: valid, and its birth date is the person's.

    Infants filed under a parent's id fail this and always go to a person.
    """
    if not id_no or not birth_date:
        return False
    born = resident_id_birth(id_no)
    return born is not None and born.isoformat() == birth_date[:10]


_PARENTS_CHILD = re.compile(r"(之[子女婴]|之[大小双长次幼][子女婴宝双]?|[大小双]宝|婴儿?|新生儿)[A-Za-z0-9甲乙一二]?$")


def named_after_parent(name: str | None) -> bool:
    """Whether the name is a newborn's, told by the parent's: 王芳之子, 王芳之大双, 王芳婴."""
    return bool(_PARENTS_CHILD.search((name or "").strip()))


def same_person(ours: dict[str, str | None], theirs: dict[str, str | None]) -> bool:
    """Exact identity: own id number, name, sex and birth date all agree. Anything less is a person's decision."""
    if not owns_id(ours.get("id_no"), ours.get("birth_date")) or named_after_parent(ours.get("name")):
        return False
    return all(
        (ours.get(name) or "").strip().upper() == (theirs.get(name) or "").strip().upper()
        for name in ("id_no", "name", "sex", "birth_date")
    )


def mask_id(id_no: str | None) -> str | None:
    """First three and last two characters, for lists and receipts."""
    if not id_no:
        return None
    return id_no if len(id_no) < 6 else f"{id_no[:3]}{'*' * (len(id_no) - 5)}{id_no[-2:]}"


def mask_phone(phone: str | None) -> str | None:
    """All but the first three and the last four digits hidden."""
    if not phone:
        return None
    return "*" * len(phone) if len(phone) < 8 else f"{phone[:3]}{'*' * (len(phone) - 7)}{phone[-4:]}"


def mask_name(name: str) -> str:
    """The first character and two stars, whatever the length: for the waiting hall."""
    return f"{name.strip()[:1]}**"

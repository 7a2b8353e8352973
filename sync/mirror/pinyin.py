"""Search codes: the initials of a name's pinyin, as typed at a window."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from fallback_server.domain.pinyin import COMPOUND_SURNAMES, SURNAMES, surname

_SPECIAL: Final = frozenset(SURNAMES) | {surname[0] for surname in COMPOUND_SURNAMES}


def initials(name: str, *, person: bool = False) -> str:
    """The initials in capitals; whatever is not a Chinese character stays as it is, in capitals."""
    if not name:
        return ""
    if person and name[0] in _SPECIAL:
        known, length = surname(name)
        return known + name[length:].translate(_INITIALS)
    return name.translate(_INITIALS)


def all_initials(names: Sequence[str], *, person: bool = False) -> list[str]:
    """Those of many names at once; none of them may hold a line feed."""
    found = "\n".join(names).translate(_INITIALS).split("\n") if names else []
    if person:
        for place in [place for place, name in enumerate(names) if name[:1] in _SPECIAL]:
            found[place] = initials(names[place], person=True)
    return found


class _Initials(dict[int, str]):
    """A translation table that learns: one look into pypinyin a character, ever."""

    def __missing__(self, code: int) -> str:
        found = self[code] = _initial(chr(code))
        return found


_INITIALS: Final = _Initials()


def _initial(character: str) -> str:
    if character.isascii():
        return character.upper()
    # Imported late: its tables take a moment, and only the mirror needs them.
    # One character at a time needs no phrases, and those would take fifty megabytes and half a second.
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "1")
    from pypinyin import Style, lazy_pinyin

    found = lazy_pinyin(character, style=Style.FIRST_LETTER, errors="default")
    return (found[0] if found else character).upper()

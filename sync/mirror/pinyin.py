"""Search codes: the initials of a name's pinyin, as typed at a window."""

from __future__ import annotations

import os
from typing import Final

# Surnames that are read otherwise than the character alone.
_SURNAMES: Final = {
    "单": "S", "仇": "Q", "区": "O", "解": "X", "查": "Z", "曾": "Z", "朴": "P", "翟": "Z", "乐": "Y", "缪": "M",
    "谌": "C", "盖": "G", "员": "Y", "尉": "Y", "种": "C", "覃": "Q", "黑": "H", "秘": "B", "冼": "X", "洗": "X",
    "召": "S", "繁": "P", "祭": "Z", "撒": "S", "瞿": "Q", "臧": "Z", "卜": "B", "粘": "N", "牟": "M", "殷": "Y",
}  # fmt: skip


def initials(name: str, *, person: bool = False) -> str:
    """The initials in capitals; whatever is not a Chinese character stays as it is, in capitals."""
    if not name:
        return ""
    if person and name[0] in _SURNAMES:
        return _SURNAMES[name[0]] + name[1:].translate(_INITIALS)
    return name.translate(_INITIALS)


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

"""Pinyin initials (拼音首字母), by which windows search names: 王芳 is found by WF."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

MAX_INITIALS = 64

# Surnames that are read otherwise than the character elsewhere. Where a surname has two readings, the commoner one.
SURNAMES: Final[dict[str, str]] = {
    "单": "S", "仇": "Q", "区": "O", "解": "X", "查": "Z", "曾": "Z", "翟": "Z", "乐": "Y", "种": "C", "覃": "Q",
    "秘": "B", "召": "S", "繁": "P", "祭": "Z", "粘": "N", "佴": "N", "句": "G", "不": "F", "颉": "X", "折": "S",
    "乜": "N", "阚": "K", "郇": "X", "么": "Y", "炅": "G", "朴": "P", "缪": "M", "谌": "C", "盖": "G", "员": "Y",
    "黑": "H", "冼": "X", "洗": "X", "撒": "S", "瞿": "Q", "臧": "Z", "卜": "B", "牟": "M", "殷": "Y", "那": "N",
    "能": "N", "逄": "P", "仉": "Z", "尉": "W", "长": "C",
}  # fmt: skip
COMPOUND_SURNAMES: Final[dict[str, str]] = {
    "尉迟": "YC", "单于": "CY", "万俟": "MQ", "长孙": "ZS", "澹台": "TT", "令狐": "LH", "乐正": "YZ", "鲜于": "XY",
}  # fmt: skip


def surname(name: str) -> tuple[str, int]:
    """The initials of a surname with a reading of its own, and how many characters they stand for; ("", 0) for none."""
    if name[:2] in COMPOUND_SURNAMES and len(name) > 2:
        return COMPOUND_SURNAMES[name[:2]], 2
    found = SURNAMES.get(name[:1])
    return (found, 1) if found else ("", 0)


@lru_cache(maxsize=65_536)
def initials(name: str, *, person: bool = False) -> str:
    """One capital per Chinese character, Latin letters and digits as they are in capitals, everything else left out.

    `person`: the first characters are a surname (曾 is Z there). At most `MAX_INITIALS` long; empty for signs only.
    """
    from pypinyin import Style, lazy_pinyin

    known, length = surname(name) if person else ("", 0)
    parts = lazy_pinyin(name[length:], style=Style.FIRST_LETTER, errors=lambda text: text)
    letters = known + "".join(parts).upper()
    return "".join(sign for sign in letters if sign.isascii() and sign.isalnum())[:MAX_INITIALS]

"""Pinyin initials (拼音首字母), by which windows search names: 王芳 is found by WF."""

from __future__ import annotations

from functools import lru_cache

MAX_INITIALS = 64


@lru_cache(maxsize=65_536)
def initials(name: str) -> str:
    """One capital per Chinese character, Latin letters and digits as they are in capitals, everything else left out.

    At most `MAX_INITIALS` long; empty for a name of signs only.
    """
    from pypinyin import Style, lazy_pinyin

    parts = lazy_pinyin(name, style=Style.FIRST_LETTER, errors=lambda text: text)
    letters = "".join(parts).upper()
    return "".join(sign for sign in letters if sign.isascii() and sign.isalnum())[:MAX_INITIALS]

"""Search codes: what a clerk types for a name."""

from __future__ import annotations

import pytest

from fallback_server.domain.pinyin import initials

PEOPLE = {
    "单小明": "SXM", "曾国藩": "ZGF", "仇英": "QY", "解珍": "XZ", "查良镛": "ZLY", "区寄": "OJ",
    "乐毅": "YY", "朴树": "PS", "翟天临": "ZTL", "覃小丽": "QXL", "尉迟恭": "YCG", "尉健行": "WJX",
    "单于夫罗": "CYFL", "单于": "SY", "万俟卨": "MQX", "万家宝": "WJB", "长孙无忌": "ZSWJ", "澹台灭明": "TTMM",
    "令狐冲": "LHC", "欧阳修": "OYX", "盖叫天": "GJT", "缪荃孙": "MQS", "曾": "Z", "种师道": "CSD",
    "阚泽": "KZ", "王芳": "WF", "王芳之子": "WFZZ", "SMITH JOHN": "SMITHJOHN",
}  # fmt: skip


@pytest.mark.parametrize("name", PEOPLE)
def test_a_person_is_found_by_the_reading_of_the_surname(name: str) -> None:
    assert initials(name, person=True) == PEOPLE[name]


def test_elsewhere_the_same_characters_are_words() -> None:
    assert [initials(text) for text in ("单纯疱疹", "解热镇痛", "检查", "区域")] == ["DCPZ", "JRZT", "JC", "QY"]


def test_a_name_of_signs_has_no_code() -> None:
    assert initials("", person=True) == initials("——") == ""

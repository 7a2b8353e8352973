"""The passwords of every day open the standby, however the centre keeps them; what cannot be compared opens nothing."""

from __future__ import annotations

import base64
import hashlib

import bcrypt
import pytest

from fallback_server.domain import hash_schemes, passwords, two_persons
from fallback_server.domain.clock import from_text

PASSWORD = "Ward-round-7"
CHINESE = "门诊窗口2026"


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


KEPT = [
    ("md5", md5(PASSWORD.encode()), PASSWORD),
    ("md5", md5(PASSWORD.encode()).upper(), PASSWORD),
    ("md5:short", md5(PASSWORD.encode())[8:24], PASSWORD),
    ("md5:gbk:code", md5(("0201" + CHINESE).encode("gbk")), CHINESE),
    ("sha1", "s1$" + hashlib.sha1(b"s1" + PASSWORD.encode(), usedforsecurity=False).hexdigest(), PASSWORD),
    ("sha1:after", "s1$" + hashlib.sha1(PASSWORD.encode() + b"s1", usedforsecurity=False).hexdigest(), PASSWORD),
    ("sha256:base64:utf-16le", base64.b64encode(hashlib.sha256(CHINESE.encode("utf-16le")).digest()).decode(), CHINESE),
    ("sha512", hashlib.sha512(PASSWORD.encode()).hexdigest(), PASSWORD),
    ("bcrypt", bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode(), PASSWORD),
    ("argon2id", hash_schemes.code_hasher().hash(PASSWORD), PASSWORD),
    (" SHA256 ", hashlib.sha256(PASSWORD.encode()).hexdigest() + "  ", PASSWORD),
]


@pytest.mark.parametrize(("scheme", "stored", "password"), KEPT, ids=[one[0].strip() for one in KEPT])
def test_the_right_password_and_only_that_one_opens(scheme: str, stored: str, password: str) -> None:
    assert hash_schemes.usable(scheme, stored)
    assert hash_schemes.matches(scheme, stored, password, "0201")
    assert not hash_schemes.matches(scheme, stored, password + "x", "0201")


@pytest.mark.parametrize(
    ("scheme", "stored"),
    [
        ("none", PASSWORD), (None, None), ("sha256", None), ("sha256", ""), ("sha256", "xyz"), ("md5", "0" * 31),
        ("md5:sideways", "0" * 32), ("crypt", "abXYZ"), ("bcrypt", "$2b$04$short"), ("argon2id", "$argon2i$v=19$x"),
        ("md5", md5(b"") + "\u200b"), ("sha256:base64", "é" * 44),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_opens_nothing_and_says_so_beforehand(scheme: str | None, stored: str | None) -> None:
    assert not hash_schemes.usable(scheme, stored)
    assert not hash_schemes.matches(scheme, stored, PASSWORD, "0201")
    assert not hash_schemes.matches(scheme, stored, "", "0201")


@pytest.mark.parametrize(
    ("password", "fine"),
    [("Abc12345", True), ("Abc1234", False), ("abcdefgh", False), ("12345678", False), ("四个字和一串字母abc1", True),
     ("一句很长的话用来代替密码不需要数字", True), ("cashier01", False)],
)  # fmt: skip
def test_a_password_has_letters_and_digits_or_is_a_long_phrase(password: str, fine: bool) -> None:
    assert (passwords.problem(password, 8, "Cashier01") is None) == fine


def test_codes_are_digits_that_one_can_read_out_and_type_with_gaps() -> None:
    code = passwords.digits(8)
    assert len(code) == 8 and code.isdigit() and code != passwords.digits(8)
    assert passwords.plain(passwords.spoken(code)) == passwords.plain(f" {code[:4]}-{code[4:]} ") == code
    assert passwords.plain("pass word-1") == "pass word-1"


@pytest.mark.parametrize(
    ("at", "due"),
    [("2026-11-23T02:10:00+08:00", "2026-11-23T12:00:00+08:00"),
     ("2026-11-23T11:30:00+08:00", "2026-11-24T12:00:00+08:00"),
     ("2026-11-23T23:59:00+08:00", "2026-11-24T12:00:00+08:00")],
)  # fmt: skip
def test_what_was_done_alone_is_signed_by_the_next_noon(at: str, due: str) -> None:
    by = from_text("2026-11-23T12:00:00+08:00").timetz().replace(tzinfo=None)
    assert two_persons.countersign_due(from_text(at), by) == from_text(due)


def test_the_settings_know_the_same_acts_as_the_table() -> None:
    from typing import get_args

    from config.kinds import AloneAct, TwoPersonAct
    from fallback_server.windows.console.api.people import Act

    assert list(get_args(TwoPersonAct)) == list(get_args(Act)) == list(two_persons.ACTS)
    assert list(get_args(AloneAct)) == [name for name, act in two_persons.ACTS.items() if act.alone]

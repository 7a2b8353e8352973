"""A legacy client's INI file: one value is set and given back, every other byte stays, whatever the power does."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from clients.agent.disk import beside
from clients.agent.ini import (
    IniRefused,
    Memory,
    Wanted,
    give_back,
    give_back_in_file,
    set_in_file,
    set_value,
    values_of,
)

WANTED = Wanted("database", "servername")
MZXT = "; 门诊系统\r\n[系统]\r\n标题=门诊收费\r\n[Database]\r\nServerName = HISSERVER  \r\nuser=mz\r\n".encode("gbk")

# Lines as they are found in the wild, and lines of anything at all.
ENDS = st.sampled_from(["\r\n", "\n", "\r"])
WORDS = st.text(st.characters(codec="gbk", exclude_characters="\r\n\0"), max_size=12)
LINES = st.one_of(
    st.sampled_from(
        ["[database]", "[DataBase] ; 主库", "[其他]", "servername=HISSERVER", " ServerName\t= \"旧库\" ",
         "; servername=x", "servername=", "servername", "[database", "", "丂=[", "user=sa=1"]
    ),
    WORDS,
    st.builds(lambda key, value: f"{key}={value}", WORDS, WORDS),
)  # fmt: skip
TEXTS = st.builds(
    lambda lines, last: "".join(line + end for line, end in lines) + last, st.lists(st.tuples(LINES, ENDS)), LINES
)
ENCODINGS = st.sampled_from(["gbk", "utf-8", "utf-8-sig", "utf-16"])
FILES = st.one_of(st.builds(lambda text, encoding: text.encode(encoding), TEXTS, ENCODINGS), st.binary(max_size=200))
VALUES = st.text(st.characters(codec="gbk", exclude_characters="\r\n\0\"'"), min_size=1).filter(
    lambda value: value == value.strip()
)


@given(FILES, VALUES, st.sampled_from(["gbk", "utf-8"]), st.booleans())
@example("[其他]\r[database]\r\n\n[database]".encode("gbk"), "0", "gbk", True)
def test_any_file_gets_the_value_and_comes_back_byte_for_byte(
    data: bytes, value: str, encoding: str, add: bool
) -> None:
    wanted = Wanted("database", "servername", encoding, add=add)
    try:
        changed, memory = set_value(data, wanted, value)
    except IniRefused:
        assume(False)
    assert set(values_of(changed, wanted)) == {value}
    assert give_back(changed, wanted, Memory.from_json(memory.to_json())) == data


@given(st.lists(LINES), st.lists(LINES), VALUES)
def test_no_line_but_the_one_is_touched(before: list[str], after: list[str], value: str) -> None:
    assume(not any("servername" in line.lower() for line in before + after))
    lines = [*before, "[database]", "servername=HISSERVER", *after]
    data = "\r\n".join(lines).encode("gbk")
    changed, _ = set_value(data, WANTED, value)
    expected = [*before, "[database]", f"servername={value}", *after]
    assert changed == "\r\n".join(expected).encode("gbk")


def test_blanks_quotes_and_case_stay() -> None:
    changed, _ = set_value(MZXT, WANTED, "10.1.1.9")
    assert changed == MZXT.replace(b"HISSERVER", b"10.1.1.9")
    quoted, _ = set_value(b'[database]\nservername="HIS" \n', WANTED, "YJ")
    assert quoted == b'[database]\nservername="YJ" \n'


def test_a_second_half_of_a_chinese_character_is_no_bracket() -> None:
    data = "丂=1\r\n[乕]\r\nservername=no\r\n[database]\r\nservername=HIS".encode("gbk")  # 乕 ends in the byte of ]
    changed, _ = set_value(data, WANTED, "YJ")
    assert changed.endswith(b"servername=YJ") and b"servername=no" in changed


@pytest.mark.parametrize("data", [b"", b"[database]", b"[database]\r\nuser=sa\r\n", b"[x]\nservername=HIS\n"], ids=repr)
def test_a_missing_key_is_refused_or_added_as_the_hospital_says(data: bytes) -> None:
    with pytest.raises(IniRefused, match="add = true"):
        set_value(data, WANTED, "YJ")
    wanted = Wanted("database", "servername", add=True)
    changed, memory = set_value(data, wanted, "YJ")
    assert values_of(changed, wanted) == ["YJ"]
    assert give_back(changed, wanted, memory) == data


def test_a_doubled_key_is_set_everywhere_or_refused() -> None:
    data = b"[database]\nservername=A\n[x]\n[database]\nservername=B\n"
    changed, memory = set_value(data, WANTED, "YJ")
    assert changed == b"[database]\nservername=YJ\n[x]\n[database]\nservername=YJ\n"
    assert give_back(changed, WANTED, memory) == data
    with pytest.raises(IniRefused, match="2 times"):
        set_value(data, Wanted("database", "servername", doubled=False), "YJ")


def test_a_value_that_the_encoding_does_not_have_is_refused() -> None:
    with pytest.raises(IniRefused, match="encoding"):
        set_value(MZXT, WANTED, "🏥")
    with pytest.raises(IniRefused, match="survive"):
        set_value(MZXT, WANTED, "a\nb=c")


def test_what_else_changed_during_the_outage_stays(tmp_path: Path) -> None:
    file, kept = tmp_path / "mzxt.ini", []
    file.write_bytes(MZXT)
    assert set_in_file(file, WANTED, "YJ", kept.append)
    assert not set_in_file(file, WANTED, "YJ", kept.append) and len(kept) == 1  # again: nothing to do or remember
    file.write_bytes(file.read_bytes() + b"printer=2\r\n")
    assert give_back_in_file(file, WANTED, kept[0])
    assert file.read_bytes() == MZXT + b"printer=2\r\n"
    assert not give_back_in_file(file, WANTED, kept[0])


def test_power_lost_before_the_rename_leaves_the_old_file_whole_and_what_it_was_is_remembered(tmp_path: Path) -> None:
    file, kept = tmp_path / "mzxt.ini", []
    file.write_bytes(MZXT)

    class PowerLost(BaseException):
        pass

    def lose_power(new: Path, old: Path) -> None:
        assert new.parent == old.parent and new.read_bytes() != MZXT
        raise PowerLost

    with pytest.raises(PowerLost):
        set_in_file(file, WANTED, "YJ", kept.append, rename=lose_power)
    assert file.read_bytes() == MZXT and len(kept) == 1
    beside(file).write_bytes(b"half a fi")  # what a machine without power could not tidy up
    assert set_in_file(file, WANTED, "YJ", kept.append)
    assert values_of(file.read_bytes(), WANTED) == ["YJ"] and not beside(file).exists()
    assert give_back_in_file(file, WANTED, kept[-1]) and file.read_bytes() == MZXT


def test_a_read_only_file_is_refused_or_written_and_stays_marked(tmp_path: Path) -> None:
    file = tmp_path / "mzxt.ini"
    file.write_bytes(MZXT)
    file.chmod(0o444)
    with pytest.raises(IniRefused, match="read-only"):
        set_in_file(file, WANTED, "YJ", lambda _: None)
    assert file.read_bytes() == MZXT
    assert set_in_file(file, Wanted("database", "servername", read_only=True), "YJ", lambda _: None)
    assert stat.S_IMODE(file.stat().st_mode) == 0o444 and b"YJ" in file.read_bytes()


def test_a_file_that_another_program_holds_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, tries = tmp_path / "mzxt.ini", []
    file.write_bytes(MZXT)
    monkeypatch.setattr("clients.agent.disk.PAUSE", 0)

    def held(new: Path, old: Path) -> None:
        tries.append(new)
        if len(tries) < 3:
            raise PermissionError(13, "in use")
        new.replace(old)

    assert set_in_file(file, WANTED, "YJ", lambda _: None, rename=held)
    assert len(tries) == 3 and values_of(file.read_bytes(), WANTED) == ["YJ"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    file, link = tmp_path / "real.ini", tmp_path / "mzxt.ini"
    file.write_bytes(MZXT)
    link.symlink_to(file)
    assert set_in_file(link, WANTED, "YJ", lambda _: None)
    assert link.is_symlink() and b"YJ" in file.read_bytes()

"""One value of a legacy client's INI file, set and given back; every other byte stays what it was.

Read as Windows reads such files: `[section]` at the beginning of a line, `key = value` up to the end of the line,
section and key in any case, nothing after a value is a comment. Blanks and quotes around the value stay.
The file's own bytes are edited (GBK, UTF-8 with or without a mark, UTF-16 with its mark): it is never decoded and
written anew.
"""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from clients.agent.disk import replace_whole

BLANKS: Final = b" \t"
ENDS: Final = b"\r\n"
Rename = Callable[[Path, Path], None]


class IniRefused(Exception):
    """The file was left as it is; the text says why and what to do, for IT."""


@dataclass(frozen=True)
class Wanted:
    """`[section] key` and how to treat a file that is not as expected.

    `add`: make a missing key or section (else refused). `doubled`: set every occurrence of a key that stands there more
    than once (else refused). `read_only`: write a file marked read-only, which stays marked (else refused).
    """

    section: str
    key: str
    encoding: str = "gbk"
    add: bool = False
    doubled: bool = True
    read_only: bool = False


@dataclass(frozen=True)
class Memory:
    """What stood there before, to be given back exactly. Text is Latin-1 of the bytes, so that JSON can keep it.

    `values`: what stood behind each `=`. `old`, `new`: the run of lines that a missing key or section was added to.
    """

    values: tuple[str, ...] = ()
    old: tuple[str, ...] = field(default=())
    new: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """As the agent's state keeps it."""
        return {"values": list(self.values), "old": list(self.old), "new": list(self.new)}

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Memory:
        """Raises KeyError for something else."""
        return cls(tuple(kept["values"]), tuple(kept["old"]), tuple(kept["new"]))


# -- on bytes ----------------------------------------------------------------------------------------------------------


def set_value(data: bytes, wanted: Wanted, value: str) -> tuple[bytes, Memory]:
    """The file with the value set, and what to remember. Raises IniRefused."""
    if any(end in value for end in "\r\n\0") or value != value.strip():
        raise IniRefused(f"the value {value!r} would not survive in an INI file: no line ends, no blanks around it")
    text = _Text.of(data, wanted.encoding)
    places = text.places(wanted)
    if not places:
        if not wanted.add:
            raise IniRefused(f"there is no [{wanted.section}] {wanted.key}; say `add = true` to have it made")
        return _added(text, wanted, value)
    if len(places) > 1 and not wanted.doubled:
        raise IniRefused(f"[{wanted.section}] {wanted.key} stands there {len(places)} times")
    before = tuple(text.raw(place) for place in places)
    for place in places:
        text.put(place, _between_same(text.raw(place), text.encoded(value)))
    return text.whole(), Memory(values=tuple(_kept(raw) for raw in before))


def give_back(data: bytes, wanted: Wanted, memory: Memory) -> bytes:
    """The file with what is remembered in its place; other lines may have changed meanwhile. Raises IniRefused."""
    text = _Text.of(data, wanted.encoding)
    if memory.new:
        text.exchange(tuple(map(_bytes, memory.new)), tuple(map(_bytes, memory.old)))
        return text.whole()
    places = text.places(wanted)
    if not places:
        raise IniRefused(f"[{wanted.section}] {wanted.key} has vanished from the file; put it back by hand")
    for number, place in enumerate(places):  # more than before: somebody added one, it gets the last known value
        text.put(place, _bytes(memory.values[min(number, len(memory.values) - 1)]))
    return text.whole()


def values_of(data: bytes, wanted: Wanted) -> list[str]:
    """Every value that stands there, without blanks and quotes; empty where there is none."""
    text = _Text.of(data, wanted.encoding)
    return [text.decoded(_bare(text.raw(place))) for place in text.places(wanted)]


# -- on files ----------------------------------------------------------------------------------------------------------


def set_in_file(
    path: Path, wanted: Wanted, value: str, remember: Callable[[Memory], None], *, rename: Rename = os.replace
) -> bool:
    """Set the value in a file, in one step; whether anything was written. Raises IniRefused, and OSError of the disk.

    `remember` is called before the file is touched: a power failure in between loses nothing. It is not called where
    the value stands there already, for then what it remembered before is what still counts.
    """
    path = path.resolve()
    data = _read(path)
    found = values_of(data, wanted)
    if found and all(one == value for one in found):
        return False
    changed, memory = set_value(data, wanted, value)
    remember(memory)
    _write(path, changed, wanted, rename)
    return True


def give_back_in_file(path: Path, wanted: Wanted, memory: Memory, *, rename: Rename = os.replace) -> bool:
    """Give a file's value back, in one step; whether anything was written. Raises IniRefused and OSError."""
    path = path.resolve()
    data = _read(path)
    changed = give_back(data, wanted, memory)
    if changed == data:
        return False
    _write(path, changed, wanted, rename)
    return True


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise IniRefused(f"{path} does not exist") from None
    except IsADirectoryError:
        raise IniRefused(f"{path} is a folder") from None


def _write(path: Path, data: bytes, wanted: Wanted, rename: Rename) -> None:
    rights = path.stat().st_mode
    marked = not rights & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)
    if marked and not wanted.read_only:
        raise IniRefused(f"{path} is marked read-only; take the mark away or say `read_only = true`")
    if marked:
        path.chmod(rights | stat.S_IWUSR)  # Windows replaces no file that carries the mark
    try:
        replace_whole(path, data, rename=rename)
    finally:
        if marked:
            path.chmod(stat.S_IMODE(rights))


# -- inside ------------------------------------------------------------------------------------------------------------


@dataclass
class _Text:
    """A file as lines of bytes with their ends. UTF-16 is worked on as UTF-8 and turned back at the end."""

    lines: list[bytes]
    encoding: str
    mark: bytes = b""
    wide: str | None = None

    @classmethod
    def of(cls, data: bytes, encoding: str) -> _Text:
        for mark, name in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
            if data.startswith(mark):
                if len(data) % 2:
                    raise IniRefused("the file is UTF-16 and ends in the middle of a character")
                narrow = data[2:].decode(name, "surrogatepass").encode("utf-8", "surrogatepass")
                return cls(narrow.splitlines(keepends=True), "utf-8", mark, name)
        if data.startswith(codecs.BOM_UTF8):
            return cls(data[3:].splitlines(keepends=True), "utf-8", codecs.BOM_UTF8)
        return cls(data.splitlines(keepends=True), encoding)

    def whole(self) -> bytes:
        body = b"".join(self.lines)
        if self.wide:
            body = body.decode("utf-8", "surrogatepass").encode(self.wide, "surrogatepass")
        return self.mark + body

    def encoded(self, text: str) -> bytes:
        try:
            return text.encode(self.encoding)
        except UnicodeEncodeError:
            raise IniRefused(f"{text!r} cannot be written in the file's encoding {self.encoding}") from None

    def decoded(self, raw: bytes) -> str:
        return raw.decode(self.encoding, "surrogateescape" if not self.wide else "surrogatepass")

    def end(self) -> bytes:
        """The line end that the file uses; Windows' where it has none yet.

        A lone CR only where there is nothing else: before an empty line that ends with LF the two would become one end.
        """
        found = [ending for line in self.lines if (ending := line[len(line.rstrip(ENDS)) :])]
        return next((ending for ending in found if ending != b"\r"), b"\r" if found else b"\r\n")

    def headers(self, section: str) -> list[int]:
        return [number for number, line in enumerate(self.lines) if self._section_in(line, section)]

    def _section_in(self, line: bytes, section: str) -> bool:
        line = line.strip(BLANKS + ENDS)
        return line.startswith(b"[") and self.decoded(line[1:]).lower().startswith(f"{section.lower()}]")

    def places(self, wanted: Wanted) -> list[int]:
        """Numbers of the lines that hold the key, in every section of that name."""
        found, inside = [], False
        for number, line in enumerate(self.lines):
            bare = line.strip(BLANKS + ENDS)
            if bare.startswith(b"["):
                inside = self._section_in(line, wanted.section)
            elif inside and b"=" in bare and not bare.startswith(b";"):
                key = self.decoded(bare.split(b"=", 1)[0].strip(BLANKS))
                if key.lower() == wanted.key.lower():
                    found.append(number)
        return found

    def raw(self, number: int) -> bytes:
        """What stands between `=` and the end of the line, blanks included."""
        return self.lines[number].split(b"=", 1)[1].rstrip(ENDS)

    def put(self, number: int, raw: bytes) -> None:
        line = self.lines[number]
        before, _ = line.split(b"=", 1)
        self.lines[number] = before + b"=" + raw + line[len(line.rstrip(ENDS)) :]

    def exchange(self, new: tuple[bytes, ...], old: tuple[bytes, ...]) -> None:
        for number in range(len(self.lines) - len(new) + 1):
            if tuple(self.lines[number : number + len(new)]) == new:
                self.lines[number : number + len(new)] = old
                return
        raise IniRefused("the lines that were added are not there any more as they were; look at the file")


def _added(text: _Text, wanted: Wanted, value: str) -> tuple[bytes, Memory]:
    end = text.end()
    line = text.encoded(f"{wanted.key}={value}")
    headers = text.headers(wanted.section)
    if headers:
        place, fresh = headers[0], [line]
    else:
        place, fresh = len(text.lines) - 1, [text.encoded(f"[{wanted.section}]"), line]
    old = text.lines[place : place + 1] if place >= 0 else []
    if old and not old[0].endswith((b"\r", b"\n")):  # the last line of the file, which has no end
        new = [old[0] + end, *(one + end for one in fresh[:-1]), fresh[-1]]
    else:
        new = [*old, *(one + end for one in fresh)]
    text.lines[max(place, 0) : place + 1] = new
    return text.whole(), Memory(old=tuple(map(_kept, old)), new=tuple(map(_kept, new)))


def _bare(raw: bytes) -> bytes:
    bare = raw.strip(BLANKS)
    quoted = len(bare) > 1 and bare[:1] == bare[-1:] and bare[:1] in (b'"', b"'")
    return bare[1:-1] if quoted else bare


def _between_same(raw: bytes, value: bytes) -> bytes:
    """The new value with the blanks and quotes of the old one."""
    bare = raw.strip(BLANKS)
    lead = raw[: len(raw) - len(raw.lstrip(BLANKS))]
    trail = raw[len(lead) + len(bare) :]
    quote = bare[:1] if _bare(raw) != bare else b""
    return lead + quote + value + quote + trail


def _kept(raw: bytes) -> str:
    return raw.decode("latin-1")


def _bytes(kept: str) -> bytes:
    return kept.encode("latin-1")

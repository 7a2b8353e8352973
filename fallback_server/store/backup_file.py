"""The file of a backup: a header that can be read by anybody, then the store, compressed and sealed chunk by chunk.

    magic · length of header · header (JSON) · { length of chunk · chunk }…

Every chunk is sealed with AES-256-GCM under a key of this file alone (HKDF of the backup key and a random salt). Its
nonce is its number and whether it is the last, and the hash of the header goes with it: a chunk that was changed, left
out, put elsewhere or cut off, or another header, opens nothing. The header says what is inside: no patient is in it.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import secrets
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BufferedRandom
from pathlib import Path
from typing import IO, Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fallback_server.domain.errors import YjError

MAGIC: Final = b"YJBACKUP1\n"
CHUNK: Final = 1 << 20
HEADER_AT_MOST: Final = 1 << 20
KEY_BYTES: Final = 32
_CANNOT: Final = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)
_LENGTH: Final = struct.Struct(">I")
_TITLE: Final = "HIS-YJ backup key 备份密钥. Print it, put it into the safe. Without it no backup can be read."


# -- the key ---------------------------------------------------------------------------------------------------------


def key_id(key: bytes) -> str:
    """What tells keys apart without giving one away."""
    return hashlib.sha256(b"his-yj backup key" + key).hexdigest()[:16]


def make_key(path: Path) -> bytes:
    """A new key in a new file that only its owner may read: letters and digits in groups, to be printed.

    Whole or not there at all: half a key would be a wrong one, and no backup would be made any more.
    """
    if path.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    key = secrets.token_bytes(KEY_BYTES)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = base64.b32encode(key).decode().rstrip("=")
    groups = " ".join(text[start : start + 4] for start in range(0, len(text), 4))
    with whole(path) as out:
        out.write(f"{_TITLE}\n{groups}\ncheck {key_id(key)}\n".encode())
    return key


def read_key(path: Path) -> bytes:
    """The key of a file, as made or as typed in from paper (blanks and small letters do not matter).

    Raises backup_key_missing, and backup_wrong_key where what is written there is no key or has a slip.
    """
    try:
        return parse_key(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise YjError("backup_key_missing", path=str(path)) from error


def parse_key(words: str, name: str) -> bytes:
    """The key in what somebody typed. Raises backup_wrong_key, about `name`, for a slip."""
    lines = words.splitlines()
    lines = [line for line in lines if line.strip() and not line.startswith("HIS-YJ")]
    check = next((line.split()[-1] for line in lines if line.lower().startswith("check")), None)
    text = "".join("".join(line.split()) for line in lines if not line.lower().startswith("check")).upper()
    try:
        key = base64.b32decode(text + "=" * (-len(text) % 8))
    except ValueError as error:
        raise YjError("backup_wrong_key", name=name) from error
    if len(key) != KEY_BYTES or (check is not None and check.lower() != key_id(key)):
        raise YjError("backup_wrong_key", name=name)
    return key


# -- writing ---------------------------------------------------------------------------------------------------------


def write(path: Path, key: bytes, header: Mapping[str, Any], source: Path) -> str:
    """Seal the file `source` into `path` under a name of its own, to the disk, then rename: whole or not there at all.

    Returns the SHA-256 of the finished file. Raises OSError, leaving nothing behind.
    """
    salt = secrets.token_bytes(32)
    told = json.dumps({**header, "salt": salt.hex(), "key_id": key_id(key)}, ensure_ascii=False).encode()
    with whole(path) as out:
        out.write(MAGIC + _LENGTH.pack(len(told)) + told)
        with source.open("rb") as stream:
            _seal(out, _file_key(key, salt), hashlib.sha256(told).digest(), _deflated(stream))
        out.seek(0)
        digest = hashlib.file_digest(out, "sha256").hexdigest()
    return digest


@contextmanager
def whole(path: Path, mode: int = 0o600) -> Iterator[BufferedRandom]:
    """A file that is there, on the disk, when the block ends well, and not at all, or as it was, when it does not."""
    part = path.with_name(path.name + ".part")
    try:
        with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, mode), "w+b") as out:
            yield out
            to_disk(out)
        part.replace(path)
        sync_folder(path.parent)
    # Whatever ended it, a key pressed too: nothing half written stays; the error goes on.
    except BaseException:
        with suppress(OSError):  # the folder itself may be away
            part.unlink(missing_ok=True)
        raise


def to_disk(out: IO[bytes]) -> None:
    """Bring what was written so far to the disk."""
    out.flush()
    os.fsync(out.fileno())


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can: Windows cannot, nor do shares of it."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
    finally:
        os.close(descriptor)


def _deflated(stream: IO[bytes]) -> Iterator[bytes]:
    """The stream compressed, in pieces of CHUNK bytes; the last is shorter, and may be empty."""
    packer, held = zlib.compressobj(level=3), bytearray()
    while block := stream.read(CHUNK):
        held += packer.compress(block)
        while len(held) > CHUNK:
            yield bytes(held[:CHUNK])
            del held[:CHUNK]
    held += packer.flush()
    while held:
        yield bytes(held[:CHUNK])
        del held[:CHUNK]


def _seal(out: IO[bytes], key: bytes, told: bytes, pieces: Iterator[bytes]) -> None:
    cipher, number, piece = AESGCM(key), 0, next(pieces, b"")
    while True:
        following = next(pieces, None)
        sealed = cipher.encrypt(_nonce(number, following is None), piece, told)
        out.write(_LENGTH.pack(len(sealed)) + sealed)
        if following is None:
            return
        number, piece = number + 1, following


# -- reading ---------------------------------------------------------------------------------------------------------


def read_header(path: Path) -> dict[str, Any]:
    """What the backup says of itself; nothing of it is proven until it was opened. Raises backup_damaged."""
    try:
        with path.open("rb") as stream:
            return _header(path, stream)[0]
    except OSError as error:
        raise YjError("backup_damaged", name=path.name, problem=str(error.strerror)) from error


def _header(path: Path, stream: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    def bad() -> YjError:
        return YjError("backup_damaged", name=path.name, problem="its header cannot be read")

    start = stream.read(len(MAGIC) + _LENGTH.size)
    if len(start) != len(MAGIC) + _LENGTH.size or not start.startswith(MAGIC):
        raise bad()
    length = _LENGTH.unpack(start[len(MAGIC) :])[0]
    told = stream.read(min(length, HEADER_AT_MOST))
    try:
        header = json.loads(told)
    except ValueError as error:
        raise bad() from error
    if len(told) != length or not isinstance(header, dict) or not isinstance(header.get("salt"), str):
        raise bad()
    return header, told


def unpack(path: Path, key: bytes, target: Path) -> dict[str, Any]:
    """Open a backup into the new file `target`; returns its header, now proven.

    Raises backup_wrong_key, backup_damaged, leaving no file.
    """
    try:
        with path.open("rb") as stream:
            header, told = _header(path, stream)
            if header.get("key_id") != key_id(key):
                raise YjError("backup_wrong_key", name=path.name)
            with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                _open(path, stream, _file_key(key, bytes.fromhex(header["salt"])), hashlib.sha256(told).digest(), out)
                out.flush()
                os.fsync(out.fileno())
    except (InvalidTag, ValueError, zlib.error) as error:
        target.unlink(missing_ok=True)
        raise YjError("backup_damaged", name=path.name, problem="it was changed, or cut off") from error
    # As above: what was opened half way must not lie about unsealed.
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return header


def _open(path: Path, stream: IO[bytes], key: bytes, told: bytes, out: IO[bytes]) -> None:
    cipher, opener, number = AESGCM(key), zlib.decompressobj(), 0
    sealed = _chunk(stream)
    while sealed is not None:
        following = _chunk(stream)
        out.write(opener.decompress(cipher.decrypt(_nonce(number, following is None), sealed, told)))
        sealed, number = following, number + 1
    out.write(opener.flush())
    if not opener.eof:
        raise YjError("backup_damaged", name=path.name, problem="it ends too early")


def _chunk(stream: IO[bytes]) -> bytes | None:
    start = stream.read(_LENGTH.size)
    if not start:
        return None
    if len(start) != _LENGTH.size:
        raise ValueError("cut off")
    length = _LENGTH.unpack(start)[0]
    if length > CHUNK + 16:
        raise ValueError("no chunk of ours")
    sealed = stream.read(length)
    if len(sealed) != length:
        raise ValueError("cut off")
    return sealed


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _file_key(key: bytes, salt: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=salt, info=b"his-yj backup file").derive(key)

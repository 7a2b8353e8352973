"""The files beside the pages, held in memory: some hundred kilobytes, read once, packed once."""

from __future__ import annotations

import gzip
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import hdrs, web

from fallback_server.domain.shelf import fingerprint

FOR_EVER: Final = "public, max-age=31536000, immutable"
_WORTH_PACKING: Final = 256


@dataclass(frozen=True)
class _File:
    plain: bytes
    packed: bytes | None
    content_type: str


class Files:
    """The folder `static` of the pages under its version: what has that version in its address never changes."""

    def __init__(self, folder: Path) -> None:
        self.version = fingerprint(folder)
        self._files = {
            path.relative_to(folder).as_posix(): _read(path) for path in sorted(folder.rglob("*")) if path.is_file()
        }

    def answer(self, request: web.Request) -> web.Response | None:
        """The file asked for; None where it is not ours, or the address is of another version: the server knows."""
        if request.method not in (hdrs.METH_GET, hdrs.METH_HEAD):
            return None
        found = self._files.get(request.match_info["name"])
        if found is None or request.match_info["version"] != self.version:
            return None
        headers = {hdrs.CACHE_CONTROL: FOR_EVER, hdrs.CONTENT_TYPE: found.content_type, hdrs.VARY: "Accept-Encoding"}
        body = found.plain
        if found.packed is not None and "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
            headers[hdrs.CONTENT_ENCODING] = "gzip"
            body = found.packed
        return web.Response(body=body, headers=headers)


def _read(path: Path) -> _File:
    plain = path.read_bytes()
    guessed = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    text = guessed.startswith("text/") or guessed in ("application/javascript", "image/svg+xml")
    packed = gzip.compress(plain, mtime=0) if text and len(plain) >= _WORTH_PACKING else None
    return _File(plain, packed, f"{guessed}; charset=utf-8" if text else guessed)

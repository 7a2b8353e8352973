"""The files beside the pages (scripts, styles, pictures), at an address that changes whenever one of them does."""

from __future__ import annotations

import gzip
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, request, send_from_directory
from werkzeug.wrappers import Response as AnyResponse

from fallback_server.domain.shelf import fingerprint


def install(app: Flask, folder: Path) -> str:
    """Serve the files in `folder`; returns their version, which is the second part of their address."""
    current = fingerprint(folder)
    app.add_url_rule(
        "/static/<version>/<path:name>", "file", lambda version, name: _file(folder, version, name, current)
    )
    return current


def _file(folder: Path, version: str, name: str, current: str) -> AnyResponse:
    response = send_from_directory(folder, name, max_age=31_536_000)
    if response.status_code == 200 and request.accept_encodings["gzip"]:
        response.close()
        response = Response(_packed(folder / name, version), mimetype=response.mimetype)
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
    # A page of an older server may ask for files that have changed meanwhile: it gets the new ones, kept by nobody.
    kept = "public, max-age=31536000, immutable"
    response.headers["Cache-Control"] = kept if version == current else "no-store"
    return response


@lru_cache(maxsize=256)
def _packed(path: Path, version: str) -> bytes:
    """A script or style sheet as it travels; `version` is only there to pack a changed file anew."""
    return gzip.compress(path.read_bytes(), mtime=0)

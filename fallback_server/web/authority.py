"""The standby's own authority, as far as the server knows of it: agents fetch its certificate and check its mark."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

from flask import Flask

from fallback_server.domain.authority import mark_of
from fallback_server.domain.errors import YjError

PLACE: Final = "yj_authority"


def install(app: Flask, file: Path | None) -> None:
    """Tell the application where the certificate stands; None where the hospital's own authority signs."""
    app.extensions[PLACE] = file


def certificate(app: Flask) -> str:
    """The certificate (PEM). Raises not_available where there is none of our own."""
    found = _read(app.extensions.get(PLACE))
    if found is None:
        raise YjError("not_available")
    return found


def mark(file: Path | None) -> str:
    """What an enrolment code carries of the certificate in `file`; '' where there is none."""
    found = _read(file)
    return mark_of(ssl.PEM_cert_to_DER_cert(found)) if found is not None else ""


def _read(file: Path | None) -> str | None:
    if file is None or not file.is_file():
        return None
    return file.read_text(encoding="ascii")

"""The standby as agents find it, as far as the server knows: the certificate of its own authority, whose mark they
check, and the address of the door."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

from flask import Flask

from fallback_server.domain.authority import mark_of
from fallback_server.domain.errors import YjError

PLACE: Final = "yj_authority"
ADDRESS: Final = "yj_address"


def install(app: Flask, file: Path | None, address: Path | None) -> None:
    """Tell the application where the certificate stands, None where the hospital's own authority signs; and where the
    door writes down its address."""
    app.extensions[PLACE] = file
    app.extensions[ADDRESS] = address


def certificate(app: Flask) -> str:
    """The certificate (PEM). Raises not_available where there is none of our own."""
    found = _read(app.extensions.get(PLACE))
    if found is None:
        raise YjError("not_available")
    return found


def address(file: Path | None) -> str | None:
    """Where other machines reach the door that stands now; None where that is not known."""
    return (_read(file) or "").strip() or None


def mark(file: Path | None) -> str:
    """What an enrolment code carries of the certificate in `file`; '' where there is none."""
    found = _read(file)
    return mark_of(ssl.PEM_cert_to_DER_cert(found)) if found is not None else ""


def _read(file: Path | None) -> str | None:
    if file is None or not file.is_file():
        return None
    return file.read_text(encoding="ascii")

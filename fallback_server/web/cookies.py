"""The pages' log-in: a token in a cookie that scripts cannot read, and a second token that only our own pages know.

A page of another site can make a browser send the cookie, but cannot read a page of ours to learn the second token
(OWASP, synchroniser token). It is derived from the first, so nothing more is stored.
"""

from __future__ import annotations

import hashlib
import hmac

from flask import Request
from werkzeug.wrappers import Response

from fallback_server.domain.errors import YjError

TOKEN = "yj_session"  # noqa: S105  (the cookie's name)
WORKSTATION = "yj_workstation"
LANGUAGE = "yj_lang"
CSRF_HEADER = "YJ-CSRF"
_YEARS = 5 * 365 * 24 * 3600


def csrf_of(token: str) -> str:
    """The second token that belongs to a session's token."""
    return hashlib.sha256(f"csrf:{token}".encode()).hexdigest()


def _same(ours: str, sent: str) -> bool:
    return hmac.compare_digest(ours.encode(), sent.encode())  # as bytes: a header may hold any sign


def token_of(request: Request) -> str | None:
    """The session token of a request: of the Authorization header, else of the cookie.

    Raises csrf_rejected for a cookie that writes without the page's own token.
    """
    header = request.headers.get("Authorization", "")
    if header.startswith("Bearer "):
        return header.removeprefix("Bearer ").strip()
    token = request.cookies.get(TOKEN)
    writes = request.method not in ("GET", "HEAD")
    if token and writes and not _same(csrf_of(token), request.headers.get(CSRF_HEADER, "")):
        raise YjError("csrf_rejected")
    return token or None


def keep_session(response: Response, token: str, workstation: str, *, secure: bool) -> None:
    """Give the browser its session; the workstation's code stays for the next log-in."""
    response.set_cookie(TOKEN, token, httponly=True, samesite="Strict", secure=secure)
    response.set_cookie(WORKSTATION, workstation, max_age=_YEARS, httponly=True, samesite="Strict", secure=secure)


def forget_session(response: Response) -> None:
    """Take the session back from the browser."""
    response.delete_cookie(TOKEN, httponly=True, samesite="Strict")


def keep_language(response: Response, language: str, *, secure: bool) -> None:
    """Remember the language chosen on this browser."""
    response.set_cookie(LANGUAGE, language, max_age=_YEARS, httponly=True, samesite="Strict", secure=secure)


def from_another_site(request: Request) -> bool:
    """Whether a form was sent by a page that is not ours, as far as the browser says so."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = request.headers.get("Origin")
    # `null` is what a sandboxed frame of another site says; our own pages send where they are.
    return origin is not None and origin.rstrip("/") != request.host_url.rstrip("/")

"""What the door says itself, in the words of the error catalogue: problem+json for programs, a page for people."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from typing import Final

from aiohttp import hdrs, web

from fallback_server.domain.errors import YjError

API: Final = "/api/v1"
NOT_PAGES: Final = ("/api/", "/static/", "/healthz", "/readyz", "/metrics")
SERVER: Final = "his-yj"

# A browser that saw TLS here asks for nothing else for a day. Not for a year: a warning about a certificate can then
# not be passed by, and the night of an outage is a bad time to find that out on every window at once.
STRICT_TRANSPORT: Final = "max-age=86400"

_STYLE: Final = "body{font:20px/1.6 sans-serif;max-width:34em;margin:15vh auto;padding:0 1em}small{color:#555}"
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CONTENT_POLICY: Final = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; frame-ancestors 'self'"
AGAIN_SECONDS: Final = 2
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?")


def refused(request: web.BaseRequest, error: YjError) -> web.Response:
    """The answer to a request that does not reach the window server."""
    if request.path.startswith(NOT_PAGES) or "text/html" not in request.headers.get(hdrs.ACCEPT, ""):
        return problem(error, language(request))
    return _page(request, error)


def problem(error: YjError, lang: str) -> web.Response:
    """RFC 9457, as the window server says it."""
    sentence = error.sentence(lang)
    body = {
        "type": f"urn:his-yj:error:{error.code}",
        "title": sentence,
        "status": error.kind.status,
        "code": error.code,
        "detail": sentence,
        "hint": error.hint(),
        "params": {name: str(value) for name, value in error.params.items()},
    }
    text = json.dumps(body, ensure_ascii=False)
    headers = {hdrs.CACHE_CONTROL: "no-store"}
    if (wait := _wait(error)) is not None:
        headers[hdrs.RETRY_AFTER] = str(wait)
    return web.Response(
        text=text, status=error.kind.status, content_type="application/problem+json", charset="utf-8", headers=headers
    )


def _wait(error: YjError) -> int | None:
    """Seconds after which the same may be asked again; None where asking again does not help."""
    if error.kind.status == 429:
        return int(str(error.params.get("seconds", AGAIN_SECONDS)))
    return AGAIN_SECONDS if error.kind.status in (502, 503) else None


def language(request: web.BaseRequest) -> str:
    """Chinese unless the caller asks for English first."""
    kept = request.cookies.get("yj_lang")
    first = request.headers.get(hdrs.ACCEPT_LANGUAGE, "").split(",")[0].strip().lower()
    return "en" if (kept or first).startswith("en") else "zh"


def _page(request: web.BaseRequest, error: YjError) -> web.Response:
    """A sentence that asks again by itself, where asking again does no harm: a read, or the start after an act."""
    lang = language(request)
    where = request.rel_url.raw_path_qs if request.method in (hdrs.METH_GET, hdrs.METH_HEAD) else "/"
    wait = _wait(error)
    again = f'<meta http-equiv="refresh" content="{wait};url={html.escape(where)}">' if wait is not None else ""
    title = "应急系统 · HIS-YJ"
    text = (
        f'<!doctype html><html lang="{"en" if lang == "en" else "zh-CN"}"><head><meta charset="utf-8">{again}'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>"
        f'<p role="alert">{html.escape(error.sentence(lang))}</p>'
        f"<p><small>{error.code} · {html.escape(error.hint())}</small></p></body></html>"
    )
    headers = {hdrs.CACHE_CONTROL: "no-store", "Content-Security-Policy": CONTENT_POLICY}
    if wait is not None:
        headers[hdrs.RETRY_AFTER] = str(wait)
    return web.Response(text=text, status=error.kind.status, content_type="text/html", charset="utf-8", headers=headers)


def require_one_host(request: web.BaseRequest) -> None:
    """Two hosts, or one that is none, are read differently by whoever reads next. Raises HTTPBadRequest."""
    said = request.headers.getall(hdrs.HOST, [])
    if len(said) > 1 or (said and not _HOST.fullmatch(said[0])):
        raise web.HTTPBadRequest(text="one host, please")


def to_tls(request: web.BaseRequest) -> web.Response:
    """Somebody from elsewhere came without TLS: a page is sent on to the same place with it, a program is refused.

    A program that spoke in the clear may have sent a password already; it must be put right, not helped along.
    """
    reads = request.method in (hdrs.METH_GET, hdrs.METH_HEAD)
    if not reads or request.path.startswith("/api/") or not request.host:
        return refused(request, YjError("tls_required"))
    where = f"https://{request.host}{request.rel_url.raw_path_qs}"
    shown = html.escape(where)
    sentence = html.escape(YjError("tls_required").sentence(language(request)))
    text = (
        f'<!doctype html><html><head><meta charset="utf-8"><title>HIS-YJ</title><style>{_STYLE}</style></head>'
        f'<body><p>{sentence}</p><p><a href="{shown}">{shown}</a></p></body></html>'
    )
    # 307, not 301: a hospital that turns TLS off again must not fight what browsers remember.
    headers = {hdrs.LOCATION: where, hdrs.CACHE_CONTROL: "no-store", "Content-Security-Policy": CONTENT_POLICY}
    return web.Response(text=text, status=307, content_type="text/html", charset="utf-8", headers=headers)


def harden(response: web.StreamResponse, *, tls: bool) -> None:
    """What goes with every answer, whoever made it."""
    response.headers[hdrs.SERVER] = SERVER
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if tls:
        response.headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT)

"""A declared print for the archive: the same page as at a window, filled for a person without a browser or a log-in."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from flask import Flask, request

from fallback_server.domain.errors import YjError
from fallback_server.store.session import Actor
from fallback_server.web import papers
from fallback_server.web.pages import Site, View, frame_of, render


@dataclass(frozen=True)
class Printed:
    """A print. `fingerprint` stays the same for as long as the paper says the same: the tail of the audit chain, which
    grows with every act, does not count."""

    number: str
    html: str
    fingerprint: str


def printed(app: Flask, address: str, actor: Actor, language: str = "zh") -> Printed:
    """The print at `address` (`/print/receipt/…`) as this person would see it now.

    Raises forbidden, not_found, and what the page's handler raises. That it is taken away is for the caller to audit.
    """
    site: Site = app.extensions["yj_site"]
    with app.test_request_context(address, query_string={"lang": language}):
        page = next((one for one in site.pages if one.size and f"page {one.path}" == request.endpoint), None)
        if page is None:
            raise YjError("not_found")
        if not page.allows(actor):
            raise YjError("forbidden", roles=", ".join(sorted(page.roles)))
        with site.store.reading(actor) as tx:
            shown = page.handler(View(tx, site.policy, dict(request.view_args or {}), {}, language))
            frame = frame_of(site, tx, language, page.words, None)
        html = render(site, page, frame, {}, shown)
    still = html.replace(shown["carried"]["chain"], "")
    return Printed(shown["number"], html, hashlib.sha256(still.encode()).hexdigest())


def as_pdf(app: Flask, one: Printed) -> bytes:
    """The print as PDF, in the layout of its paper; raises pdf_unavailable."""
    site: Site = app.extensions["yj_site"]
    return papers.as_pdf(one.html, site.folder / "static", site.files)

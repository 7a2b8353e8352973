"""Pages as data, like routes: each names its roles, its template and what it shows; this file alone serves them.

A page is a template of the windows' folder, filled on the server, and small scripts that call the same API as everybody
else. Nobody ever sees a stack trace: what goes wrong is a page with a sentence, a code and a number for IT.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from flask import Flask, Response, g, redirect, request, url_for
from jinja2 import FileSystemLoader, StrictUndefined
from werkzeug.wrappers import Response as AnyResponse

from fallback_server.domain import money
from fallback_server.domain.clock import to_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.domain.policy import Policy
from fallback_server.store import stations
from fallback_server.store.session import Actor, Store, Tx
from fallback_server.web import behind, cookies, dispatch, papers, static_files, texts
from fallback_server.web.login import actor_of
from fallback_server.web.routes import EVERYONE, READ_EVERYTHING
from fallback_server.web.shapes import storable

# Nothing is loaded from elsewhere, and nobody may put our pages into theirs.
CONTENT_POLICY: Final = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'self'"
)


@dataclass(frozen=True)
class View:
    """One request for a page, inside its reading transaction. `path` and `query` are what the address says."""

    tx: Tx
    policy: Policy
    path: dict[str, str]
    query: dict[str, str]
    language: str
    windows: tuple[str, ...] = ()
    """Addresses of the windows that this person may use."""


class GoTo(Exception):
    """Raised by a handler whose page has nothing to ask: the browser goes on to `path`."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


@dataclass(frozen=True)
class File:
    """What a handler declared with `Pages.file` gives: the bytes, a name, a type, the audit row's subject."""

    content: bytes
    name: str
    content_type: str
    subject: str


Handler = Callable[[View], dict[str, Any]]
Standing = Callable[[Tx, Policy], dict[str, Any]]
"""The contract's answer to GET /mode; handed in, because this layer knows nothing of modes."""


@dataclass(frozen=True)
class Page:
    """One page. `roles` empty means no log-in. `title` is a message id; `words` are the catalogues its scripts need.

    `data` of the handler's answer goes to the scripts as JSON, everything else to the template.
    """

    path: str
    handler: Handler
    template: str
    title: str
    roles: frozenset[str]
    words: tuple[str, ...] = ()
    nav: bool = False
    size: str | None = None  # of a print: one of papers.SIZES

    def allows(self, actor: Actor) -> bool:
        """Whether this person may see it; who reads everything may look at every page."""
        return bool(actor.roles & (self.roles | READ_EVERYTHING))


@dataclass(frozen=True)
class Download:
    """A file that a page leads to."""

    path: str
    handler: Callable[[View], File]
    export: str
    roles: frozenset[str]


@dataclass
class Pages:
    """The pages of one window, in the order in which they were declared, and the files they lead to."""

    window: str
    pages: list[Page] = field(default_factory=list)
    files: list[Download] = field(default_factory=list)

    def page(
        self, path: str, *, template: str, title: str, roles: Iterable[str] = EVERYONE,
        words: Iterable[str] = (), nav: bool = False,
    ) -> Callable[[Handler], Handler]:  # fmt: skip
        """Declare a page; `nav` puts it into the line of windows at the top."""

        def declare(handler: Handler) -> Handler:
            self.pages.append(
                Page(path, handler, template, title, frozenset(roles), ("frame", self.window, *words), nav)
            )
            return handler

        return declare

    def paper(
        self, path: str, *, template: str, title: str, size: str, roles: Iterable[str] = EVERYONE
    ) -> Callable[[Handler], Handler]:
        """Declare a print; the same address with `.pdf` behind it gives the PDF.

        Its handler's answer must hold `number`, the document number that becomes the QR code, and `carried`
        (acts.prints.carried), which every print shows.
        """

        def declare(handler: Handler) -> Handler:
            self.pages.append(Page(path, handler, template, title, frozenset(roles), size=size))
            return handler

        return declare

    def file(
        self, path: str, *, export: str, roles: Iterable[str]
    ) -> Callable[[Callable[[View], File]], Callable[[View], File]]:
        """Declare a file to take away; that it was taken is audited, as `export`, before it leaves (P11)."""

        def declare(handler: Callable[[View], File]) -> Callable[[View], File]:
            self.files.append(Download(path, handler, export, frozenset(roles)))
            return handler

        return declare


@dataclass(frozen=True)
class Site:
    """What every page needs: the store, the policy, the words, and the address of the files beside it."""

    app: Flask
    store: Store
    policy: Policy
    words: texts.Catalogues
    folder: Path
    files: str
    mode: Standing
    pages: tuple[Page, ...]
    version: str
    """Of the product and of the pages' files: a page that says another one was loaded before an update."""

    @property
    def nav(self) -> tuple[Page, ...]:
        """The windows, in their order."""
        return tuple(page for page in self.pages if page.nav)


def install(
    app: Flask, groups: list[Pages], store: Store, policy: Policy, mode: Standing, folder: Path, version: str
) -> Site:
    """Bind all pages of all windows to the application; `folder` holds templates, files and catalogues."""
    app.jinja_loader = FileSystemLoader(folder / "templates")
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals["qr"] = papers.qr
    app.jinja_env.filters["price"] = money.price_shown
    words = texts.install(app, folder / "catalogues")
    shelf = static_files.install(app, folder / "static")
    every = tuple(page for group in groups for page in group.pages)
    site = Site(app, store, policy, words, folder, f"/static/{shelf}", mode, every, f"{version} {shelf[:6]}")
    for page in every:
        rule = page.path.replace("{", "<").replace("}", ">")
        app.add_url_rule(rule, f"page {page.path}", _view(site, page), methods=["GET"])
        if page.size is not None:
            app.add_url_rule(f"{rule}.pdf", f"pdf {page.path}", _view(site, page, pdf=True), methods=["GET"])
    for one in (one for group in groups for one in group.files):
        app.add_url_rule(one.path.replace("{", "<").replace("}", ">"), f"file {one.path}", _download(site, one))
    app.extensions["yj_site"] = site
    return site


def _view(site: Site, page: Page, *, pdf: bool = False) -> Callable[..., AnyResponse]:
    return _guarded(site, page.path, lambda path: _shown(site, page, path, pdf=pdf))


def _download(site: Site, one: Download) -> Callable[..., AnyResponse]:
    return _guarded(site, one.path, lambda path: _taken(site, one, path))


def _guarded(site: Site, name: str, answer: Callable[[dict[str, str]], AnyResponse]) -> Callable[..., AnyResponse]:
    """The answer, or the way to it, or what went wrong as a page. Who asks for what is not for them is noted."""

    def view(**path: str) -> AnyResponse:
        try:
            _require_text({**path, **request.args.to_dict()})
            return answer(path)
        except GoTo as further:
            return redirect(further.path)
        except YjError as error:
            if error.code == "login_required":
                return redirect(url_for("login", next=request.full_path.rstrip("?")))
            if error.code == "forbidden" and (actor := g.get("actor")) is not None:
                dispatch.note_refused_read(site.store, actor, f"page {name}", error)
            return trouble(site, error)

    return view


def _require_text(asked: dict[str, str]) -> None:
    """Raises not_found for an address with signs that no database keeps: nothing is called so."""
    try:
        storable(asked)
    except ValueError:
        raise YjError("not_found") from None


def _shown(site: Site, page: Page, path: dict[str, str], *, pdf: bool) -> AnyResponse:
    language = texts.chosen_language()
    with site.store.reading() as tx:
        token = cookies.token_of(request)
        if page.roles:
            tx.actor = g.actor = actor_of(tx, token, request.remote_addr)
            if not page.allows(tx.actor):
                raise YjError("forbidden", roles=", ".join(sorted(page.roles)))
        windows = tuple(one.path for one in site.nav if tx.actor and tx.actor.roles & one.roles)
        shown = page.handler(View(tx, site.policy, path, request.args.to_dict(), language, windows))
        data = shown.pop("data", {})
        frame = frame_of(site, tx, language, page.words, token if page.roles else None)
    html = render(site, page, frame, data, shown)
    if pdf:
        packed = papers.as_pdf(html, site.folder / "static", site.files)
        return Response(packed, content_type="application/pdf")
    response = _html(html)
    if request.args.get("lang") in texts.LANGUAGES:
        cookies.keep_language(response, language, secure=request.is_secure)
    return response


def _taken(site: Site, one: Download, path: dict[str, str]) -> AnyResponse:
    """Make the file, note who took it, and hand it over; without the note nothing leaves."""
    with site.store.reading() as tx:
        tx.actor = g.actor = actor_of(tx, cookies.token_of(request), request.remote_addr)
        if not tx.actor.roles & (one.roles | READ_EVERYTHING):
            raise YjError("forbidden", roles=", ".join(sorted(one.roles)))
        actor = tx.actor
        made = one.handler(View(tx, site.policy, path, request.args.to_dict(), texts.chosen_language()))
    with site.store.writing(Permit.HOUSEKEEPING, actor) as writing:
        writing.audit(one.export, subject=made.subject, file=made.name)
    response = Response(made.content, content_type=made.content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{made.name}"'
    return response


def frame_of(site: Site, tx: Tx, language: str, words: tuple[str, ...], token: str | None) -> dict[str, Any]:
    """What stands around every page, for template and scripts alike."""
    actor = tx.actor
    return {
        "api": "/api/v1",
        "lang": language,
        "now": to_text(tx.now),
        "epoch": tx.mode.epoch,
        "stream": behind.came_by_door(request.environ),
        "mode": site.mode(tx, site.policy),
        "hospital": site.policy.hospital_name,
        "csrf": cookies.csrf_of(token) if token else None,
        "operator": {"code": actor.operator_code, "name": actor.operator_name, "roles": sorted(actor.roles)}
        if actor
        else None,
        "workstation": actor.workstation if actor else None,
        "station": _station(tx, actor.workstation) if actor else None,
        "version": site.version,
        "idle_minutes": site.policy.idle_lock_minutes,
        "texts": site.words.of_windows(language, words),
        "nav": [{"path": p.path, "title": p.title} for p in site.nav if actor and actor.roles & p.roles],
    }


def _station(tx: Tx, code: str) -> dict[str, Any] | None:
    """What the workstation table says of this computer: its place, and which printer takes which kind of print."""
    found = stations.entry(tx.conn, code)
    return found.shown() if found is not None else None


def render(site: Site, page: Page, frame: dict[str, Any], data: dict[str, Any], shown: dict[str, Any]) -> str:
    """The page as HTML; inside a request, real or not."""
    nav = frame.pop("nav")
    packed = _script_json({**frame, "data": data})
    found = site.app.jinja_env.get_template(page.template)
    return str(
        found.render(
            title=page.title, frame=frame, nav=nav, files=site.files, page_json=packed, here=request.path,
            size=page.size, **shown,
        )
    )  # fmt: skip


def _script_json(value: Any) -> str:
    """JSON that can stand inside a script element: nothing in it ends the element or begins a comment."""
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _html(html: str, status: int = 200) -> Response:
    response = Response(html, status, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = CONTENT_POLICY
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


def plain(site: Site, template: str, title: str, status: int = 200, **shown: Any) -> Response:
    """A page without a frame around it: log-in, trouble. Needs no store."""
    language = texts.chosen_language()
    html = site.app.jinja_env.get_template(template).render(
        title=title, lang=language, hospital=site.policy.hospital_name, files=site.files, here=_here(), **shown
    )
    return _html(str(html), status)


def _here() -> str:
    """The address asked for, as a link that cannot lead to another site whatever was typed as the path."""
    query = request.query_string.decode("ascii", "ignore")
    return "/" + quote(request.path.lstrip("/")) + (f"?{query}" if query else "")


def trouble(site: Site, error: YjError) -> Response:
    """An error as a page: the sentence, what to do, the code and the hint for IT."""
    language = texts.chosen_language()
    return plain(
        site, "common/trouble.html", "frame.trouble", error.kind.status,
        sentence=error.sentence(language), code=error.code, hint=error.hint(),
    )  # fmt: skip


def wants_page() -> bool:
    """Whether the one who asks is a person with a browser, not a program at the API."""
    return not request.path.startswith(("/api/", "/static/", "/healthz", "/readyz", "/metrics"))

"""Log-in and log-out of the pages: a form that works without scripts, and the same for scripts that unlock a page."""

from __future__ import annotations

from flask import Flask, Response, jsonify, redirect, request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from werkzeug.wrappers import Response as AnyResponse

from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.domain.numbers import WORKSTATION_CODE
from fallback_server.web import cookies, login, pages, texts
from fallback_server.web.pages import Site
from fallback_server.web.problems import problem

# After these the page asks for a new password too.
RENEW = ("password_change_required", "password_weak", "password_used_before", "passwords_differ")


class LoginForm(BaseModel):
    """What the form sends."""

    model_config = ConfigDict(extra="ignore")

    operator: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=256)
    workstation: str = Field(pattern=f"^{WORKSTATION_CODE.pattern}$")
    take_over: bool = False
    new_password: str = Field(default="", max_length=256)
    new_password_again: str = Field(default="", max_length=256)
    next: str = ""


def install(app: Flask, site: Site) -> None:
    """Bind the log-in, the log-out and the choice of language."""
    app.add_url_rule("/login", "login", lambda: _form(site), methods=["GET"])
    app.add_url_rule("/login", "log in", lambda: _log_in(site), methods=["POST"])
    app.add_url_rule("/logout", "log out", lambda: _log_out(site), methods=["POST"])


def _form(site: Site, error: YjError | None = None, status: int = 200) -> Response:
    language = texts.chosen_language()
    given = request.form if request.method == "POST" else request.args
    station = given.get("workstation") or request.cookies.get(cookies.WORKSTATION, "")
    response = pages.plain(
        site, "common/login.html", "frame.log_in", status,
        error=error.sentence(language) if error else None,
        code=error.code if error else None,
        operator=given.get("operator", ""),
        workstation=station,
        next=_inside(given.get("next", "")),
        elsewhere=error is not None and error.code == "session_elsewhere",
        renew=(error is not None and error.code in RENEW) or "renew" in request.args,
        least=site.policy.password_min_length,
    )  # fmt: skip
    if request.args.get("lang") in texts.LANGUAGES:
        cookies.keep_language(response, language, secure=request.is_secure)
    return response


def _log_in(site: Site) -> AnyResponse:
    try:
        if cookies.from_another_site(request):
            raise YjError("csrf_rejected")
        form = _parsed()
        if form.new_password != form.new_password_again:
            raise YjError("passwords_differ")
        attempt = login.Attempt(
            form.operator.strip(), form.password, form.workstation, request.remote_addr, form.take_over,
            form.new_password or None, tied=True,
        )  # fmt: skip
        answer = login.open_session(site.store, site.policy, attempt)
    except YjError as error:
        return problem(error) if _is_script() else _form(site, error, error.kind.status)
    token = answer["token"]
    response: AnyResponse
    if _is_script():
        response = jsonify({"csrf": cookies.csrf_of(token), "operator": answer["operator"]})
    else:
        response = redirect(_inside(form.next) or "/", 303)
    cookies.keep_session(response, token, form.workstation, secure=request.is_secure)
    return response


def _parsed() -> LoginForm:
    try:
        return LoginForm.model_validate(request.form.to_dict())
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][0])
        if field == "workstation":
            problem = "1 至 32 个字母、数字或 . _ - / 1 to 32 letters, digits, . _ -"
            raise YjError("invalid_request", field="workstation", problem=problem) from None
        raise YjError("login_failed") from None


def _log_out(site: Site) -> AnyResponse:
    if cookies.from_another_site(request):
        return pages.trouble(site, YjError("csrf_rejected"))
    token = request.cookies.get(cookies.TOKEN)
    try:
        with site.store.reading() as tx:
            actor = login.actor_of(tx, token, request.remote_addr)
        with site.store.writing(Permit.HOUSEKEEPING, actor) as tx:
            login.close_session(tx, token or "")
    except YjError as error:
        if error.code != "login_required":  # who is logged out already wanted no more
            return pages.trouble(site, error)
    response = redirect("/login", 303)
    cookies.forget_session(response)
    return response


def _is_script() -> bool:
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"


def _inside(address: str) -> str:
    """An address of ours to go on to, or an empty text: a log-in never leads to another site."""
    safe = address.startswith("/") and not address.startswith(("//", "/\\", "/login", "/logout", "/api/"))
    # Browsers drop tabs and line ends inside an address: what is left may begin with two slashes.
    return address if safe and "\\" not in address and address.isprintable() else ""

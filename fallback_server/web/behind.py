"""The server behind its front door: who the window is, is believed of the door alone, which shows the secret."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

BY_DOOR: Final = "yj.by_door"
DOOR_ITSELF: Final = "yj.door_itself"
_SECRET: Final = "HTTP_YJ_DOOR"  # noqa: S105 - the name of a header
_ADDRESS: Final = "HTTP_X_FORWARDED_FOR"
_SCHEME: Final = "HTTP_X_FORWARDED_PROTO"
_HEARSAY: Final = (_SECRET, _ADDRESS, _SCHEME, "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT", "HTTP_FORWARDED")


def behind_door(app: WSGIApplication, secret: str) -> WSGIApplication:
    """The application, told the window's address and scheme as the door saw them.

    Who does not show `secret` is taken for what he is: what he says about others is not even handed on.
    """

    def inner(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        known = hmac.compare_digest(str(environ.get(_SECRET, "")).encode(), secret.encode())
        said = {name: str(environ.pop(name)) for name in _HEARSAY if name in environ}
        if known:
            environ[BY_DOOR] = True
            environ[DOOR_ITSELF] = _ADDRESS not in said  # it names the window for whom it speaks
            environ["REMOTE_ADDR"] = said.get(_ADDRESS, environ.get("REMOTE_ADDR", ""))
            environ["wsgi.url_scheme"] = "https" if said.get(_SCHEME) == "https" else "http"
        return app(environ, start_response)

    return inner


def came_by_door(environ: Mapping[str, Any]) -> bool:
    """Whether a request came through the door, which holds the stream of the mode."""
    return environ.get(BY_DOOR) is True


def asked_by_door(environ: Mapping[str, Any]) -> bool:
    """Whether the door asks on its own account, not for a window."""
    return environ.get(DOOR_ITSELF) is True

"""One way in for every API request: parse, log-in, role, replay, epoch, second person, transaction, answer.

What a route declares is enforced here and nowhere else. A refusal changes no business record; refusals of writes are
audited and counted in a transaction of their own.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from flask import Flask, Response, g, json, request
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import RequestEntityTooLarge

from fallback_server.domain.errors import Named, YjError
from fallback_server.domain.modes import Mode, Permit
from fallback_server.domain.numbers import IDEMPOTENCY_KEY, is_ulid, new_ulid
from fallback_server.domain.policy import Policy
from fallback_server.store import credentials, idempotency
from fallback_server.store.people import forget_login_failures
from fallback_server.store.session import Actor, Store, Tx
from fallback_server.store.trouble import OF_THE_STORE
from fallback_server.web.agents import agent_of
from fallback_server.web.cookies import token_of
from fallback_server.web.login import actor_of
from fallback_server.web.metrics import REFUSALS
from fallback_server.web.people import check_approver, count_failure, refuse_if_locked_out
from fallback_server.web.problems import from_validation, problem
from fallback_server.web.routes import Api, Approver, Call, FreeCall, Route
from fallback_server.web.shapes import storable

PREFIX = "/api/v1"
_UNIQUE: Final = "23505"  # PostgreSQL: unique_violation
_NOW: Final = {  # what to do, for somebody whose page still lived in an older mode
    Mode.NORMAL: ("现在是正常模式，请到 HIS 中办理", "normal again, please use the HIS"),
    Mode.EMERGENCY: ("请看清顶部色带，再重试", "read the band at the top, then try again"),
    Mode.RETURNING: ("正在恢复 HIS，本机不再受理新业务", "returning to the HIS, nothing new is taken here"),
}
log = logging.getLogger("yj.web")


def install(app: Flask, apis: list[Api], store: Store, policy: Policy) -> None:
    """Bind all routes of all windows to the application."""
    for api in apis:
        for route in api.routes:
            rule = PREFIX + route.path.replace("{", "<").replace("}", ">")
            app.add_url_rule(rule, route.name, _view(route, store, policy), methods=[route.method])


def _view(route: Route, store: Store, policy: Policy) -> Callable[..., Response]:
    def view(**path: str) -> Response:
        try:
            return _handle(route, store, policy, path)
        except ValidationError as error:
            yj_error, extra = from_validation(error)
            return _refuse(route, store, yj_error, extra)
        except YjError as error:
            return _refuse(route, store, error)

    return view


def _handle(route: Route, store: Store, policy: Policy, path: dict[str, str]) -> Response:
    raw = _json_body(route)
    try:
        storable({**path, **request.args.to_dict()})
    except ValueError:
        raise YjError("not_found") from None
    if len(request.path) > idempotency.LONGEST_PATH:  # no id is that long, and the key of the act keeps its path
        raise YjError("not_found")
    if route.free is not None:
        return _free(route, route.free, store, policy, raw)
    if route.permit is None:
        return _read(route, store, policy, path, raw)
    return _write(route, route.permit, store, policy, path, raw)


def _read(route: Route, store: Store, policy: Policy, path: dict[str, str], raw: Any) -> Response:
    with store.reading() as tx:
        g.epoch = tx.mode.epoch
        if route.roles:
            tx.actor = g.actor = _authorised(route, tx)
        query = _parse(route.query, request.args.to_dict())
        body = _parse(route.body, raw)
        found = route.handler(Call(tx, policy, body, query, path, ""))
        if route.looks:
            store.looked(tx, route.looks, next(iter(path.values())))
        return _answer(found, route.status)


def _free(route: Route, free: Callable[[FreeCall], Any], store: Store, policy: Policy, raw: Any) -> Response:
    actor = None
    with store.reading() as tx:
        g.epoch = tx.mode.epoch
        if route.roles:
            actor = g.actor = _authorised(route, tx)
    body = _parse(route.body, raw)
    if actor is not None:
        actor = _with_approver(route, store, policy, actor, body)
    return _answer(free(FreeCall(store, policy, body, actor, request.remote_addr)), route.status)


def _write(route: Route, permit: Permit, store: Store, policy: Policy, path: dict[str, str], raw: Any) -> Response:
    with store.reading() as tx:
        g.epoch = tx.mode.epoch
        actor = g.actor = _authorised(route, tx)
        act = _act(route, raw, actor)
        known = idempotency.find(tx.conn, act) if act else None
        if known is None:
            _check_epoch(tx)
    if known is not None:
        return _replay(known)
    body = _parse(route.body, raw)
    actor = _with_approver(route, store, policy, actor, body)
    ready = None
    if route.before is not None:
        with store.reading(actor) as tx:
            ready = route.before(Call(tx, policy, body, None, path, ""))
    try:
        with store.writing(permit, actor) as tx:
            g.epoch = tx.mode.epoch
            _use_approval(tx, actor)
            if act and (known := idempotency.claim(tx.conn, act, tx.at)) is not None:
                return _replay(known)
            key = act.key if act and is_ulid(act.key) else new_ulid(tx.now)
            text = _text(route.handler(Call(tx, policy, body, None, path, key, ready)))
            if act:
                idempotency.finish(tx.conn, act, idempotency.Answer(route.status, text))
            g.epoch = tx.mode.epoch
    except IntegrityError as error:
        raise _lost_race(error) from error
    return _json(text, route.status)


def _lost_race(error: IntegrityError) -> YjError:
    """Two windows reached for the same thing and the schema let one have it: the other is told to look again."""
    words = str(error.orig)
    if "settlement" in words:
        return YjError("already_paid", number="")
    if "receipt_number" in words:
        return YjError("receipt_number_used", number="", state="used")
    if "centre_slip" in words:
        return YjError("slip_known")
    if "shift" in words:
        return YjError("shift_open")
    # On PostgreSQL two may look at the same moment and both find nothing: the second one looks again.
    if getattr(error.orig, "pgcode", None) == _UNIQUE:
        return YjError("busy")
    raise error


def _authorised(route: Route, tx: Tx) -> Actor:
    token = token_of(request)
    if route.agents and (agent := agent_of(tx, token, request.remote_addr)) is not None:
        return agent
    actor = actor_of(tx, token, request.remote_addr, resting=route.resting)
    g.token = token
    if not route.allows(actor.roles) and (actor.roles or not route.resting):
        g.actor = actor
        raise YjError("forbidden", roles=", ".join(sorted(route.roles)))
    return actor


def _with_approver(route: Route, store: Store, policy: Policy, actor: Actor, body: Any) -> Actor:
    """The actor with the second person. Wrong passwords count as at log-in: this is no place to guess them."""
    approver: Approver | None = getattr(body, "approver", None)
    if approver is None:
        return actor
    if approver.alone is not None:
        return replace(actor, alone=approver.alone)
    code = approver.operator or ""
    with store.reading() as tx:
        refuse_if_locked_out(tx, policy, code, actor.address)
    try:
        found = check_approver(store, actor, code, approver.password, one_time=approver.code, acts=route.acts)
    except YjError:
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            count_failure(tx, policy, code, actor.address)
        raise
    return replace(actor, approver_code=found[0], approval=found[1])


def _use_approval(tx: Tx, actor: Actor) -> None:
    """A one-time code is used up by the act and with it, or not at all."""
    if actor.approver_code is not None:
        forget_login_failures(tx.conn, actor.approver_code)
    if actor.approval is not None:
        if not credentials.take_approval(tx.conn, actor.approval, tx.at):
            raise YjError("approver_rejected")
        tx.audit("approval.used", subject=str(actor.approval))


def _check_epoch(tx: Tx) -> None:
    """A window that still lives in an older mode is told so before it writes anything."""
    sent = request.headers.get("YJ-Epoch")
    if sent is None:
        return
    current = tx.mode.epoch
    in_grace = tx.mode.mode is Mode.RETURNING and tx.mode.in_grace(tx.now)
    if sent != str(current) and not (in_grace and sent == str(current - 1)):
        raise YjError("epoch_changed", sent=sent, current=current, now=Named(tx.mode.mode.value, *_NOW[tx.mode.mode]))


def _act(route: Route, raw: Any, actor: Actor) -> idempotency.Act | None:
    if not route.keyed:
        return None
    key = request.headers.get("Idempotency-Key", "")
    if not IDEMPOTENCY_KEY.fullmatch(key):
        raise YjError("idempotency_key_missing")
    text = json.dumps(_without_secrets(raw), sort_keys=True)
    return idempotency.Act(
        key, route.method, request.path, hashlib.sha256(text.encode()).hexdigest(), actor.operator_code
    )


# An act that is sent again after a slip of the second person is still the same act.
_SECRETS = ("password", "new_password", "typed_key")


def _without_secrets(value: Any, inside: str = "") -> Any:
    if isinstance(value, dict):
        secret = (*_SECRETS, "code") if inside == "approver" else _SECRETS
        return {name: _without_secrets(inner, name) for name, inner in value.items() if name not in secret}
    return [_without_secrets(inner) for inner in value] if isinstance(value, list) else value


def _json_body(route: Route) -> Any:
    if request.method != "POST":
        return None
    try:
        data = request.get_data()
    except RequestEntityTooLarge:
        raise YjError("body_too_large", limit=request.max_content_length) from None
    if not data:
        return {}
    if request.mimetype != "application/json":
        raise YjError("unsupported_media_type")
    try:
        return storable(json.loads(data))
    except (ValueError, RecursionError):
        raise YjError("malformed_json") from None


def _parse(model: type[BaseModel] | None, raw: Any) -> Any:
    if model is None:
        if raw not in (None, {}) and request.method == "POST":
            raise YjError("invalid_request", field="body", problem="不应有内容 / nothing was expected")
        return None
    return model.model_validate(raw)


def _replay(known: idempotency.Answer) -> Response:
    response = _json(known.text, known.status)
    response.headers["Idempotency-Replayed"] = "true"
    return response


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _answer(value: Any, status: int) -> Response:
    return _json(_text(value), status)


def _json(text: str, status: int) -> Response:
    return Response(text, status, content_type="application/json; charset=utf-8")


def _refuse(route: Route, store: Store, error: YjError, extra: dict[str, Any] | None = None) -> Response:
    REFUSALS.labels(error.code).inc()
    # What never got as far as a person (a typo in JSON, no log-in) would only fill the log; it is counted above. So is
    # a store that had no turn or no room for the act: nobody refused it, and the note would come to nothing as well.
    # Of what was only to be read, what is none of somebody's business is noted.
    acts = route.permit is not None or route.free is not None
    if error.code not in OF_THE_STORE and (actor := g.get("actor")) is not None:
        if acts:
            _note_refusal(store, actor, route.name, error)
        elif error.code == "forbidden":
            note_refused_read(store, actor, route.name, error)
    return problem(error, extra)


def note_refused_read(store: Store, actor: Actor, name: str, error: YjError) -> None:
    """Audit it with the next thing that is written: a page left open asks again for ever, and takes nobody's turn."""
    try:
        with store.reading(actor) as tx:
            store.refused_to_read(tx, f"refused {name}"[:64], error.code)
    except YjError as unread:
        log.warning("refusal %s of %s not audited: %s", error.code, name, unread.code)


def _note_refusal(store: Store, actor: Actor, name: str, error: YjError) -> None:
    """Audit a refused act. It is refused without the note too: a locked store must not change its sentence."""
    try:
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            tx.audit(f"refused {name}"[:64], ok=False, code=error.code)
    except YjError as unwritten:
        log.warning("refusal %s of %s not audited: %s", error.code, name, unwritten.code)

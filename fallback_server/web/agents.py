"""Enrolling the agent of a workstation: a code from an administrator, once, for a token that is good for heartbeats."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from fallback_server.domain.agent_commands import commands
from fallback_server.domain.authority import in_fours, parts, plain
from fallback_server.domain.clock import to_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.domain.numbers import AGENT_TOKEN
from fallback_server.domain.passwords import enrolment
from fallback_server.domain.policy import Policy
from fallback_server.store import agents
from fallback_server.store.session import Actor, Store, Tx


def hand_out(
    store: Store, policy: Policy, actor: Actor, workstation: str, mark: str, server: str | None
) -> dict[str, Any]:
    """A code for the agent of this workstation: in clear now and never again; one that is there already goes on.

    Behind it stands the `mark` of the standby's authority, by which the agent knows that this is the standby. With it
    comes what to type at the PC, and the address to use there (`server`), as far as it is known here.
    """
    code = enrolment()
    with store.writing(Permit.HOUSEKEEPING, actor) as tx:
        expires = to_text(tx.now + timedelta(hours=policy.activation_hours))
        agents.keep_code(tx.conn, workstation, _hash(plain(code)), tx.at, actor.operator_code, expires)
        tx.audit("workstation.code", subject=workstation, expires_at=expires)
    shown = f"{code}-{in_fours(mark)}" if mark else code
    return {
        "workstation": workstation, "code": shown, "expires_at": expires, "server": server,
        "commands": commands(policy.standards.version),
    }  # fmt: skip


def enrol(store: Store, code: str, address: str | None) -> dict[str, Any]:
    """A token for the workstation that the code was made for; the token before it ends. Raises enrolment_rejected."""
    token = AGENT_TOKEN + secrets.token_urlsafe(32)
    with store.writing(Permit.HOUSEKEEPING, Actor("", "", frozenset(), "", address)) as tx:
        workstation = agents.take_code(tx.conn, _hash(parts(code)[0]), tx.at)
        if workstation is None:
            raise YjError("enrolment_rejected")
        agents.keep_token(tx.conn, workstation, _hash(token), tx.at)
        tx.audit("workstation.enrol", subject=workstation)
    return {"workstation": workstation, "token": token}


def revoke(tx: Tx, workstation: str) -> bool:
    """The agent of this workstation, and a code for it, no longer work; whether there was one."""
    ended = agents.end_tokens(tx.conn, workstation, tx.at)
    tx.audit("workstation.revoke", subject=workstation, ended=ended)
    return ended


def agent_of(tx: Tx, token: str | None, address: str | None) -> Actor | None:
    """The agent behind a token: nobody's name and no role, its workstation alone. None for a person's token.

    Raises login_required for an agent's token that is unknown or was revoked.
    """
    if token is None or not token.startswith(AGENT_TOKEN):
        return None
    found = agents_of(tx, {token: address}).get(token)
    if found is None:
        raise YjError("login_required")
    return found


def agents_of(tx: Tx, tokens: Mapping[str, str | None]) -> dict[str, Actor]:
    """The agents behind many tokens, given with their addresses; unknown and revoked ones are left out."""
    hashes = {token: _hash(token) for token in tokens}
    found = agents.workstations_of(tx.conn, hashes.values())
    return {
        token: Actor("", "", frozenset(), found[hashes[token]], address)
        for token, address in tokens.items()
        if hashes[token] in found
    }


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()

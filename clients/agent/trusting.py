"""Fetching the standby's authority for the first time: from whoever answers, believed only by the mark in the code."""

from __future__ import annotations

import ssl
from typing import Final

import httpx

from clients.agent.disk import replace_whole
from clients.agent.place import AgentTrouble, Place
from clients.transport import API
from fallback_server.domain.authority import in_fours, mark_of

LONGEST: Final = 16_384


def fetch(place: Place, server: str, mark: str) -> None:
    """Keep the authority in the folder if its mark is the one in the code. Nothing is sent. Raises AgentTrouble."""
    try:
        # The one connection that trusts nobody in particular: what comes back is a certificate that anybody may have.
        with httpx.Client(verify=False, trust_env=False, timeout=10.0) as http:  # noqa: S501
            answer = http.get(f"{server}{API}/authority")
    except httpx.HTTPError as error:
        raise AgentTrouble(f"{server}: the standby does not answer ({type(error).__name__}: {error})") from error
    try:
        certificate = str(answer.json()["certificate"])[:LONGEST] if answer.status_code == httpx.codes.OK else ""
        found = mark_of(ssl.PEM_cert_to_DER_cert(certificate))
    except (KeyError, TypeError, ValueError):
        raise AgentTrouble(f"{server}: shows no authority (HTTP {answer.status_code}); give --ca") from None
    if found != mark:
        raise AgentTrouble(
            f"这不是发出此接入码的应急服务器，拒绝接入。 Not the standby that gave this code: its authority has the"
            f" mark {in_fours(found)}, the code says {in_fours(mark)}; nothing was sent. Is the code typed right?"
        )
    place.folder.mkdir(parents=True, exist_ok=True)
    replace_whole(place.ca, certificate.encode("ascii"), mode=place.mode)

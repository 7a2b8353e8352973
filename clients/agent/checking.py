"""`check`: would an agent of this version work here? It starts, reads its file, and talks to the standby."""

from __future__ import annotations

from typing import Final

from clients.agent import settings
from clients.agent.following import is_other_certificate, trouble
from clients.agent.place import AgentTrouble, Place
from clients.agent.running import Speaker, agent_version, trusted
from clients.sdk import LoggedIn, NoAnswer, Problem

NO_PRINT: Final = "0"


def check(place: Place, *, alone: bool = False) -> str:
    """What it found, in one line. `alone`: without the standby. Raises AgentMisuse, AgentTrouble."""
    settings.load(place.configuration)
    if alone:
        return f"{agent_version()} starts; the standby was not asked"
    enrolled = place.enrolled()
    if enrolled is None:
        raise AgentTrouble(f"no agent is enrolled in {place.folder} (yj agent enrol)")
    with Speaker(enrolled.server, enrolled.workstation, trusted(place, enrolled.server, None)).client() as client:
        client.person = LoggedIn(enrolled.token, "", enrolled.workstation, "", ())
        try:
            mode = client.mode()
            # Not a heartbeat: the roll call would take us for the agent that runs here, or for its clone. The standby
            # knows no such print; to a token that it does not know it says something else.
            client.post("/workstations/prints/document", {"id": NO_PRINT}, keyed=False)
        except Problem as error:
            if error.code != "not_found":
                raise AgentTrouble(f"{enrolled.server}: {error}") from error
        except NoAnswer as error:
            raise AgentTrouble(
                trouble(error) if is_other_certificate(error) else f"{enrolled.server}: {error}"
            ) from error
    return (
        f"{agent_version()} talks to {enrolled.server} as {enrolled.workstation}: {mode['mode']}, epoch {mode['epoch']}"
    )

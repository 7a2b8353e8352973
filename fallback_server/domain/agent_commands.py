"""What a person types at a window PC to use a one-time code, on each system that such PCs run.

A PC has no `yj`: it calls the agent by the file that its installation left there, or out of the wheel where there is no
installation yet. `FOLDER` is where the folder of the wheels lies for that PC.
"""

from __future__ import annotations

from typing import Final

FOLDER: Final = "FOLDER"
WINDOWS: Final = r'py -3.11 "C:\Program Files\his-yj-agent\agent.py"'
LINUX: Final = "python3.11 /opt/his-yj-agent/agent.py"


def commands(version: str) -> list[dict[str, str | list[str]]]:
    """For each `system` the lines to `enrol` (a PC with the agent) and to `install` (one without); the last goes on
    with `--server … --code …`. For administrators: the PC is enrolled for all its users."""
    wheel = f"his_yj-{version}-py3-none-any.whl"
    install = f"-m clients.agent install --from {FOLDER} --machine"
    return [
        {
            "system": "Windows",
            "enrol": [f"{WINDOWS} enrol --machine"],
            "install": [rf"set PYTHONPATH={FOLDER}\{wheel}", f"py -3.11 {install}"],
        },
        {
            "system": "Linux",
            "enrol": [f"{LINUX} enrol --machine"],
            "install": [f"PYTHONPATH={FOLDER}/{wheel} python3.11 {install}"],
        },
    ]

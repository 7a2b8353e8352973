"""Killing parts of the standby at chosen moments: the windows' and the uploader's promises must hold all the same."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

PHASES = ("work", "upload")
TARGETS = {"work": ("serve", "door", "worker"), "upload": ("worker", "worker", "serve")}


@dataclass(frozen=True)
class Kill:
    """SIGKILL `target` when `fraction` of the phase is done."""

    phase: str
    fraction: float
    target: str


@dataclass
class Chaos:
    """A schedule of kills; each happens once. `struck` tells which were carried out."""

    kills: Sequence[Kill] = ()
    struck: list[Kill] = field(default_factory=list)

    def at(self, phase: str, fraction: float, strike: Callable[[str], bool]) -> None:
        """Carry out what is due; `strike` returns whether there was something to kill."""
        for kill in self.kills:
            due = kill.phase == phase and fraction >= kill.fraction
            if due and kill not in self.struck and strike(kill.target):
                self.struck.append(kill)


def schedule(count: int, seed: int) -> Chaos:
    """`count` kills at random moments of work and upload, the same for the same seed."""
    rng = random.Random(seed)  # noqa: S311 - moments of a test
    kills = []
    for number in range(count):
        phase = PHASES[number % 2]
        kills.append(Kill(phase, round(rng.uniform(0.05, 0.9), 3), rng.choice(TARGETS[phase])))
    return Chaos(kills)

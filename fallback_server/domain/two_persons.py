"""Which acts need two persons: one table, asked wherever such an act is done.

A hospital chooses from it in `[security] two_persons`. At night somebody may be alone: acts in `[security] alone_acts`
can then be done by one with a reason, and wait for a counter-signature.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final


@dataclass(frozen=True)
class TwoPersonAct:
    """One row: its names, and whether one may ever do it alone. What moves money between people never."""

    zh: str
    en: str
    alone: bool = False

    def name(self, language: str) -> str:
        """The name in a language."""
        return self.en if language == "en" else self.zh


ACTS: Final[dict[str, TwoPersonAct]] = {
    "mode_normal": TwoPersonAct("切回 HIS", "Leaving YJ", alone=True),
    "drill_end": TwoPersonAct("结束演练", "Ending a drill", alone=True),
    "upload": TwoPersonAct("上传", "Upload", alone=True),
    "refund": TwoPersonAct("限额以上退费、退号", "Refund above the limit"),
    "void": TwoPersonAct("限额以上作废票据", "Voiding receipts above the limit"),
    "conflict": TwoPersonAct("决定涉及金额或并档的冲突", "Conflict of money or forced merge"),
    "price_override": TwoPersonAct("改价", "Price override"),
    "rewound": TwoPersonAct("认可中心被回退或台账超前", "Accepting a rewound centre or a ledger ahead"),
    "wipe": TwoPersonAct("清除患者镜像", "Wiping the patients' mirror", alone=True),
    "restore": TwoPersonAct("从备份恢复", "Restore from a backup", alone=True),
    "seal": TwoPersonAct("封存应急启封账号", "Sealing the break-glass account", alone=True),
}
# What the schema or another rule of money insists on, whatever a hospital configures.
ALWAYS: Final = frozenset({"conflict", "price_override", "rewound"})


def unknown(names: Iterable[str], *, alone: bool = False) -> list[str]:
    """The names that are no act (or, with `alone`, no act that one person may do)."""
    return sorted(name for name in names if name not in ACTS or (alone and not ACTS[name].alone))


def countersign_due(at: datetime, by: time) -> datetime:
    """The next `by` o'clock after `at`, but never within the first hour: 11:50 is signed by noon of the next day."""
    due = at.replace(hour=by.hour, minute=by.minute, second=0, microsecond=0)
    while due < at + timedelta(hours=1):
        due += timedelta(days=1)
    return due

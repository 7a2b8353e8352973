"""The return as a run-sheet: its steps in order, which the system sees by itself, and which a person ticks. Pure.

A step that the system sees is never ticked by hand; one that it may be mistaken about (`hand`) may be, with a note; one
that it cannot see at all (`seen` None throughout) only so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from fallback_server.domain.clock import from_text

SOUND_MINUTES: Final = 15


@dataclass(frozen=True)
class StepKind:
    """One line of the sheet: its words in two languages, what shows it, and whether a person may tick it."""

    code: str
    zh: str
    en: str
    seen_zh: str = ""  # what shows it, with the values of `Seen`
    seen_en: str = ""
    hand: bool = False
    whom: tuple[str, ...] = ("admin", "duty")


_ALL: Final = ("admin", "duty", "supervisor")
_SYSTEM: Final = (
    StepKind("confirmed", "第二人已确认切换", "A second person confirmed the switch"),
    StepKind(
        "sound", "中心连续正常 15 分钟", "The centre has been sound for 15 minutes",
        "从 {since} 起正常，{minutes} 分钟", "sound since {since}, {minutes} min", hand=True,
    ),
    StepKind("agreed", "DBA / HIS 厂商同意写入", "The DBA or vendor agrees that it may be written to", hand=True),
    StepKind("ended", "两人切回，窗口停止受理", "Two people switched back; windows take nothing new"),
    StepKind("preflight", "上传前检查通过", "The pre-flight check passed", "第 {runs} 次运行", "in run {runs}"),
    StepKind(
        "not_rewound", "中心没有被回退", "The centre was not rewound",
        "已确认的单据和镜像的行都在（运行 {runs} 次）", "confirmed documents and mirrored rows are there ({runs} runs)",
    ),
    StepKind(
        "blind_window", "断点窗口已读", "The blind window was read",
        "中心期间 {rows} 行，存疑 {doubts} 项", "{rows} rows of the centre, {doubts} in doubt",
    ),
    StepKind("numbers", "中心票号已前移", "Receipt numbers were moved on", "{books} 段", "{books} books"),
    StepKind(
        "upload", "可自动回传的单据已全部到中心", "All clean documents are at the centre",
        "{n} / {all} 张", "{n} of {all}",
    ),
    StepKind("decided", "冲突已由人决定", "Conflicts were decided by people", "{n} / {all} 项", "{n} of {all}"),
    StepKind("released", "窗口放行回 HIS", "Windows were released to the HIS"),
    StepKind(
        "windows", "各科窗口在 HIS 办成一笔", "Windows of every department work in the HIS again", hand=True, whom=_ALL,
    ),
    StepKind(
        "mirror", "恢复后首次镜像为整表核对", "The first mirror afterwards was a full compare",
        "数据截至 {as_of}", "as of {as_of}",
    ),
    StepKind(
        "pharmacy", "应急期间已发的药在 HIS 发完", "Drugs handed over are dispensed in the HIS",
        "已办 {done}，未办 {open}（最久 {oldest} 分钟）", "{done} done, {open} open (the oldest for {oldest} min)",
        hand=True, whom=_ALL,
    ),
    StepKind(
        "triage", "候诊状态已交还", "States of the hall were handed back",
        "已办 {done}，未办 {open}", "{done} done, {open} open", hand=True, whom=_ALL,
    ),
    StepKind(
        "shifts", "收费员已全部交班", "All cashiers closed their shifts", "{n} / {all} 班", "{n} of {all} shifts",
        hand=True, whom=_ALL,
    ),
    StepKind("sheets", "财务已收齐缴款交接单", "Finance has all hand-over sheets", hand=True, whom=("supervisor",)),
    StepKind(
        "receipts", "临时票据已换正式票据", "Temporary receipts were exchanged",
        "已办 {done}，未办 {open}", "{done} done, {open} open", hand=True, whom=_ALL,
    ),
    StepKind(
        "wishes", "登记的退费已在 HIS 办理", "Refund wishes were dealt with",
        "已办 {done}，未办 {open}", "{done} done, {open} open", hand=True, whom=_ALL,
    ),
    StepKind(
        "prices", "应急改价和新增项目已录入 HIS", "Prices and items keyed in here are in the HIS",
        "已办 {done}，未办 {open}", "{done} done, {open} open", hand=True, whom=_ALL,
    ),
    StepKind(
        "reconciled", "账目已平", "The account balances", "账目 {hash}，差异 {n} 项", "account {hash}, {n} differences",
    ),
    StepKind(
        "explained", "差异已由人说明", "Differences were explained by people", "{n} / {all} 项", "{n} of {all}",
    ),
    StepKind("signed_it", "信息科签字", "IT signed", "账目 {hash}", "account {hash}"),
    StepKind("signed_finance", "财务科签字", "Finance signed", "账目 {hash}", "account {hash}"),
    StepKind("closed", "事件已关闭", "The incident is closed"),
)  # fmt: skip
STEPS: Final[dict[str, StepKind]] = {step.code: step for step in _SYSTEM}


@dataclass(frozen=True)
class Seen:
    """What the system sees of a step. `done` None: there is nothing to do, or nothing that it could see."""

    done: bool | None = None
    at: str | None = None
    who: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """One line as it stands. `by`: system, person, or None while it is open; `minutes` since the one done before."""

    code: str
    done: bool | None
    by: str | None
    at: str | None
    who: str
    note: str | None
    values: Mapping[str, Any]
    minutes: int | None
    hand: bool

    def told(self, language: str) -> str:
        """What shows it, in one language; empty where the system sees nothing, or nothing yet."""
        if not self.done and not any(self.values.values()):
            return ""
        kind = STEPS[self.code]
        words = kind.seen_en if language.startswith("en") else kind.seen_zh
        shown = {name: "–" if value is None else value for name, value in self.values.items()}
        return words.format_map(shown) if shown else ""


def sheet(seen: Mapping[str, Seen], ticks: Mapping[str, Mapping[str, Any]]) -> list[Line]:
    """The sheet. Steps missing in `seen` do not belong to this incident; `ticks` are those of persons, by step."""
    lines = [_line(STEPS[code], seen[code], ticks.get(code)) for code in STEPS if code in seen]
    return _timed(lines)


def _line(kind: StepKind, seen: Seen, tick: Mapping[str, Any] | None) -> Line:
    by_hand = tick is not None and seen.done is not True
    if by_hand and tick is not None:
        who = f"{tick['operator_name']} {tick['operator_code']}"
        return Line(kind.code, True, "person", tick["at"], who, tick["note"], seen.values, None, kind.hand)
    # What nobody can see is open until somebody ticks it; where there is nothing to do it stays idle.
    human = not kind.seen_zh and kind.hand
    done = False if seen.done is None and human else seen.done
    by = "system" if done else None
    return Line(kind.code, done, by, seen.at, seen.who, None, seen.values, None, kind.hand)


def _timed(lines: Sequence[Line]) -> list[Line]:
    """Minutes of each step since the latest one that was done before it."""
    moments = [(from_text(line.at), line.code) for line in lines if line.done and line.at]
    timed = []
    for line in lines:
        minutes = None
        if line.done and line.at:
            own = from_text(line.at)
            before = [at for at, code in moments if code != line.code and at <= own]
            minutes = _minutes(max(before), own) if before else None
        timed.append(Line(**{**vars(line), "minutes": minutes}))
    return timed


def _minutes(since: datetime, until: datetime) -> int:
    return int((until - since).total_seconds() // 60)

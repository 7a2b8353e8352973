"""What stands on the timeline of an incident and how it is told: one list for console, command line, report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fallback_server.domain.differences import KINDS as DIFFERENCES

PEOPLE, SWITCH, WINDOWS, CENTRE, RETURN = "people", "switch", "windows", "centre", "return"
GROUPS: Final[dict[str, tuple[str, str]]] = {
    PEOPLE: ("记事与告知", "notes and calls"), SWITCH: ("模式", "mode"), WINDOWS: ("窗口", "windows"),
    CENTRE: ("中心与告警", "centre and alarms"), RETURN: ("回传与对账", "return and account"),
}  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """One kind of line: the group it is found under, and its sentence with the names of its values."""

    group: str
    zh: str
    en: str


KINDS: Final[dict[str, Kind]] = {
    "note": Kind(PEOPLE, "{text}", "{text}"),
    "told": Kind(PEOPLE, "已告知 {whom}（{means}）：{text}", "told {whom} ({means}): {text}"),
    "heard": Kind(PEOPLE, "{whom} 告知我方（{means}）：{text}", "{whom} told us ({means}): {text}"),
    "timer_unticked": Kind(
        PEOPLE, "撤回告知打勾：{whom}（{reason}）", "not told after all, tick taken back: {whom} ({reason})"
    ),
    "announced": Kind(PEOPLE, "发布公告：{text}", "announced: {text}"),
    "taken_down": Kind(PEOPLE, "撤下公告", "announcement taken down"),
    "analysed": Kind(PEOPLE, "填写原因分析：{cause}", "cause written down: {cause}"),
    "measure": Kind(
        PEOPLE, "整改措施：{text}（{responsible}，{due_on} 前）", "measure: {text} ({responsible}, by {due_on})"
    ),
    "measure_moved": Kind(
        PEOPLE, "措施延期到 {due_on}：{text}（{note}）", "measure moved to {due_on}: {text} ({note})"
    ),
    "measure_given": Kind(
        PEOPLE, "措施改由 {responsible} 负责：{text}（{note}）", "measure given to {responsible}: {text} ({note})"
    ),
    "measure_done": Kind(PEOPLE, "措施完成：{text}（{note}）", "measure done: {text} ({note})"),
    "report_closed": Kind(PEOPLE, "生成事件报告第 {number} 版", "incident report no. {number} made"),
    "report_final": Kind(PEOPLE, "事件报告定稿，第 {number} 版", "incident report final, no. {number}"),
    "countersigned": Kind(PEOPLE, "单人操作已复签：{note}", "an act done alone was counter-signed: {note}"),
    "opened": Kind(SWITCH, "切换到应急（{scope}）：{reason}", "switched to YJ ({scope}): {reason}"),
    "scope": Kind(SWITCH, "更改范围：{scope}（{reason}）", "scope changed: {scope} ({reason})"),
    "by_itself": Kind(SWITCH, "系统自动切换", "the standby switched by itself"),
    "confirmed": Kind(SWITCH, "第二人确认切换", "the switch was confirmed"),
    "closing": Kind(SWITCH, "切回 HIS，窗口停止受理", "switched back; windows take nothing new"),
    "released": Kind(SWITCH, "窗口放行：{reason}", "windows released: {reason}"),
    "insurance_down": Kind(SWITCH, "医保平台中断：{reason}", "insurance platform down: {reason}"),
    "insurance_up": Kind(SWITCH, "医保平台恢复：{reason}", "insurance platform up again: {reason}"),
    "grade": Kind(SWITCH, "事件等级：{grade}", "grade: {grade}"),
    "windows_know": Kind(
        WINDOWS, "{n} 台窗口已收到切换，最快 {least} 秒，最慢 {most} 秒（{last}）",
        "{n} windows heard of it, the first after {least} s, the last after {most} s ({last})",
    ),
    "window_late": Kind(WINDOWS, "窗口 {code} 用了 {seconds} 秒才切换", "window {code} took {seconds} s to switch"),
    "window_first": Kind(
        WINDOWS, "窗口 {code} 第一笔：{entity} {yj_no}", "first document of window {code}: {entity} {yj_no}"
    ),
    "alarm_on": Kind(CENTRE, "告警：{text}", "alarm: {text}"),
    "alarm_off": Kind(CENTRE, "告警解除：{text}", "alarm over: {text}"),
    "mirror_held": Kind(CENTRE, "镜像第 {run} 次被扣住", "mirror run {run} is held"),
    "mirror_failed": Kind(CENTRE, "镜像第 {run} 次失败", "mirror run {run} failed"),
    "uploading": Kind(RETURN, "开始上传", "upload begun"),
    "upload_paused": Kind(RETURN, "上传暂停：{reason}", "upload paused: {reason}"),
    "upload_goes_on": Kind(RETURN, "上传继续", "upload goes on"),
    "upload_run": Kind(RETURN, "上传（第 {run} 次）{end}：{message}", "upload (run {run}) {end}: {message}"),
    "rehearsal": Kind(RETURN, "试运行（第 {run} 次）{end}：{message}", "rehearsal (run {run}) {end}: {message}"),
    "upload_stopped": Kind(
        RETURN, "上传停下 {n} 次，会自动继续", "the upload stopped {n} times, to go on by itself"
    ),
    "conflicts": Kind(RETURN, "{n} 项待人工处理：{what}", "{n} for a person to decide: {what}"),
    "decided": Kind(
        RETURN, "决定：{what} {yj_no} — {decision}（{note}）", "decided: {what} {yj_no}, {decision} ({note})"
    ),
    "reconciling": Kind(RETURN, "单据已到中心，进入对账", "the documents are at the centre; reconciling"),
    "reconciled": Kind(RETURN, "对账：{balanced}（{hash}）", "account made: it {balanced} ({hash})"),
    "explained": Kind(RETURN, "说明差异：{what}（{note}）", "difference explained: {what} ({note})"),
    "signed_it": Kind(RETURN, "信息科签字", "IT signed"),
    "signed_finance": Kind(RETURN, "财务科签字", "finance signed"),
    "signatures_void": Kind(RETURN, "账目变化，签字作废", "the account changed: signatures void"),
    "closed": Kind(RETURN, "事件关闭", "incident closed"),
    "closed_at_centre": Kind(RETURN, "已通知中心关闭", "the centre was told that it is closed"),
    "recovered": Kind(RETURN, "从中心台账找回 {documents} 张单据", "{documents} documents found again in the ledger"),
    "known_from_centre": Kind(RETURN, "从中心台账得知这一事件", "known from the centre's ledger"),
    "ticked": Kind(RETURN, "运行单：{step}（{note}）", "run-sheet: {step} ({note})"),
    "unticked": Kind(RETURN, "运行单撤回：{step}", "run-sheet, taken back: {step}"),
    "price": Kind(RETURN, "应急改价：{code}（{reason}）", "price keyed in: {code} ({reason})"),
}  # fmt: skip

# What the standby did by itself has a word of ours for a reason; a person's is shown as written.
REASONS: Final[dict[str, tuple[str, str]]] = {
    "grace_over_no_upload": ("宽限期已过，不上传", "the grace is over, nothing is uploaded"),
    "hold_over": ("等候时间已到", "the hold time is over"),
    "all_arrived": ("无冲突的单据已全部到达中心", "the clean documents are at the centre"),
}
WORDS: Final[dict[str, tuple[str, str]]] = {
    "running": ("进行中", "is running"), "done": ("完成", "is done"), "stopped": ("停下", "stopped"),
    "refused": ("被拒绝", "was refused"), "broken": ("中断", "broke"),
    "balanced": ("账平", "balances"), "not_balanced": ("账不平", "does not balance"),
    "whole": ("全院", "whole hospital"),
}  # fmt: skip
DECIDED: Final[dict[str, tuple[str, str]]] = {
    "retry": ("原样重传", "send again"), "link": ("认定为中心那条", "link to the centre's"),
    "create": ("另建新档", "create a new patient"), "settle": ("已另行处理", "dealt with otherwise"),
    "retry_not_there": ("已核对未到达，再传", "not there: send again"),
    "retry_without_receipt": ("不带票号重传", "send without the number"),
    "retry_unsettled": ("只入账重传", "book the money only"),
    "approve_rewound": ("认可中心已回退", "accept the rewound centre"),
    "noted": ("已在 HIS 处理", "dealt with in the HIS"),
    "dismiss": ("不是问题", "not a problem"), "recover": ("认可台账领先", "accept what the ledger has"),
    "correct": ("另开单更正", "corrected by another"), "void": ("作废", "void it"),
    "unlink": ("取消认定", "take the link back"),
}  # fmt: skip
ENTITIES: Final[dict[str, tuple[str, str]]] = {
    "patient": ("建档", "patient"), "registration": ("挂号", "registration"),
    "registration_cancel": ("退号", "cancellation"), "registration_transfer": ("转科", "transfer"),
    "prescription": ("处方", "prescription"), "prescription_cancel": ("处方作废", "prescription cancelled"),
    "order": ("申请单", "order"), "order_cancel": ("申请单作废", "order cancelled"), "charge": ("收费", "charge"),
    "refund": ("退费", "refund"), "receipt_event": ("票据", "receipt"), "dispense_note": ("发药", "hand-over"),
}  # fmt: skip


def told(kind: str, values: Mapping[str, Any], language: str) -> str:
    """The sentence of a line. A value may be a pair of words (Chinese, English), or a list of such."""
    known = KINDS.get(kind)
    if known is None:
        return kind
    english = language.startswith("en")
    shown = _Values({name: _word(value, english) for name, value in values.items()})
    return (known.en if english else known.zh).format_map(shown)


def group_of(kind: str) -> str:
    """Under which group a kind is found."""
    return KINDS[kind].group if kind in KINDS else SWITCH


def pair(words: Mapping[str, tuple[str, str]], code: Any) -> Any:
    """Both words of a code, or the code itself."""
    return words.get(str(code), code)


def difference(code: str) -> Any:
    """Both words of a kind of difference."""
    return pair(DIFFERENCES, code)


def _word(value: Any, english: bool) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, tuple):
        return str(value[english])
    if isinstance(value, list):
        return (", " if english else "、").join(_word(one, english) for one in value)
    return str(value)


class _Values(dict[str, str]):
    """A value that a row does not have shows as a dash."""

    def __missing__(self, key: str) -> str:
        return "–"

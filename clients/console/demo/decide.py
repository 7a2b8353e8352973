"""What the persons decide about conflicts, with the reason they would write down."""

from __future__ import annotations

from typing import Any

from clients.console.demo.cast import Login
from clients.sdk import YjClient

# Kind → the decisions a person would consider, the first that is possible is taken, and why.
PREFERENCES: dict[str, tuple[tuple[str, ...], str]] = {
    "patient_match": (("link", "create"), "已核对身份证，与中心档案为同一人"),
    "patient_exists": (("link", "create"), "已核对身份证，与中心档案为同一人"),
    "receipt_no_used": (("retry_without_receipt",), "票号已被中心使用；应急票据收回，换开中心票据"),
    "prescription_paid": (("retry_unsettled", "settle"), "病人两边都已付款；应急收费照实入账，中心一笔由收费处退"),
    "order_paid": (("retry_unsettled", "settle"), "病人两边都已付款；应急收费照实入账，中心一笔由收费处退"),
    "prescription_changed": (("retry_unsettled", "settle"), "处方在中心已改；应急收费照实入账，由药房核对"),
    "order_changed": (("retry_unsettled", "settle"), "申请在中心已改；应急收费照实入账，由科室核对"),
    "prescription_gone": (("retry_unsettled", "settle"), "处方在中心已作废；应急收费照实入账"),
    "registration_used": (("link", "retry", "settle"), "病人已在中心就诊，以中心为准"),
    "original_changed": (("retry", "settle"), "原收费在中心已动，核对后照实入账"),
}
DEFAULT = (("retry", "noted", "settle", "link"), "已核对，按原单入账")
DOUBT = (("noted", "dismiss"), "已与窗口核对，在 HIS 中处理")
STUBBORN = 2  # the same document again after so many tries: settle it and explain the difference


def decide(client: YjClient, conflict: dict[str, Any], approver: Login, tries: int) -> str:
    """Resolve one conflict as a person would; returns the decision taken."""
    possible = {one["decision"]: one for one in conflict["possible"]}
    wanted, note = choice(conflict["kind"])
    if tries >= STUBBORN and "settle" in possible:
        wanted, note = ("settle",), "重试仍被中心拒绝；金额已人工核对，作为差异说明"
    decision = next((one for one in wanted if one in possible), next(iter(possible)))
    client.resolve(
        conflict["id"], decision, note, central_key=_key(conflict) if decision == "link" else None,
        approver=approver.person if possible[decision]["approver"] else None,
    )  # fmt: skip
    return decision


def choice(kind: str) -> tuple[tuple[str, ...], str]:
    """The decisions considered for a kind, and the note."""
    if kind.startswith("doubt_"):
        return DOUBT
    return PREFERENCES.get(kind, DEFAULT)


def _key(conflict: dict[str, Any]) -> str | None:
    """The key at the centre that is meant, where the conflict shows more than one candidate."""
    candidates = conflict["central"].get("candidates") or []
    return str(candidates[0]["patient_no"]) if candidates else None

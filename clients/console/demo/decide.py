"""What the persons decide about conflicts, with the reason they would write down."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from clients.console.demo.cast import Login
from clients.sdk import YjClient

Choice = tuple[tuple[str, ...], str]
TWICE: Choice = (
    ("retry_unsettled", "settle"),
    "病人两边都已付款；应急收费照实入账，中心那一笔由收费处在 HIS 退还",
)
SAME_PERSON: Choice = (("link", "create"), "已核对证件原件，与中心档案为同一人")
RECEIPT: Choice = (("retry_without_receipt", "settle"), "票号已被中心使用；应急票据收回作废，换开中心票据")
HIS_IS_RIGHT: Choice = (("retry_unsettled", "retry", "settle"), "中心已改动；应急收费照实入账，由科室核对")
# The decisions a person would consider, the first that is possible is taken; by what the kind begins with.
CHOICES: dict[str, Choice] = {
    "patient_": SAME_PERSON,
    "card_": SAME_PERSON,
    "receipt_no_used": RECEIPT,
    "prescription_already_paid": TWICE,
    "order_already_paid": TWICE,
    "prescription_": HIS_IS_RIGHT,
    "order_": HIS_IS_RIGHT,
    "charge_changed": (("settle", "retry"), "票据已随原收费处理，换号记录不再上传"),
    "doubt_": (("noted", "dismiss"), "已与窗口核对，在 HIS 中处理"),
}
DEFAULT: Choice = (("retry", "noted", "settle", "link"), "已核对，按原单入账")
STUBBORN: Choice = (("settle",), "重试仍被中心拒绝；金额已人工核对，作为差异说明")
STUBBORN_AFTER = 2  # the same document refused again after so many tries


@dataclass
class Office:
    """The two people who decide, and how often each document came back to them."""

    client: YjClient
    approver: Login
    tries: Counter[str] = field(default_factory=Counter)

    def decide(self, conflict: dict[str, Any]) -> str:
        """Resolve one conflict as a person would; returns the decision taken."""
        subject = str(conflict["yj_id"] or (conflict["kind"], conflict["subject"]))
        wanted, note = self._choice(conflict, subject)
        self.tries[subject] += 1
        possible = {one["decision"]: one for one in conflict["possible"]}
        decision = next((one for one in wanted if one in possible), next(iter(possible)))
        key = _key(conflict) if decision == "link" else _stands_for(conflict, decision)
        self.client.resolve(
            conflict["id"], decision, note, central_key=key,
            approver=self.approver.person if possible[decision]["approver"] else None,
        )  # fmt: skip
        return decision

    def _choice(self, conflict: dict[str, Any], subject: str) -> Choice:
        kind = conflict["kind"]
        if self.tries[subject] >= STUBBORN_AFTER:
            return STUBBORN
        return next((choice for begin, choice in CHOICES.items() if kind.startswith(begin)), DEFAULT)


def _stands_for(conflict: dict[str, Any], decision: str) -> str | None:
    """What settles it: the centre's own record, which the conflict shows, or the paper kept at the desk."""
    if decision != "settle":
        return None
    return str(conflict["central"].get("central_key") or f"paper-{conflict['id']}")


def _key(conflict: dict[str, Any]) -> str | None:
    """The key at the centre that is meant, where the conflict shows more than one candidate."""
    candidates = conflict["central"].get("candidates") or []
    return str(candidates[0]["patient_no"]) if candidates else None

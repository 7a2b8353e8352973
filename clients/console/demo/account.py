"""The account of the demo as an IT head reads it: what happened, how long it took, and that it adds up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from clients.console.demo.check import Verdict
from clients.console.demo.journal import Journal
from clients.console.output import Output
from fallback_server.domain.categories import RECEIPT_CATEGORIES
from fallback_server.store.conflicts import DECISIONS

ENTITIES = {
    "patient": "新病人 patients", "registration": "挂号 registrations", "registration_cancel": "退号 cancelled",
    "registration_transfer": "转科 transferred", "prescription": "处方 prescriptions",
    "prescription_cancel": "处方作废 prescriptions cancelled", "order": "申请 orders",
    "order_cancel": "申请作废 orders cancelled",
    "charge": "收费 charges", "refund": "退费 refunds", "receipt_event": "票据作废、换号 receipt events",
    "dispense_note": "发药、退药 hand-overs",
}  # fmt: skip
METHODS = {
    "cash": "现金", "bank_card": "银行卡", "wechat": "微信", "alipay": "支付宝", "other": "其他",
    "rounding": "抹零", "arrears": "欠费",
}  # fmt: skip


@dataclass
class Decided:
    """One conflict and what a person did about it."""

    kind: str
    title: str
    decision: str
    by: str


@dataclass
class Story:
    """What the loop collected on its way."""

    incident_no: int | None = None
    mirrored: dict[str, int] = field(default_factory=dict)
    traffic: dict[str, int] = field(default_factory=dict)
    meddling: list[str] = field(default_factory=list)
    decided: list[Decided] = field(default_factory=list)
    explained: list[dict[str, Any]] = field(default_factory=list)
    steps: list[tuple[str, float]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    kills: list[str] = field(default_factory=list)
    account: dict[str, Any] = field(default_factory=dict)
    incident: dict[str, Any] = field(default_factory=dict)


def tell(out: Output, story: Story, journal: Journal, verdict: Verdict) -> None:
    """Print everything, totals and verdict last."""
    out.say("")
    total = ["合计 · total", f"{sum(took for _, took in story.steps):.1f}"]
    out.table(
        "步骤 · steps", ["step", "seconds"], [*([name, f"{took:.1f}"] for name, took in story.steps), total], right=[1]
    )
    counts = journal.by_entity()
    entities = story.incident.get("entities", {})
    rows = [[ENTITIES[name], counts[name], _states(entities.get(name, {}))] for name in ENTITIES if name in counts]
    out.table("单据 · documents", ["document", "acknowledged", "at the end"], rows, right=[1])
    _cashiers(out, story.account)
    if story.meddling:
        out.table("断点窗口内中心的动作 · what the centre did meanwhile", ["act"], [[one] for one in story.meddling])
    decided = [[one.kind, one.title, one.decision, one.by] for one in story.decided]
    out.table("人工处理 · decisions by persons", ["kind", "what", "decision", "by"], decided)
    meanings = [
        [name, f"{one.zh}\n{one.en}"] for name, one in DECISIONS.items() if name in {d.decision for d in story.decided}
    ]
    if meanings:
        out.table("决定的含义 · what the decisions mean", ["decision", "meaning"], meanings)
    if story.explained:
        differences = [
            [one["kind"], one.get("subject") or one["id"], one["explained_by"], one["note"]] for one in story.explained
        ]
        out.table("差异及说明 · differences and explanations", ["kind", "what", "by", "note"], differences)
    _totals(out, story, journal, verdict)


def _states(states: dict[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(states.items()))


def _cashiers(out: Output, account: dict[str, Any]) -> None:
    rows, receipts = [], []
    for drawer in account.get("cashiers", []):
        methods = ", ".join(
            f"{METHODS.get(name, name)} {amount}" for name, amount in _pairs(drawer["by_method"], "method")
        )
        categories = ", ".join(
            f"{RECEIPT_CATEGORIES[name][0]} {amount}" for name, amount in _pairs(drawer["by_category"], "category")
        )
        rows.append([drawer["operator"], methods, categories, drawer["difference"]])
        book = drawer["receipts"]
        shown = [book.get(name) for name in ("from", "to", "used", "void", "unknown", "missing")]
        if any(shown):
            receipts.append([drawer["operator"], *(_count(value) for value in shown)])
    columns = ["operator", "by method", "by category", "difference"]
    out.table("按收费员 · by cashier", columns, rows, right=[3])
    out.table(
        "票据 · receipts",
        ["operator", "from", "to", "used", "void", "unknown", "missing"],
        receipts,
        right=[3, 4, 5, 6],
    )


def _pairs(sums: Any, name: str) -> list[tuple[str, str]]:
    """Sums as pairs, whether they come as an object or as a list of rows."""
    if isinstance(sums, dict):
        return list(sums.items())
    return [(str(one[name]), str(one["amount"])) for one in sums]


def _count(value: Any) -> Any:
    return len(value) if isinstance(value, list) else value


def _totals(out: Output, story: Story, journal: Journal, verdict: Verdict) -> None:
    totals = story.account.get("totals", {})
    rows = [
        ["窗口得知 · told to the windows", format(journal.total(), "f")],
        ["本地 · local", totals.get("local")],
        ["台账 · ledger", totals.get("ledger")],
        ["中心业务表 · the centre's own tables", totals.get("central")],
        ["独立核对 · independent check", format(verdict.centre_total, "f")],
    ]
    out.table("合计 · totals", ["side", "amount"], rows, right=[1])
    for kill in story.kills:
        out.say(f"killed: {kill}")
    for refusal in journal.refusals:
        out.say(f"✗ visit {refusal.case} at {refusal.act}: {refusal.words}")
    for problem in verdict.problems:
        out.say(f"✗ {problem}")
    balanced = bool(story.account.get("balanced"))
    good = balanced and not verdict.problems and not journal.refusals
    out.say(
        f"{'✓' if good else '✗'} incident {story.incident_no}: {verdict.documents} documents acknowledged, "
        f"{verdict.documents - verdict.settled} at the centre ({verdict.linked} linked to what was there), "
        f"{verdict.settled} settled by a person; {'balanced 已平' if balanced else 'NOT BALANCED 未平'}"
    )


def document(story: Story, journal: Journal, verdict: Verdict) -> dict[str, Any]:
    """What `--json` ends with, and a little more."""
    return {
        "balanced": bool(story.account.get("balanced")) and not verdict.problems and not journal.refusals,
        "incident_no": story.incident_no,
        "mirrored": story.mirrored,
        "documents": journal.by_entity(),
        "totals": {name: story.account.get("totals", {}).get(name) for name in ("local", "ledger", "central")},
        "seconds": {name: round(took, 2) for name, took in story.seconds.items()},
        "conflicts": [vars(one) for one in story.decided],
        "explained": len(story.explained),
        "problems": verdict.problems,
        "refusals": [vars(one) for one in journal.refusals],
        "kills": story.kills,
    }

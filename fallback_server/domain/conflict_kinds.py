"""The kinds of conflict, what a person may decide about each, and what every decision means, in words.

docs/upload.md shows the same tables; a test keeps both equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MONEY_ENTITIES: Final = frozenset({"charge", "refund", "receipt_event"})


@dataclass(frozen=True)
class Decision:
    """One way out. `approver`: always needs a second person; documents of money need one for all but `retry`."""

    zh: str
    en: str
    approver: bool = False


DECISIONS: Final[dict[str, Decision]] = {
    "retry": Decision(
        "原样再次上传；原因未消除时会再次回到这里。",
        "Send it again unchanged; if the cause is still there it comes back.",
    ),
    "link": Decision(
        "认定它就是中心已有的那条记录：只登记台账，不再写入业务表。",
        "It is the record that is at the centre already: only the ledger is written.",
    ),
    "create": Decision(
        "确认是另一个人：在中心新建病人档案。",
        "Another person: create a new patient at the centre.",
    ),
    "settle": Decision(
        "不上传；已用别的单据处理（须写明单号），作为差异由具名人员说明后才能关账。",
        "Do not send it: the document named settles it; a named person must explain the difference.",
        approver=True,
    ),
    "correct": Decision(
        "不上传；由本系统新开的单据更正（须写明其 YJ 号），对账时两张并列。",
        "Do not send it: a new document of ours, named by its YJ number, corrects it; the account lists the pair.",
        approver=True,
    ),
    "void": Decision(
        "作废：本单与冲销它的退费或取消单据都不上传，金额须相抵为零。",
        "Void it: neither it nor its reversal (refund, cancellation) is sent; together they must come to nothing.",
        approver=True,
    ),
    "unlink": Decision(
        "撤销认定：从台账取出，重新由人决定；仅限关账前、且无依赖它的单据已上传。",
        "Take the link back: out of the ledger, decided anew; until sign-off, and while nothing hangs on it.",
        approver=True,
    ),
    "retry_not_there": Decision(
        "已在中心逐项核对，确无这张单据：再次上传。若其实已到达，将会重复。",
        "Looked at the centre: it is not there; send it again. If it had arrived after all, it is there twice then.",
        approver=True,
    ),
    "retry_without_receipt": Decision(
        "上传时不带票据号；该号已被中心使用，纸质票据须收回或换开。",
        "Send it without its receipt number, which the centre used; exchange the paper receipt.",
        approver=True,
    ),
    "retry_unsettled": Decision(
        "钱款照样入账，但不改动中心那张处方或申请；若病人付了两次，须在 HIS 退一笔。",
        "Book the money, leave the centre's prescription or order alone; refund one if paid twice.",
        approver=True,
    ),
    "approve_rewound": Decision(
        "认可中心已回退：消失的单据退回待上传，镜像见过而中心没有的记录按清单补录。",
        "Accept the rewound centre: vanished documents are sent again, lost rows are keyed in.",
        approver=True,
    ),
    "recover": Decision(
        "认可台账领先：补记本地丢失的单据，号码全部前移，然后继续上传。",
        "Accept what the ledger has: note what was lost here, move all numbers on, go on.",
        approver=True,
    ),
    "noted": Decision("已知悉并在 HIS 中处理，备注写明结果。", "Dealt with in the HIS; the note says how."),
    "dismiss": Decision("核对后确认不是问题。", "Checked: it is not a problem."),
}


@dataclass(frozen=True)
class Kind:
    """One kind of conflict.

    `breaks`: five patients in a row with it mean a systemic fault rather than five cases.
    """

    zh: str
    en: str
    decisions: tuple[str, ...]
    breaks: bool = True


_OUT = ("settle", "correct", "void")
_SETTLING = ("retry", "retry_unsettled", "link", *_OUT)
_PLAIN = ("retry", "link", *_OUT)
_PATIENT = ("link", "create", "retry")
_RECEIPT = ("retry_without_receipt", "retry", *_OUT)
_DOUBTED = ("link", "retry_not_there", *_OUT)
_NO_LINK = ("retry", *_OUT)
_DOUBT = ("noted", "dismiss")
NAMING: Final = frozenset({"settle", "correct", "void"})  # these name another document
CANCELLING: Final = frozenset({"refund", "registration_cancel", "prescription_cancel", "order_cancel"})
DOUBTS: Final = ("outcome_unknown", "maybe_there", "transaction_ended")
"""Kinds in which the document itself may be at the centre: a link then names its own row, which carries our mark."""
ASKED_AGAIN: Final = ("rewound", "ledger_ahead")  # each loss is a new one
OTHER_KIND: Final = Kind("中心拒绝了这张单据", "The centre refused this document", _PLAIN)

_SYSTEMIC: Final[dict[str, tuple[str, str, tuple[str, ...]]]] = {
    "receipt_no_used": ("票据号在中心已被使用", "The receipt number was used at the centre", _RECEIPT),
    "price_gone": ("收费项目或药品在中心已停用", "An item is no longer at the centre", _PLAIN),
    "department_gone": ("科室在中心已停用", "The department is no longer at the centre", _PLAIN),
    "patient_gone": ("中心已没有该病人", "The patient is no longer at the centre", _PLAIN),
    "key_table": ("中心取不到新的主键", "The centre gave no new key", _PLAIN),
    "not_written": ("中心没有写入", "The centre did not write the row", _PLAIN),
    "too_many_attempts": ("多次尝试均未成功", "Too many attempts failed", _PLAIN),
    "integrity_alarm": ("台账与本地内容不一致", "The ledger holds other contents", _NO_LINK),
    "transaction_ended": ("中心过程自行提交，单据可能只写入一部分", "Torn in two: part of it may be there", _DOUBTED),
    "fenced": ("中心不认可本服务器的这次事件", "The centre does not hold this incident open for us", _NO_LINK),
}
_SINGLE: Final[dict[str, tuple[str, str, tuple[str, ...]]]] = {
    "outcome_unknown": ("不能确定是否已到达中心", "It may or may not have arrived at the centre", _DOUBTED),
    "maybe_there": ("中心已有同号的记录，须人工核对", "The centre shows something under its number", _DOUBTED),
    "patient_match": ("中心有相近的病人，须人工确认", "Similar patients at the centre", _PATIENT),
    "patient_exists": ("中心已有同一证件的病人", "A patient with this id number is there", _PATIENT),
    "card_exists": ("卡号在中心已被使用", "The card number was used at the centre", _PLAIN),
    "prescription_already_paid": ("处方在中心已收费", "The prescription was paid at the centre", _SETTLING),
    "prescription_changed": ("处方在中心已被修改或作废", "The prescription was changed at the centre", _SETTLING),
    "prescription_dispensed": ("处方在中心已发药", "The prescription was dispensed at the centre", _SETTLING),
    "order_already_paid": ("申请单在中心已收费", "The order was paid at the centre", _SETTLING),
    "order_changed": ("申请单在中心已被修改或作废", "The order was changed at the centre", _SETTLING),
    "order_executed": ("申请单在中心已执行", "The order was executed at the centre", _SETTLING),
    "registration_changed": ("这次挂号在中心已变动", "The registration was changed at the centre", _PLAIN),
    "charge_changed": ("原收费在中心已变动", "The charge was changed at the centre", _PLAIN),
    "charge_already_refunded": ("原收费在中心已退费", "The charge was refunded at the centre", _PLAIN),
    "refund_exceeds": ("退费超过中心的可退金额", "More than the centre has left to refund", _PLAIN),
    "text_not_kept": ("文字无法完整写入中心", "A text does not fit the centre's column", _PLAIN),
    "link_vanished": ("已认定的中心记录随回退消失", "The record it was linked to went with the rewound centre", _PLAIN),
    "row_lost": ("所依据的中心记录随回退消失", "The centre's row it speaks of went with the rewound centre", _SETTLING),
    "missing_parent": ("所依据的单据没有上传", "A document it depends on was not uploaded", _PLAIN),
    "rewound": ("中心数据被回退", "The centre was rewound", ("approve_rewound",)),
    "ledger_ahead": ("中心台账比本服务器新", "The centre's ledger is ahead of this standby", ("recover",)),
    "doubt_charged_twice": (
        "同一病人同项目或同金额两边都收费",
        "Same patient and item or sum on both sides",
        _DOUBT,
    ),
    "doubt_receipt_number": ("同一票据号两边都使用过", "The same receipt number on both sides", _DOUBT),
    "doubt_patient_twice": ("同一病人可能两边都建了档", "A patient may exist on both sides", _DOUBT),
    "doubt_registered_twice": ("同日同科室两边都挂了号", "Registered on both sides on one day", _DOUBT),
    "doubt_refunded_twice": ("同一票据两边都退过费", "The same charge refunded on both sides", _DOUBT),
    "doubt_oversold": ("同一排班两边合计超限", "Both sides together sold more places than there are", _DOUBT),
    "doubt_stock_short": ("应急发出的药多于中心库存", "More was handed out here than the centre's shelf held", _DOUBT),
    "doubt_queue_number": ("同一排班序号两边都用过", "The same queue number on both sides", _DOUBT),
}
KINDS: Final[dict[str, Kind]] = {
    **{name: Kind(*entry, breaks=True) for name, entry in _SYSTEMIC.items()},
    **{name: Kind(*entry, breaks=False) for name, entry in _SINGLE.items()},
}


def kind_of(name: str) -> Kind:
    """The kind; a code that only the mapping knows gets the plain decisions."""
    return KINDS.get(name, OTHER_KIND)


def refusal(error: str, language: str = "zh") -> str:
    """Why a document was refused, as the upload notes it (`code: detail`), in words; another note stands as it is."""
    code, _, detail = error.partition(": ")
    if code not in KINDS:
        return error
    known = KINDS[code].en if language == "en" else KINDS[code].zh
    aside = f" ({detail})" if language == "en" else f"（{detail}）"
    return known + (aside if detail else "")


def needs_approver(kind: str, decision: str, entity: str | None) -> bool:
    """Whether a second person must agree: money, and whatever leaves a document unsent."""
    return DECISIONS[decision].approver or (entity in MONEY_ENTITIES and decision != "retry")

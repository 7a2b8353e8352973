"""Refusals that concern the work: look-ups, prescriptions and orders, money, the return to the centre."""

from __future__ import annotations

from typing import Final

from fallback_server.domain.error_kind import ErrorKind

WORK: Final[dict[str, ErrorKind]] = {
    # --- look-ups ------------------------------------------------------------------------------------------------
    "patient_not_found": ErrorKind(404, "没有找到该病人。", "Patient not found.", "Unknown patient id."),
    "registration_not_found": ErrorKind(404, "没有找到该挂号。", "Registration not found.", "Unknown registration id."),
    "prescription_not_found": ErrorKind(404, "没有找到该处方。", "Prescription not found.", "Unknown prescription id."),
    "order_not_found": ErrorKind(404, "没有找到该申请单。", "Order not found.", "Unknown order id."),
    "charge_not_found": ErrorKind(404, "没有找到该收费记录。", "Charge not found.", "Unknown charge id."),
    "unknown_department": ErrorKind(422, "没有这个科室：{code}。", "Unknown department {code}.", "Not in the mirror or stopped."),
    "unknown_staff": ErrorKind(422, "没有这位医生：{code}。", "Unknown doctor {code}.", "Not in the mirror or stopped."),
    "unknown_register_type": ErrorKind(422, "没有这个号别：{code}。", "Unknown registration type {code}.", "Not in the mirror."),
    "unknown_schedule": ErrorKind(422, "没有这个排班。", "Unknown schedule.", "schedule_id not in the mirror."),
    "unknown_drug": ErrorKind(422, "没有这个药品：{code}。", "Unknown drug {code}.", "Not in the mirror."),
    "unknown_fee_item": ErrorKind(422, "没有这个收费项目：{code}。", "Unknown fee item {code}.", "Not in the mirror."),
    "unknown_diagnosis": ErrorKind(422, "没有这个诊断：{code}。", "Unknown diagnosis {code}.", "Not in the mirror."),
    "unknown_operator": ErrorKind(422, "没有这个工号：{code}。", "Unknown operator {code}.", "Not in the mirror or disabled."),
    "unknown_dictionary": ErrorKind(404, "没有这个字典：{code}。", "Unknown dictionary {code}.", "Not in the mirror."),
    "inactive": ErrorKind(
        422, "{name}（{code}）已停用。", "{name} ({code}) is no longer active.", "Stopped at the centre as of the mirror."
    ),
    # --- clinical ------------------------------------------------------------------------------------------------
    "paper_form_required": ErrorKind(
        422, "{name} 为麻醉或第一类精神药品，须用专用纸质处方。", "{name} needs the special paper form.", "control_class."
    ),
    "not_prescriber": ErrorKind(403, "该医生没有处方权。", "This doctor may not prescribe.", "may_prescribe is 0."),
    "registration_cancelled": ErrorKind(409, "该挂号已退号。", "This registration was cancelled.", "status cancelled."),
    "registration_in_use": ErrorKind(
        409, "该挂号已有收费或就诊，不能退号。", "This registration is in use.", "It has paid documents or was seen."
    ),
    "slip_known": ErrorKind(
        409, "这张挂号单已在系统中，请直接按单号查找。", "This slip is known already; look it up by its number.",
        "A visit with this slip exists; GET /registrations?slip_no=.",
    ),
    "already_cancelled": ErrorKind(409, "已经作废，不能重复操作。", "It was cancelled already.", "status cancelled."),
    "not_yj_document": ErrorKind(
        409, "这是 HIS 的单据，应急系统不能修改。", "This is a document of the HIS.", "origin: centre; only YJ documents can be changed."
    ),
    # --- money ---------------------------------------------------------------------------------------------------
    "already_paid": ErrorKind(409, "{number} 已收费，不能重复收。", "{number} is paid already.", "A settlement exists."),
    "total_changed": ErrorKind(
        409, "应收金额已变为 {total}，请核对后再收。", "The total is now {total}; check again.", "expected_total {expected}."
    ),
    "payments_mismatch": ErrorKind(
        422, "付款合计 {paid} 与应收 {total} 不符。", "Payments {paid} do not equal the total {total}.", "Only cash may exceed."
    ),
    "method_off": ErrorKind(409, "{method} 已停用，请换一种方式。", "{method} is switched off.", "[windows] methods."),
    "nothing_to_charge": ErrorKind(422, "没有可收费的项目。", "There is nothing to charge.", "Empty charge."),
    "patient_mismatch": ErrorKind(
        422, "单据不属于同一病人。", "The documents belong to different patients.", "All parts of a charge are one patient's."
    ),
    "receipt_no_mismatch": ErrorKind(
        409, "下一张票号应为 {expected}，请核对打印机里的票据。", "The next receipt is {expected}; check the paper.",
        "Sent {sent}; confirm the book first.",
    ),
    "receipt_book_missing": ErrorKind(
        409, "您名下没有可用的票据段，请找组长领取。", "You have no receipt book.", "POST /receipt-books or mirror one."
    ),
    "receipt_book_with_his": ErrorKind(
        409, "票据段 {first}–{last} 还在 HIS 中使用，不能在应急这边用；请找组长另领一本票据并登记。",
        "The book {first}–{last} is in use at the HIS: take another one here and have it handed out.",
        "A part of the hospital works at the centre; POST /receipt-books hands out a book of its own.",
    ),
    "receipt_book_unchecked": ErrorKind(
        409, "这本票据 HIS 刚才还在用：请先核对打印机里的票，输入票上的号码（不小于 {lowest}）。",
        "The HIS printed on this book until now: key in the number of the sheet in the printer first ({lowest} or higher).",
        "The scope was widened to the whole hospital; POST /receipt-book/confirm.",
    ),
    "receipt_book_exhausted": ErrorKind(409, "票据段已用完，请领新票。", "The receipt book is used up.", "Issue a new book."),
    "receipt_book_overlap": ErrorKind(409, "票据段与已有的重叠。", "The book overlaps another.", "Numbers are unique."),
    "receipt_book_backward": ErrorKind(
        409, "票号不能往回改：{sent} 小于 {next}。", "Receipt numbers never go back.", "next is {next}."
    ),
    "receipt_number_outside": ErrorKind(422, "票号不在您的票据段内。", "Not in your book.", "Outside start–end."),
    "receipt_number_used": ErrorKind(409, "票号 {number} 已使用。", "Receipt {number} is used.", "State {state}."),
    "receipt_plain": ErrorKind(409, "本院不使用预印票据。", "No pre-printed receipts here.", "[windows] receipt = plain."),
    "no_receipt": ErrorKind(409, "该收费没有票据号。", "This charge has no receipt.", "Zero total or plain receipts."),
    "refund_too_much": ErrorKind(409, "退费数量超过可退数量。", "More than what remains.", "line {line_id}: {remaining} left."),
    "nothing_to_refund": ErrorKind(409, "已全部退费。", "Everything was refunded.", "No remaining lines."),
    "refund_of_refund": ErrorKind(409, "退费单不能再退。", "A refund cannot be refunded.", "refund_of is set."),
    "registration_fee_refund": ErrorKind(
        409, "挂号费不能单独退费，请在挂号窗口办理退号，退号时自动退还挂号费。",
        "A registration fee is given back by cancelling the registration, at the registration window.",
        "POST /registrations/{{id}}/cancel refunds the fee and frees the number.",
    ),
    "pre_outage_charge": ErrorKind(
        409, "该收费不在应急系统内，须在 HIS 恢复后退；请登记病人的退费要求。", "Not a charge of YJ: refund it in the HIS later; record the wish.",
        "Only YJ documents of an unclosed incident can be refunded. POST /refund-wishes records the wish.",
    ),
    "handed_over": ErrorKind(
        409, "药已发出，须药房先收回。", "The drugs were handed over; the pharmacy must take them back first.", "handover exists."
    ),
    "not_paid": ErrorKind(409, "该处方未缴费。", "This prescription is not paid.", "status unpaid."),
    "line_refunded": ErrorKind(409, "{name} 已退费，不能发药。", "{name} was refunded.", "Refunded lines cannot be handed over."),
    "already_refunded": ErrorKind(
        409, "{number} 已退费，须重新开单。", "{number} was refunded; it must be written anew.", "Nothing of its settlement remains."
    ),
    "already_handed_over": ErrorKind(409, "{name} 已发药，不能重复发。", "{name} was handed over already.", "handover exists."),
    "not_handed_over": ErrorKind(409, "{name} 没有发出这么多，不能收回。", "{name} was not handed over.", "Net hand-over is less."),
    "shift_open": ErrorKind(409, "您已有未交班的班次。", "Your shift is already open.", "Close it first."),
    "shift_missing": ErrorKind(409, "您没有已开的班次。", "You have no open shift.", "POST /shifts/open."),
    # --- return --------------------------------------------------------------------------------------------------
    "incident_not_found": ErrorKind(404, "没有这个应急事件。", "Unknown incident.", "incident_no"),
    "incident_open": ErrorKind(409, "应急尚未结束，不能上传。", "The outage is not over.", "State {state}."),
    "incident_closed": ErrorKind(409, "该事件已关闭。", "The incident is closed.", "State closed."),
    "note_not_found": ErrorKind(404, "没有这条记事。", "Unknown note.", "Of this incident."),
    "measure_not_found": ErrorKind(404, "没有这条整改措施。", "Unknown measure.", "measure id"),
    "finding_not_found": ErrorKind(404, "没有这条演练发现。", "Unknown finding of a drill.", "finding id"),
    "report_not_found": ErrorKind(
        404, "还没有这份事件报告。", "There is no such report yet.", "One is made when the incident is closed."
    ),
    "report_unfinished": ErrorKind(
        409, "报告还不能定稿：{problem}。", "The report cannot be made final yet: {problem}.",
        "It needs a closed incident and an analysis of the cause.",
    ),
    "conflict_not_found": ErrorKind(404, "没有这个待处理项。", "Unknown conflict.", "conflict id"),
    "decision_not_possible": ErrorKind(
        409, "这个待处理项不能这样处理。", "This decision is not possible here.", "Possible: {possible}."
    ),
    "difference_not_found": ErrorKind(404, "没有这条差异。", "Unknown difference.", "difference id"),
    "not_balanced": ErrorKind(409, "对账未平，不能签字。", "The accounts do not balance yet.", "Explain every difference first."),
    "already_done": ErrorKind(409, "这一项已办结。", "This was done already.", "Done by {by} at {at}."),
    "formal_no_used": ErrorKind(
        409, "正式票号 {number} 已用于另一张收费。", "Formal receipt {number} stands for another charge.", "One formal number, one charge."
    ),
    "step_automatic": ErrorKind(
        409, "这一步由系统自己核对，不能人工勾选。", "The system sees this step itself; it cannot be ticked by hand.", "Step {step}."
    ),
    "nothing_changed": ErrorKind(409, "{code} 与现在相同，没有改动。", "{code} is like that already.", "Nothing differs from the mirror."),
    "code_known": ErrorKind(409, "代码 {code} 已有，请改价而不是新增。", "Code {code} is there already; change its price.", "In the mirror or keyed in."),
    "run_not_found": ErrorKind(404, "没有这次镜像。", "Unknown run.", "run id"),
    "run_not_held": ErrorKind(409, "这次镜像不在待批状态。", "This run is not held.", "state {state}"),
    "run_hash_mismatch": ErrorKind(409, "内容已变，请重新查看后再批准。", "The run's contents differ.", "hash mismatch"),
}  # fmt: skip

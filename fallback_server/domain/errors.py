"""Errors are types: a stable code, a sentence for staff in two languages, a hint for IT. One map to HTTP.

`CATALOG` is the whole vocabulary; docs/errors.md lists it and a test keeps both equal. Sentences are formatted with the
parameters of the raised error. No patient data goes into parameters: they end up in logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fallback_server.domain.field_words import words_for


@dataclass(frozen=True)
class Named:
    """A parameter that is a code to programs and to IT, and words to staff."""

    code: str
    zh: str
    en: str

    def __str__(self) -> str:
        return self.code


@dataclass(frozen=True)
class ErrorKind:
    """One entry of the vocabulary. `status` is the HTTP status it is answered with."""

    status: int
    zh: str
    en: str
    hint: str


CATALOG: Final[dict[str, ErrorKind]] = {
    # --- request -------------------------------------------------------------------------------------------------
    "malformed_json": ErrorKind(400, "提交的内容无法识别，请重试。", "The request could not be read.", "Body is not valid JSON."),
    "invalid_request": ErrorKind(
        422, "填写有误：{field}（{problem}）。", "Please check {field}: {problem}.", "A field failed validation; see errors[]."
    ),
    "unsupported_media_type": ErrorKind(
        415, "提交格式不对，请联系信息科。", "Wrong content type.", "Send Content-Type: application/json."
    ),
    "body_too_large": ErrorKind(413, "提交的内容过大。", "The request is too large.", "Limit is {limit} bytes."),
    "not_found": ErrorKind(404, "没有找到。", "Not found.", "Unknown path or id."),
    "method_not_allowed": ErrorKind(405, "不支持这个操作。", "This operation is not supported.", "Wrong HTTP method."),
    "idempotency_key_missing": ErrorKind(
        400, "页面出错，请刷新后重试。", "The page made a mistake; reload it.", "POST needs an Idempotency-Key header (8–80 ASCII)."
    ),
    "idempotency_key_reused": ErrorKind(
        409, "这张单据已提交过，内容不同；请刷新页面。", "This act was sent before with other contents; reload.",
        "Same Idempotency-Key with another method, path or body.",
    ),
    "internal_error": ErrorKind(
        500, "系统内部出错，本次操作没有保存，请重试。", "An internal error; nothing was saved. Please try again.",
        "See the server log at incident id {incident}.",
    ),
    "busy": ErrorKind(503, "系统忙，请稍候重试。", "The system is busy; please try again.", "Database lock not had in time."),
    "store_unavailable": ErrorKind(
        503, "应急服务器的数据库暂时连不上，请稍候重试同一操作。",
        "The standby's database cannot be reached; please send the same again.", "Look at PostgreSQL of the standby.",
    ),
    "store_full": ErrorKind(
        503, "应急服务器磁盘已满，本次操作没有保存，请马上通知信息科；腾出空间后可重试同一操作。",
        "The standby's disk is full and nothing was saved: tell IT now. Once there is room, send the same again.",
        "Make room on the disk of the store (`yj ready` shows it); nothing needs a restart.",
    ),
    "store_read_only": ErrorKind(
        503, "应急服务器的数据盘变为只读，本次操作没有保存，请马上通知信息科。",
        "The standby's disk takes nothing any more and nothing was saved: tell IT now.",
        "Look at the system's log: a faulty disk is made read-only. Or the account may not write there. Sound storage, or the backup.",
    ),
    "store_damaged": ErrorKind(
        503, "应急服务器读写数据出错，本次操作没有保存，请马上通知信息科。",
        "The standby cannot read or write its data and nothing was saved: tell IT now.",
        "The disk or the file of the store is damaged: stop, keep a copy of the files, restore the newest backup.",
    ),
    "standby_restarting": ErrorKind(
        503, "应急服务器正在重新启动，请稍候，页面会自动重试。", "The standby is starting again; please wait, the page tries again by itself.",
        "The front door is there, the window server behind it is not yet; see logs/serve.log.",
    ),
    "answer_lost": ErrorKind(
        502, "应急服务器中断了应答，请重试同一操作，不会重复记账。", "The answer was lost; send the same again, it will not count twice.",
        "The window server ended while it worked on this; the same Idempotency-Key finds out what became of it.",
    ),
    "request_timeout": ErrorKind(
        408, "提交的内容没有按时到达，请重试。", "The request did not arrive in time; please try again.", "The body came too slowly."
    ),
    "tls_required": ErrorKind(
        403, "请使用 https:// 打开应急系统。", "Please reach the standby by https://.",
        "Plain HTTP is answered on this machine only; see [server] tls.",
    ),
    "too_many_requests": ErrorKind(429, "操作过于频繁，请稍候。", "Too many attempts; please wait.", "Retry after {seconds} s."),
    "not_available": ErrorKind(
        501, "此功能尚未启用。", "This function is not available here.", "Needs a part that is not installed."
    ),
    "pdf_unavailable": ErrorKind(
        501, "本机不能生成 PDF，请直接打印。", "This standby cannot make PDF files; please print instead.",
        "Install the extra `pdf` (WeasyPrint) and the system's pango and a Chinese font.",
    ),
    "excel_unavailable": ErrorKind(
        501, "本机不能生成 Excel 表格，请改用打印。", "This standby cannot make workbooks; please print instead.",
        "Install the extra `excel` (openpyxl).",
    ),
    # --- backups -------------------------------------------------------------------------------------------------
    "backup_failed": ErrorKind(500, "备份失败：{problem}。", "The backup failed: {problem}.", "Look at the disk and the folder of [backup]."),
    "backup_no_space": ErrorKind(
        507, "磁盘空间不足，没有做成备份。", "There is no room for the backup.", "Make room at {place}, or choose another [backup] directory."
    ),
    "backup_damaged": ErrorKind(
        409, "备份 {name} 已损坏，不能使用。", "The backup {name} is damaged and cannot be used.",
        "{problem}; take the copy in the second place, or the one before.",
    ),
    "backup_wrong_key": ErrorKind(
        409, "密钥与备份 {name} 不符，或输入有误。", "The key does not open {name}, or has a slip.",
        "Compare it with the printed key in the safe; `yj backup list` shows the id of the key each backup was made with.",
    ),
    "backup_key_missing": ErrorKind(
        409, "找不到备份密钥，没有做成备份。", "The backup key is missing.",
        "Type the printed key from the safe into {path}; earlier backups need it. A new key only after those were moved away.",
    ),
    "backup_not_found": ErrorKind(404, "没有找到备份 {name}。", "There is no backup {name}.", "`yj backup list` shows what there is."),
    "backup_busy": ErrorKind(
        503, "另一个备份或验证一直没有结束，本次没有做。", "Another backup or verification did not end; this one was not done.",
        "Wait for it, then ask again. If none is at work for long, the disk or the second place hangs: see logs/worker.log.",
    ),
    "restore_refused": ErrorKind(
        409, "不能恢复：{problem}。", "The restore was refused: {problem}.", "Nothing was changed; see docs/operate.md, Restore."
    ),
    "archive_differs": ErrorKind(
        409, "归档文件 {name} 与日志不符，或读不出。", "The archive {name} is another one, or cannot be read.",
        "Nothing was written over; look at both with `yj audit verify --archive`.",
    ),
    # --- people --------------------------------------------------------------------------------------------------
    "login_failed": ErrorKind(401, "工号或密码不正确。", "Wrong operator or password.", "Unknown, disabled or wrong password."),
    "login_required": ErrorKind(401, "请先登录。", "Please log in.", "No valid session."),
    "csrf_rejected": ErrorKind(
        403, "页面已过期，请刷新页面后重试。", "This page is out of date; please reload it.",
        "A cookie without the page's own YJ-CSRF header, or a form of another site.",
    ),
    "activation_required": ErrorKind(
        403, "该工号尚无密码，请找组长领取激活码。", "This operator has no password yet.", "No password hash was mirrored."
    ),
    "password_change_required": ErrorKind(
        403, "请设置新密码后登录。", "Please choose a new password to log in.",
        "A code to log in was used, or the password is due for a change: send new_password too.",
    ),
    "password_weak": ErrorKind(
        422, "新密码太弱：至少 {least} 位，字母和数字都要有（或至少 16 位），且不能是工号。",
        "The new password is too weak: at least {least} characters with letters and digits (or 16), not the code.",
        "The password {problem}.",
    ),
    "passwords_differ": ErrorKind(
        422, "两次输入的新密码不一致。", "The two new passwords differ.", "The log-in page's own check."
    ),
    "password_used_before": ErrorKind(
        422, "新密码与现在或最近用过的密码相同，请换一个。", "The new password was used before; choose another.",
        "[security] password_history.",
    ),
    "session_elsewhere": ErrorKind(
        409, "您已在 {workstation} 登录，是否转到本机？", "You are logged in at {workstation}; take over?",
        "Send take_over: true to end the other session.",
    ),
    "workstations_full": ErrorKind(
        409, "工作站号已用完（最多 999 个），请联系信息科。", "All 999 workstation numbers are given out.",
        "Let this window log in under the code of a workstation that is no longer used.",
    ),
    "enrolment_rejected": ErrorKind(
        403, "接入码不正确、已使用或已过期，请向信息科领取新的接入码。", "The enrolment code is wrong, used or over; ask for another.",
        "Make one with: yj workstation code",
    ),
    "no_silent_print": ErrorKind(
        409, "本机没有可用的打印代理，请用浏览器打印。", "No agent prints at this workstation; print by the browser.",
        "The workstation table names no printer for this kind of print there, or its agent was not heard of lately.",
    ),
    "printer_unknown": ErrorKind(
        404, "工作站表里没有这台打印机。", "The workstation table has no such printer.", "Import the table, or edit the workstation."
    ),
    "station_unknown": ErrorKind(
        404, "工作站表里没有 {workstation}。", "The workstation table does not name {workstation}.", "See yj workstation list."
    ),
    "stations_wrong": ErrorKind(
        422, "工作站表有 {n} 处错误，没有导入；第一处：{first}", "The workstation table has {n} faults, nothing was imported; the first: {first}",
        "Send it with dry_run to see every fault.",
    ),
    "stations_shrink": ErrorKind(
        409, "这个文件会把 {of} 台工作站中的 {n} 台从表中去掉，没有导入。确实如此请确认。",
        "This file would take {n} of {of} workstations out of the table; nothing was imported. Confirm if that is meant.",
        "Is it the right file? dry_run (--dry-run) shows which; sure (yj workstation import: --yes) does it.",
    ),
    "forbidden": ErrorKind(403, "您没有此操作的权限。", "You are not allowed to do this.", "Needs one of: {roles}."),
    "second_person_required": ErrorKind(
        403, "此操作需要第二人（组长、总值班或管理员）确认。", "A second person must approve.",
        "Send approver {{operator, password}} or {{operator, code}}; {{alone}} where [security] alone_acts has it.",
    ),
    "approver_rejected": ErrorKind(
        403, "复核人不正确：须为另一人且有权限，密码正确。", "The approver was not accepted.",
        "Another person with role supervisor, duty or admin, and the right password or a one-time code for this act.",
    ),
    "alone_act_not_found": ErrorKind(404, "没有这条单人操作记录。", "No such act is listed.", "Unknown id."),
    "operator_exists": ErrorKind(
        409, "工号 {code} 已存在。", "There is an operator {code} already.", "Reset, enable or choose another code."
    ),
    "operator_disabled": ErrorKind(
        409, "工号 {code} 已停用，请先启用。", "Operator {code} is disabled; enable them first.",
        "Disabled by hand here, or inactive at the centre as of the mirror.",
    ),
    # --- mode ----------------------------------------------------------------------------------------------------
    "mode_normal": ErrorKind(
        409, "目前不是应急模式，请在 HIS 中办理。", "Not in YJ mode; use the HIS.", "Documents need mode emergency."
    ),
    "mode_returning": ErrorKind(
        409, "正在恢复 HIS，本机不再受理新业务。", "Returning to the HIS; no new documents here.", "Grace is over."
    ),
    "out_of_scope": ErrorKind(
        409, "{department}不在本次应急范围内，请在 HIS 中办理。", "{department} is not in YJ mode; use the HIS.",
        "Department {department} is out of scope.",
    ),
    "epoch_changed": ErrorKind(
        409, "模式已切换：{now}。", "The mode has changed: {now}.", "YJ-Epoch {sent}, current {current}; mode {now}."
    ),
    "wrong_state": ErrorKind(
        409, "当前状态不允许此操作。", "This is not possible in the present state.", "{current} → {wanted} has no arrow; see docs/states.md."
    ),
    "drill_fenced": ErrorKind(
        409, "演练数据不上传、不对账。", "Drill documents are never uploaded.", "Incident is a drill."
    ),
    "drill_mismatch": ErrorKind(
        409, "演练与真实业务不能混用。", "Drill and real work do not mix.", "The document belongs to the other kind of incident."
    ),
    "drill_not_found": ErrorKind(404, "没有这次演练。", "No such drill.", "Unknown number of a drill; `yj drill list`."),
    "drill_not_waiting": ErrorKind(
        409, "这次演练已经开始过或已取消。", "This drill has begun already or was called off.",
        "A plan is carried out once; make another for the next drill.",
    ),
    "drill_not_over": ErrorKind(
        409, "演练还没有结束。", "The drill is not over yet.", "End it first: two people, `yj drill end` or the console."
    ),
    "rehearsal_not_set": ErrorKind(
        409, "没有设置练习用的中心副本。", "No copy of the centre is set for rehearsals.",
        "[central] rehearsal_url is empty; give the address of a restored copy.",
    ),
    "rehearsal_same_centre": ErrorKind(
        409, "练习地址就是中心本身，已拒绝。", "The address for rehearsals is the centre itself; refused.",
        "[central] rehearsal_url reaches the database of [central] url ({how}).",
    ),
    "rehearsal_has_ledger": ErrorKind(
        409, "副本里有真实事件的台账，不能用来练习：请先清空副本的 yj_ledger 和 yj_incident。",
        "The copy carries the ledger of real incidents; empty yj_ledger and yj_incident in the copy first.",
        "{what} at [central] rehearsal_url.",
    ),
    "rehearsal_unsure": ErrorKind(
        409, "现在问不到中心，无法确认副本不是中心本身，已拒绝。",
        "The centre cannot be asked, so it is not sure that the copy is another database; refused.", "{problem}",
    ),
    "self_test_mode": ErrorKind(
        409, "只有正常模式下才能自检。", "The self-test runs in normal mode only.", "Mode is {mode}."
    ),
    "self_test_hours": ErrorKind(
        409, "自检等到了窗口忙的时候，这次不再做。", "The self-test waited into the windows' hours and is not run now.",
        "It begins within 4 hours after [drill] self_test_at ({at}), or when somebody asks for it now.",
    ),
    "drill_touches_open_work": ErrorKind(
        409, "演练中不能办理中心的真实单据。", "A drill does not touch the centre's open work.", "origin: centre in a drill."
    ),
    "mirror_missing": ErrorKind(
        409, "本地还没有可用的镜像数据，请先运行一次镜像。", "There is no mirror yet.", "Run: yj mirror run"
    ),
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


class YjError(Exception):
    """A refusal or failure with a code of the catalogue. Raised before anything was written, or rolls it back."""

    def __init__(self, code: str, /, **params: object) -> None:
        if code not in CATALOG:
            raise KeyError(f"unknown error code {code}")
        super().__init__(code)
        self.code = code
        self.params = params

    @property
    def kind(self) -> ErrorKind:
        return CATALOG[self.code]

    def sentence(self, language: str = "zh") -> str:
        """The sentence for staff. `language` starts with zh or en."""
        english = language.startswith("en")
        template = self.kind.en if english else self.kind.zh
        return template.format_map(_Params(_worded(self.params, english)))

    def hint(self) -> str:
        """The hint for IT."""
        return self.kind.hint.format_map(_Params(self.params))

    def __str__(self) -> str:
        return f"{self.code}: {self.sentence('en')} ({self.hint()})"


def _worded(params: Mapping[str, object], english: bool) -> dict[str, object]:
    """Parameters as staff read them: names for codes, a field by its label, a problem in the reader's language."""
    found = dict(params)
    for name, value in params.items():
        if isinstance(value, Named):
            found[name] = value.en if english else value.zh
        elif name == "field":
            found[name] = words_for(str(value))[english]
        elif name == "problem":
            found[name] = str(value).split(" / ", 1)[-1 if english else 0]
    return found


class _Params(dict[str, object]):
    """A parameter that a raiser forgot shows as a dash instead of breaking the error path."""

    def __missing__(self, key: str) -> str:
        return "–"

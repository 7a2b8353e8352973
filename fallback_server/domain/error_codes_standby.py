"""Refusals that concern the standby itself: the request, the store, backups, people, the switch."""

from __future__ import annotations

from typing import Final

from fallback_server.domain.error_kind import ErrorKind

STANDBY: Final[dict[str, ErrorKind]] = {
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
    "mirror_damaged": ErrorKind(
        503, "镜像文件 {path} 已损坏，业务数据完好。", "The file of the mirror, {path}, is damaged; the documents are not.",
        "It is a copy of the centre: stop, move it away with its -wal and -shm, `yj up`, `yj mirror run`. No backup is needed.",
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
    "backup_failed": ErrorKind(
        500, "备份或恢复失败：{problem}。", "The backup or restore failed: {problem}.", "Look at the disk and the folder of [backup]."
    ),
    "backup_no_space": ErrorKind(
        507, "磁盘空间不足，备份或恢复没有做成。", "There is no room on the disk: no backup was made, opened or restored.",
        "Make room at {place}, or choose another [backup] directory.",
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
        409, "找不到备份密钥。", "The backup key is missing.",
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
}  # fmt: skip

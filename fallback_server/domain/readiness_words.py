"""What `yj ready` looks at, and what it says: one line a check, one a finding, in two languages with the cure.

To add a finding: a line in CHECKS if it is about something new, a line in WORDS for each code, and a look in
`store.readiness.LOOKS` that yields it. The command, the console, /readyz, the metrics and the score then have it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Check:
    """One thing looked at. `weight`: how much of the score hangs on it, 1 to 10."""

    zh: str
    en: str
    weight: int

    def name(self, language: str) -> str:
        """The name in a language."""
        return self.en if language == "en" else self.zh


@dataclass(frozen=True)
class Words:
    """The sentence of a finding and what to do about it; a finding that is in order needs no cure."""

    zh: str
    en: str
    cure_zh: str = ""
    cure_en: str = ""


CHECKS: Final[dict[str, Check]] = {
    "store": Check("本地库", "Store", 10),
    "trial": Check("试写单据", "Test document", 10),
    "mirror": Check("镜像", "Mirror", 10),
    "worker": Check("同步进程", "Worker", 8),
    "centre": Check("中心", "Centre", 1),
    "books": Check("票据", "Receipt books", 6),
    "workstations": Check("工作站", "Workstations", 5),
    "administrators": Check("本地管理员", "Administrators", 5),
    "operators": Check("操作员", "Operators", 8),
    "night_shift": Check("夜班", "Night shift", 6),
    "alone": Check("单人操作", "Done alone", 1),
    "seal": Check("启封账号", "Break-glass account", 2),
    "certificate": Check("证书", "Certificate", 5),
    "clock": Check("时钟", "Clocks", 5),
    "disk": Check("磁盘", "Disk", 6),
    "at_rest": Check("静态加密", "Encryption at rest", 3),
    "secrets": Check("密钥文件", "Files with secrets", 3),
    "backup": Check("备份", "Backup", 8),
    "rehearsal": Check("恢复演练", "Restore rehearsal", 4),
    "restored": Check("恢复后的封闭", "Fence after a restore", 4),
    "drill": Check("演练", "Drill", 4),
    "printers": Check("打印机", "Printers", 4),
    "versions": Check("版本", "Versions", 4),
    "alarms": Check("告警", "Alarms", 3),
}

_CHECK_WORKER: Final = ("看 logs/worker.log，再执行 yj up", "look at logs/worker.log, then `yj up`")
_MIRROR_RUN: Final = ("执行 yj mirror run，或在控制台按“立即镜像”", "run `yj mirror run`, or refresh on the console")
_CODES: Final = ("控制台操作员页发登录码，或 yj operator code", "hand out codes on the console, or `yj operator code`")

WORDS: Final[dict[str, Words]] = {
    # --- store -----------------------------------------------------------------------------------------------------
    "store_trouble": Words(
        "本地库不能用：{why}", "The store cannot be used: {why}",
        "执行 yj up；仍不行则从备份恢复", "run `yj up`; if that does not help, restore a backup",
    ),
    # --- documents -------------------------------------------------------------------------------------------------
    "trial_fine": Words("试写一张收费单并撤销，用时 {ms} 毫秒（{minutes} 分钟前）", "A charge was written and rolled back in {ms} ms, {minutes} min ago"),
    "trial_never": Words(
        "还没有试写过单据", "No test document was written yet",
        "执行 yj ready，或在就绪页按“试写”", "`yj ready` writes one, and so does the console",
    ),
    "trial_old": Words("上次试写已过 {minutes} 分钟", "The last test document is {minutes} min old", *_CHECK_WORKER),
    "trial_failed": Words(
        "试写单据失败（{code}）", "A test document was refused ({code})",
        "按 docs/errors.md 查 {code}", "look {code} up in docs/errors.md",
    ),
    "books_plain": Words("用普通纸，不需要票据号", "Plain paper: no receipt numbers are needed"),
    "books_there": Words("{books} 人有票据，余 {numbers} 号", "{books} people have books, {numbers} numbers are left"),
    "books_none": Words(
        "没有任何可用票据号", "Nobody has a receipt number left",
        "中心发票据后镜像，或 yj book add", "issue books at the centre and run the mirror, or `yj book add`",
    ),
    "books_short": Words(
        "{n} 人票据不足：{codes}", "{n} people have few numbers left: {codes}", "提前领用", "issue the next book",
    ),
    "books_missing": Words(
        "近 30 天在岗的 {n} 人没有票据：{codes}", "{n} people of the last 30 days have no book: {codes}",
        "领用票据，或 yj book add", "issue a book, or `yj book add`",
    ),
    # --- mirror ----------------------------------------------------------------------------------------------------
    "mirror_missing": Words("还没有镜像", "There is no mirror yet", *_MIRROR_RUN),
    "mirror_there": Words("第 {n} 代镜像，{rows} 行，截至 {as_of}", "Generation {n}, {rows} rows, as of {as_of}"),
    "mirror_lacks": Words(
        "还没有镜像过，窗口不能工作：{datasets}", "Never read yet, windows cannot work: {datasets}", *_MIRROR_RUN
    ),
    "mirror_fresh": Words("{dataset}：{rows} 行，搁置 {rejected} 行，{minutes} 分钟前", "{dataset}: {rows} rows, {rejected} set aside, {minutes} min old"),
    "mirror_old": Words("{dataset}：已 {minutes} 分钟未更新", "{dataset}: {minutes} min old", *_MIRROR_RUN),
    "mirror_old_several": Words(
        "{n} 个数据集超时未更新，最久 {minutes} 分钟：{datasets}", "{n} datasets are old, the oldest {minutes} min: {datasets}",
        *_MIRROR_RUN,
    ),
    "mirror_held": Words(
        "第 {run} 次镜像被扣住", "Run {run} is held",
        "控制台镜像页核对后放行或改正", "look at it on the console's mirror page, approve or mend",
    ),
    "mirror_stopped": Words("镜像已停止：{reason}", "Stopped: {reason}", "控制台镜像页“恢复镜像”", "let it go on at the console"),
    # --- worker and centre -----------------------------------------------------------------------------------------
    "worker_there": Words("同步进程在监视中心", "The worker watches the centre"),
    "worker_away": Words("同步进程没有运行", "The worker is not running", *_CHECK_WORKER),
    "centre_fine": Words("中心正常", "The centre is fine"),
    "centre_slow": Words("中心变慢", "The centre is slow", "看检测页，通知信息科", "see the detection page"),
    "centre_down": Words(
        "中心连不上", "The centre cannot be reached",
        "确认停机后切换到应急模式", "make sure that it is an outage, then switch to YJ mode",
    ),
    "centre_unknown": Words("不知道中心的情况", "Nobody has seen the centre lately", *_CHECK_WORKER),
    # --- people ----------------------------------------------------------------------------------------------------
    "administrators": Words(
        "能用密码登录的本地管理员 {n} 人（须两人）",
        "{n} administrators of our own with a password; two are needed to come back",
        "yj operator add CODE --role admin", "`yj operator add CODE --role admin`",
    ),
    "operators_seen": Words(
        "近 30 天出现的 {of} 人中 {can} 人能登录（{percent} %）",
        "{can} of {of} operators seen in the last 30 days could log in ({percent} %)", *_CODES,
    ),
    "operators_all": Words(
        "在职 {of} 人中 {can} 人能登录（{percent} %）", "{can} of {of} operators could log in ({percent} %)", *_CODES
    ),
    "night_role_empty": Words(
        "夜班角色 {role} 无人能登录", "Nobody with the role {role} could log in",
        "yj operator list --all 看原因", "`yj operator list --all` says why",
    ),
    "night_roles_there": Words("夜班各角色都有人能登录", "Somebody of every role of the night could log in"),
    "alone_unsigned": Words(
        "{operator} 单人操作 {act}，待复签", "{operator} did {act} alone, a counter-signature is due by {due}",
        "控制台操作员页复签", "counter-sign on the console, or `yj operator countersign`",
    ),
    "alone_overdue": Words(
        "{operator} 单人操作 {act}，复签已逾期", "{operator} did {act} alone; the counter-signature was due at {due}",
        "控制台操作员页复签", "counter-sign on the console, or `yj operator countersign`",
    ),
    "seal_missing": Words(
        "还没有封存的启封账号", "There is no break-glass account", "yj operator seal", "`yj operator seal` makes one for the safe"
    ),
    "seal_opened": Words(
        "启封账号已启用（{at}）", "The break-glass account was opened at {at}",
        "查明原因并重新封存：yj operator seal", "find out why, then `yj operator seal`",
    ),
    "seal_closed": Words("启封账号已封存", "The break-glass account is sealed"),
    # --- backups ---------------------------------------------------------------------------------------------------
    "backup_never": Words("还没有备份", "There is no backup", "yj backup create", "`yj backup create`"),
    "backup_there": Words("{name}，{minutes} 分钟前", "{name}, {minutes} min old"),
    "backup_old": Words(
        "{name} 已过 {minutes} 分钟", "{name} is {minutes} min old",
        "看告警和 logs/worker.log，再 yj backup create", "see the alarms and logs/worker.log, then `yj backup create`",
    ),
    "backup_one_place": Words(
        "备份只在一处", "Backups are only in one place", "设置 [backup] second_directory", "set [backup] second_directory"
    ),
    "backup_second_failed": Words(
        "{name} 没有写入第二处", "{name} is not in the second place", "检查第二处是否挂载", "is it mounted?"
    ),
    "backup_second_slow": Words(
        "{name} 没有写入第二处：它没有及时响应", "{name} is not in the second place: it did not answer in time",
        "检查第二处的网络与存储", "look at its network and storage",
    ),
    "backup_second_other": Words(
        "{name} 没有写入第二处：那里是另一套应急系统的备份",
        "{name} is not in the second place: the backups of another standby lie there",
        "给每套应急系统单独的目录（[backup] second_directory）；确实要接管，执行 yj backup create --second-is-new",
        "a folder of its own for each ([backup] second_directory); to take it over, `yj backup create --second-is-new`",
    ),
    "backup_second_under_way": Words(
        "{name} 还在写入第二处", "{name} is still being copied into the second place",
        "过后再看；一直如此则检查网络，再 yj backup create", "look again later; if it stays, look at the network, then `yj backup create`",
    ),
    "backup_second_absent": Words(
        "{name} 没有写入第二处：那里没有原来的标记，可能没有挂载",
        "{name} is not in the second place: the marker laid there is gone, it may not be mounted",
        "挂载第二处；确实换了新的，执行 yj backup create --second-is-new",
        "mount it; if it was replaced, `yj backup create --second-is-new`",
    ),
    "backup_same_disk": Words(
        "两处备份在同一块磁盘上", "Both places of the backups are on the same disk",
        "把 [backup] second_directory 设到另一块磁盘或另一台机器", "put [backup] second_directory on another disk or machine",
    ),
    "backup_not_opened": Words(
        "{name} 试恢复失败（{code}）", "{name} could not be opened again ({code})",
        "yj backup verify 另一份，查第一、第二处的磁盘", "`yj backup verify` of another one; look at the disks of both places",
    ),
    "backup_unopened": Words(
        "两天内没有试恢复过备份", "No backup was opened again within two days", "yj backup verify", "`yj backup verify`"
    ),
    "rehearsal_never": Words(
        "从未演练过恢复", "No restore was ever rehearsed", "yj backup verify --rehearsal", "`yj backup verify --rehearsal`"
    ),
    "rehearsal_was": Words(
        "{days} 天前演练过恢复", "A restore was rehearsed {days} days ago",
        "yj backup verify --rehearsal", "`yj backup verify --rehearsal`",
    ),
    "restored_unrecovered": Words(
        "{at} 从 {name} 恢复，上传已封闭", "Restored from {name} at {at}; uploads are fenced",
        "yj upload recover", "`yj upload recover`",
    ),
    "drill_never": Words(
        "从未做过演练", "There never was a drill", "控制台“演练”页，或 yj drill plan", "the console's page Drills, or `yj drill plan`"
    ),
    "drill_was": Words(
        "{days} 天前做过演练", "The last drill was {days} days ago",
        "控制台“演练”页，或 yj drill plan", "the console's page Drills, or `yj drill plan`",
    ),
    "self_test_passed": Words("自检于 {at} 通过", "The self-test of {at} was passed"),
    "self_test_missing": Words(
        "每周自检已 {days} 天没有做", "The weekly self-test did not run for {days} days",
        "看 logs/worker.log，或执行 yj drill selftest", "see logs/worker.log, or run `yj drill selftest`",
    ),
    "findings_overdue": Words(
        "演练发现的 {n} 个问题过期未改", "{n} findings of drills are overdue",
        "控制台“演练”页改正后打勾，或 yj drill found-done", "mend them and tick them off, or `yj drill found-done`",
    ),
    "self_test_failed": Words(
        "自检于 {at} 未通过：{problem}", "The self-test of {at} was not passed: {problem}",
        "排除原因后 yj drill selftest", "mend what it says, then `yj drill selftest`",
    ),
    # --- windows ---------------------------------------------------------------------------------------------------
    "workstations_seen": Words("本周见到 {n} 台工作站（共 {of} 台）", "{n} of {of} workstations were heard of this week"),
    "printers_tested": Words("{of} 台打印机中 {n} 台一个月内打出过测试页", "A test page came out of {n} of {of} printers within a month"),
    "printers_failed": Words(
        "{n} 台打印机的测试页没有打出：{places}", "The test page of {n} printers failed: {places}",
        "看打印机与纸，再在控制台「工作站」打测试页", "look at printer and paper, then test it on the console's page of workstations",
    ),
    "printers_old": Words(
        "{n} 台打印机超过一个月没有测试：{places}", "{n} printers were not tested for a month: {places}",
        "在控制台「工作站」打测试页", "print a test page from the console's page of workstations",
    ),
    "printers_never": Words(
        "{n} 台打印机从未测试：{places}", "{n} printers were never tested: {places}",
        "在控制台「工作站」打测试页", "print a test page from the console's page of workstations",
    ),
    "workstations_none": Words(
        "本周没有见到任何工作站", "No workstation was heard of this week",
        "在窗口电脑上安装代理，或打开应急页面试一次", "install the agent on the windows' PCs, or open a page there once",
    ),
    "workstations_silent": Words(
        "{n} 台一周没有消息：{codes}", "{n} silent for a week: {codes}",
        "开机检查；已撤的电脑从名单中移除", "switch them on and look; revoke those that are gone",
    ),
    "schema_newest": Words("库结构 {found}，最新", "Schema {found}, the newest"),
    "schema_old": Words(
        "库结构 {found}，程序需要 {wanted}", "Schema {found}, this version needs {wanted}", "重启 yj up", "restart `yj up`"
    ),
    "versions_same": Words("版本 {own}，{n} 台工作站一致", "Version {own}, the same on {n} workstations"),
    "versions_differ": Words(
        "本机 {own}，{n} 台不同（{versions}）：{codes}", "{own} here, {n} workstations differ ({versions}): {codes}",
        "刷新页面，升级代理", "reload their pages, update their agents",
    ),
    # --- clocks ----------------------------------------------------------------------------------------------------
    "clock_agrees": Words("与中心相差 {offset} 秒", "The centre's is {offset} s from ours"),
    "clock_apart": Words(
        "与中心相差 {offset} 秒", "The centre's is {offset} s from ours",
        "校准本机或中心的时间（NTP）", "set the clocks right (NTP)",
    ),
    "clock_unknown": Words("还没有比对过与中心的时间", "Never compared with the centre's", *_CHECK_WORKER),
    "clock_windows_agree": Words("{n} 台工作站的时间一致", "{n} workstations agree"),
    "clock_windows_apart": Words(
        "{n} 台工作站时间不准（最多 {worst} 秒）：{codes}", "{n} workstations are off by up to {worst} s: {codes}",
        "校准这些电脑的时间", "set their clocks right",
    ),
    # --- alarms ------------------------------------------------------------------------------------------------
    "alarms_none": Words("没有待处理的告警", "No alarm waits for anybody"),
    "alarms_waiting": Words(
        "{n} 条告警无人确认", "{n} alarms that nobody acknowledged", "控制台告警页，或 yj alarm list", "the console's alarms, or `yj alarm list`",
    ),
    "channels_none": Words(
        "没有设置告警通道，出事没人知道", "Alarms go nowhere: nobody would be told",
        "在 yj.toml 的 [alerts] 设置通道，再 yj alarm test", "set a channel in [alerts] of yj.toml, then `yj alarm test`",
    ),
    "channels_down": Words(
        "{n} 个告警通道发不出去：{codes}", "{n} channels of alarms do not work: {codes}",
        "yj alarm test 看原因", "`yj alarm test` says why",
    ),
    "channels_untried": Words(
        "{n} 个告警通道三个月内没有发成过消息：{codes}", "By {n} channels no message went out within three months: {codes}",
        "yj alarm test", "`yj alarm test`",
    ),
    "channels_fine": Words("{n} 个告警通道正常", "{n} channels of alarms work"),
    # --- the machine -----------------------------------------------------------------------------------------------
    "at_rest_sealed": Words("数据所在磁盘已加密", "the disk of the store is encrypted"),
    "at_rest_open": Words(
        "数据所在磁盘没有加密", "the disk of the store is not encrypted",
        "给 {place} 所在磁盘启用 LUKS 或 BitLocker", "put {place} on LUKS or BitLocker",
    ),
    "at_rest_unknown": Words(
        "看不出数据所在磁盘是否加密", "nothing here tells whether the disk of the store is encrypted",
        "请确认 {place} 所在存储已加密", "make sure that the storage of {place} is encrypted",
    ),
    "secrets_closed": Words("{count} 个密钥文件只有所有者可读", "{count} files with secrets, for their owner only"),
    "secrets_open": Words(
        "其他用户也能读：{files}", "others may read: {files}", "chmod 600 这些文件", "`chmod 600` those files",
    ),
    "disk_free": Words(
        "空闲 {percent} %（{gb} GB）", "{percent} % free ({gb} GB)",
        "清理磁盘或换大盘", "make room, or move the instance to a larger disk",
    ),
    "disk_trouble": Words("看不到磁盘：{why}", "The disk cannot be looked at: {why}", "检查挂载", "is it mounted?"),
    "certificate_fine": Words("还有 {days} 天到期", "{days} days left"),
    "certificate_due": Words(
        "还有 {days} 天到期，该换证书", "{days} days left; it is due: {why}", "yj certificate renew", "`yj certificate renew`"
    ),
    "certificate_not_yet": Words(
        "要到 {begins} 才有效：本机时钟不对，或生成时时钟不对", "It begins on {begins}: this clock is wrong, or was when it was made",
        "先校准本机时钟；时钟正确则 yj certificate renew", "set this machine's clock; if it is right, `yj certificate renew`",
    ),
    "certificate_bought_due": Words(
        "还有 {days} 天到期，该换证书", "{days} days left; it is due: {why}",
        "向医院的证书机构换发，放到 [server] certificate 的位置", "put the hospital's new one where [server] certificate says",
    ),
    "certificate_bought_not_yet": Words(
        "要到 {begins} 才有效：本机时钟不对，或证书发早了", "It begins on {begins}: this clock is wrong, or it came too early",
        "先校准本机时钟；时钟正确则向医院的证书机构换发", "set this machine's clock; if it is right, the hospital has to make another",
    ),
    "authority_fine": Words("自建证书机构还有 {days} 天到期", "The authority behind it: {days} days left"),
    "authority_due": Words(
        "自建证书机构 {ends} 到期，还有 {days} 天", "The authority behind it ends on {ends}: {days} days left",
        "择日移走 certificates 目录并重启，再让每个窗口信任新机构", "on a quiet day move `certificates` away, start, trust the new one on every window",
    ),
    "authority_not_yet": Words(
        "自建证书机构要到 {begins} 才有效：本机时钟不对，或生成时时钟不对",
        "The authority behind it begins on {begins}: this clock is wrong, or was when it was made",
        "先校准本机时钟；时钟正确则移走 certificates 目录并重启，让每个窗口信任新机构",
        "set this machine's clock; if it is right, move `certificates` away, start, trust the new one on every window",
    ),
    "certificate_trouble": Words(
        "证书不能用：{why}", "It cannot be used: {why}", "yj certificate renew", "`yj certificate renew`"
    ),
    "certificate_off": Words(
        "未用 TLS", "TLS is off", "[server] tls = true", "set [server] tls = true"
    ),
}  # fmt: skip

"""What an upload run says about itself: the run row, the command line and the console show the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

Progress = Callable[[str, int, int], None]
"""Called with (step, done, total)."""

# state: done (went through; conflicts may be left), stopped (goes on by itself later), refused (must not run now),
# broken (the centre or the mapping must be mended first).
SENTENCES: dict[str, tuple[str, str]] = {
    "done": ("全部单据已回传。", "Every document is at the centre."),
    "done_with_rest": (
        "能自动回传的单据已全部回传，其余等待人工处理。",
        "Clean documents are back; the rest waits for a person.",
    ),
    "nothing": ("该事件没有单据，已直接关闭。", "The incident has no documents and was closed."),
    "no_incident": ("没有需要回传的事件。", "There is no incident to upload."),
    "rehearsed": ("试运行完成，中心未作任何改动。", "Rehearsed; nothing was changed at the centre."),
    "preflight": ("上传前检查未通过。", "The pre-flight check of the centre did not pass."),
    "rewound": ("中心数据被回退，须先由两人认可。", "The centre was rewound; two people must approve first."),
    "ledger_ahead": (
        "中心台账比本地新，本服务器可能是从备份恢复的。",
        "The centre's ledger is ahead: this standby was restored.",
    ),
    "restored": (
        "本服务器刚从备份恢复，须先由两人运行 yj upload recover。",
        "This standby came back from a backup: two people run `yj upload recover` first.",
    ),
    "fenced": ("中心不认可本服务器的这次事件。", "The centre holds this incident for another installation or epoch."),
    "unreachable": ("连不上中心，稍后自动继续。", "The centre cannot be reached; goes on later by itself."),
    "transient": ("中心暂时繁忙，稍后自动继续。", "The centre is busy; goes on later by itself."),
    "waiting": ("部分单据稍后重试。", "Some documents are tried again later."),
    "systemic": ("中心或映射有问题，修复后再上传。", "The centre or the mapping must be mended first."),
    "integrity_alarm": (
        "台账与本地内容不一致，请立即联系信息科。",
        "The ledger holds other contents than ours: call IT.",
    ),
    "transaction_ended": (
        "中心的过程自行提交或回滚了事务，已停止；请厂商修改，单据由人核对。",
        "A procedure of the centre ended our transaction: have it mended, look what is there of the document.",
    ),
    "breaker": ("连续多位病人出现同一错误，已暂停上传。", "The same error for several patients in a row; paused."),
    "new_incident": ("又进入应急模式，上传已暂停。", "A new outage began; the upload paused."),
    "paused": ("上传已由人暂停，在控制台继续。", "A person paused the upload; let it go on at the console."),
    "asked_to_stop": ("已按要求停止。", "Stopped as asked."),
    "interrupted": ("上传被中断，可直接再次运行。", "The run was interrupted; simply run it again."),
}


class RunStopped(Exception):
    """Ends a run at a safe point. `state` and `code` go into the report; `problems` are sentences for IT."""

    def __init__(self, state: str, code: str, problems: list[str] | None = None) -> None:
        super().__init__(code)
        self.state = state
        self.code = code
        self.problems = problems or []


@dataclass
class UploadReport:
    """One run. `left` is computed from the queue when the run ends; `complete` is what exit code 0 stands for."""

    incident_no: int | None
    dry_run: bool = False
    run_id: int | None = None
    state: str = "running"
    code: str = ""
    step: str = ""
    problems: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    left: dict[str, int] = field(default_factory=dict)
    rehearsed: list[dict[str, Any]] = field(default_factory=list)
    retry_after_seconds: float | None = None

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do for this incident (a rehearsal: whether everything tried would be taken)."""
        if self.dry_run:
            return self.state == "done" and all(item["ok"] for item in self.rehearsed)
        return self.state == "done" and not any(self.left.values())

    def finish(self, state: str, code: str) -> UploadReport:
        """Set how it ended."""
        self.state, self.code = state, code
        return self

    def to_json(self) -> dict[str, Any]:
        """Plain data, for the run row and for `--json`."""
        zh, en = SENTENCES.get(self.code, ("", ""))
        data = asdict(self)
        data["counts"] = dict(self.counts)
        return {**data, "complete": self.complete, "message": zh, "message_en": en}

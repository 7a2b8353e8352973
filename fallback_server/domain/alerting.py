"""When an alarm is said, how often, and in which words: pure decisions, so that no channel ever storms.

A channel remembers of each subject what it said last. It speaks when that is no longer so, never twice about a subject
within the quiet time, never more often than so many times an hour, and about many things in one message. What grew
graver than what was said of it waits for no quiet time, what is critical and new for no hour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

CRITICAL, WARNING, INFO = "critical", "warning", "info"
SEVERITIES: Final = (INFO, WARNING, CRITICAL)
SEVERITY_NAMES: Final[dict[str, tuple[str, str]]] = {
    CRITICAL: ("严重", "critical"), WARNING: ("警告", "warning"), INFO: ("提示", "info"),
}  # fmt: skip
# By the first word of the subject; what is not here is a warning.
_SEVERITY_OF: Final = {"centre": CRITICAL, "seal": CRITICAL, "ready": CRITICAL, "switch": CRITICAL}

ON, AGAIN, OFF = "on", "again", "off"
_STATE_NAMES: Final[dict[str, tuple[str, str]]] = {
    ON: ("告警", "ALARM"), AGAIN: ("仍未处理", "STILL ON"), OFF: ("已恢复", "OVER"),
}  # fmt: skip
PRODUCT: Final = "HIS-YJ"
_MORE: Final = (
    "……另有 {n} 条，见控制台「告警」页或 yj alarm list",
    "… and {n} more: see the console's alarms, or `yj alarm list`",
)

FIRST_RETRY_SECONDS: Final = 15
LONGEST_RETRY_SECONDS: Final = 900
DOWN_AFTER: Final = 3  # failures in a row: then the other channels are told


def severity_of(subject: str) -> str:
    """How grave an alarm about this subject is, where who sounds it does not say."""
    return _SEVERITY_OF.get(subject.partition(".")[0], WARNING)


@dataclass(frozen=True)
class Alert:
    """The newest alarm of a subject, as channels see it. Sentences name numbers and codes, never a patient."""

    id: int
    subject: str
    kind: str
    severity: str
    zh: str
    en: str
    opened_at: datetime
    closed_at: datetime | None = None
    acknowledged: bool = False


@dataclass(frozen=True)
class Said:
    """What a channel said last about a subject."""

    alarm_id: int
    kind: str
    on: bool
    at: datetime
    severity: str = WARNING


@dataclass(frozen=True)
class Pace:
    """How much a channel may say. `repeat` None: a grave alarm that nobody acknowledged is not said again."""

    least: str = WARNING
    quiet: timedelta = timedelta(minutes=5)
    repeat: timedelta | None = timedelta(hours=1)
    per_hour: int = 20
    digest_over: int = 3


@dataclass(frozen=True)
class Saying:
    """One thing to say: an alarm and what became of it."""

    alert: Alert
    state: str

    def line(self, language: str) -> str:
        """One line of a message."""
        english = language == "en"
        words = self.alert.en if english else self.alert.zh
        grave, state = SEVERITY_NAMES[self.alert.severity][english], _STATE_NAMES[self.state][english]
        since = (self.alert.closed_at if self.state == OFF else None) or self.alert.opened_at
        return f"[{state}][{grave}] {words} ({since:%m-%d %H:%M}, {self.alert.subject})"


def due(alerts: Iterable[Alert], said: Mapping[str, Said], now: datetime, pace: Pace) -> list[Saying]:
    """What a channel should say now, the gravest first."""
    found = [one for alert in alerts if (one := _due(alert, said.get(alert.subject), now, pace)) is not None]
    return sorted(found, key=lambda one: (-SEVERITIES.index(one.alert.severity), one.alert.id))


def _due(alert: Alert, last: Said | None, now: datetime, pace: Pace) -> Saying | None:
    ago = timedelta() if last is None else now - last.at
    # Said in the future: the clock was set back since. That keeps nobody quiet.
    set_back = ago < timedelta()
    if last is not None and not set_back and ago < pace.quiet and not _graver(alert, last):
        return None
    if alert.closed_at is not None:
        return Saying(alert, OFF) if last is not None and last.on else None
    if alert.acknowledged or SEVERITIES.index(alert.severity) < SEVERITIES.index(pace.least):
        return None
    if last is None or not last.on or (last.alarm_id, last.kind) != (alert.id, alert.kind):
        return Saying(alert, ON)
    grave = alert.severity == CRITICAL and pace.repeat is not None and (set_back or ago >= pace.repeat)
    return Saying(alert, AGAIN) if grave else None


def _graver(alert: Alert, last: Said) -> bool:
    """Whether it is on and worse than what was said. Once a step: what was said then is as grave as it gets."""
    return alert.closed_at is None and SEVERITIES.index(alert.severity) > SEVERITIES.index(last.severity)


def batches(sayings: Sequence[Saying], sent_in_hour: int, pace: Pace) -> list[list[Saying]]:
    """The messages to send now: one each, or all in one where they are many or few may still be sent. When the hour is
    used up they wait, and go together; only what is critical and new does not, in one message."""
    left = pace.per_hour - sent_in_hour
    if left <= 0:
        urgent = [one for one in sayings if one.state == ON and one.alert.severity == CRITICAL]
        return [urgent] if urgent else []
    if not sayings:
        return []
    if len(sayings) > min(pace.digest_over, left):
        return [list(sayings)]
    return [[one] for one in sayings]


def retry_after(failures: int) -> timedelta:
    """The pause after so many failures in a row."""
    return timedelta(seconds=min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** (max(1, failures) - 1)))


@dataclass(frozen=True)
class Message:
    """What a channel sends: words for people and, for programs, the alarms themselves."""

    title: str
    lines: tuple[str, ...]
    severity: str
    at: datetime
    host: str
    hospital: str
    alarms: tuple[Mapping[str, Any], ...] = ()
    language: str = "zh"

    @property
    def text(self) -> str:
        """Title and lines."""
        return "\n".join([self.title, *self.lines])

    def within(self, limit: int) -> str:
        """The text in at most so many bytes (UTF-8). Alarms that find no room are counted, with where they can be read;
        one alone that is too long is cut at its end."""
        *told, foot = self.lines
        shown = len(told)
        words = self.text
        while len(words.encode()) > limit and shown > 1:
            shown -= 1
            more = _MORE[self.language == "en"].format(n=len(told) - shown)
            words = "\n".join([self.title, *told[:shown], more, foot])
        return words if len(words.encode()) <= limit else words.encode()[: limit - 3].decode(errors="ignore") + "…"


def compose(sayings: Sequence[Saying], language: str, hospital: str, host: str, now: datetime) -> Message:
    """One message about one alarm or about many. Its title is one line: it is a head line of letters."""
    english = language == "en"
    worst = max((one.alert.severity for one in sayings), key=SEVERITIES.index)
    if len(sayings) == 1:
        only = sayings[0]
        what = only.alert.en if english else only.alert.zh
        head = f"{_STATE_NAMES[only.state][english]}·{SEVERITY_NAMES[worst][english]} {what}"
    else:
        head = f"{len(sayings)} alarms" if english else f"{len(sayings)} 条告警"
    title = f"[{PRODUCT}] {' '.join(head.split())}"
    return Message(
        title, tuple([*(one.line(language) for one in sayings), f"{hospital} · {host}"]), worst, now,
        host, hospital, tuple(_plain(one) for one in sayings), language,
    )  # fmt: skip


def trial_message(language: str, hospital: str, host: str, now: datetime) -> Message:
    """What `yj alarm test` sends."""
    english = language == "en"
    words = "Test message: this channel works." if english else "测试消息：这个通道可用。"
    return Message(f"[{PRODUCT}] {words}", (f"{hospital} · {host}",), INFO, now, host, hospital, (), language)


def _plain(one: Saying) -> dict[str, Any]:
    alert = one.alert
    return {
        "key": alert.subject, "kind": alert.kind, "severity": alert.severity, "state": one.state, "zh": alert.zh,
        "en": alert.en, "since": alert.opened_at.isoformat(timespec="seconds"),
        "until": alert.closed_at.isoformat(timespec="seconds") if alert.closed_at else None,
    }  # fmt: skip

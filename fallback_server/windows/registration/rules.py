"""Rules of the registration desk: sessions, who waits and who is paused, the sentences of its warnings."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

from fallback_server.domain.identity import resident_id_birth

# Levels I and II are seen at once and never wait for a nurse to resume them.
NEVER_PAUSED_LEVELS: Final = (1, 2)
UNKNOWN_NAME: Final = "无名氏"
RESIDENT_ID: Final = "01"
_OLDEST_YEARS = 150
_MORNING, _NOON, _EVENING = 6, 12, 18


def session_at(now: datetime) -> str:
    """The half-day of the clock: am from 6, pm from 12, night from 18."""
    if _MORNING <= now.hour < _NOON:
        return "am"
    return "pm" if _NOON <= now.hour < _EVENING else "night"


def first_status(triage_level: int | None, *, seen: bool) -> str:
    """Where a new YJ visit stands in the queue: paused, until the nurse resumes it, unless it cannot wait."""
    if seen:
        return "seen"
    return "waiting" if triage_level in NEVER_PAUSED_LEVELS else "paused"


def visit_kind_of(department_kind: str) -> str:
    """What kind of visit a department makes by default."""
    return "emergency" if department_kind == "emergency" else "outpatient"


def unknown_name(yj_no: str) -> str:
    """The name of somebody who cannot say theirs; two in one room must not share it, so it ends in the number."""
    return UNKNOWN_NAME + yj_no[-4:]


def oversold(sold: int, capacity: int, as_of: str | None) -> dict[str, Any]:
    """The doctor's numbers are used up: a warning, never a refusal."""
    return {
        "code": "oversold",
        "text": f"号源已满：已挂 {sold}，限号 {capacity}（数据截至 {as_of or '–'}）",
        "text_en": f"Sold out: {sold} of {capacity}, as of {as_of or '–'}",
        "sold": sold,
        "capacity": capacity,
        "as_of": as_of,
    }


def other_day(day: str) -> dict[str, Any]:
    """The chosen schedule is not today's."""
    return {"code": "schedule_other_day", "text": f"该排班是 {day} 的", "text_en": f"This schedule is for {day}"}


def registered_already(slip_no: str | None) -> dict[str, Any]:
    """The patient has a valid visit in this department."""
    return {
        "code": "registered_already",
        "text": f"该病人在本科室已有挂号（{slip_no or '–'}）",
        "text_en": f"Already registered in this department ({slip_no or '–'})",
        "slip_no": slip_no,
    }


def plausible_birth(born: date, today: date) -> bool:
    """Neither in the future nor before anybody alive."""
    return born <= today and today.year - born.year <= _OLDEST_YEARS


def id_warnings(id_type: str | None, id_no: str | None) -> list[dict[str, Any]]:
    """A resident id number with a slip of the pen is kept and told: only a sound one links patients by itself."""
    if id_no is None or len(id_no) != 18 or id_type not in (None, RESIDENT_ID) or resident_id_birth(id_no) is not None:
        return []
    return [{"code": "id_no_invalid", "text": "身份证号校验不通过，请核对", "text_en": "The id number fails its check"}]

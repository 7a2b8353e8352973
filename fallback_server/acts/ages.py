"""Age as a doctor needs it: days for the newborn, months and days for infants, years and months for small children."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta

CHILD_BELOW_YEARS = 14  # paediatric forms and guardians (a children's hospital works by them)
_SMALL_CHILD_YEARS = 6


@dataclass(frozen=True)
class Age:
    """Completed years, months and days since birth, with the words for both languages."""

    years: int
    months: int
    days: int
    zh: str
    en: str

    @property
    def child(self) -> bool:
        return self.years < CHILD_BELOW_YEARS


def age_on(birth_date: str | None, day: date) -> Age | None:
    """Age on `day`; None for an unknown, unreadable or future birth date."""
    try:
        born = date.fromisoformat((birth_date or "")[:10])
    except ValueError:
        return None
    if born > day:
        return None
    whole = (day.year - born.year) * 12 + day.month - born.month
    if months_later(born, whole) > day:
        whole -= 1
    days = (day - months_later(born, whole)).days
    years, months = divmod(whole, 12)
    return Age(years, months, days, *_words(years, months, days))


def birth_date_of(day: date, *, years: int = 0, months: int = 0, days: int = 0) -> date:
    """The estimated birth date of somebody whose age is given; raises ValueError before the calendar begins."""
    return months_later(day, -(years * 12 + months)) - timedelta(days=days)


def months_later(day: date, count: int) -> date:
    """The same day `count` months later, or that month's last day where it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1] if year > 0 else day.day))


def _words(years: int, months: int, days: int) -> tuple[str, str]:
    if years == 0 and months == 0:
        return f"{days}天", f"{days} d"
    if years == 0:
        return f"{months}月{days}天", f"{months} mo {days} d"
    if years < _SMALL_CHILD_YEARS and months:
        return f"{years}岁{months}月", f"{years} y {months} mo"
    return f"{years}岁", f"{years} y"

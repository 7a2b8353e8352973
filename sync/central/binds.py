"""What a statement of the mapping is given: scalars of the document, resolved keys, derived times.

Every value is text, int, bool or None. A time-valued bind X is also there as X_NAME for every time format NAME of the
mapping, in hospital-local time; it is derived when a statement asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from fallback_server.domain.clock import Clock, to_text
from sync.central.gateway import Outgoing, Refused, Row, Systemic
from sync.central.sql_file import Step
from sync.central.texts import Kept

YJ_MARKER = "1"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class Binds:
    """A growing scope of names. `known` are names that may be missing from the document and are then NULL."""

    def __init__(
        self,
        values: Mapping[str, Any],
        formats: Mapping[str, str],
        clock: Clock,
        known: Iterable[str] = (),
    ) -> None:
        self._formats = formats
        self._zone = clock.zone
        self._values: dict[str, Any] = dict.fromkeys(known)
        self._values |= {
            "now_at": to_text(clock.now()),
            "hospital_tz": clock.zone.key,
            "yj_marker": YJ_MARKER,
            **values,
        }
        self._kept: Callable[[Step], Kept] | None = None

    def limit_to(self, kept: Callable[[Step], Kept]) -> None:
        """Refuse text that the centre's columns would not keep; `kept` is the rule of a step."""
        self._kept = kept

    def add(self, values: Mapping[str, Any]) -> None:
        """Hand on what a step returned."""
        self._values.update(values)

    def get(self, name: str) -> Any:
        return self._values.get(name)

    def of(self, step: Step, item: Row | None = None) -> dict[str, Any]:
        """The binds of one step; an item of its list wins over the document. Raises Systemic for an unknown name."""
        scope = self._values if item is None else {**self._values, **item}
        values = {name: scope[name] if name in scope else self._derived(step, name, scope) for name in step.binds}
        return values if self._kept is None else self._kept(step)(values)

    def _derived(self, step: Step, name: str, scope: Mapping[str, Any]) -> Any:
        for suffix, pattern in self._formats.items():
            source = name.removesuffix(f"_{suffix}")
            if source != name and source in scope:
                return _formatted(step, source, scope[source], pattern, self._zone)
        raise Systemic(f"{step.where}: there is no value for :{name}")


def document_binds(outgoing: Outgoing, formats: Mapping[str, str], clock: Clock, known: Iterable[str]) -> Binds:
    """The scope of one document: its scalars, and `<ref>_key` for each reference.

    Raises Refused('parent_key_missing') for a reference of ours that has no key at the centre.
    """
    payload = outgoing.payload
    values = {name: value for name, value in payload.items() if is_scalar(value)}
    for name, ref in (payload.get("refs") or {}).items():
        values[f"{name}_key"] = _key(ref, outgoing.keys)
    return Binds(values, formats, clock, known)


def item_binds(outgoing: Outgoing, list_name: str, fields: Iterable[str] = ()) -> list[dict[str, Any]]:
    """The scalars of every item of a list; items that point at something also have its `key`."""
    items = []
    for item in outgoing.payload.get(list_name) or ():
        values: dict[str, Any] = dict.fromkeys(fields)
        values |= {name: value for name, value in item.items() if is_scalar(value)}
        if "origin" in item:
            # It would shadow the key that the document itself gets.
            values.pop("central_key", None)
            values["key"] = _key(item, outgoing.keys)
        items.append(values)
    return items


def is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, bool))


def jsonable(row: Row) -> dict[str, Any]:
    """A central row as text, int, bool and None, for conflicts and reports."""
    return {str(name): plain(value) for name, value in row.items()}


def plain(value: Any) -> Any:
    """One central value as text, int, bool or None; padding of CHAR columns goes."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    return value.rstrip() if isinstance(value, str) else str(value)


def _key(ref: Mapping[str, Any] | None, keys: Mapping[str, str]) -> str | None:
    if ref is None:
        return None
    key = keys.get(ref["id"]) or ref.get("central_key")
    if key is None:
        raise Refused("parent_key_missing", "a document this one speaks of has no key at the centre", {"id": ref["id"]})
    return str(key)


def _formatted(step: Step, name: str, value: Any, pattern: str, zone: ZoneInfo) -> str | None:
    if value is None or value == "":
        return None
    try:
        return _moment(value, zone).strftime(pattern)
    except (TypeError, ValueError):
        raise Systemic(f"{step.where}: :{name} is not a time, so it has no time formats") from None


def _moment(value: Any, zone: ZoneInfo) -> datetime:
    if isinstance(value, datetime):
        return value.astimezone(zone) if value.tzinfo else value
    if isinstance(value, date):
        return datetime.combine(value, time(), zone)
    moment = datetime.fromisoformat(value)
    if _DAY.fullmatch(value) or moment.tzinfo is None:
        return moment.replace(tzinfo=zone)
    return moment.astimezone(zone)

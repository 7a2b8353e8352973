"""A fault for the log: where it happened and of what kind, without its own words, which may quote a patient."""

from __future__ import annotations

from types import TracebackType


class Unsaid(Exception):
    """Stands in a log for an error; its text is the names of the error and of what led to it."""


def without_values(error: BaseException) -> tuple[type[BaseException], BaseException, TracebackType | None]:
    """What a log takes as `exc_info`: the same traceback, the same kinds, no words."""
    names: list[str] = []
    at = error
    while len(names) < 8:
        names.append(type(at).__name__)
        cause = at.__cause__ or at.__context__ or getattr(at, "orig", None)
        if not isinstance(cause, BaseException) or cause is at:
            break
        at = cause
    return Unsaid, Unsaid(" from ".join(names)), error.__traceback__

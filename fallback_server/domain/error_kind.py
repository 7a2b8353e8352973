"""What one code of an error means: to a program, to staff, to IT."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ErrorKind:
    """One entry of the vocabulary. `status` is the HTTP status it is answered with."""

    status: int
    zh: str
    en: str
    hint: str

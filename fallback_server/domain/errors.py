"""Errors are types: a stable code, a sentence for staff in two languages, a hint for IT. One map to HTTP.

`CATALOG` is the whole vocabulary, written down in error_codes_….py; docs/errors.md lists it and a test keeps both
equal. Sentences are formatted with the parameters of the raised error. No patient data goes into parameters: they end
up in logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fallback_server.domain.error_codes_standby import STANDBY
from fallback_server.domain.error_codes_work import WORK
from fallback_server.domain.error_kind import ErrorKind
from fallback_server.domain.field_words import words_for


@dataclass(frozen=True)
class Named:
    """A parameter that is a code to programs and to IT, and words to staff."""

    code: str
    zh: str
    en: str

    def __str__(self) -> str:
        return self.code


CATALOG: Final[dict[str, ErrorKind]] = {**STANDBY, **WORK}


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

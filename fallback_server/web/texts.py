"""The words of the pages: catalogues of Flask-Babel, one file a window and language, read as they are written.

Ids are symbolic (`registration.find_patient`), so Chinese is a translation like English and neither can be forgotten.
The catalogues are .po files that people edit; they are compiled in memory at first use, not by a build step.
"""

from __future__ import annotations

import io
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from flask import Flask, request
from flask_babel import Babel, get_locale
from flask_babel import Domain as BabelDomain

from fallback_server.web.cookies import LANGUAGE

LANGUAGES = ("zh", "en")


class Catalogues(BabelDomain):  # type: ignore[misc]  # the library has no type information
    """All .po files of a folder `<language>/<name>.po` as one domain."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder), "pages")
        self.folder = folder
        self._read: dict[str, Translations] = {}

    def get_translations(self) -> Translations:
        return self.of(str(get_locale() or LANGUAGES[0]))

    def of(self, language: str) -> Translations:
        """The words of one language."""
        if language not in self._read:
            merged = Translations()
            for path in sorted((self.folder / language).glob("*.po")):
                with path.open("rb") as file:
                    compiled = io.BytesIO()
                    write_mo(compiled, read_po(file, locale=language))
                compiled.seek(0)
                merged.merge(Translations(compiled))
            self._read[language] = merged
        return self._read[language]

    def of_windows(self, language: str, windows: tuple[str, ...]) -> dict[str, str]:
        """The words of these windows for their scripts: id → text."""
        prefixes = tuple(f"{window}." for window in windows)
        catalogue = self.of(language)._catalog
        return {key: text for key, text in catalogue.items() if isinstance(key, str) and key.startswith(prefixes)}


def chosen_language() -> str:
    """The language of the request: `?lang=`, then the cookie, then what the browser asks for, else Chinese."""
    for wanted in (request.args.get("lang"), request.cookies.get(LANGUAGE)):
        if wanted in LANGUAGES:
            return str(wanted)
    return "en" if request.accept_languages.best_match(["zh-CN", "zh", "en"], "zh") == "en" else "zh"


def install(app: Flask, folder: Path) -> Catalogues:
    """Bind the catalogues of `folder` to the application's templates."""
    words = Catalogues(folder)
    Babel(app, locale_selector=chosen_language, default_locale="zh")
    app.extensions["babel"].domain_instance = words
    app.extensions["babel"].instance.domain_instance = words
    return words

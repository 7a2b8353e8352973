"""The windows' pages: templates, files beside them, and the catalogues of their words. No code runs here."""

from pathlib import Path
from typing import Final

PAGES_DIR: Final = Path(__file__).resolve().parent

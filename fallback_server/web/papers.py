"""What is printed: the same page goes to the browser's printer and, as PDF, into the archive.

WeasyPrint and the fonts it needs are an extra (`pdf`); without it everything but the PDF works.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from fallback_server.domain.errors import YjError

SIZES: Final = ("roll80", "a5", "a4")
# Paths in a page are joined to it; a scheme of our own would be left out (urllib joins only those it knows).
_NOWHERE: Final = "http://pages.invalid"


def qr(text: str) -> Markup:
    """A QR code of a document number as an inline picture that scales with its place on the paper."""
    import segno

    drawn = segno.make(text, error="m", micro=False)
    return Markup(drawn.svg_inline(border=2, omitsize=True, svgclass="qr", lineclass=None))  # noqa: S704 - made by the library


def alone(html: str, static: Path, files: str, x_mm: float, y_mm: float) -> str:
    """The print as a file of its own, its styles inside, moved right and down on the paper."""

    def inside(link: re.Match[str]) -> str:
        return f"<style>{(static / link[1]).read_text(encoding='utf-8')}</style>"

    whole = re.sub(rf'<link rel="stylesheet" href="{re.escape(files)}/(css/[a-z0-9_-]+\.css)">', inside, html)
    move = f"<style>body {{ position: relative; left: {x_mm:g}mm; top: {y_mm:g}mm; }}</style>" if x_mm or y_mm else ""
    return whole.replace("</head>", f"{move}</head>", 1)


def require_pdf() -> None:
    """Raises pdf_unavailable where the extra is not installed."""
    logging.getLogger("weasyprint").setLevel(logging.ERROR)  # what it leaves out of our styles is meant for screens
    try:
        import weasyprint  # noqa: F401  (only asked whether it is there)
    except (ImportError, OSError):  # OSError: the package is there, the system's pango is not
        raise YjError("pdf_unavailable") from None


def as_pdf(html: str, static: Path, files: str) -> bytes:
    """The page as PDF. Raises pdf_unavailable where the extra is not installed."""
    require_pdf()
    from weasyprint import HTML
    from weasyprint.urls import URLFetcher, URLFetcherResponse

    class Beside(URLFetcher):  # type: ignore[misc]  # the library has no type information
        """Only files that stand beside the pages: a name in a document can never make us read anything else."""

        def fetch(self, url: str, headers: Any = None) -> Any:
            inside = url.removeprefix(f"{_NOWHERE}{files}/")
            path = (static / inside).resolve()
            if inside == url or not path.is_relative_to(static.resolve()):
                raise ValueError("not a file of the pages")
            kind = "text/css" if path.suffix == ".css" else "image/svg+xml"
            return URLFetcherResponse(url, path.read_bytes(), {"Content-Type": kind})

    made = HTML(string=html, base_url=f"{_NOWHERE}/", url_fetcher=Beside()).write_pdf()
    return bytes(made)

"""What is printed: the same page goes to the browser's printer and, as PDF, into the archive.

WeasyPrint and the fonts it needs are an extra (`pdf`); without it everything but the PDF works.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from fallback_server.domain.errors import YjError

SIZES: Final = ("roll80", "a5", "a4")


def qr(text: str) -> Markup:
    """A QR code of a document number as an inline picture that scales with its place on the paper."""
    import segno

    drawn = segno.make(text, error="m", micro=False)
    return Markup(drawn.svg_inline(border=2, omitsize=True, svgclass="qr", lineclass=None))  # noqa: S704 - made by the library


def as_pdf(html: str, static: Path, files: str) -> bytes:
    """The page as PDF. Raises pdf_unavailable where the extra is not installed."""
    try:
        from weasyprint import HTML
    except (ImportError, OSError):  # OSError: the package is there, the system's pango is not
        raise YjError("pdf_unavailable") from None

    def fetch(url: str, *_: Any, **__: Any) -> dict[str, Any]:
        # Only files that stand beside the pages: a name in a document can never make us read anything else.
        inside = url.removeprefix("yj:").removeprefix(f"{files}/")
        path = (static / inside).resolve()
        if not url.startswith(f"yj:{files}/") or not path.is_relative_to(static.resolve()):
            raise ValueError("not a file of the pages")
        return {"string": path.read_bytes(), "mime_type": "text/css" if path.suffix == ".css" else "image/svg+xml"}

    made = HTML(string=html, base_url="yj:/", url_fetcher=fetch).write_pdf()
    return bytes(made)

"""The page of the time after a return: to each person the lists of his own window."""

from __future__ import annotations

from typing import Any, Final

from fallback_server.acts import aftercare
from fallback_server.web.pages import Pages, View
from fallback_server.web.routes import READ_EVERYTHING

pages = Pages("after")
PEOPLE: Final = ("pharmacist", "cashier", "registrar", "triage", "duty")
# Part of the page → who works it off.
PARTS: Final = {
    "dispensing": ("pharmacist",), "receipts": ("cashier", "registrar"), "hall": ("triage",), "wishes": ("cashier",),
}  # fmt: skip
SHOWN: Final = 100


@pages.page("/after", template="after/after.html", title="after.title", roles=PEOPLE)
def after(view: View) -> dict[str, Any]:
    """What is left to do in the HIS when the documents are back, and what of it is done."""
    tx, roles, done = view.tx, view.tx.who.roles, view.query.get("state") == "done"
    everything = bool(roles & (READ_EVERYTHING | {"duty"}))
    parts = [name for name, whose in PARTS.items() if everything or roles & set(whose)]
    asked = view.query.get("part", "")
    part = asked if asked in parts else parts[0]
    q = view.query.get("q", "")[:64]
    lists = {
        "dispensing": lambda: aftercare.dispensing(tx, done=done, limit=SHOWN),
        "receipts": lambda: aftercare.receipts(tx, done=done, q=q, limit=SHOWN),
        "hall": lambda: aftercare.hall(tx),
        "wishes": lambda: aftercare.wishes(tx, done=done, limit=SHOWN),
    }
    return {
        "live": "live" in view.query,
        "part": part,
        "parts": parts,
        "counts": aftercare.counts(tx),
        "items": lists[part](),
        "done": done and part != "hall",
        "q": q,
        "may": bool(roles & set(PARTS[part])),
        "data": {"role": "after"},
    }

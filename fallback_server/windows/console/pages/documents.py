"""One document on its way back: what it says, in words and names, and every move of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from flask_babel import get_locale
from flask_babel import gettext as _

from fallback_server.acts import masters
from fallback_server.domain.identity import mask_id, mask_phone
from fallback_server.store.conflicts import DECISIONS, KINDS
from fallback_server.store.session import Tx
from fallback_server.web.pages import Pages, View
from fallback_server.windows.console.pages.screen import CONSOLE, about, names, screen
from fallback_server.windows.console.queries import records

pages = Pages("console")
STAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
# Of a document's payload: shown elsewhere on the screen, or of no use to a person.
TECHNICAL: Final = frozenset({
    "lines", "payments", "refs", "payload_version", "installation_id", "epoch", "sequence", "generation", "yj_id",
    "yj_no", "entity", "incident_no", "total",
})  # fmt: skip
# Codes of our own that have words.
VALUES: Final = frozenset({
    "M", "F", "U", "outpatient", "emergency", "registration", "western", "patent", "herbal", "am", "pm", "night",
    "waiting", "seen", "unpaid", "paid", "dispensed", "executed", "void", "reissue", "True", "False",
})  # fmt: skip
# Codes of the centre: field → the master list that names them, where the document does not carry the name itself.
CODED: Final = {
    "department_code": "department", "from_department_code": "department", "pharmacy_code": "department",
    "staff_code": "staff", "type_code": "register_type", "operator_code": "operator",
}  # fmt: skip
# What the upload notes beside a move, for people.
NOTED: Final = {
    "not sent": "not_sent", "its sender died": "sender_died", "the ledger has it": "ledger_has",
    "the ledger had it": "ledger_has", "the ledger does not have it": "ledger_has_not",
    "linked by a person": "linked", "linked: exactly this person": "linked_exactly",
    "recovered from the ledger": "recovered", "the link was taken back": "unlinked",
}  # fmt: skip


@pages.page(
    "/console/documents/{document_id}", template="console/document.html", title="console.document", roles=CONSOLE
)
def document(view: View) -> dict[str, Any]:
    """One document: what it says (identifiers masked), and every move on its way back."""
    found = records.document(view.tx, view.path["document_id"])
    return screen(
        view, "account", **about(view), document=found, fields=_fields(view.tx, found["payload"]),
        names=names(view.language), noted=lambda detail: noted(detail, english=view.language == "en"),
    )  # fmt: skip


def _fields(tx: Tx, payload: Mapping[str, Any]) -> list[dict[str, str]]:
    """What the document says, line by line, for a person: a code with its name, identifiers masked."""
    shown, beside = [], _beside_a_code(payload)
    for name, value in payload.items():
        if name in TECHNICAL or name in beside or value in (None, "", [], {}, False):
            continue
        shown.append({"field": name, "told": named(tx, payload, name, told(_masked(name, value)))})
    return shown


def _beside_a_code(payload: Mapping[str, Any]) -> set[str]:
    """Names that the document carries for its codes: both are one line."""
    return {name.replace("_code", "_name") for name in CODED if payload.get(name)}


def named(tx: Tx, payload: Mapping[str, Any], field: str, text: str) -> str:
    """A code of the centre with its name before it; everything else as it is."""
    if field not in CODED or not text:
        return text
    own = payload.get(field.replace("_code", "_name"))
    row = masters.find(tx, CODED[field], text) if own is None else {"name": own}
    return f"{row['name']} {text}" if row is not None and row["name"] else text


def noted(detail: str | None, *, english: bool) -> str:
    """Why a document moved, in words: a note of the upload, a decision, a kind of conflict; else as it stands."""
    if detail is None:
        return ""
    if detail in NOTED:
        return str(_("console.noted_" + NOTED[detail]))
    if detail in DECISIONS:
        return str(_("console.decision_" + detail))
    if detail in KINDS:
        return KINDS[detail].en if english else KINDS[detail].zh
    return detail


def told(value: Any) -> str:
    """A field of a document in one line: lists item by item, lines as name × quantity, references as their key."""
    if value in (None, "", [], {}):
        return ""
    if _is_item(value):
        return f"{value[2]} ×{value[1]}"
    if isinstance(value, list):
        return str(_("frame.semicolon")).join(one for one in map(told, value) if one)
    if not isinstance(value, Mapping):
        text = str(value)
        if STAMP.match(text):
            return text[:19].replace("T", " ")
        return _("console.value_" + text) if text in VALUES else text
    if "quantity" in value and "name" in value:
        return f"{value['name']} ×{value['quantity']} {value.get('amount', '')}".strip()
    if "method" in value and "amount" in value:
        return f"{_method(value['method'])} {value['amount']}"
    if "origin" in value:
        return str(value.get("central_key") or value.get("id") or "")
    return str(_("frame.comma")).join(f"{name} {one}" for name, inner in value.items() if (one := told(inner)))


def _is_item(value: Any) -> bool:
    """A line of the centre's charges as the upload keeps it: code, quantity, name."""
    return isinstance(value, list) and list(map(type, value)) == [str, int, str]


def _method(code: str) -> str:
    return names(get_locale().language if get_locale() else "zh").get(code, code)


def _masked(name: str, value: Any) -> Any:
    if isinstance(value, str) and name in ("id_no", "insurance_no"):
        return mask_id(value)
    return mask_phone(value) if isinstance(value, str) and name.endswith("phone") else value

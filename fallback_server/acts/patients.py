"""Patients, ours and mirrored: finding one, searching as you type, and who may be the same person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, select
from sqlalchemy.engine import RowMapping

from fallback_server.acts import open_work
from fallback_server.acts.searching import begins, spellings
from fallback_server.acts.views import PatientView
from fallback_server.domain.errors import YjError
from fallback_server.domain.numbers import is_ulid, mirrored_id
from fallback_server.store import mirror
from fallback_server.store.outbox import outbox
from fallback_server.store.session import Tx
from fallback_server.store.visits import patient

PHONE_TAIL_DIGITS = 4
_ID_DIGITS, _GUARDIAN_PHONE_DIGITS = 6, 7  # shorter texts would match half the city

_mirrored = mirror.datasets["patient"]
_card = mirror.datasets["patient_card"]
_DETAILS = (
    "name", "sex", "birth_date", "birth_time", "id_type", "id_no", "phone", "address", "guardian_name",
    "guardian_phone", "insurance_type", "insurance_no", "insurance_area", "allergy",
)  # fmt: skip


def get(tx: Tx, patient_id: str) -> PatientView:
    """The person with this id, ours or mirrored; raises patient_not_found."""
    found = many(tx, [patient_id]).get(patient_id)
    if found is None:
        raise YjError("patient_not_found")
    return found


def many(tx: Tx, ids: Iterable[str]) -> dict[str, PatientView]:
    """Those of `ids` that exist, by id."""
    wanted = set(ids)
    own = [patient_id for patient_id in wanted if is_ulid(patient_id)]
    theirs = list(wanted.difference(own))
    views: list[PatientView] = []
    if own:
        views += [_of_ours(row) for row in tx.conn.execute(_ours().where(patient.c.id.in_(own))).mappings()]
    if theirs:
        rows = tx.conn.execute(select(_mirrored).where(_mirrored.c.id.in_(theirs))).mappings()
        views += [_of_mirror(row) for row in rows]
    return {view.id: view for view in views}


def aliases(tx: Tx, patient_id: str) -> set[str]:
    """All ids under which this person's documents may be filed: ours, and the centre's once it knows the person."""
    return aliases_of(tx, [get(tx, patient_id)])


def aliases_of(tx: Tx, views: Iterable[PatientView]) -> set[str]:
    """The aliases of all these people together, in one statement."""
    found = list(views)
    ids = {view.id for view in found}
    ids |= {mirrored_id("patient", view.central_key) for view in found if view.origin == "yj" and view.central_key}
    keys = [view.central_key for view in found if view.origin == "centre"]
    if keys:
        known = (outbox.c.entity == "patient", outbox.c.central_key.in_(keys))
        same = _ours().where(*known, patient.c.incident_no.in_(open_work.unclosed()))
        ids |= {row["id"] for row in tx.conn.execute(same).mappings()}
    return ids


def search(tx: Tx, q: str, limit: int) -> list[PatientView]:
    """At most `limit` people for what was typed, swiped or scanned: exact numbers first, phones, names.

    Name prefix, pinyin initials, card, patient number, id number (6 characters up), the last digits of a phone (4 up),
    a guardian's phone (7 digits up). Each is a range on an index of the mirror; our own patients are an incident's few.
    """
    found: dict[str, PatientView] = {}
    for view in (one for text in spellings(q) for one in _answers(tx, text, limit)):
        found.setdefault(view.id, view)
        if len(found) >= limit:
            break
    return list(found.values())


def possible_duplicates(
    tx: Tx, *, name: str, birth_date: str | None, id_no: str | None, card_no: str | None, but: str
) -> list[tuple[str, PatientView]]:
    """(why, person) for everybody who may be the one just entered: by id number, card, or name and birth date."""
    pairs: list[tuple[str, ColumnElement[bool], ColumnElement[bool]]] = []
    if id_no:
        spellings = sorted({id_no, id_no.upper(), id_no.lower()})
        pairs.append(("id_no", _mirrored.c.id_no.in_(spellings), patient.c.id_no.in_(spellings)))
    if card_no:
        pairs.append(("card_no", _mirrored.c.patient_no.in_(_holders(card_no)), patient.c.card_no == card_no))
    if birth_date:
        pairs.append(
            ("name_birth_date", _same_name(_mirrored, name, birth_date), _same_name(patient, name, birth_date))
        )
    found: dict[str, tuple[str, PatientView]] = {}
    for why, theirs, ours in pairs:
        for view in (*_find_mirrored(tx, theirs, _mirrored.c.patient_no, 10), *_find_ours(tx, ours, 10)):
            if view.id != but:
                found.setdefault(view.id, (why, view))
    return list(found.values())


def _same_name(table: Table, name: str, birth_date: str) -> ColumnElement[bool]:
    return and_(table.c.name == name, table.c.birth_date == birth_date)


def _holders(card_no: str) -> Select[Any]:
    return select(_card.c.patient_no).where(_card.c.card_no == card_no, _card.c.active.is_(True))


def _answers(tx: Tx, text: str, limit: int) -> Iterator[PatientView]:
    for order, theirs, ours in _questions(text):
        yield from _find_mirrored(tx, theirs, order, limit)
        yield from _find_ours(tx, ours, limit)


def _questions(text: str) -> Sequence[tuple[ColumnElement[Any], ColumnElement[bool], ColumnElement[bool]]]:
    """(order, condition on the mirror, the same on our own patients), the most exact first."""
    m, o = _mirrored.c, patient.c
    digits = text.isascii() and text.isdigit()
    asked: list[tuple[ColumnElement[Any], ColumnElement[bool], ColumnElement[bool]]] = [
        (m.patient_no, m.patient_no == text, o.yj_no == text.upper()),
        (m.patient_no, m.patient_no.in_(_holders(text)), o.card_no == text),
    ]
    if len(text) >= _ID_DIGITS and text[:-1].isalnum() and any(sign.isdigit() for sign in text):
        asked.append((m.id_no, begins(m.id_no, text.upper()), _own_begins(o.id_no, text.upper())))
    if digits and len(text) >= PHONE_TAIL_DIGITS:
        asked.append((m.phone_reversed, begins(m.phone_reversed, text[::-1]), o.phone.endswith(text, autoescape=True)))
    if digits and len(text) >= _GUARDIAN_PHONE_DIGITS:
        asked.append((m.guardian_phone, begins(m.guardian_phone, text), _own_begins(o.guardian_phone, text)))
    if not digits:
        asked.append((m.name, begins(m.name, text), _own_begins(o.name, text)))
        if text.isascii():
            asked.append((m.pinyin, begins(m.pinyin, text.upper()), _own_begins(o.pinyin, text.upper())))
    return asked


def _own_begins(column: ColumnElement[Any], prefix: str) -> ColumnElement[bool]:
    """Prefix on a column of our own, whose order on PostgreSQL is the database's and not byte order."""
    return column.startswith(prefix, autoescape=True)


def _find_mirrored(
    tx: Tx, condition: ColumnElement[bool], order: ColumnElement[Any], limit: int
) -> Iterator[PatientView]:
    statement = select(_mirrored).where(condition, _mirrored.c.active.is_(True)).order_by(order, _mirrored.c.patient_no)
    return (_of_mirror(row) for row in tx.conn.execute(statement.limit(limit)).mappings())


def _find_ours(tx: Tx, condition: ColumnElement[bool], limit: int) -> Iterator[PatientView]:
    """Our own people of unclosed incidents, but those whom the mirror has brought back under the centre's number."""
    known = select(_mirrored.c.patient_no).where(_mirrored.c.patient_no == outbox.c.central_key).exists()
    statement = (
        _ours()
        .where(condition, patient.c.drill == tx.mode.drill, patient.c.incident_no.in_(open_work.unclosed()), ~known)
        .order_by(patient.c.created_at.desc(), patient.c.id.desc())
    )
    return (_of_ours(row) for row in tx.conn.execute(statement.limit(limit)).mappings())


def _ours() -> Select[Any]:
    return select(patient, outbox.c.central_key).select_from(patient.outerjoin(outbox, outbox.c.yj_id == patient.c.id))


def _of_ours(row: RowMapping) -> PatientView:
    details = {name: row[name] for name in _DETAILS}
    return PatientView(
        id=row["id"],
        origin="yj",
        central_key=row["central_key"],
        patient_no=row["yj_no"],
        drill=row["drill"],
        **details,
    )


def _of_mirror(row: RowMapping) -> PatientView:
    number = str(row["patient_no"])
    return PatientView(
        id=row["id"], origin="centre", central_key=number, patient_no=number, **{name: row[name] for name in _DETAILS}
    )

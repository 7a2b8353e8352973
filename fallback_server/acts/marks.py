"""Marks of what pages keep looking at: the queues of the halls and the lists of the pharmacies. Who sees that a mark is
another looks again. A mark says nothing of what there is; it is made for the front door, which asks once a second.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from hashlib import blake2b
from typing import Any, Final

from sqlalchemy import func, select, union_all

from fallback_server.acts import open_work
from fallback_server.store import mirror
from fallback_server.store.cash import charge_line
from fallback_server.store.outbox import outbox
from fallback_server.store.session import Tx
from fallback_server.store.visits import handover, prescription, print_record, queue_place, registration

EVERYWHERE: Final = "*"  # for pages that show all halls, or all pharmacies
_LATEST: Final = 200  # documents: far more than there are between two questions


def of_halls(tx: Tx) -> dict[str, str]:
    """Departments with patients of ours, or of the centre's that were moved here: a mark that changes with the queue.

    The centre's own queue changes with the mirror, whose age every page is told. Halls show today and yesterday, and
    nothing older has moved since: so the question costs the same on the last day of a long outage.
    """
    place, ours, theirs = queue_place, registration, mirror.datasets["open_registration"]
    lately = place.c.changed_at >= (tx.today - timedelta(days=1)).isoformat()
    here = (
        select(place.c.department_code, place.c.status, func.count(), func.count(ours.c.cancelled_at),
               func.max(place.c.changed_at))
        .select_from(place.outerjoin(ours, ours.c.id == place.c.registration_id))
        .where(place.c.incident_no.in_(open_work.unclosed()), lately)
        .group_by(place.c.department_code, place.c.status)
        .order_by(place.c.department_code, place.c.status)
    )  # fmt: skip
    gone = (  # the centre's patients that were sent to another door: their row tells only where they are now
        select(theirs.c.department_code, func.count(), func.max(place.c.changed_at))
        .select_from(place.join(theirs, theirs.c.id == place.c.registration_id))
        .where(place.c.incident_no.in_(open_work.unclosed()), lately)
        .where(place.c.department_code != theirs.c.department_code)
        .group_by(theirs.c.department_code)
        .order_by(theirs.c.department_code)
    )
    rows = [*tx.conn.execute(here), *tx.conn.execute(gone)]
    return _marks((department, figures) for department, *figures in rows)


def of_pharmacies(tx: Tx) -> dict[str, str]:
    """Pharmacies with a mark that changes when a prescription of theirs is paid for, refunded, handed over, taken back,
    or printed soon after one of these.

    Of the latest documents only, so that the question costs the same on the last day of a long outage: a pharmacy whose
    last one has grown old is told once more, for nothing. What the centre's own list says changes with the mirror.
    """
    touched = _touched(tx)
    if not touched:
        return {}
    printed = select(print_record.c.document_id, func.max(print_record.c.at)).where(
        print_record.c.document_id.in_(touched)
    )
    at = {row[0]: row[1] for row in tx.conn.execute(printed.group_by(print_record.c.document_id))}
    newest: defaultdict[str | None, list[Any]] = defaultdict(lambda: [0, ""])
    for prescription_id, pharmacy in _pharmacies(tx, list(touched)):
        mark = newest[pharmacy]
        mark[:] = [max(mark[0], touched[prescription_id]), max(mark[1], at.get(prescription_id, ""))]
    return _marks(sorted(newest.items(), key=lambda one: one[0] or ""))


def _touched(tx: Tx) -> dict[str, int]:
    """Prescriptions that the latest documents are about, each with the number of the last of them."""
    latest = select(outbox.c.yj_id, outbox.c.sequence).order_by(outbox.c.sequence.desc()).limit(_LATEST).subquery()
    paid = select(charge_line.c.source_id.label("about"), latest.c.sequence).where(
        charge_line.c.charge_id == latest.c.yj_id, charge_line.c.source == "prescription"
    )
    given = select(handover.c.prescription_id.label("about"), latest.c.sequence).where(handover.c.id == latest.c.yj_id)
    both = union_all(paid, given).subquery()
    rows = tx.conn.execute(select(both.c.about, func.max(both.c.sequence)).group_by(both.c.about))
    return {row[0]: int(row[1]) for row in rows}


def _pharmacies(tx: Tx, prescription_ids: list[str]) -> Iterable[tuple[str, str | None]]:
    tables = (prescription, mirror.datasets["open_prescription"])
    wanted = [select(one.c.id, one.c.pharmacy_code).where(one.c.id.in_(prescription_ids)) for one in tables]
    return [(row[0], row[1]) for row in tx.conn.execute(union_all(*wanted))]


def _marks(found: Iterable[tuple[str | None, Any]]) -> dict[str, str]:
    """A mark for each place, and one for all of them together; what belongs nowhere counts for that one alone."""
    places: defaultdict[str, list[Any]] = defaultdict(list)
    for place, figures in found:
        for code in {place or EVERYWHERE, EVERYWHERE}:
            places[code].append((place, *figures))
    return {code: blake2b(repr(said).encode(), digest_size=8).hexdigest() for code, said in places.items()}

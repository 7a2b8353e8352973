"""Whether a run may write at the centre at all: the looks before the first write, each of which may end the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from fallback_server.domain.modes import IncidentState, Mode, Permit
from fallback_server.store import backup_rows
from fallback_server.store.mode_switch import close_incident_without_upload, has_documents, incident_row
from fallback_server.store.outbox import outbox
from fallback_server.store.session import Actor, Store, Tx
from sync.central.gateway import CentralGateway
from sync.upload import recover, rewound
from sync.upload.report import RunStopped, UploadReport
from sync.upload.sender import stop_if_it_must


@dataclass
class Admission:
    """The looks of one run. They write here what they found, and at the centre only what a person approved (`ledger`).

    `incident` is its row; taking over a ledger that was ahead reads it again. All but `restored` and `nothing_to_do`
    raise RunStopped, with code and cure, where the run must not go on.
    """

    store: Store
    gateway: CentralGateway
    incident: Mapping[str, Any]
    actor: Actor
    dry_run: bool
    report: UploadReport

    @property
    def number(self) -> int:
        """The incident's number."""
        return int(self.incident["incident_no"])

    def nothing_to_do(self) -> bool:
        """An incident without documents closes without the centre, once no window can add one."""
        with self.store.writing(Permit.HOUSEKEEPING, self.actor) as tx:
            if has_documents(tx.conn, self.number) or self.incident["state"] != IncidentState.CLOSING.value:
                return False
            if in_grace(tx, self.number) or self.dry_run:
                return False
            close_incident_without_upload(tx, self.number)
            return True

    def restored(self) -> bool:
        """This store came back from a backup, and nobody has taken over yet what it lost."""
        with self.store.reading() as tx:
            return backup_rows.unrecovered(tx.conn) is not None

    def preflight(self) -> None:
        """What the kinds of documents waiting here need at the centre is as the mapping says it is."""
        with self.store.reading() as tx:
            kinds = select(outbox.c.entity).where(outbox.c.incident_no == self.number).distinct()
            entities = tx.conn.execute(kinds.order_by(outbox.c.entity)).scalars().all()
        found = self.gateway.preflight(entities)
        self.report.facts["preflight"] = dict(found.facts)
        if found.problems:
            raise RunStopped("refused", "preflight", list(found.problems))

    def rewound(self) -> None:
        """The centre still has what the mirror saw there and what it confirmed; else its loss is listed."""
        loss = rewound.look(self.store, self.gateway)
        if not loss:
            return
        self.report.facts["rewound"] = {
            "vanished": [row["yj_no"] for row in loss.vanished],
            "lost": [{"dataset": row["dataset"], "key": row["key"]} for row in loss.lost[: rewound.LISTED]],
        }
        if not self.dry_run:
            rewound.report(self.store, self.number, loss, self.actor)
        gone = f"{len(loss.vanished)} confirmed documents and {len(loss.lost)} mirrored rows are gone at the centre"
        raise RunStopped("refused", "rewound", [gone])

    def ledger(self) -> None:
        """The centre knows no document of ours that this store does not; after a person's approval it is taken over."""
        ahead = recover.look(self.store, self.gateway, self.number)
        if ahead is None:
            return
        with self.store.reading() as tx:
            stop_if_it_must(tx)
            pair = recover.approved(tx.conn, ahead)
        if pair is None or self.dry_run:
            if not self.dry_run:
                recover.report(self.store, self.number, ahead, self.actor)
            lost = f"the centre has {len(ahead.lost)} documents of ours that this store does not know"
            raise RunStopped("refused", "ledger_ahead", [f"ledger at {ahead.head}, here at {ahead.here}: {lost}"])
        self.report.facts["recovered"] = recover.carry_out(self.store, self.gateway, ahead, pair)
        with self.store.reading() as tx:
            self.incident = incident_row(tx.conn, self.number)


def in_grace(tx: Tx, incident_no: int) -> bool:
    """Whether windows may still finish a document of this incident."""
    state = tx.mode
    return state.mode is Mode.RETURNING and state.incident_no == incident_no and state.in_grace(tx.now)

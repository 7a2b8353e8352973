"""Going back a generation: the deltas of the newest one, undone in one transaction."""

# ruff: noqa: S608  (names of tables and columns come from domain.datasets, never from data)

from __future__ import annotations

from sqlalchemy import Connection, select, text

from fallback_server.domain.clock import to_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Mode, Permit
from fallback_server.store.locks import single_instance
from fallback_server.store.mirror import dataset_state, datasets, delta, generation
from fallback_server.store.session import Actor, Store, current_generation
from sync.mirror.freeze import pinned_generation
from sync.mirror.publish import STATE, WAS_EMPTY
from sync.mirror.workspace import LOCK, transaction, workspace


def go_back(store: Store, requested_by: str) -> int:
    """Undo the newest generation; returns the one that is current now.

    Waits for a running mirror. Raises mirror_missing if there is nothing to go back to (or its deltas were pruned), and
    wrong_state while an outage takes documents, or for the generation that an unclosed incident used: documents were
    priced with what it would remove.
    """
    with single_instance(store.url, LOCK):
        with store.reading() as tx:
            if tx.mode.mode is not Mode.NORMAL and not tx.mode.drill:
                raise YjError("wrong_state", current=tx.mode.mode.value, wanted="mirror rollback")
            pinned = pinned_generation(tx.conn)
            if pinned is not None and current_generation(tx.conn) <= pinned:
                raise YjError("wrong_state", current=f"generation {pinned} in use", wanted="mirror rollback")
        with workspace(store.url) as connection, transaction(connection):
            current = _undo(connection, to_text(store.clock.now()))
    with store.writing(Permit.HOUSEKEEPING, Actor(requested_by, requested_by)) as tx:
        tx.audit("mirror.rollback", subject=str(current))
    return current


def _undo(connection: Connection, at: str) -> int:
    newest = current_generation(connection)
    changed = connection.execute(select(delta.c.dataset).where(delta.c.generation == newest).distinct()).scalars().all()
    older = connection.execute(
        select(generation.c.generation)
        .where(generation.c.rolled_back_at.is_(None), generation.c.generation < newest)
        .limit(1)
    ).first()
    if not changed or older is None:
        raise YjError("mirror_missing")
    for name in changed:
        _undo_rows(connection, newest, name)
        _undo_state(connection, newest, name)
    connection.execute(generation.update().where(generation.c.generation == newest).values(rolled_back_at=at))
    connection.execute(delta.delete().where(delta.c.generation == newest))
    return current_generation(connection)


def _undo_rows(connection: Connection, number: int, name: str) -> None:
    binds = {"number": number, "name": name, "was_empty": WAS_EMPTY, "state": STATE}
    mine = "x.generation = :number AND x.dataset = :name"
    rows = f"{mine} AND x.row_id NOT IN (:was_empty, :state)"
    connection.execute(
        text(
            f"DELETE FROM mirror.{name} AS d WHERE EXISTS (SELECT 1 FROM mirror.delta x WHERE {mine}"
            " AND (x.row_id = d.id OR x.row_id = :was_empty) AND x.row_id <> :state)"
        ),
        binds,
    )
    names = [column.name for column in datasets[name].columns]
    columns = ", ".join(names)
    if connection.dialect.name == "postgresql":
        picked = ", ".join(f"r.{column}" for column in names)
        source = f"mirror.delta x CROSS JOIN LATERAL json_populate_record(CAST(NULL AS mirror.{name}), x.before) r"
    else:
        picked = ", ".join(f"json_extract(x.before, '$.{column}')" for column in names)
        source = "mirror.delta x"
    connection.execute(
        text(
            f"INSERT INTO mirror.{name} ({columns}) SELECT {picked} FROM {source} WHERE {rows} AND x.before IS NOT NULL"
        ),
        binds,
    )


def _undo_state(connection: Connection, number: int, name: str) -> None:
    before = connection.execute(
        select(delta.c.before).where(delta.c.generation == number, delta.c.dataset == name, delta.c.row_id == STATE)
    ).scalar()
    connection.execute(dataset_state.delete().where(dataset_state.c.dataset == name))
    if before is not None:
        connection.execute(dataset_state.insert().values(**before))

"""What the ledger mode of a mapping needs from the centre: asked by the pre-flight and by `yj central check`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from fallback_server.domain.documents import ENTITIES
from sync.central.finding import Finding
from sync.central.gateway import LedgerMode, Proof
from sync.central.routines import called, ending

if TYPE_CHECKING:
    from sync.central.sql_file import Step
    from sync.central.sql_gateway import SqlGateway

_SAYS: Final = {
    Proof.ASKED: "asked by our number",
    Proof.REFUSED_TWICE: "refused twice by its procedure",
    Proof.PERSON: "after any doubt a person decides",
}


def mode_problems(gateway: SqlGateway, entities: Sequence[str]) -> list[str]:
    """Why this centre does not keep what the mapping's mode promises of it."""
    return [*_column_problems(gateway), *routine_problems(gateway, entities)]


def _column_problems(gateway: SqlGateway) -> Iterator[str]:
    columns = gateway.mapping.options.ledger.columns
    if not columns:
        return
    with gateway.reading() as connection, gateway.errors("catalogue"):
        unique = gateway.edge.unique_columns(connection, [name.partition(".")[0] for name in columns.values()])
    for entity, column in columns.items():
        if column not in unique:
            yield (
                f"{column} ({entity}): nothing at the centre keeps it unique, so a number could be there twice;"
                " ask the DBA for a unique index on it alone, or take it out of [ledger.columns]"
            )


def routine_problems(gateway: SqlGateway, entities: Sequence[str]) -> Iterator[str]:
    """Procedures that are not there for us, or whose source ends the transaction of the document."""
    for entity in entities:
        if gateway.has(f"upload/{entity}"):
            for step in gateway.file(f"upload/{entity}").steps:
                problem = _routine_problem(gateway, step)
                if problem is not None:
                    yield f"{step.where}: {problem}"


def _routine_problem(gateway: SqlGateway, step: Step) -> str | None:
    name = called(step.sql)
    if name is None:
        return None
    with gateway.reading() as connection, gateway.errors("catalogue"):
        routine = gateway.edge.routine(connection, name)
    if routine is None:
        return f"there is no procedure {name} for us; mend the name, or let the DBA GRANT EXECUTE on it"
    words = ending(routine.source, ddl=gateway.edge.name == "mariadb") if routine.source else None
    if words is None:
        return None
    return f"procedure {name} says {words}, which ends the document's transaction; ask the vendor for one that does not"


def findings(gateway: SqlGateway) -> Iterator[Finding]:
    """The part of the check that stands in for the ledger's where there is no table of ours."""
    problems = list(_column_problems(gateway))
    yield from (Finding("fail", "ledger", problem, "or choose another [ledger] mode") for problem in problems)
    kinds = {entity: gateway.proof(entity) for entity in ENTITIES if gateway.has(f"upload/{entity}")}
    for proof, says in _SAYS.items():
        own = [entity for entity, kept in kinds.items() if kept is proof]
        if own and proof is not Proof.PERSON:
            yield Finding("ok", "ledger", f"{gateway.ledger_mode.value}, {says}: {', '.join(own)}")
        elif own:
            yield Finding(
                "warn", "ledger", f"{gateway.ledger_mode.value}, {says}: {', '.join(own)}",
                "nothing at the centre refuses these twice; where the DBA allows it, same_transaction does for all",
            )  # fmt: skip
    if gateway.ledger_mode is LedgerMode.NONE:
        blind = [entity for entity in kinds if not gateway.has(f"upload/find_{entity}")]
        if blind:
            yield Finding(
                "warn", "ledger", f"nothing to show to the person who decides: {', '.join(blind)}",
                "write upload/find_<entity>.sql for them",
            )  # fmt: skip

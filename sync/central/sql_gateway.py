"""The port to a real centre: SQL files of a mapping, run through one database edge.

Reads and writes have engines of their own, because they have time-outs of their own. Every error leaves as a type of
`gateway`, without row values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from fallback_server.domain.clock import Clock
from sync.central import behind, looking
from sync.central.binds import Binds, document_binds, item_binds
from sync.central.connections import Trust, engine_for, session_for
from sync.central.dialects import DIALECTS, USES, Edge, Phase, Session, Timeouts, Use, edge_for
from sync.central.gateway import (
    Applied,
    CentralError,
    CentralIncident,
    ClockLimits,
    DatasetHints,
    Duplicate,
    LedgerMode,
    LedgerRow,
    Looked,
    Outgoing,
    PreflightReport,
    Probe,
    Proof,
    Refused,
    Row,
    Systemic,
    Transient,
)
from sync.central.ledger_table import Keeper, LedgerTable
from sync.central.mapping import CentralMapping, load
from sync.central.own_number import OwnNumber, evidence_binds
from sync.central.preflight import preflight
from sync.central.snapshot import SqlSnapshot
from sync.central.sql_file import MappingError, SqlFile, Step
from sync.central.steps import Done, run_steps
from sync.central.targets import Told, targets
from sync.central.texts import Kept, TextRules
from sync.central.values import row_converter
from sync.central.vocabulary import LISTS, entity_names


def open_gateway(
    url: str,
    mapping_folder: Path,
    clock: Clock,
    *,
    read_url: str = "",
    timeouts: Timeouts | None = None,
    clock_limits: ClockLimits | None = None,
) -> SqlGateway:
    """The gateway to a centre; nothing is sent yet. Raises MappingError if the mapping has slips or does not fit.

    The mirror alone reads at `read_url`, where there is one: a replica, or another account.
    """
    mapping, limits = load(mapping_folder), clock_limits or ClockLimits()
    return SqlGateway(url, mapping, clock, read_url=read_url, timeouts=timeouts, clock_limits=limits)


class SqlGateway:
    """See `gateway.CentralGateway`. Safe to use from several threads."""

    def __init__(
        self,
        url: str,
        mapping: CentralMapping,
        clock: Clock,
        *,
        read_url: str = "",
        timeouts: Timeouts | None,
        clock_limits: ClockLimits,
    ) -> None:
        for backend in (make_url(address).get_backend_name() for address in (url, read_url or url)):
            if DIALECTS.get(backend) != DIALECTS.get(mapping.options.dialect):
                raise MappingError(
                    [f"mapping.toml: dialect {mapping.options.dialect} does not fit the centre's address ({backend})"]
                )
        self.url = url
        self.mapping = mapping
        self.clock = clock
        self.clock_limits = clock_limits
        self.edge: Edge = edge_for(mapping.options.dialect)
        mode = mapping.options.ledger.mode
        self._keeper: Keeper = LedgerTable(self) if mode is LedgerMode.SAME_TRANSACTION else OwnNumber(self, mode)
        texts = mapping.options.text
        in_bytes = DIALECTS.get(mapping.options.dialect) == "mssql"
        self._told: Told | None = None
        self._kept: dict[str, dict[Step, Kept]] = {}
        self._texts = TextRules(texts.code_page, frozenset(texts.unicode), texts.replace, in_bytes)
        # The mirror may read from a copy; what is asked before a write, the ledger above all, never.
        self._sessions: dict[Use, Session] = {
            use: session_for(use, mapping.options, clock.zone, timeouts) for use in USES
        }
        self.timeouts = self._sessions["writing"].timeouts
        trust = Trust()
        self._mirror, self._reader, self.writing_engine = (
            engine_for(self.edge, address, self._sessions[use], trust)
            for use, address in zip(USES, (read_url or url, url, url), strict=True)
        )
        self._looks = looking.Looks(self)
        looks = session_for(looking.use(self), mapping.options, clock.zone, looking.TIMEOUTS)
        self.looking_engine = engine_for(self.edge, url, looks, trust, kept=False)

    # -- looking ----------------------------------------------------------------------------------------------------

    def offers(self) -> Sequence[str]:
        return self.mapping.datasets

    def hints(self, dataset: str) -> DatasetHints:
        options = self.mapping.dataset_options(dataset)
        return DatasetHints(
            horizon_days=options.horizon_days,
            watermark=options.watermark,
            watermark_kind=options.watermark_kind,
            rests=options.read == "sweep_hours",
            **options.guards.model_dump(),
        )

    def has(self, name: str) -> bool:
        return self.mapping.has(name)

    def session(self, use: Use) -> Session:
        """How connections of this use are made."""
        return self._sessions[use]

    def probe(self) -> Probe:
        return looking.probe(self)

    def look(self, *, insist: bool = False) -> Iterator[Looked]:
        return self._looks.look(insist=insist)

    @contextmanager
    def snapshot(self) -> Iterator[SqlSnapshot]:
        session = self._sessions["mirror"]
        with self.connected(self._mirror) as connection:
            with self.errors("snapshot"):
                late = behind.seconds(self, connection) or 0.0
                # Asked for before the snapshot: what is running now is not in it, whenever it commits.
                marked = any(options.watermark for options in self.mapping.options.datasets.values())
                oldest = self.edge.oldest_running(connection) if marked else None
                limit = self.edge.row_version_limit(connection) if marked else None
                connection.rollback()
                # Read before the snapshot is taken: everything committed until then is in it.
                as_of = self.clock.now() - timedelta(seconds=late)
                self.edge.snapshot(connection, session)
            snapshot = SqlSnapshot(
                connection,
                self.edge,
                as_of,
                step=lambda dataset: self.file(f"mirror/{dataset}").steps[-1],
                binds=self.binds,
                hints=self.hints,
                errors=self.errors,
                session=session,
                convert=lambda dataset: row_converter(dataset, self.mapping.options),
                page_rows=self.mapping.options.read.page_rows,
                oldest_running=oldest,
                row_version_limit=limit,
            )
            try:
                yield snapshot
            finally:
                snapshot.close()

    def behind(self) -> float | None:
        """Seconds by which what the mirror reads is older than the centre. See `behind.seconds`."""
        with self.connected(self._mirror) as connection, self.errors("behind"):
            return behind.seconds(self, connection)

    def mirror_may_write(self) -> bool:
        """Whether the account that only reads could change the ledger; the database is asked, nothing is changed."""
        with self.connected(self._mirror) as connection:
            try:
                with self.errors("accounts"):
                    connection.execute(text("UPDATE yj_ledger SET central_key = central_key WHERE 1 = 0"))
            except CentralError:
                return False
            finally:
                connection.rollback()
        return True

    def ask(self, name: str, binds: Row) -> Sequence[Row]:
        with self.reading() as connection:
            return self.ask_in(connection, name, binds)

    @property
    def ledger_mode(self) -> LedgerMode:
        return self._keeper.mode

    def proof(self, entity: str) -> Proof:
        return self._keeper.proof(entity)

    def arrived(self, rows: Sequence[LedgerRow]) -> Mapping[str, LedgerRow]:
        return self._keeper.arrived(rows)

    def evidence(self, outgoing: Outgoing) -> Sequence[Row]:
        name = f"upload/find_{outgoing.ledger.entity}"
        return self.ask(name, evidence_binds(outgoing)) if self.has(name) else ()

    def ledger_find(self, yj_ids: Sequence[str]) -> Mapping[str, LedgerRow]:
        return self._keeper.find(yj_ids)

    def ledger_rows(self, installation_id: str, incident_no: int | None = None) -> Iterator[LedgerRow]:
        return self._keeper.rows(installation_id, incident_no)

    def ledger_head(self, installation_id: str) -> int:
        return self._keeper.head(installation_id)

    def identity(self) -> str:
        with self.reading() as connection, self.errors("identity"):
            return self.edge.identity(connection)

    def known_incidents(self) -> Sequence[CentralIncident]:
        return self._keeper.incidents()

    # -- writing ----------------------------------------------------------------------------------------------------

    def register_incident(self, installation_id: str, incident_no: int, epoch: int, opened_at: str) -> None:
        self._keeper.register(installation_id, incident_no, epoch, opened_at)

    def renew_fence(self, installation_id: str, incident_no: int, epoch: int) -> None:
        self._keeper.renew(installation_id, incident_no, epoch)

    def close_incident(self, installation_id: str, incident_no: int, closed_at: str) -> None:
        self._keeper.close(installation_id, incident_no, closed_at)

    def apply(self, outgoing: Outgoing, *, rehearse: bool = False) -> Applied:
        entity = outgoing.ledger.entity
        file = self.file(f"upload/{entity}")
        known = entity_names(entity)
        kept = self._texts_of(file, entity)
        lists: dict[str, Sequence[Row]] = {}

        def items(name: str) -> Sequence[Row]:
            if name not in lists:
                lists[name] = item_binds(outgoing, name, LISTS[entity][name])
            return lists[name]

        def work(connection: Connection) -> str | None:
            binds = document_binds(outgoing, self.mapping.options.time_formats, self.clock, known)
            binds.limit_to(kept.__getitem__)
            run_steps(connection, file, binds, items, self.statement_error)
            key = binds.get("central_key")
            return None if key is None else str(key)

        return self._keeper.apply(outgoing, work, rehearse=rehearse)

    def apply_link(self, outgoing: Outgoing, central_key: str) -> Applied:
        return self._keeper.link(outgoing.ledger, central_key)

    def take_link_back(self, row: LedgerRow, central_key: str) -> bool:
        return self._keeper.take_link_back(row, central_key)

    def tell(self, name: str, binds: Row) -> int:
        file = self.file(name)
        with self.writing(name) as connection:
            return self._run(connection, file, binds).changed

    def _columns(self) -> Told:
        """What the columns hold that uploads write; the catalogue is read once, and again with every pre-flight."""
        if self._told is None:
            uploads = [file for name, file in self.mapping.files.items() if name.startswith("upload/")]
            written = {table for file in uploads for step in file.steps for _, table, _ in targets(step.sql)}
            with self.reading() as connection, self.errors("catalogue"):
                found = self.edge.columns(connection, sorted({name.rpartition(".")[2].lower() for name in written}))
            shown = {(column.table.lower(), column.name.lower()): column for column in found}
            self._told = Told(shown, self.edge.name)
        return self._told

    def _texts_of(self, file: SqlFile, entity: str) -> Mapping[Step, Kept]:
        """What each step of an upload file may send, worked out once for each file and catalogue."""
        known = self._kept.get(file.name)
        if known is None:
            limits = self._columns().of(file, LISTS.get(entity, {}))
            known = self._kept[file.name] = {step: self._texts.of(step, limits(step)) for step in file.steps}
        return known

    def preflight(self, entities: Sequence[str]) -> PreflightReport:
        self._told = None
        self._kept.clear()
        return preflight(self, entities)

    def close(self) -> None:
        for engine in (self._mirror, self._reader, self.writing_engine, self.looking_engine):
            engine.dispose()

    # -- transactions -----------------------------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that refuses writes."""
        with self.connected(self._reader) as connection:
            with self.errors("read"):
                self.edge.read_only(connection)
            yield connection

    @contextmanager
    def writing(self, where: str, *, rehearse: bool = False) -> Iterator[Connection]:
        """One central transaction: committed at the end of the block, rolled back on any exception or rehearsal."""
        with self.connected(self.writing_engine) as connection:
            try:
                yield connection
                if rehearse:
                    with self.errors(where):
                        self.edge.check_constraints_now(connection)
                    return
                try:
                    connection.commit()
                except DBAPIError as error:
                    raise self.edge.classify(error, Phase.COMMIT, where) from None
            finally:
                self._end(connection)

    def _end(self, connection: Connection) -> None:
        """Nothing of ours may outlive a transaction: a connection that cannot say so leaves the pool."""
        try:
            connection.rollback()
            self.edge.unlock(connection)
        except DBAPIError:
            connection.invalidate()

    @contextmanager
    def connected(self, engine: Engine) -> Iterator[Connection]:
        """A connection, given back at the end of the block; what was not committed is rolled back."""
        try:
            connection = engine.connect()
        except DBAPIError as error:
            raise self.edge.classify(error, Phase.CONNECT, "connect") from None
        except PoolTimeoutError:
            raise Transient("all connections to the centre are in use") from None
        try:
            yield connection
        finally:
            _give_back(connection)

    @contextmanager
    def errors(self, where: str) -> Iterator[None]:
        """Turn the driver's errors into the port's."""
        try:
            yield
        except DBAPIError as error:
            raise self.statement_error(error, where) from None
        except UnicodeDecodeError as error:
            raise Systemic(f"{where}: the centre sent bytes that are not {error.encoding}") from None

    def statement_error(self, error: DBAPIError, where: str) -> CentralError:
        """What an error of a statement means for a document."""
        meant = self.edge.classify(error, Phase.STATEMENT, where)
        if isinstance(meant, Refused) and self.edge.is_duplicate(error):
            return Duplicate(meant.code, meant.detail, meant.central)
        return meant

    # -- files ------------------------------------------------------------------------------------------------------

    def file(self, name: str) -> SqlFile:
        """A file of the mapping; raises Systemic if it is missing."""
        if name not in self.mapping.files:
            raise Systemic(f"{name}.sql is missing in the mapping {self.mapping.options.name}")
        return self.mapping.files[name]

    def binds(self, values: Row) -> Binds:
        """`values` and what is always bound, with the time formats of the mapping."""
        return Binds(values, self.mapping.options.time_formats, self.clock)

    def ask_in(self, connection: Connection, name: str, binds: Row) -> Sequence[Row]:
        """`ask` inside a transaction that is open already."""
        return [dict(row) for row in self._run(connection, self.file(name), binds).rows]

    def _run(self, connection: Connection, file: SqlFile, binds: Row) -> Done:
        return run_steps(connection, file, self.binds(binds), _no_lists, self.statement_error)


def _no_lists(name: str) -> Sequence[Row]:
    raise Systemic(f"`-- each {name}` stands in a file that is given no document")


def _give_back(connection: Connection) -> None:
    """End the transaction and return the connection; what was read stays read if the wire breaks just then."""
    try:
        connection.close()
    except DBAPIError:
        if not connection.closed:  # a broken one has left the pool by itself
            connection.invalidate()

"""The mirror may read at a copy of the centre: how far that is behind makes what windows see older, never fresh."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from sync.central.check import check
from sync.central.dialects import edge_for
from sync.central.finding import Finding
from sync.central.gateway import Systemic, Transient
from sync.central.sql_file import parse
from sync.reference_his.postgres import SUPERUSER, EmbeddedPostgres, ServerState, _free_port
from tests.contract.centres import RealCentre, SqliteCentre
from tests.contract.proxy import Proxy
from tests.fixtures_mariadb import MariadbServer

PATIENCE = 60.0


@pytest.fixture
def copied(tmp_path: Path) -> Iterator[tuple[EmbeddedPostgres, EmbeddedPostgres, Proxy]]:
    """A centre, a hot standby of it, and the wire between the two."""
    centre = EmbeddedPostgres(tmp_path / "centre", durable=False)
    centre.start()
    state = ServerState.load(centre.directory / "server.json")
    assert state is not None
    wire = Proxy(state.port)
    root = centre.data.parent / "copy"
    root.mkdir()
    centre._give(root)
    through = f"postgresql://{SUPERUSER}:{state.password}@127.0.0.1:{wire.port}/postgres"
    done = centre._run("pg_basebackup", "-D", str(root / "data"), "-d", through, "-c", "fast", "-R", "--no-sync")
    assert done.returncode == 0, done.stderr
    with (root / "data" / "postgresql.auto.conf").open("a", encoding="ascii") as more:
        more.write("wal_retrieve_retry_interval = '200ms'\n")
    copy = EmbeddedPostgres(tmp_path / "copy", durable=False)
    copy.directory.mkdir()
    ServerState(_free_port(), state.password, str(root / "data")).save(copy.directory / "server.json")
    copy = EmbeddedPostgres(copy.directory, durable=False)
    copy.start()
    yield centre, copy, wire
    wire.close()
    copy.destroy()
    centre.destroy()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.1)


@pytest.mark.postgres
def test_a_copy_that_was_cut_off_grows_older_by_the_minute(
    copied: tuple[EmbeddedPostgres, EmbeddedPostgres, Proxy],
) -> None:
    centre, copy, wire = copied
    engine, edge = create_engine(copy.url), edge_for("postgresql")

    def late() -> float:
        with engine.connect() as connection:
            found = edge.lag_seconds(connection)
        assert found is not None
        return found

    def there() -> bool:
        with engine.connect() as connection:
            return bool(connection.exec_driver_sql("SELECT to_regclass('follows') IS NOT NULL").scalar())

    source = create_engine(centre.url)
    with source.begin() as connection:
        assert edge.lag_seconds(connection) == 0  # it copies nobody
        connection.exec_driver_sql("CREATE TABLE follows (a integer)")
    source.dispose()
    until(there)
    until(lambda: late() == 0)
    wire.go_down()
    until(lambda: late() > 1)  # all that ever came is replayed, and nobody sends any more
    wire.down = False
    until(lambda: late() == 0)
    engine.dispose()


@pytest.mark.odbc
def test_a_replica_that_was_stopped_is_not_taken_for_fresh(mariadb: RealCentre, mariadb_server: MariadbServer) -> None:
    gateway = mariadb.gateway
    seen = "'yj'@'127.0.0.1'"
    assert gateway.behind() is None  # it is hidden from this account
    mariadb_server.admin(f"GRANT REPLICA MONITOR ON *.* TO {seen}")
    try:
        gateway.close()
        assert gateway.behind() == 0
        mariadb_server.admin("CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = 1, MASTER_USER = 'nobody'")
        with pytest.raises(Transient, match="follows the centre no longer"), gateway.snapshot():
            pytest.fail("a stopped replica was read")
    finally:
        mariadb_server.admin(f"RESET SLAVE ALL; REVOKE REPLICA MONITOR ON *.* FROM {seen}")


def test_a_restored_backup_says_its_age_by_a_file_of_the_mapping(
    sqlite: SqliteCentre, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, files = sqlite.gateway, sqlite.gateway.mapping.files

    def said() -> Finding | None:
        return next((one for one in check(gateway, lambda dataset, row: None) if one.subject == "copy"), None)

    assert said() is None  # it is no copy
    monkeypatch.setitem(files, "behind", parse("behind", "SELECT 40000 AS seconds"))
    with gateway.snapshot() as snapshot:
        assert 39_990 < (gateway.clock.now() - snapshot.as_of).total_seconds() < 40_100
    late = said()
    assert late is not None and (late.status, late.sentence) == ("warn", "is 40000 s behind the centre")
    monkeypatch.setitem(files, "behind", parse("behind", "SELECT 20 AS seconds"))
    assert (near := said()) is not None and near.status == "ok"
    for nothing in ("SELECT NULL AS seconds", "SELECT 'yesterday' AS seconds", "SELECT 1 AS seconds WHERE 1 = 0"):
        monkeypatch.setitem(files, "behind", parse("behind", nothing))
        with pytest.raises(Systemic, match=r"behind\.sql gave no number"), gateway.snapshot():
            pytest.fail("an age nobody knows was taken for none")

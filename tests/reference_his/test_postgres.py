"""The embedded server: same port, password only, adopted when alive, cleared when dead."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import create_engine, make_url, text

from sync.reference_his.binaries import Account, reachable
from sync.reference_his.postgres import EmbeddedPostgres, PostgresError

pytestmark = pytest.mark.postgres


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    one = EmbeddedPostgres(tmp_path / "his", durable=False)
    one.start()
    yield one
    one.destroy()


def answers(url: str) -> bool:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return bool(connection.execute(text("SELECT 1")).scalar())
    finally:
        engine.dispose()


def test_it_comes_back_on_the_same_port_with_its_rows(server: EmbeddedPostgres) -> None:
    engine = create_engine(server.url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t AS SELECT 7 AS n"))
    engine.dispose()
    before = server.url
    server.stop()
    assert server.pid() is None
    assert EmbeddedPostgres(server.directory, durable=False).start() == before
    engine = create_engine(before)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT n FROM t")).scalar() == 7
    engine.dispose()


def test_a_running_server_is_adopted_and_stopped_by_the_adopter(server: EmbeddedPostgres) -> None:
    other = EmbeddedPostgres(server.directory, durable=False)
    assert other.start() == server.url
    assert other.pid() == server.pid()
    other.stop()
    assert server.pid() is None


def test_a_killed_server_is_cleared_away_and_recovers(server: EmbeddedPostgres) -> None:
    server.kill()
    assert server.pid() is None
    assert (server.data / "postmaster.pid").exists()
    assert answers(EmbeddedPostgres(server.directory, durable=False).start())


def test_the_lock_of_a_dead_server_whose_number_lives_on_elsewhere_is_cleared(server: EmbeddedPostgres) -> None:
    server.stop()
    (server.data / "postmaster.pid").write_text(f"{os.getpid()}\n{server.data}\n")
    assert server.pid() is None
    assert answers(server.start())


def test_only_tcp_on_loopback_and_only_with_the_password(server: EmbeddedPostgres) -> None:
    engine = create_engine(server.url)
    with engine.connect() as connection:
        shown = {name: connection.execute(text(f"SHOW {name}")).scalar() for name in SETTINGS}
    engine.dispose()
    assert shown == SETTINGS
    url = make_url(server.url)
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(host=url.host, port=url.port, user=url.username, password="guess", dbname=url.database)


SETTINGS = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "server_encoding": "UTF8"}


def test_the_durable_server_syncs(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    engine = create_engine(server.start())
    with engine.connect() as connection:
        shown = [
            connection.execute(text(f"SHOW {name}")).scalar()
            for name in ("fsync", "synchronous_commit", "full_page_writes")
        ]
    engine.dispose()
    server.destroy()
    assert shown == ["on", "on", "on"]


def test_the_password_is_readable_by_its_owner_only_and_parents_keep_their_permissions(tmp_path: Path) -> None:
    before = stat.S_IMODE(tmp_path.stat().st_mode)
    server = EmbeddedPostgres(tmp_path / "his", durable=False)
    server.start()
    mode = stat.S_IMODE((server.directory / "server.json").stat().st_mode)
    server.destroy()
    assert mode == 0o600
    assert stat.S_IMODE(tmp_path.stat().st_mode) == before


def test_a_folder_closed_to_others_is_not_reachable_for_the_servers_user(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    stranger = Account("stranger", closed.stat().st_uid + 1, closed.stat().st_gid + 1)
    assert not reachable(closed, stranger)


def test_databases_are_made_by_name_and_only_once(server: EmbeddedPostgres) -> None:
    assert answers(server.create_database("extra"))
    with pytest.raises(PostgresError, match="exists"):
        server.create_database("extra")
    with pytest.raises(PostgresError, match="letters"):
        server.create_database('x"; DROP')


def test_serve_prints_its_url_first_and_stops_with_sigterm(tmp_path: Path) -> None:
    code = "import sys; from sync.reference_his.postgres import serve; sys.exit(serve(sys.argv[1]))"
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        assert url.startswith("postgresql+psycopg2://")
        assert answers(url)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
        assert EmbeddedPostgres(tmp_path).pid() is None
    finally:
        process.kill()
        process.communicate()
        EmbeddedPostgres(tmp_path).destroy()

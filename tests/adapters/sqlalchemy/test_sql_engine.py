"""Engines of our own are set up as promised, those of a host are checked, and a fork starts afresh."""

from __future__ import annotations

import gc
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from clientmgmt.adapters.memory import InMemoryStorage
from clientmgmt.adapters.sqlalchemy import SQLStorage, connection_of, database, engine
from clientmgmt.errors import (
    ConfigurationError,
    MissingExtraError,
    TransactionConflictError,
    TransactionError,
)
from clientmgmt.testing.kit import KIT, SAMPLES, SHELVES, Sample, Shelf, uid


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("foreign_keys", 1),
        ("busy_timeout", 30_000),
        ("secure_delete", 1),
    ],
)
def test_every_connection_to_sqlite_is_set_up(on_sqlite: SQLStorage, pragma: str, value: object) -> None:
    with on_sqlite.unit_of_work("t") as uow, on_sqlite.unit_of_work("t", read_only=True) as second:
        for unit in (uow, second):
            assert connection_of(unit).exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == value


def test_a_database_is_not_ephemeral(store: SQLStorage) -> None:
    assert not store.ephemeral


def test_the_engine_of_a_host_stays_open(on_postgresql: SQLStorage, postgres_engine: sa.Engine) -> None:
    pool = postgres_engine.pool
    on_postgresql.close()
    assert postgres_engine.pool is pool


def test_an_own_engine_needs_no_notes(on_sqlite: SQLStorage) -> None:
    assert on_sqlite.check() == ()


def test_what_was_removed_cannot_be_read_in_the_file(on_sqlite: SQLStorage, tmp_path: Path) -> None:
    canary = "canary-9b1c"
    with on_sqlite.unit_of_work("t") as uow:
        uow.add(SAMPLES, *(Sample(id=uid(number), text=f"{canary}{number}") for number in range(1, 50)))
    with on_sqlite.unit_of_work("t") as uow:
        uow.remove(SAMPLES, *(uid(number) for number in range(1, 50)))
    on_sqlite.close()
    assert canary.encode() not in (tmp_path / "own.db").read_bytes()


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:x?mode=memory&uri=true",
        "mysql://host/name",
        "no url",
    ],
)
def test_urls_that_name_no_fitting_database_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        SQLStorage(url)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgresql_is_reached_through_psycopg(scheme: str) -> None:
    assert engine.open_engine(f"{scheme}://host/name").dialect.driver == "psycopg"


def test_a_missing_driver_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"clientmgmt\[postgres\]"):
        SQLStorage("postgresql://host/name")


def test_a_host_cannot_bring_another_kind_of_database() -> None:
    strange = sa.create_mock_engine("mysql://", lambda *_: None)
    with pytest.raises(ConfigurationError, match="no store for mysql"):
        database.database_of(strange)  # type: ignore[arg-type] # a real one would need a driver


Prepare = Callable[[sqlite3.Connection, object], object]


HOSTS: list[sa.Engine] = []


@pytest.fixture(autouse=True)
def hosts_close_what_they_opened() -> Iterator[None]:
    yield
    while HOSTS:
        HOSTS.pop().dispose()


def hosted(path: Path, prepare: Prepare | None) -> SQLStorage:
    own = sa.create_engine(f"sqlite:///{path}")
    HOSTS.append(own)
    if prepare is not None:
        sa.event.listen(own, "connect", prepare)
    return SQLStorage(own, collections=KIT)


def with_foreign_keys(driver: sqlite3.Connection, _record: object) -> None:
    driver.execute("PRAGMA foreign_keys = ON")


def test_an_engine_without_foreign_keys_is_refused(tmp_path: Path) -> None:
    storage = hosted(tmp_path / "host.db", None)
    storage.upgrade()
    with pytest.raises(ConfigurationError, match="foreign_keys"), storage.unit_of_work("t"):
        pass
    assert "foreign_keys_off" in {note.code for note in storage.check()}


def test_a_database_in_memory_is_refused() -> None:
    HOSTS.append(sa.create_engine("sqlite://"))
    storage = SQLStorage(HOSTS[0], collections=KIT)
    with pytest.raises(ConfigurationError, match="in memory"), storage.unit_of_work("t"):
        pass


def test_an_old_sqlite_is_refused(on_sqlite: SQLStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 34, 1))
    with pytest.raises(ConfigurationError, match=r"3\.35"), on_sqlite.unit_of_work("t"):
        pass


def test_settings_that_cost_safety_are_noted(tmp_path: Path) -> None:
    def careless(driver: sqlite3.Connection, record: object) -> None:
        with_foreign_keys(driver, record)
        driver.execute("PRAGMA synchronous = OFF")
        driver.execute("PRAGMA busy_timeout = 0")
        driver.execute("PRAGMA secure_delete = OFF")

    storage = hosted(tmp_path / "host.db", careless)
    storage.upgrade()
    codes = [note.code for note in storage.check()]
    assert codes == ["no_wal", "not_synchronous", "no_busy_timeout", "no_secure_delete"]


def begin_by_event(driver: sqlite3.Connection, record: object) -> None:
    with_foreign_keys(driver, record)
    driver.isolation_level = None


@pytest.mark.parametrize("begins", [False, True])
def test_an_engine_that_begins_by_itself_begins_as_the_store_needs(tmp_path: Path, begins: bool) -> None:
    own = sa.create_engine(f"sqlite:///{tmp_path / 'host.db'}", connect_args={"timeout": 0.01})
    sa.event.listen(own, "connect", begin_by_event)
    if begins:
        sa.event.listen(own, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    storage, other = (SQLStorage(own, collections=KIT) for _ in range(2))
    storage.upgrade()
    with storage.unit_of_work("t") as uow:
        uow.add(SHELVES, Shelf(id=uid(1), code="A"))
    with storage.unit_of_work("t") as uow:
        with pytest.raises(Exception, match="SQLITE_BUSY"), other.unit_of_work("t"):
            pass
        assert uow.count(SHELVES) == 1
    own.dispose()


@pytest.mark.parametrize("level", ["AUTOCOMMIT", "REPEATABLE READ"])
def test_another_isolation_of_postgresql_is_refused(postgres_url: str, schema: str, level: str) -> None:
    own = sa.create_engine(postgres_url, isolation_level=level)
    storage = SQLStorage(own, schema=schema, collections=KIT)
    assert "wrong_isolation" in {note.code for note in storage.check()}
    with pytest.raises(ConfigurationError, match=level), storage.unit_of_work("t"):
        pass
    own.dispose()


def test_settings_of_postgresql_that_cost_safety_are_noted(
    on_postgresql: SQLStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"fsync": "off", "synchronous_commit": "off", "server_encoding": "SQL_ASCII"}
    monkeypatch.setattr(database, "_setting", lambda _, name: settings[name])
    codes = [note.code for note in on_postgresql.check()]
    assert codes == ["fsync_off", "not_synchronous", "wrong_encoding"]
    settings.update(fsync="on", synchronous_commit="on", server_encoding="UTF8")
    assert on_postgresql.check() == ()


def test_an_own_engine_for_postgresql_reads_what_is_committed(postgres_url: str, schema: str) -> None:
    storage = SQLStorage(postgres_url.replace("postgresql+psycopg", "postgresql"), schema=schema, collections=KIT)
    storage.upgrade()
    with storage.unit_of_work("t") as uow:
        assert connection_of(uow).get_isolation_level() == "READ COMMITTED"
    storage.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Another program that is writing to the file."""
    connection = sqlite3.connect(tmp_path / "own.db", isolation_level=None)
    connection.execute("CREATE TABLE theirs (id INTEGER)")
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    connection.close()


def test_write_ahead_logging_waits_for_others(
    tmp_path: Path, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        other.execute("COMMIT")

    monkeypatch.setattr("time.sleep", pause)
    storage = SQLStorage(f"sqlite:///{tmp_path / 'own.db'}", collections=KIT)
    storage.upgrade()
    assert "no_wal" not in {note.code for note in storage.check()}
    assert pauses
    storage.close()


@pytest.mark.usefixtures("other")
def test_write_ahead_logging_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0)
    storage = SQLStorage(f"sqlite:///{tmp_path / 'own.db'}", collections=KIT)
    with pytest.raises(TransactionConflictError):
        storage.upgrade()
    storage.close()


def test_only_units_of_this_store_have_a_connection(on_sqlite: SQLStorage) -> None:
    with on_sqlite.unit_of_work("t") as uow:
        assert connection_of(uow).exec_driver_sql("SELECT 1").scalar_one() == 1
    with pytest.raises(TransactionError, match="has ended"):
        connection_of(uow)
    with (
        InMemoryStorage().unit_of_work("t") as other,
        pytest.raises(TransactionError, match="no SQL connection"),
    ):
        connection_of(other)


FORK = """
import os, sys
from clientmgmt.adapters.sqlalchemy import SQLStorage, connection_of
storage = SQLStorage(sys.argv[1], prefix=sys.argv[2])
storage.upgrade()
forgotten = SQLStorage(sys.argv[1], prefix=sys.argv[2])
del forgotten
def count():
    with storage.unit_of_work("t") as uow:
        return uow.next_number("n"), id(connection_of(uow).connection.dbapi_connection)
assert count()[0] == 1
driver = count()[1]
with storage.unit_of_work("t", read_only=True):
    child = os.fork()
    if not child:
        number, own = count()
        os._exit(0 if number == 3 and own != driver else 1)
    assert os.waitpid(child, 0)[1] == 0
assert count() == (4, driver)
storage.close()
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_forked_child_uses_connections_of_its_own(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = f"sqlite:///{tmp_path / 'fork.db'}" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    subprocess.run([sys.executable, "-c", FORK, url, "fork_"], check=True)
    if kind == "postgresql":
        from clientmgmt.adapters.sqlalchemy import build_tables  # noqa: PLC0415 - to clean up

        metadata = sa.MetaData()
        build_tables(metadata, prefix="fork_")
        metadata.drop_all(request.getfixturevalue("postgres_engine"))


def test_after_a_fork_the_store_starts_afresh(store: SQLStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.unit_of_work("t") as uow:
        own, first = connection_of(uow).engine, connection_of(uow).connection.dbapi_connection
    inherited = own.pool
    after_fork: list[Callable[[], object]] = []
    monkeypatch.setattr("os.register_at_fork", lambda *, after_in_child: after_fork.append(after_in_child))
    again = SQLStorage(own, collections=KIT)
    after_fork[0]()
    with store.unit_of_work("t") as uow:
        assert connection_of(uow).connection.dbapi_connection is not first
    inherited.dispose()
    del again
    gc.collect()
    after_fork[0]()


def test_where_nothing_forks_nothing_is_registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.register_at_fork", raising=False)
    SQLStorage(f"sqlite:///{tmp_path / 'own.db'}").close()

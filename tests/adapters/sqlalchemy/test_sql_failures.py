"""Errors of the database become the port's, without values in them, and spoil the unit they happen in."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy import SQLStorage, build_tables, connection_of
from clientmgmt.adapters.sqlalchemy.failures import commit_failure, failure, unique_keys
from clientmgmt.errors import (
    CommitUnknownError,
    ConnectionLostError,
    StorageError,
    TransactionConflictError,
    TransactionError,
)
from clientmgmt.ports import ReferenceViolation, UniqueViolation, UnitOfWork
from clientmgmt.testing.kit import BOOKS, KIT, SAMPLES, SHELVES, Book, Sample, Shelf, uid

SHELF = Shelf(id=uid(1), code="A")
BOOK = Book(id=uid(1), shelf_id=SHELF.id, serial="s", slot="x")
CANARY = "canary-7f3a"

TAKEN: dict[str, tuple[Book, str]] = {
    "id": (Book(id=uid(1), shelf_id=SHELF.id, serial="t"), "id"),
    "one column": (Book(id=uid(2), shelf_id=SHELF.id, serial="s"), "kit_book_serial"),
    "two columns": (Book(id=uid(2), shelf_id=SHELF.id, serial="t", slot="x"), "kit_book_place"),
}


@pytest.fixture
def filled(store: SQLStorage) -> SQLStorage:
    with store.unit_of_work("t") as uow:
        uow.add(SHELVES, SHELF)
        uow.add(BOOKS, BOOK)
    return store


def caught(storage: SQLStorage, act: Callable[[UnitOfWork], object]) -> Exception:
    with (
        pytest.raises((StorageError, TransactionError)) as raised,
        storage.unit_of_work("t") as uow,
        uow.savepoint(),
    ):
        act(uow)
    return raised.value


@pytest.mark.parametrize(("book", "key"), TAKEN.values(), ids=TAKEN.keys())
def test_a_taken_key_is_named(filled: SQLStorage, book: Book, key: str) -> None:
    error = caught(filled, lambda uow: uow.add(BOOKS, book))
    assert isinstance(error, UniqueViolation)
    assert (error.collection, error.key) == ("kit_books", key)


def test_a_missing_reference_is_told(filled: SQLStorage) -> None:
    stray = Book(id=uid(3), shelf_id=uid(9), serial="z")
    assert isinstance(caught(filled, lambda uow: uow.add(BOOKS, stray)), ReferenceViolation)
    assert isinstance(caught(filled, lambda uow: uow.remove(SHELVES, SHELF.id)), ReferenceViolation)


@pytest.fixture
def books(store: SQLStorage, request: pytest.FixtureRequest) -> str:
    """The name of the table of books."""
    with store.unit_of_work("t") as uow:
        on_postgresql = connection_of(uow).dialect.name == "postgresql"
    return f"{request.getfixturevalue('schema')}.cm_kit_books" if on_postgresql else "cm_kit_books"


def test_a_unique_index_of_the_host_is_an_error_of_the_store(filled: SQLStorage, books: str) -> None:
    def act(uow: UnitOfWork) -> None:
        connection_of(uow).exec_driver_sql(f"CREATE UNIQUE INDEX host_title ON {books} (title)")
        uow.add(BOOKS, Book(id=uid(2), shelf_id=SHELF.id, serial="t"))

    assert type(caught(filled, act)) is StorageError


@pytest.mark.parametrize(
    "act",
    [
        lambda uow: uow.add(BOOKS, Book(id=uid(2), shelf_id=SHELF.id, serial="s", title=CANARY)),
        lambda uow: uow.add(BOOKS, Book(id=uid(2), shelf_id=uid(9), serial="t", title=CANARY)),
        lambda uow: uow.add(SAMPLES, Sample(id=uid(1), text=CANARY, number=2**63)),
        lambda uow: uow.add(SAMPLES, Sample(id=uid(1), text=f"{CANARY}\ud800")),
        lambda uow: uow.find(SAMPLES, SAMPLES.number.eq(cast("Any", [CANARY]))),
    ],
    ids=["unique", "reference", "number", "text", "type"],
)
def test_no_value_gets_into_an_error(filled: SQLStorage, act: Callable[[UnitOfWork], object]) -> None:
    with pytest.raises(StorageError) as raised, filled.unit_of_work("t") as uow:
        act(uow)
    assert CANARY not in "".join(traceback.format_exception(raised.value))


def test_an_error_that_is_swallowed_spoils_the_unit(filled: SQLStorage) -> None:
    def swallow(uow: UnitOfWork) -> None:
        uow.add(SAMPLES, Sample(id=uid(1)))
        with pytest.raises(StorageError):
            uow.add(SAMPLES, Sample(id=uid(2), number=2**63))

    with pytest.raises(TransactionError, match="spoilt"), filled.unit_of_work("t") as uow:
        swallow(uow)
    with filled.unit_of_work("t") as uow:
        assert uow.count(SAMPLES) == 0


def test_an_error_of_the_host_that_postgresql_remembers_is_not_committed(on_postgresql: SQLStorage) -> None:
    def swallow(uow: UnitOfWork) -> None:
        uow.add(SAMPLES, Sample(id=uid(1)))
        with pytest.raises(sa.exc.DBAPIError):
            connection_of(uow).exec_driver_sql("SELECT 1/0")

    with (
        pytest.raises(TransactionError, match="ended its transaction"),
        on_postgresql.unit_of_work("t") as uow,
    ):
        swallow(uow)


def fill_up(uow: UnitOfWork) -> None:
    """Write until the file may not grow any more."""
    connection_of(uow).exec_driver_sql("PRAGMA max_page_count = 1")
    for number in range(1, 2000):
        uow.add(SAMPLES, Sample(id=uid(number), text="x" * 10_000))


def test_a_full_disk_that_is_swallowed_leaves_nothing_half_written(on_sqlite: SQLStorage) -> None:
    def swallow(uow: UnitOfWork) -> None:
        uow.add(SHELVES, SHELF)
        with pytest.raises(StorageError, match="SQLITE_FULL"):
            fill_up(uow)

    with pytest.raises(TransactionError, match="SQLITE_FULL"), on_sqlite.unit_of_work("t") as uow:
        swallow(uow)
    with on_sqlite.unit_of_work("t") as uow:
        assert (uow.count(SHELVES), uow.count(SAMPLES)) == (0, 0)


def test_a_full_disk_inside_a_savepoint_spoils_all_of_the_unit(on_sqlite: SQLStorage) -> None:
    def swallow(uow: UnitOfWork) -> None:
        uow.add(SHELVES, SHELF)
        with pytest.raises(StorageError, match="SQLITE_FULL"), uow.savepoint():
            fill_up(uow)
        with pytest.raises(TransactionError):
            uow.count(SHELVES)

    with pytest.raises(TransactionError), on_sqlite.unit_of_work("t") as uow:
        swallow(uow)
    with on_sqlite.unit_of_work("t") as uow:
        assert uow.count(SHELVES) == 0


def test_a_transaction_that_the_host_ended_is_not_taken_for_committed(on_sqlite: SQLStorage) -> None:
    def roll_back(uow: UnitOfWork) -> None:
        uow.add(SHELVES, SHELF)
        connection_of(uow).exec_driver_sql("ROLLBACK")

    with (
        pytest.raises(TransactionError, match="ended its transaction"),
        on_sqlite.unit_of_work("t") as uow,
    ):
        roll_back(uow)


def test_another_writer_is_a_conflict(on_sqlite: SQLStorage, tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'own.db'}", connect_args={"timeout": 0.01})
    sa.event.listen(engine, "connect", lambda driver, _: driver.execute("PRAGMA foreign_keys = ON"))
    other = SQLStorage(engine, collections=KIT)
    with on_sqlite.unit_of_work("t"):
        with other.unit_of_work("t", read_only=True) as uow:
            assert uow.count(SHELVES) == 0
        with pytest.raises(TransactionConflictError, match="SQLITE_BUSY"), other.unit_of_work("t"):
            pass
    engine.dispose()


def test_a_lock_that_postgresql_does_not_wait_for_is_a_conflict(on_postgresql: SQLStorage) -> None:
    with on_postgresql.unit_of_work("t") as uow:
        uow.add(SHELVES, SHELF)
    with on_postgresql.unit_of_work("t") as first, on_postgresql.unit_of_work("t") as second:
        first.get(SHELVES, SHELF.id, lock=True)
        connection_of(second).exec_driver_sql("SET LOCAL lock_timeout = '10ms'")
        with pytest.raises(TransactionConflictError, match="55P03"), second.savepoint():
            second.get(SHELVES, SHELF.id, lock=True)


def driver_error(state: str) -> Exception:
    """As drivers of PostgreSQL raise it."""
    error = Exception(CANARY)
    vars(error)["sqlstate"] = state
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (driver_error("25P03"), ConnectionLostError),
        (driver_error("25P04"), StorageError),
        (driver_error("40001"), TransactionConflictError),
        (driver_error("57P01"), CommitUnknownError),
        (driver_error("08006"), CommitUnknownError),
        (driver_error("40003"), CommitUnknownError),
        (ConnectionResetError(CANARY), CommitUnknownError),
        (RuntimeError(CANARY), CommitUnknownError),
    ],
    ids=["idle", "slow", "serialization", "shutdown", "gone", "uncertain", "reset", "odd"],
)
def test_a_commit_has_failed_only_if_the_database_says_so(error: Exception, kind: type[StorageError]) -> None:
    found = commit_failure(error, {})
    assert type(found) is kind
    assert CANARY not in str(found)


def test_a_network_that_fails_under_the_driver_is_a_lost_connection() -> None:
    assert type(failure(ConnectionResetError(CANARY), {})) is ConnectionLostError


def test_a_lost_database_is_an_error_of_the_store(tmp_path: Path) -> None:
    storage = SQLStorage(f"sqlite:///{tmp_path}/missing/folder.db", collections=KIT)
    with pytest.raises(StorageError, match="SQLITE_CANTOPEN"), storage.unit_of_work("t"):
        pass
    assert [note.code for note in storage.check()] == ["unreachable"]


def test_errors_outside_units_are_errors_of_the_store(on_sqlite: SQLStorage) -> None:
    with on_sqlite.unit_of_work("t") as uow:
        connection_of(uow).exec_driver_sql("DROP TABLE cm_kit_samples")
    with pytest.raises(StorageError):
        on_sqlite.tenants(SAMPLES)


def test_keys_are_told_by_name_and_by_columns() -> None:
    keys = unique_keys(KIT, build_tables(sa.MetaData(), collections=KIT), "cm_")
    assert keys["cm_kit_book_serial"] == ("kit_books", "kit_book_serial")
    assert keys["cm_kit_books.tenant_id", "cm_kit_books.serial"] == ("kit_books", "kit_book_serial")
    assert keys["cm_kit_books.tenant_id", "cm_kit_books.id"] == keys["cm_kit_books_pkey"] == ("kit_books", "id")

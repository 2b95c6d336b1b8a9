"""Many kinds of hosts: what their transactions commit and undo is ours as well, and our errors are not theirs."""

# What leaves a block of the host is caught as a whole.
# ruff: noqa: PT012

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy import SQLStorage, connection_of
from clientmgmt.errors import NotFoundError, StorageError, TransactionError
from clientmgmt.ports import ReferenceViolation, StaleVersion, UniqueViolation
from clientmgmt.testing.kit import BOOKS, SAMPLES, SHELVES, Book, Sample, Shelf, uid
from tests.adapters.sqlalchemy.hosts import (
    NOTES,
    Host,
    on_connection,
    on_django,
    on_scoped_session,
    on_session,
)
from tests.box import new_tenant

A, B, C = (Shelf(id=uid(number), code=code) for number, code in enumerate("ABC", start=1))
FURTHER = ("connection", "scoped_session")
KINDS = {"connection": on_connection, "session": on_session, "scoped_session": on_scoped_session}


class PlannedError(Exception):
    """Leaves a block on purpose."""


@pytest.fixture(scope="session")
def sqlite_notes(sqlite_kit: tuple[SQLStorage, sa.Engine]) -> str:
    NOTES.create(sqlite_kit[1])
    return NOTES.name


@pytest.fixture(scope="session")
def postgresql_notes(postgres_kit: tuple[SQLStorage, sa.Engine, str]) -> str:
    _, engine, schema = postgres_kit
    NOTES.to_metadata(sa.MetaData(), schema=schema).create(engine)
    return f"{schema}.{NOTES.name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["session", "django", *(pytest.param(kind, marks=pytest.mark.slow) for kind in FURTHER)])
def host(request: pytest.FixtureRequest, database: str) -> Iterator[Host]:
    notes = request.getfixturevalue(f"{database}_notes")
    kit = request.getfixturevalue("sqlite_kit" if database == "sqlite" else "postgres_kit")
    same = {"tenant": new_tenant(), "notes_table": notes, "outside": kit[1]}
    if request.param == "django":
        alias, storage = request.getfixturevalue(f"django_on_{database}")
        yield from on_django(alias, storage, **same)
    else:
        engine = request.getfixturevalue("host_engine") if database == "sqlite" else kit[1]
        yield from KINDS[request.param](engine, kit[0], **same)


@pytest.fixture
def outside(request: pytest.FixtureRequest, database: str) -> SQLStorage:
    """The same database, seen from outside of the host's transaction."""
    storage: SQLStorage = request.getfixturevalue("sqlite_kit" if database == "sqlite" else "postgres_kit")[0]
    return storage


def kept(outside: SQLStorage, host: Host) -> str:
    """The codes of the shelves that are committed."""
    with outside.unit_of_work(host.tenant, read_only=True) as uow:
        return "".join(shelf.code for shelf in uow.find(SHELVES))


def add(host: Host, *shelves: Shelf) -> None:
    with host.unit() as uow:
        uow.add(SHELVES, *shelves)


def test_a_commit_of_the_host_keeps_both(host: Host, outside: SQLStorage) -> None:
    with host.begin():
        add(host, A)
        host.note("1")
        add(host, B)
        assert (kept(outside, host), host.notes()) == ("", [])
    assert (kept(outside, host), host.notes()) == ("AB", ["1"])


def test_a_rollback_of_the_host_leaves_nothing(host: Host, outside: SQLStorage) -> None:
    with pytest.raises(PlannedError), host.begin():
        add(host, A)
        host.note("1")
        add(host, B)
        raise PlannedError
    assert (kept(outside, host), host.notes()) == ("", [])


def test_a_rollback_after_nothing_but_ours_leaves_nothing(host: Host, outside: SQLStorage) -> None:
    """A savepoint that came first would have committed."""
    with pytest.raises(PlannedError), host.begin():
        add(host, A)
        raise PlannedError
    assert kept(outside, host) == ""


def test_an_error_in_ours_leaves_what_the_host_wrote(host: Host, outside: SQLStorage) -> None:
    with host.begin():
        host.note("1")
        add(host, A)
        with pytest.raises(PlannedError), host.unit() as uow:
            uow.add(SHELVES, B)
            raise PlannedError
        with pytest.raises(UniqueViolation):
            add(host, B, Shelf(id=uid(9), code="A"))
        with pytest.raises(ReferenceViolation), host.unit() as uow:
            uow.add(BOOKS, Book(id=uid(5), shelf_id=uid(99), serial="s"))
        host.note("2")
        add(host, C)
    assert (kept(outside, host), host.notes()) == ("AC", ["1", "2"])


def test_an_error_that_is_swallowed_spoils_the_unit_alone(host: Host, outside: SQLStorage) -> None:
    with host.begin():
        host.note("1")
        with pytest.raises(TransactionError, match="spoilt"), host.unit() as uow:
            uow.add(SHELVES, A)
            with pytest.raises(StorageError):
                uow.add(SAMPLES, Sample(id=uid(2), number=2**63))
        add(host, B)
    assert (kept(outside, host), host.notes()) == ("B", ["1"])


def test_an_error_of_the_host_that_it_swallows_in_our_unit_spoils_the_unit_alone(
    host: Host, outside: SQLStorage, database: str
) -> None:
    def swallow() -> None:
        with host.unit() as uow:
            uow.add(SHELVES, A)
            with pytest.raises(sa.exc.DBAPIError):
                connection_of(uow).exec_driver_sql("SELECT nothing")

    with host.begin():
        host.note("1")
        if database == "postgresql":
            with pytest.raises(TransactionError, match="spoilt"):
                swallow()
        else:
            swallow()  # for SQLite, a statement that failed is a statement that was not there
        host.note("2")
    assert (kept(outside, host), host.notes()) == ("A" if database == "sqlite" else "", ["1", "2"])


def test_a_savepoint_of_the_host_that_is_undone_undoes_ours(host: Host, outside: SQLStorage) -> None:
    with host.begin():
        host.note("1")
        add(host, A)
        with pytest.raises(PlannedError), host.savepoint():
            host.note("2")
            add(host, B)
            raise PlannedError
        with host.savepoint():
            add(host, C)
    assert (kept(outside, host), host.notes()) == ("AC", ["1"])


def test_ours_fails_inside_a_savepoint_of_the_host_which_goes_on(host: Host, outside: SQLStorage) -> None:
    with host.begin():
        host.note("1")
        with host.savepoint():
            add(host, A)
            with pytest.raises(UniqueViolation):
                add(host, B, Shelf(id=uid(9), code="A"))
            host.note("2")
        with pytest.raises(UniqueViolation), host.savepoint():
            host.note("3")
            add(host, Shelf(id=uid(9), code="A"))
        add(host, C)
    assert (kept(outside, host), host.notes()) == ("AC", ["1", "2"])


def test_units_of_one_transaction_see_what_the_others_wrote(host: Host, outside: SQLStorage) -> None:
    with host.begin():
        add(host, A)
        with host.unit() as uow:
            uow.save(SHELVES, uow.get(SHELVES, A.id, lock=True))
        with host.unit(read_only=True) as uow:
            assert uow.get(SHELVES, A.id).version == 2
        assert host.storage.tenants(SHELVES, after=host.tenant[:-1], limit=1) == (host.tenant,)
        with pytest.raises(StaleVersion), host.unit() as uow:
            uow.save(SHELVES, A)
    assert kept(outside, host) == "A"


def test_a_unit_that_only_reads_writes_nothing_and_spoils_nothing(host: Host, outside: SQLStorage) -> None:
    with host.begin():
        host.note("1")
        with pytest.raises(TransactionError, match="only reads"), host.unit(read_only=True) as uow:
            uow.add(SHELVES, A)
        with pytest.raises(NotFoundError), host.unit(read_only=True) as uow:
            uow.get(SHELVES, A.id)
        with pytest.raises(StorageError), host.unit(read_only=True) as uow:
            uow.find(SAMPLES, SAMPLES.number.eq(2**70))
        with (
            pytest.raises(TransactionError, match="spoilt"),
            host.unit(read_only=True) as uow,
            pytest.raises(StorageError),
        ):
            uow.find(SAMPLES, SAMPLES.number.eq(2**70))
        host.note("2")
        add(host, B)
    assert (kept(outside, host), host.notes()) == ("B", ["1", "2"])


@pytest.mark.parametrize("read_only", [False, True])
def test_a_unit_inside_a_unit_is_refused_and_harms_neither(host: Host, outside: SQLStorage, read_only: bool) -> None:
    with host.begin():
        with host.unit() as uow:
            uow.add(SHELVES, A)
            with pytest.raises(TransactionError, match="already"), host.unit(read_only=read_only):
                pass
            uow.add(SHELVES, B)
        with host.unit(read_only=True) as uow:
            with pytest.raises(TransactionError, match="already"), host.unit(read_only=read_only):
                pass
            assert uow.count(SHELVES) == 2
    assert kept(outside, host) == "AB"


def test_a_store_in_a_transaction_says_so(host: Host, outside: SQLStorage, database: str) -> None:
    with host.begin():
        assert host.storage.in_host_transaction
        with host.unit():
            assert host.storage.in_host_transaction
        with pytest.raises(UniqueViolation):
            add(host, A, A)
        assert host.storage.in_host_transaction
    assert (host.storage.exclusive, host.storage.ephemeral) == (database == "sqlite", False)
    assert not outside.in_host_transaction


@pytest.mark.parametrize("database", ["postgresql"])
def test_an_error_that_the_host_swallowed_is_told(host: Host, outside: SQLStorage) -> None:
    """PostgreSQL would answer every statement, and the commit, by undoing."""
    with pytest.raises(TransactionError, match="failed"), host.begin():
        host.note("1")
        with pytest.raises(host.swallowed):
            host.execute("SELECT nothing", ())
        add(host, A)
    assert (kept(outside, host), host.notes()) == ("", [])


def test_the_check_of_a_joined_store(host: Host, database: str) -> None:
    with host.begin():
        codes = {note.code for note in host.storage.check()}
        add(host, A)
    if database == "sqlite":
        assert codes <= {"no_secure_delete"}
    else:
        assert codes <= {"fsync_off", "not_synchronous"}
    host.storage.close()


def test_a_store_that_is_current_needs_no_upgrade(host: Host, outside: SQLStorage) -> None:
    with host.begin():
        add(host, A)
        assert host.storage.upgrade() == ()
    assert kept(outside, host) == "A"

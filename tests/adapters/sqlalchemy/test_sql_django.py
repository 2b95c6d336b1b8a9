"""The store over Django's own connections: its blocks, its threads, its migrations, its tests."""

# What leaves a block of the host is caught as a whole.
# ruff: noqa: PT012

from __future__ import annotations

import subprocess
import sys
import unittest
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from clientmgmt import ClientManager, Staff
from clientmgmt.adapters.sqlalchemy import SQLStorage, connection_of
from clientmgmt.adapters.sqlalchemy.django import DjangoStorage
from clientmgmt.errors import (
    ConfigurationError,
    MissingExtraError,
    SchemaError,
    StorageError,
    TransactionConflictError,
    TransactionError,
)
from clientmgmt.testing import FastHasher
from clientmgmt.testing.kit import JOBS, KIT, MIDNIGHT, SAMPLES, SHELVES, Job, Sample, Shelf, uid
from tests.box import KEY
from tests.django_site import ThreadedStorage, configure, database, postgresql, sqlite

A, B = Shelf(id=uid(1), code="A"), Shelf(id=uid(2), code="B")


class PlannedError(Exception):
    """Leaves a block on purpose."""


@pytest.fixture
def sqlite_alias(tmp_path: Path) -> Iterator[str]:
    with database(sqlite(str(tmp_path / "django.db"))) as alias:
        yield alias


@pytest.fixture
def postgresql_alias(postgres_url: str, schema: str) -> Iterator[str]:
    options = {"OPTIONS": {"options": f"-csearch_path={schema}"}}
    with database(postgresql(postgres_url) | options) as alias:
        yield alias


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def alias(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{request.param}_alias"))


@pytest.fixture
def storage(alias: str) -> DjangoStorage:
    made = ThreadedStorage(alias, collections=KIT)
    assert made.upgrade()
    return made


def wrapper_of(alias: str) -> Any:  # noqa: ANN401 - Django has no types
    from django.db import connections  # noqa: PLC0415 - needs to be set up before

    return connections[alias]


def atomic(alias: str, **options: bool) -> Any:  # noqa: ANN401 - the same
    from django.db import transaction  # noqa: PLC0415 - the same

    return transaction.atomic(using=alias, **options)


def add(storage: DjangoStorage, *shelves: Shelf) -> None:
    with storage.unit_of_work("t") as uow:
        uow.add(SHELVES, *shelves)


def codes(storage: DjangoStorage) -> str:
    with storage.unit_of_work("t", read_only=True) as uow:
        return "".join(shelf.code for shelf in uow.find(SHELVES))


def test_outside_of_a_block_a_unit_is_a_transaction(storage: DjangoStorage, alias: str) -> None:
    assert not storage.in_host_transaction
    with storage.unit_of_work("t") as uow:
        assert not storage.in_host_transaction
        uow.add(SHELVES, A)
    wrapper_of(alias).close()  # what was not committed is lost
    assert codes(storage) == "A"
    assert not storage.in_host_transaction


def test_every_value_comes_back(storage: DjangoStorage) -> None:
    """Django has its own ways to read dates, times and JSON."""
    sample = Sample(id=uid(1), flag=True, maybe_at=MIDNIGHT + timedelta(microseconds=1), tags=("a",), facts={"b": "ä"})
    with storage.unit_of_work("t") as uow:
        uow.add(SAMPLES, sample)
        assert uow.find(SAMPLES, SAMPLES.day.eq(sample.day), SAMPLES.at.eq(sample.at)) == (sample,)


def test_times_have_their_zone_where_django_has_none(postgres_url: str, schema: str) -> None:
    from django.test import override_settings  # noqa: PLC0415 - needs to be set up before

    configure()
    options = {"OPTIONS": {"options": f"-csearch_path={schema}"}}
    with override_settings(USE_TZ=False), database(postgresql(postgres_url) | options) as alias:
        storage = ThreadedStorage(alias, collections=KIT)
        storage.upgrade()
        with storage.unit_of_work("t") as uow:
            uow.add(SAMPLES, Sample(id=uid(1)))
            assert uow.get(SAMPLES, uid(1)).at == MIDNIGHT


def test_django_keeps_its_own_ways(storage: DjangoStorage, alias: str) -> None:
    """We lend its connections, and set nothing up on them."""
    add(storage, A)
    wrapper = wrapper_of(alias)
    with wrapper.cursor() as cursor:
        if storage.exclusive:
            cursor.execute("SELECT 123 REGEXP '2'")  # which SQLAlchemy's function of that name cannot do
            assert cursor.fetchone() == (1,)
        else:
            cursor.execute("SELECT now(), '{}'::jsonb")
            at, data = cursor.fetchone()
            assert (at.utcoffset(), data) == (timedelta(0), "{}")
            assert not wrapper.connection._notice_handlers  # noqa: SLF001 - there is no other way to see them
    assert wrapper.get_autocommit()


def test_connections_that_django_closes_between_requests(storage: DjangoStorage, alias: str) -> None:
    from django.db import close_old_connections  # noqa: PLC0415 - needs to be set up before

    add(storage, A)
    wrapper = wrapper_of(alias)
    wrapper.close_at = 0  # long ago
    close_old_connections()
    assert wrapper.connection is None
    assert not storage.in_host_transaction
    add(storage, B)
    wrapper.close()
    assert codes(storage) == "AB"


def test_each_thread_has_a_connection_and_units_of_its_own(storage: DjangoStorage, alias: str) -> None:
    seen: list[str] = []
    add(storage, A)
    with storage.unit_of_work("t", read_only=True) as uow:
        assert uow.count(SHELVES) == 1
        thread = Thread(target=lambda: seen.append(codes(storage)))
        thread.start()
        thread.join()
    with atomic(alias):
        assert storage.in_host_transaction
        thread = Thread(target=lambda: seen.append(str(storage.in_host_transaction)))
        thread.start()
        thread.join()
    assert seen == ["A", "False"]


def test_a_block_that_has_failed_is_refused(storage: DjangoStorage, alias: str) -> None:
    """Django rolls it back whatever comes; a unit in it would be lost without a word."""
    with atomic(alias):
        add(storage, A)
        with pytest.raises(PlannedError), atomic(alias, savepoint=False):
            raise PlannedError
        for read_only in (False, True):
            with (
                pytest.raises(TransactionError, match="has failed"),
                storage.unit_of_work("t", read_only=read_only),
            ):
                pass
    assert codes(storage) == ""


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("read_only", [False, True])
def test_a_block_that_fails_inside_a_unit_spoils_the_unit(
    storage: DjangoStorage, alias: str, inside: bool, read_only: bool
) -> None:
    def fail_inside() -> None:
        with storage.unit_of_work("t", read_only=read_only) as uow:
            uow.count(SHELVES)
            if not read_only:
                uow.add(SHELVES, A)
            with pytest.raises(PlannedError), atomic(alias, savepoint=False):
                raise PlannedError

    if inside:
        with atomic(alias):
            with pytest.raises(TransactionError, match="spoilt"):
                fail_inside()
            if not (read_only and storage.exclusive):
                add(storage, B)
    else:
        with pytest.raises(TransactionError, match="spoilt"):
            fail_inside()
        add(storage, B)
    assert codes(storage) == ("" if inside and read_only and storage.exclusive else "B")


def test_blocks_of_the_host_inside_a_unit(storage: DjangoStorage, alias: str) -> None:
    with storage.unit_of_work("t") as uow:
        uow.add(SHELVES, A)
        with pytest.raises(PlannedError), atomic(alias):
            uow.add(SHELVES, B)
            raise PlannedError
        assert uow.count(SHELVES) == 1
    assert codes(storage) == "A"


def test_hooks_run_after_the_commit_only(storage: DjangoStorage, alias: str) -> None:
    from django.db import transaction  # noqa: PLC0415 - needs to be set up before

    ran: list[str] = []
    for name, error in (("undone", PlannedError), ("kept", None)):
        try:
            with storage.unit_of_work("t") as uow:
                uow.next_number("n")
                transaction.on_commit(lambda name=name: ran.append(name), using=alias)
                if error is not None:
                    raise error
                assert ran == []
        except PlannedError:
            pass
    assert ran == ["kept"]


def test_when_sqlite_ends_the_transaction_django_rolls_back(sqlite_alias: str) -> None:
    storage = ThreadedStorage(sqlite_alias, collections=KIT)
    storage.upgrade()
    for read_only in (False, True):
        with atomic(sqlite_alias):
            add(storage, A)
            with (
                pytest.raises(TransactionError, match="ended its transaction"),
                storage.unit_of_work("t", read_only=read_only) as uow,
            ):
                connection_of(uow).exec_driver_sql("ROLLBACK")
            with pytest.raises(TransactionError, match="has failed"):
                add(storage, B)
    assert codes(storage) == ""


def test_a_disk_that_is_full(sqlite_alias: str) -> None:
    storage = ThreadedStorage(sqlite_alias, collections=KIT)
    storage.upgrade()
    with atomic(sqlite_alias):
        add(storage, A)
        with pytest.raises(StorageError, match="SQLITE_FULL"), storage.unit_of_work("t") as uow:
            connection_of(uow).exec_driver_sql("PRAGMA max_page_count = 1")
            uow.add(SAMPLES, *(Sample(id=uid(number), text="x" * 10_000) for number in range(1, 2000)))
        with pytest.raises(TransactionError, match="has failed"):
            add(storage, B)
    assert codes(storage) == ""


@pytest.mark.parametrize("mode", [None, "DEFERRED", "IMMEDIATE", "EXCLUSIVE"])
def test_on_sqlite_whoever_writes_is_alone(tmp_path: Path, mode: str | None) -> None:
    options = {"OPTIONS": {"timeout": 0.05, "transaction_mode": mode, "init_command": "PRAGMA journal_mode=WAL"}}
    path = str(tmp_path / "django.db")
    with database(sqlite(path) | options) as first, database(sqlite(path) | {"OPTIONS": {"timeout": 0.05}}) as second:
        storage, other = (ThreadedStorage(alias, collections=KIT) for alias in (first, second))
        storage.upgrade()
        with storage.unit_of_work("t") as uow:
            assert uow.count(SHELVES) == 0
            with pytest.raises(TransactionConflictError, match="SQLITE_BUSY"):
                add(other, B)
            uow.add(SHELVES, A)
        add(other, B)
        assert codes(storage) == "AB"


def test_on_sqlite_what_the_host_read_before_another_wrote_is_a_conflict(tmp_path: Path) -> None:
    path, options = str(tmp_path / "django.db"), {"OPTIONS": {"init_command": "PRAGMA journal_mode=WAL"}}
    with database(sqlite(path) | options) as first, database(sqlite(path)) as second:
        storage, other = (ThreadedStorage(alias, collections=KIT) for alias in (first, second))
        storage.upgrade()
        with atomic(first):
            assert codes(storage) == ""
            add(other, A)
            with pytest.raises(TransactionConflictError, match=r"BUSY_SNAPSHOT.*BEGIN IMMEDIATE"):
                add(storage, B)
        add(storage, B)
        assert codes(other) == "AB"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_with_autocommit_off_the_host_commits(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if kind == "sqlite":
        config = sqlite(str(tmp_path / "django.db"))
    else:
        schema = request.getfixturevalue("schema")
        config = postgresql(request.getfixturevalue("postgres_url"))
        config |= {"OPTIONS": {"options": f"-csearch_path={schema}"}}
    with database(config | {"AUTOCOMMIT": False}) as alias:
        storage, wrapper = ThreadedStorage(alias, collections=KIT), wrapper_of(alias)
        assert storage.in_host_transaction
        storage.upgrade()
        wrapper.commit()
        for end in (wrapper.rollback, wrapper.commit):
            assert storage.in_host_transaction
            assert codes(storage) == ""
            add(storage, A)
            with pytest.raises(StorageError):
                add(storage, A)
            end()
        wrapper.close()
        assert codes(storage) == "A"
        wrapper.rollback()


def test_an_upgrade_that_is_rolled_back_is_not_remembered(alias: str) -> None:
    storage = ThreadedStorage(alias, collections=KIT)
    with pytest.raises(SchemaError, match=r"upgrade\(\)"):
        codes(storage)
    with pytest.raises(PlannedError), atomic(alias):
        assert storage.upgrade()
        add(storage, A)
        raise PlannedError
    with pytest.raises(SchemaError):
        codes(storage)
    assert [note.code for note in storage.check()][-1] == "wrong_schema"
    with atomic(alias):
        storage.upgrade()
    assert storage.upgrade() == ()
    assert codes(storage) == ""


def test_foreign_keys_that_are_off_are_refused(sqlite_alias: str) -> None:
    """As they are in migrations of SQLite."""
    storage = ThreadedStorage(sqlite_alias, collections=KIT)
    storage.upgrade()
    wrapper = wrapper_of(sqlite_alias)
    with wrapper.constraint_checks_disabled(), pytest.raises(ConfigurationError, match="foreign_keys"):
        add(storage, A)
    add(storage, A)
    wrapper.close()
    with wrapper.constraint_checks_disabled(), pytest.raises(ConfigurationError, match="foreign_keys"):
        add(storage, B)


def test_another_isolation_level_is_refused(postgres_url: str, schema: str) -> None:
    from psycopg import IsolationLevel  # noqa: PLC0415 - an extra

    options = {"options": f"-csearch_path={schema}", "isolation_level": IsolationLevel.SERIALIZABLE}
    with database(postgresql(postgres_url) | {"OPTIONS": options}) as alias:
        storage = ThreadedStorage(alias, collections=KIT)
        storage.upgrade()
        with pytest.raises(ConfigurationError, match="SERIALIZABLE"):
            add(storage, A)


def test_a_database_in_memory_as_the_test_runner_makes_it() -> None:
    with database(sqlite("file:memorydb_test?mode=memory&cache=shared")) as alias:
        storage = ThreadedStorage(alias, collections=KIT)
        storage.upgrade()
        add(storage, A)
        with pytest.raises(PlannedError), storage.unit_of_work("t") as uow:
            uow.add(SHELVES, B)
            raise PlannedError
        assert codes(storage) == "A"
        assert "memory_database" in {note.code for note in storage.check()}
        wrapper_of(alias).connection.close()


def test_a_database_that_cannot_be_reached(tmp_path: Path) -> None:
    with database(sqlite(str(tmp_path / "missing" / "django.db"))) as alias:
        storage = ThreadedStorage(alias, collections=KIT)
        with pytest.raises(StorageError, match="SQLITE_CANTOPEN"):
            add(storage, A)
        assert [note.code for note in storage.check()] == ["unreachable"]


def test_errors_outside_of_units_are_errors_of_the_store(storage: DjangoStorage, alias: str) -> None:
    add(storage, A)
    assert storage.tenants(SHELVES) == ("t",)
    with wrapper_of(alias).cursor() as cursor:
        cursor.execute("DROP TABLE cm_kit_samples")
    with atomic(alias):
        with pytest.raises(StorageError):
            storage.tenants(SAMPLES)
        add(storage, B)
    assert codes(storage) == "AB"


def test_a_commit_that_fails_is_an_error_of_the_store(sqlite_alias: str, tmp_path: Path) -> None:
    """A reader hinders a commit where there is no write-ahead log."""
    import sqlite3  # noqa: PLC0415 - a second reader

    storage = ThreadedStorage(sqlite_alias, collections=KIT)
    storage.upgrade()
    reader = sqlite3.connect(tmp_path / "django.db")
    wrapper_of(sqlite_alias).connection.execute("PRAGMA busy_timeout = 1")
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM cm_schema").fetchall()
    with pytest.raises(TransactionConflictError, match="SQLITE_BUSY"):
        add(storage, A)
    reader.close()
    assert codes(storage) == ""
    add(storage, A)
    assert codes(storage) == "A"


def test_workers_share_a_queue(storage: DjangoStorage) -> None:
    with storage.unit_of_work("t") as uow:
        uow.add(JOBS, Job(id=uid(1), lane="a"), Job(id=uid(2), lane="a"))
    claimed: list[int] = []
    go = Event()

    def work() -> None:
        go.wait()
        with storage.unit_of_work("t") as uow:
            claimed.append(len(uow.claim(JOBS, now=MIDNIGHT, lease=timedelta(1), limit=5)))

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == [0, 1]


def test_a_manager_over_django(alias: str) -> None:
    storage = DjangoStorage(alias)
    with ClientManager(storage, secret_keys=[KEY], passwords=FastHasher()) as manager:
        manager.upgrade()
        ws = manager.workspace("northwind", actor=Staff("ada", roles={"administrator"}))
        with pytest.raises(PlannedError), atomic(alias):
            ws.clients.add(name="Acme Retail", email="ap@acme.example")
            raise PlannedError
        with atomic(alias):
            acme = ws.clients.add(name="Acme Retail", email="ap@acme.example")
            ws.contacts.add(acme.id, first_name="Jane", last_name="Doe", email="jane@acme.example")
        assert [client.name for client in ws.clients.list()] == ["Acme Retail"]
        assert len(ws.contacts.list(acme.id).items) == 1
    assert codes_of_notes(storage) <= {"no_wal", "no_secure_delete", "fsync_off", "not_synchronous"}


def codes_of_notes(storage: DjangoStorage) -> set[str]:
    return {note.code for note in storage.check()}


def test_a_test_case_of_the_host_undoes_everything(storage: DjangoStorage, alias: str) -> None:
    from django.test import TestCase  # noqa: PLC0415 - needs to be set up before

    class Case(TestCase):  # type: ignore[misc, no-any-unimported] # Django has no types
        databases = frozenset({alias})

        def test_that_adds(self) -> None:
            assert storage.in_host_transaction
            add(storage, A)
            with pytest.raises(StorageError):
                add(storage, A)
            assert codes(storage) == "A"

        def test_that_adds_as_well(self) -> None:
            self.test_that_adds()

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Case).run(result)
    assert (result.testsRun, result.errors, result.failures) == (2, [], [])
    assert codes(storage) == ""


def test_a_migration_of_the_host_makes_our_tables(alias: str) -> None:
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415 - needs to be set up before

    storage, wrapper = DjangoStorage(alias), wrapper_of(alias)
    targets = [("django_site", "0001_initial")]
    state = MigrationExecutor(wrapper).migrate(targets)
    assert storage.upgrade() == ()
    with ClientManager(storage, secret_keys=[KEY]) as manager:
        ws = manager.workspace("northwind", actor=Staff("ada", roles={"administrator"}))
        with pytest.raises(PlannedError), atomic(alias):
            ws.clients.add(name="Acme Retail", email="ap@acme.example")
            tickets = state.apps.get_model("django_site", "Ticket").objects.using(alias)
            tickets.create(number=1)
            raise PlannedError
        assert (tickets.count(), len(ws.clients.list().items)) == (0, 0)
    MigrationExecutor(wrapper).migrate([("django_site", None)])
    assert "cm_clients" in wrapper.introspection.table_names()


def test_a_database_that_django_does_not_know_is_refused() -> None:
    configure()
    with pytest.raises(ConfigurationError, match="no database 'nowhere'"):
        DjangoStorage("nowhere")


def test_another_kind_of_database_is_refused() -> None:
    with (
        database({"ENGINE": "django.db.backends.dummy", "NAME": ""}) as alias,
        pytest.raises(ConfigurationError, match="no store for unknown"),
    ):
        DjangoStorage(alias)


def test_a_missing_extra_names_its_command(monkeypatch: pytest.MonkeyPatch, postgres_url: str) -> None:
    with database(postgresql(postgres_url)) as alias:
        wrapper_of(alias)
        with monkeypatch.context() as patched:
            patched.setitem(sys.modules, "psycopg", None)
            with pytest.raises(MissingExtraError, match=r"clientmgmt\[postgres\]"):
                DjangoStorage(alias)
    monkeypatch.setitem(sys.modules, "django", None)
    monkeypatch.delitem(sys.modules, "django.db")
    with pytest.raises(MissingExtraError, match=r"clientmgmt\[django\]"):
        DjangoStorage()


ALONE = """
import sys
import clientmgmt.adapters.sqlalchemy.django as adapter
assert not {"django", "sqlalchemy.orm"} & set(sys.modules)
try:
    adapter.DjangoStorage()
except adapter.ConfigurationError as error:
    print(error)
"""


def test_nothing_is_loaded_or_asked_for_before_it_is_needed() -> None:
    run = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True)
    assert run.stdout == "Django is not set up, or has no database 'default'\n"


def test_a_store_of_django_and_one_of_its_own_share_a_file(sqlite_alias: str, tmp_path: Path) -> None:
    ours = SQLStorage(f"sqlite:///{tmp_path / 'django.db'}", collections=KIT)
    ours.upgrade()
    sample = Sample(id=uid(1))
    with ours.unit_of_work("t") as uow:
        uow.add(SAMPLES, sample)
    with DjangoStorage(sqlite_alias, collections=KIT).unit_of_work("t") as uow:
        assert uow.get(SAMPLES, sample.id) == sample
    ours.close()

"""Every way in which PostgreSQL ends a unit of work, provoked for real: which error it is, and what is left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

import attrs
import pytest
import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy import SQLStorage, connection_of
from clientmgmt.errors import (
    CommitUnknownError,
    ConnectionLostError,
    StorageError,
    TransactionConflictError,
    TransactionError,
)
from clientmgmt.ports import UniqueViolation, UnitOfWork
from clientmgmt.testing.kit import LABELS, SHELVES, Label, Shelf, uid
from tests.box import Box

ONE, TWO = Shelf(id=uid(1), code="1"), Shelf(id=uid(2), code="2")
LABEL = Label(id=uid(1), key="a")


@pytest.fixture
def shelves(kit: SQLStorage) -> SQLStorage:
    with kit.unit_of_work("t") as uow:
        uow.add(SHELVES, ONE, TWO)
    return kit


def run(storage: SQLStorage, act: Callable[[UnitOfWork], object]) -> None:
    with storage.unit_of_work("t") as uow:
        uow.add(LABELS, LABEL)
        act(uow)


def failed(storage: SQLStorage, act: Callable[[UnitOfWork], object]) -> StorageError:
    """The error of a unit that wrote something before ``act``; nothing of it is left."""
    with pytest.raises(StorageError) as raised:
        run(storage, act)
    assert labels(storage) == 0
    return raised.value


def labels(storage: SQLStorage) -> int:
    with storage.unit_of_work("t", read_only=True) as uow:
        return uow.count(LABELS)


def tell(uow: UnitOfWork, statement: str) -> Any:  # noqa: ANN401 - the value in the answer, if there is one
    result = connection_of(uow).exec_driver_sql(statement)
    return result.scalar_one() if result.returns_rows else None


def wait_for_the_end(pid: int, engine: sa.Engine) -> None:
    """Until PostgreSQL has ended a session by itself; its last words have arrived then."""
    with engine.connect() as connection:
        while connection.exec_driver_sql("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (pid,)).first():
            connection.rollback()


def terminate(engine: sa.Engine, pid: int) -> None:
    """End a session as a restart of the server ends all, and wait for its end."""
    with engine.connect() as connection:
        assert connection.exec_driver_sql(f"SELECT pg_terminate_backend({pid}, 10000)").scalar_one()


# Other units


def test_two_units_that_lock_crosswise_both_end(shelves: SQLStorage) -> None:
    """One wins at once; the other one is told that it lost, and wins when it is run again. On a slow day both lose."""
    both_hold_one = Barrier(2)
    losses: list[StorageError] = []

    def rename(first: Shelf, second: Shelf) -> None:
        with shelves.unit_of_work("t") as uow:
            one = uow.get(SHELVES, first.id, lock=True)
            if not losses:
                both_hold_one.wait(timeout=10)
            other = uow.get(SHELVES, second.id, lock=True)
            uow.save(SHELVES, attrs.evolve(one, name=f"{one.name}x"))
            uow.save(SHELVES, attrs.evolve(other, name=f"{other.name}x"))

    def until_it_wins(order: tuple[Shelf, Shelf]) -> None:
        for _ in range(5):
            try:
                rename(*order)
            except TransactionConflictError as lost:
                losses.append(lost)
            else:
                return

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(until_it_wins, [(ONE, TWO), (TWO, ONE)]))
    assert {str(lost) for lost in losses} == {"lost against a concurrent unit of work (40P01)"}
    with shelves.unit_of_work("t", read_only=True) as uow:
        assert {shelf.name for shelf in uow.find(SHELVES)} == {"xx"}


def test_a_command_that_deadlocks_with_the_host_is_run_again(postgresql: SQLStorage) -> None:
    """The host locks the user first and the client after; a command does it the other way round."""
    box = Box(postgresql)
    jane = box.contact(box.client())
    holds_the_user, waits_for_the_user = threading.Event(), threading.Event()
    engine = postgresql._database.engine  # noqa: SLF001
    users, clients = (postgresql._plans.tables[name] for name in ("users", "clients"))  # noqa: SLF001

    def host() -> None:
        with engine.begin() as connection:
            # The victim is whoever notices first: let that be the command.
            connection.exec_driver_sql("SET LOCAL deadlock_timeout = '60s'")
            connection.execute(sa.select(users.c.id).where(users.c.id == jane.user_id).with_for_update())
            holds_the_user.set()
            waits_for_the_user.wait(timeout=10)
            connection.execute(sa.select(clients.c.id).where(clients.c.id == jane.client_id).with_for_update())

    with waiting_session(engine, waits_for_the_user), ThreadPoolExecutor(1) as pool:
        hosts = pool.submit(host)
        holds_the_user.wait(timeout=10)
        box.ws.contacts.send_invite(jane.id)
        hosts.result()
    assert [str(sent.state) for sent in box.ws.access.invitations(jane.id)] == ["open"]


@contextmanager
def waiting_session(engine: sa.Engine, event: threading.Event) -> Iterator[None]:
    """Set ``event`` as soon as a session waits for a row."""
    is_over = threading.Event()

    def watch() -> None:
        with engine.connect() as connection:
            while not is_over.is_set() and not event.is_set():
                found = connection.exec_driver_sql(
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%cm_users%%'"
                )
                connection.rollback()
                if found.scalar_one_or_none():
                    event.set()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def test_what_was_changed_since_a_snapshot_is_a_conflict(shelves: SQLStorage) -> None:
    def overtaken(uow: UnitOfWork) -> None:
        tell(uow, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        uow.count(SHELVES)
        with shelves.unit_of_work("t") as other:
            other.save(SHELVES, attrs.evolve(other.get(SHELVES, ONE.id), name="theirs"))
        uow.get(SHELVES, ONE.id, lock=True)

    with pytest.raises(TransactionConflictError, match="40001"), shelves.unit_of_work("t") as uow:
        overtaken(uow)


def test_a_lock_that_takes_too_long_is_a_conflict_or_a_timeout_as_the_host_has_set(shelves: SQLStorage) -> None:
    def waits(setting: str) -> Callable[[UnitOfWork], None]:
        def wait(uow: UnitOfWork) -> None:
            tell(uow, f"SET LOCAL {setting} = '20ms'")
            uow.get(SHELVES, ONE.id, lock=True)

        return wait

    with shelves.unit_of_work("t") as holder:
        holder.get(SHELVES, ONE.id, lock=True)
        assert isinstance(failed(shelves, waits("lock_timeout")), TransactionConflictError)
        slow = failed(shelves, waits("statement_timeout"))
    assert type(slow) is StorageError
    assert str(slow) == "the database cancelled a statement that took too long (57014)"


def test_a_violation_that_the_host_swallows_makes_a_normal_end_fail(shelves: SQLStorage) -> None:
    def swallow(uow: UnitOfWork) -> None:
        uow.add(LABELS, LABEL)
        with pytest.raises(sa.exc.IntegrityError):
            connection_of(uow).execute(
                sa.insert(shelves._plans.tables["kit_shelves"]),  # noqa: SLF001
                {"tenant_id": "t", "id": uid(9), "code": "1", "room": "", "name": "", "version": 1},
            )

    with pytest.raises(TransactionError, match="ended its transaction"), shelves.unit_of_work("t") as uow:
        swallow(uow)
    assert labels(shelves) == 0


# Sessions that end


def over(uow: UnitOfWork, timeout: str, engine: sa.Engine) -> None:
    """Do nothing until the session has been ended by this timeout."""
    pid = tell(uow, "SELECT pg_backend_pid()")
    tell(uow, f"SET LOCAL {timeout} = '10ms'")
    wait_for_the_end(pid, engine)


def test_a_unit_that_is_idle_for_too_long_is_lost(kit: SQLStorage, postgres_engine: sa.Engine) -> None:
    def idle(uow: UnitOfWork) -> None:
        over(uow, "idle_in_transaction_session_timeout", postgres_engine)

    def idle_and_go_on(uow: UnitOfWork) -> None:
        idle(uow)
        uow.count(LABELS)

    error = failed(kit, idle_and_go_on)
    assert isinstance(error, ConnectionLostError)
    assert str(error).endswith("idle for too long (25P03)")
    assert isinstance(failed(kit, idle), ConnectionLostError)


def test_a_unit_that_takes_longer_than_all_of_it_may_is_an_error(kit: SQLStorage, postgres_engine: sa.Engine) -> None:
    def dawdle(uow: UnitOfWork) -> None:
        over(uow, "transaction_timeout", postgres_engine)
        uow.count(LABELS)

    error = failed(kit, dawdle)
    assert type(error) is StorageError
    assert "longer than the database allows" in str(error)


def test_a_server_that_is_shut_down_inside_a_unit_loses_it(kit: SQLStorage, postgres_engine: sa.Engine) -> None:
    def go(uow: UnitOfWork) -> None:
        terminate(postgres_engine, tell(uow, "SELECT pg_backend_pid()"))

    def go_on(uow: UnitOfWork) -> None:
        go(uow)
        uow.count(LABELS)

    told = failed(kit, go_on)
    assert isinstance(told, ConnectionLostError)
    assert str(told) == "the database closed the connection: it was told to (57P01)"
    assert isinstance(failed(kit, go), ConnectionLostError)


def test_a_server_that_is_shut_down_after_the_commit_is_not_noticed(
    kit: SQLStorage, postgres_engine: sa.Engine
) -> None:
    pids: list[int] = []
    run(kit, lambda uow: pids.append(tell(uow, "SELECT pg_backend_pid()")))
    terminate(postgres_engine, pids[0])
    assert isinstance(_first_failure(kit), ConnectionLostError)
    assert labels(kit) == 1


def _first_failure(storage: SQLStorage) -> Exception:
    with pytest.raises(StorageError) as raised:
        labels(storage)
    return raised.value


# What goes wrong in the commit itself


def at_commit(storage: SQLStorage, body: str) -> None:
    """Let every commit that adds a label run ``body``."""
    table = storage._plans.tables["kit_labels"]  # noqa: SLF001
    engine = storage._database.engine  # noqa: SLF001
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"CREATE FUNCTION {table.schema}.late() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {body.replace('%', '%%')}; RETURN NULL; END $$"
        )
        connection.exec_driver_sql(
            f"CREATE CONSTRAINT TRIGGER late AFTER INSERT ON {table.schema}.{table.name} "
            f"DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {table.schema}.late()"
        )


@pytest.mark.parametrize(
    ("state", "kind", "words"),
    [
        ("40001", TransactionConflictError, "lost against a concurrent unit"),
        ("40P01", TransactionConflictError, "lost against a concurrent unit"),
        ("53100", StorageError, "the disk of the database is full"),
        ("57014", StorageError, "took too long"),
        ("XX000", StorageError, "could not do what was asked"),
        ("40003", CommitUnknownError, "all was written, or nothing"),
        ("08007", CommitUnknownError, "all was written, or nothing"),
    ],
)
def test_a_commit_that_the_database_refuses_is_known_to_have_failed(
    kit: SQLStorage, state: str, kind: type[StorageError], words: str
) -> None:
    at_commit(kit, f"RAISE EXCEPTION USING ERRCODE = '{state}'")
    error = failed(kit, lambda _: None)
    assert type(error) is kind
    assert words in str(error)


def test_a_key_that_is_found_taken_at_the_commit_is_named(kit: SQLStorage) -> None:
    at_commit(kit, "RAISE EXCEPTION USING ERRCODE = '23505', CONSTRAINT = 'cm_kit_label_key'")
    error = failed(kit, lambda _: None)
    assert isinstance(error, UniqueViolation)
    assert (error.collection, error.key) == ("kit_labels", "kit_label_key")


def test_a_server_that_is_shut_down_while_it_commits_leaves_it_unknown(
    kit: SQLStorage, postgres_engine: sa.Engine
) -> None:
    at_commit(kit, "PERFORM pg_advisory_xact_lock(4711)")
    pids: list[int] = []
    with postgres_engine.begin() as beside, ThreadPoolExecutor(1) as pool:
        beside.exec_driver_sql("SELECT pg_advisory_xact_lock(4711)")
        commit = pool.submit(run, kit, lambda uow: pids.append(tell(uow, "SELECT pg_backend_pid()")))
        while not (pids and _waits(beside, pids[0])):
            assert not commit.done()
        terminate(postgres_engine, pids[0])
        with pytest.raises(CommitUnknownError):
            commit.result()
    assert labels(kit) == 0


def _waits(beside: sa.Connection, pid: int) -> bool:
    query = "SELECT wait_event = 'advisory' FROM pg_stat_activity WHERE pid = %s"
    return bool(beside.exec_driver_sql(query, (pid,)).scalar_one_or_none())


# What it may not or cannot do


def test_a_standby_takes_no_writes(kit: SQLStorage) -> None:
    with pytest.raises(StorageError, match="takes no writes") as raised, kit.unit_of_work("t") as uow:
        _write_read_only(uow)
    assert type(raised.value) is StorageError


def _write_read_only(uow: UnitOfWork) -> None:
    tell(uow, "SET TRANSACTION READ ONLY")
    uow.add(LABELS, LABEL)


def test_a_server_without_room_for_a_connection_cannot_be_reached(
    postgres_engine: sa.Engine, postgres_url: str
) -> None:
    with postgres_engine.begin() as connection:
        connection.exec_driver_sql("DROP ROLE IF EXISTS cm_crowded")
        connection.exec_driver_sql("CREATE ROLE cm_crowded LOGIN PASSWORD 'x' CONNECTION LIMIT 0")
    storage = SQLStorage(sa.make_url(postgres_url).set(username="cm_crowded", password="x"))
    try:
        with pytest.raises(StorageError, match="cannot be reached") as raised:
            Box(storage).client()
        assert type(raised.value) is StorageError
    finally:
        storage.close()
        with postgres_engine.begin() as connection:
            connection.exec_driver_sql("DROP ROLE cm_crowded")


def test_a_pool_that_is_used_up_is_an_error_of_the_store(postgres_url: str, kit_schema: str) -> None:
    engine = sa.create_engine(
        postgres_url, isolation_level="READ COMMITTED", pool_size=1, max_overflow=0, pool_timeout=0.01
    )
    storage = SQLStorage(engine, schema=kit_schema)
    with engine.connect(), pytest.raises(StorageError, match="no connection of the pool"), storage.unit_of_work("t"):
        pass
    engine.dispose()

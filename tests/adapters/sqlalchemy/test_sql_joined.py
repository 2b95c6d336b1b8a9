"""What a connection of a host must be like, and what SQLite, PostgreSQL and sessions need inside its transaction."""

# What leaves a block of the host is caught as a whole.
# ruff: noqa: PT012

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from clientmgmt.adapters.sqlalchemy import SQLStorage, build_tables, connection_of
from clientmgmt.adapters.sqlalchemy.migrations.steps import latest
from clientmgmt.errors import (
    ConfigurationError,
    SchemaError,
    StorageError,
    TransactionConflictError,
    TransactionError,
)
from clientmgmt.ports import UnitOfWork
from clientmgmt.testing.kit import KIT, SAMPLES, SHELVES, Sample, Shelf, uid

A, B = Shelf(id=uid(1), code="A"), Shelf(id=uid(2), code="B")
Prepare = Callable[[sa.Engine], object]


def foreign_keys(engine: sa.Engine) -> None:
    sa.event.listen(engine, "connect", lambda driver, _: driver.execute("PRAGMA foreign_keys = ON"))


def begins_with(statement: str) -> Prepare:
    """The recipe of SQLAlchemy's documentation."""

    def prepare(engine: sa.Engine) -> None:
        sa.event.listen(engine, "connect", lambda driver, _: setattr(driver, "isolation_level", None))
        sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(statement))

    return prepare


def in_mode(mode: str) -> Prepare:
    return lambda engine: sa.event.listen(engine, "connect", lambda driver, _: setattr(driver, "isolation_level", mode))


MODES: dict[str, Prepare] = {
    "the driver's own": lambda _: None,
    "begin": begins_with("BEGIN"),
    "begin immediate": begins_with("BEGIN IMMEDIATE"),
    "immediate": in_mode("IMMEDIATE"),
}


class AlwaysInside(sqlite3.Connection):
    """As ``autocommit=False`` since Python 3.12: where one transaction ends, the next begins."""

    autocommit = False

    def __init__(self, *values: Any, **named: Any) -> None:  # noqa: ANN401 - whatever the driver takes
        super().__init__(*values, **(named | {"isolation_level": None}))
        self.execute("PRAGMA foreign_keys = ON")
        self.begin()

    def begin(self) -> None:
        if not self.in_transaction:
            self.execute("BEGIN")

    def commit(self) -> None:
        super().commit()
        self.begin()

    def rollback(self) -> None:
        super().rollback()
        self.begin()


@pytest.fixture
def path(on_sqlite: SQLStorage, tmp_path: Path) -> Path:
    """A file with a schema, which ``on_sqlite`` has made."""
    assert on_sqlite.check() == ()
    return tmp_path / "own.db"


@pytest.fixture
def engines() -> Iterator[Callable[..., sa.Engine]]:
    """Makes engines of a host, and closes them."""
    made: list[sa.Engine] = []

    def make(path: Path, *prepare: Prepare, **options: Any) -> sa.Engine:  # noqa: ANN401 - of create_engine
        arguments = {"timeout": 0.05} | options.pop("connect_args", {})
        engine = sa.create_engine(f"sqlite:///{path}", connect_args=arguments, **options)
        made.append(engine)
        for each in prepare:
            each(engine)
        return engine

    yield make
    for engine in made:
        engine.dispose()


Engines = Callable[..., sa.Engine]


def codes(storage: SQLStorage) -> str:
    with storage.unit_of_work("t", read_only=True) as uow:
        return "".join(shelf.code for shelf in uow.find(SHELVES))


def add(storage: SQLStorage, host: Any, *shelves: Shelf) -> None:  # noqa: ANN401 - whatever can be joined
    with storage.joined(host).unit_of_work("t") as uow:
        uow.add(SHELVES, *shelves)


@pytest.fixture(params=[*MODES, "always in a transaction"])
def any_mode(request: pytest.FixtureRequest, path: Path, engines: Engines) -> sa.Engine:
    if request.param in MODES:
        return engines(path, foreign_keys, MODES[request.param])
    return engines(path, connect_args={"factory": AlwaysInside})


def test_in_every_mode_of_the_driver_the_host_decides(on_sqlite: SQLStorage, any_mode: sa.Engine) -> None:
    for _ in range(2):
        with any_mode.connect() as connection:
            add(on_sqlite, connection, A)
            connection.rollback()
            assert codes(on_sqlite) == ""
            with pytest.raises(StorageError):
                add(on_sqlite, connection, A, A)
            connection.commit()
    assert codes(on_sqlite) == ""
    with any_mode.begin() as connection:
        add(on_sqlite, connection, A)
        with pytest.raises(StorageError):
            add(on_sqlite, connection, A)
        add(on_sqlite, connection, B)
        assert codes(on_sqlite) == ""
    assert codes(on_sqlite) == "AB"


def test_whoever_writes_is_alone_from_the_first_read_on(on_sqlite: SQLStorage, any_mode: sa.Engine) -> None:
    """What a unit reads cannot be old when it writes: others cannot write in between."""
    with any_mode.begin() as first, on_sqlite.joined(first).unit_of_work("t") as uow:
        assert uow.count(SHELVES) == 0
        with any_mode.connect() as second, pytest.raises(TransactionConflictError, match="SQLITE_BUSY"):
            add(on_sqlite, second, B)
        uow.add(SHELVES, A)
    assert codes(on_sqlite) == "A"


def test_what_the_host_read_before_another_wrote_is_a_conflict(
    on_sqlite: SQLStorage, path: Path, engines: Engines
) -> None:
    engine = engines(path, foreign_keys, begins_with("BEGIN"))
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM cm_kit_shelves").scalar_one()
        with on_sqlite.unit_of_work("t") as uow:
            uow.add(SHELVES, A)
        with pytest.raises(TransactionConflictError, match=r"BUSY_SNAPSHOT.*BEGIN IMMEDIATE"):
            add(on_sqlite, connection, B)
        connection.rollback()
        add(on_sqlite, connection, B)
        connection.commit()
    assert codes(on_sqlite) == "AB"


def test_a_lock_that_cannot_be_asked_for_is_no_conflict(on_sqlite: SQLStorage, path: Path, engines: Engines) -> None:
    with engines(path, foreign_keys).begin() as connection:
        add(on_sqlite, connection, A)
        connection.exec_driver_sql("PRAGMA query_only = ON")
        with pytest.raises(StorageError, match="READONLY") as raised:
            add(on_sqlite, connection, B)
        assert not isinstance(raised.value, TransactionConflictError)
        connection.exec_driver_sql("PRAGMA query_only = OFF")


def test_reading_first_hinders_no_later_write(on_sqlite: SQLStorage, path: Path, engines: Engines) -> None:
    """A unit that reads ends what it has begun, else the next one would start from what is old by then."""
    with engines(path, foreign_keys).connect() as connection:
        joined = on_sqlite.joined(connection)
        with joined.unit_of_work("t", read_only=True) as uow:
            assert uow.count(SHELVES) == 0
            with on_sqlite.unit_of_work("t") as other:
                other.add(SHELVES, A)
            assert uow.count(SHELVES) == 0
        add(on_sqlite, connection, B)
        connection.commit()
    assert codes(on_sqlite) == "AB"


@pytest.mark.parametrize("keeps", [False, True])
def test_what_a_host_writes_in_a_unit_that_reads_is_the_hosts(
    on_sqlite: SQLStorage, path: Path, engines: Engines, keeps: bool
) -> None:
    with engines(path, foreign_keys).connect() as connection:
        with on_sqlite.joined(connection).unit_of_work("t", read_only=True) as uow:
            connection_of(uow).exec_driver_sql("INSERT INTO cm_numbers VALUES ('t', 'n', 7)")
        if keeps:
            connection.commit()
    with on_sqlite.unit_of_work("t") as uow:
        assert uow.next_number("n") == (8 if keeps else 1)


def test_a_store_that_was_never_used_waits_for_no_host(path: Path, engines: Engines) -> None:
    """Whether the schema is there is looked up on the host's connection: another one might wait for its lock."""
    storage = SQLStorage(f"sqlite:///{path}", collections=KIT)
    with engines(path, foreign_keys).begin() as connection:
        connection.exec_driver_sql("INSERT INTO cm_numbers VALUES ('t', 'n', 7)")
        with storage.joined(connection).unit_of_work("t") as uow:
            assert uow.next_number("n") == 8
    storage.close()


def fill_up(uow: UnitOfWork) -> None:
    """Write until the file may not grow any more."""
    connection_of(uow).exec_driver_sql("PRAGMA max_page_count = 1")
    for number in range(1, 2000):
        uow.add(SAMPLES, Sample(id=uid(number), text="x" * 10_000))


@pytest.mark.parametrize("read_only", [False, True])
def test_when_sqlite_ends_the_transaction_the_host_cannot_commit_the_rest(
    on_sqlite: SQLStorage, path: Path, engines: Engines, read_only: bool
) -> None:
    with Session(engines(path, foreign_keys)) as session:
        add(on_sqlite, session, A)
        if read_only:
            with (
                pytest.raises(TransactionError, match="ended its transaction"),
                on_sqlite.joined(session).unit_of_work("t", read_only=True) as uow,
            ):
                connection_of(uow).exec_driver_sql("ROLLBACK")
        else:
            with (
                pytest.raises(StorageError, match="SQLITE_FULL"),
                on_sqlite.joined(session).unit_of_work("t") as uow,
            ):
                fill_up(uow)
        with pytest.raises(TransactionError, match="roll it back"):
            add(on_sqlite, session, B)
        with pytest.raises(sa.exc.PendingRollbackError):
            session.execute(sa.text("INSERT INTO cm_numbers VALUES ('t', 'n', 7)"))
        with pytest.raises(sa.exc.PendingRollbackError):
            session.commit()
        session.rollback()
        add(on_sqlite, session, B)
        session.commit()
    assert codes(on_sqlite) == "B"


def test_a_host_that_closes_its_connection_inside_a_unit_gets_an_error(
    on_sqlite: SQLStorage, path: Path, engines: Engines
) -> None:
    connection = engines(path, foreign_keys).connect()
    with pytest.raises(StorageError), on_sqlite.joined(connection).unit_of_work("t") as uow:
        uow.add(SHELVES, A)
        connection.close()
        uow.add(SHELVES, B)
    with pytest.raises(TransactionError, match="ended"):
        add(on_sqlite, connection, A)
    assert codes(on_sqlite) == ""


class CommitsByItself(sqlite3.Connection):
    """As ``autocommit=True`` since Python 3.12."""

    autocommit = True


UNFIT: dict[str, tuple[dict[str, Any], bool, str]] = {
    "no foreign keys": ({}, False, "foreign_keys is off"),
    "autocommit of the engine": ({"isolation_level": "AUTOCOMMIT"}, True, "by itself"),
    "autocommit of the driver": ({"connect_args": {"isolation_level": None}}, True, "by itself"),
    "autocommit since 3.12": ({"connect_args": {"factory": CommitsByItself}}, True, "by itself"),
}


@pytest.mark.parametrize("how", UNFIT)
def test_an_engine_that_cannot_keep_our_promises_is_refused(
    on_sqlite: SQLStorage, path: Path, engines: Engines, how: str
) -> None:
    options, has_foreign_keys, message = UNFIT[how]
    with engines(path, *[foreign_keys] * has_foreign_keys, **options).connect() as connection:
        for _ in range(2):
            with pytest.raises(ConfigurationError, match=message):
                add(on_sqlite, connection, A)
    assert codes(on_sqlite) == ""


def test_another_file_is_refused(on_sqlite: SQLStorage, tmp_path: Path, engines: Engines) -> None:
    other = engines(tmp_path / "other.db", foreign_keys)
    with other.connect() as connection, pytest.raises(ConfigurationError, match="another SQLite database"):
        add(on_sqlite, connection, A)
    memory = sa.create_engine("sqlite://")
    foreign_keys(memory)
    with memory.connect() as connection, pytest.raises(ConfigurationError, match="another SQLite database"):
        add(on_sqlite, connection, A)
    memory.dispose()
    (tmp_path / "own.db").rename(tmp_path / "moved.db")
    with other.connect() as connection, pytest.raises(ConfigurationError, match="another SQLite database"):
        add(on_sqlite, connection, A)


def test_the_stores_own_engine_and_one_that_names_no_file_are_taken(path: Path, engines: Engines) -> None:
    engine = engines(path, foreign_keys)
    nameless = engines(path, foreign_keys, creator=lambda: sqlite3.connect(path))
    nameless.url = nameless.url.set(database=None)
    named = engines(f"file:{path}?uri=true", foreign_keys)
    for storage in (SQLStorage(each, collections=KIT) for each in (engine, nameless, named)):
        with engine.connect() as connection, storage.joined(connection).unit_of_work("t") as uow:
            assert uow.count(SHELVES) == 0


def test_another_kind_of_database_is_refused(
    on_sqlite: SQLStorage, on_postgresql: SQLStorage, postgres_engine: sa.Engine, path: Path, engines: Engines
) -> None:
    with postgres_engine.connect() as connection, pytest.raises(ConfigurationError, match="is postgresql"):
        add(on_sqlite, connection, A)
    with (
        Session(engines(path, foreign_keys)) as session,
        pytest.raises(ConfigurationError, match=r"is sqlite\+pysqlite, the store is postgresql\+psycopg"),
    ):
        add(on_postgresql, session, A)


@pytest.mark.parametrize("thing", [None, sa.create_engine("sqlite://", poolclass=sa.NullPool), object()])
def test_what_is_neither_connection_nor_session_is_refused(on_sqlite: SQLStorage, thing: Any) -> None:  # noqa: ANN401
    with pytest.raises(ConfigurationError, match="join a Connection"):
        on_sqlite.joined(thing)


def test_asynchronous_sessions_are_refused(on_sqlite: SQLStorage) -> None:
    from sqlalchemy.ext.asyncio import AsyncSession  # noqa: PLC0415 - an extra

    with pytest.raises(ConfigurationError, match="AsyncSQLStorage"):
        on_sqlite.joined(cast("Session", AsyncSession()))


def test_a_schema_that_is_missing_or_newer_is_told(tmp_path: Path, engines: Engines) -> None:
    path = tmp_path / "new.db"
    storage, engine = SQLStorage(f"sqlite:///{path}", collections=KIT), engines(path, foreign_keys)
    with engine.connect() as connection:
        with pytest.raises(SchemaError, match=r"upgrade\(\)"):
            add(storage, connection, A)
        assert [note.code for note in storage.joined(connection).check()][-1] == "wrong_schema"
    storage.upgrade()
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO cm_schema (version) VALUES (?)", (latest() + 1,))
    with engine.connect() as connection, pytest.raises(SchemaError, match="later release"):
        add(storage, connection, A)
    storage.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_an_upgrade_is_part_of_the_hosts_transaction(
    kind: str, tmp_path: Path, engines: Engines, request: pytest.FixtureRequest
) -> None:
    if kind == "sqlite":
        engine = engines(tmp_path / "new.db", foreign_keys)
        storage = SQLStorage(engine, collections=KIT)
    else:
        engine, schema = request.getfixturevalue("postgres_engine"), request.getfixturevalue("schema")
        storage = SQLStorage(engine, schema=schema, collections=KIT)
    with engine.connect() as connection:
        joined = storage.joined(connection)
        assert joined.upgrade()
        add(storage, connection, A)
        connection.rollback()
        with pytest.raises(SchemaError):
            add(storage, connection, A)
        connection.rollback()
        assert joined.upgrade()
        assert joined.upgrade() == ()
        add(storage, connection, B)
        connection.commit()
    assert codes(storage) == "B"


def test_a_database_that_cannot_be_reached_is_noted(tmp_path: Path, engines: Engines) -> None:
    storage = SQLStorage(f"sqlite:///{tmp_path / 'own.db'}", collections=KIT)
    with Session(engines(tmp_path / "missing" / "own.db")) as session:
        assert [note.code for note in storage.joined(session).check()] == ["unreachable"]


def test_errors_outside_of_units_are_errors_of_the_store(on_sqlite: SQLStorage, path: Path, engines: Engines) -> None:
    with engines(path, foreign_keys).begin() as connection:
        add(on_sqlite, connection, A)
        connection.exec_driver_sql("DROP TABLE cm_kit_samples")
        with pytest.raises(StorageError):
            on_sqlite.joined(connection).tenants(SAMPLES)


LEVELS = {"SERIALIZABLE": "SERIALIZABLE", "REPEATABLE READ": "REPEATABLE READ", "AUTOCOMMIT": "by itself"}


@pytest.mark.parametrize("level", LEVELS)
def test_another_isolation_level_is_refused(on_postgresql: SQLStorage, postgres_url: str, level: Any) -> None:  # noqa: ANN401 - a literal
    engine = sa.create_engine(postgres_url, isolation_level=level)
    with engine.connect() as connection:
        for _ in range(2):
            with pytest.raises(ConfigurationError, match=LEVELS[level]):
                add(on_postgresql, connection, A)
    engine.dispose()
    assert codes(on_postgresql) == ""


def test_another_level_is_noticed_on_a_connection_that_was_fit(on_postgresql: SQLStorage, postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url, pool_size=1, max_overflow=0)
    with engine.begin() as connection:
        add(on_postgresql, connection, A)
    with (
        engine.connect().execution_options(isolation_level="SERIALIZABLE") as connection,
        pytest.raises(ConfigurationError, match="SERIALIZABLE"),
    ):
        add(on_postgresql, connection, B)
    with engine.connect().execution_options(isolation_level="READ COMMITTED") as connection:
        add(on_postgresql, connection, B)
        connection.commit()
    engine.dispose()
    assert codes(on_postgresql) == "AB"


class Base(DeclarativeBase):
    """Models of a host that refer to our tables."""


SHELF_TABLE = build_tables(Base.metadata, collections=KIT)["kit_shelves"]


class Ticket(Base):
    __tablename__ = "tickets"
    __table_args__ = (sa.ForeignKeyConstraint(["tenant_id", "shelf_id"], [SHELF_TABLE.c.tenant_id, SHELF_TABLE.c.id]),)
    number: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(SHELF_TABLE.c.tenant_id.type)
    shelf_id: Mapped[Any] = mapped_column(SHELF_TABLE.c.id.type)


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest, tmp_path: Path, engines: Engines) -> Iterator[tuple[SQLStorage, sa.Engine]]:
    """A store in a database where models of the host refer to its tables."""
    if request.param == "sqlite":
        engine = engines(tmp_path / "shop.db", foreign_keys)
    else:
        schema = request.getfixturevalue("schema")
        url = sa.make_url(request.getfixturevalue("postgres_url"))
        engine = sa.create_engine(url, connect_args={"options": f"-csearch_path={schema}"})
    storage = SQLStorage(engine, collections=KIT)
    storage.upgrade()
    Base.metadata.create_all(engine)
    yield storage, engine
    engine.dispose()


def test_models_that_refer_to_our_rows(shop: tuple[SQLStorage, sa.Engine]) -> None:
    storage, engine = shop
    with Session(engine) as session:
        add(storage, session, A)
        session.add(Ticket(number=1, tenant_id="t", shelf_id=A.id))
        add(storage, session, B)  # which writes the ticket first
        with storage.joined(session).unit_of_work("t") as uow:
            count = connection_of(uow).exec_driver_sql("SELECT count(*) FROM tickets").scalar_one()
            assert count == 1
        with pytest.raises(StorageError, match="reference"), storage.joined(session).unit_of_work("t") as uow:
            uow.remove(SHELVES, A.id)
        session.commit()
        assert session.get_one(Ticket, 1).shelf_id == A.id
    assert codes(storage) == "AB"


def test_what_the_session_holds_is_written_before_a_unit_reads(shop: tuple[SQLStorage, sa.Engine]) -> None:
    storage, engine = shop
    with Session(engine, autoflush=False) as session:
        add(storage, session, A)
        session.add(Ticket(number=1, tenant_id="t", shelf_id=A.id))
        with storage.joined(session).unit_of_work("t", read_only=True) as uow:
            assert connection_of(uow).exec_driver_sql("SELECT number FROM tickets").scalars().all() == [1]
        session.rollback()
    assert codes(storage) == ""


def test_what_the_session_cannot_write_is_the_hosts_error(shop: tuple[SQLStorage, sa.Engine]) -> None:
    storage, engine = shop
    with Session(engine) as session:
        add(storage, session, A)
        session.add(Ticket(number=1, tenant_id="t", shelf_id=uid(9)))
        with pytest.raises(sa.exc.IntegrityError):
            add(storage, session, B)
        with pytest.raises(TransactionError, match="roll it back"):
            add(storage, session, B)
        session.rollback()
        session.connection().invalidate()
        session.add(Ticket(number=2, tenant_id="t", shelf_id=A.id))
        with pytest.raises(TransactionError, match="roll it back"):
            add(storage, session, B)
        session.rollback()
        add(storage, session, B)
        session.commit()
    assert codes(storage) == "B"


def test_a_session_for_several_engines(on_sqlite: SQLStorage, path: Path, engines: Engines, tmp_path: Path) -> None:
    ours, other = engines(path, foreign_keys), engines(tmp_path / "other.db", foreign_keys)
    with Session(bind=ours, binds={Ticket: other}) as session:
        add(on_sqlite, session, A)
        session.commit()
    with Session(bind=other, binds={Ticket: ours}) as session, pytest.raises(ConfigurationError, match="another"):
        add(on_sqlite, session, B)
    for homeless in (Session(), Session(binds={Ticket: ours})):
        with homeless, pytest.raises(ConfigurationError, match="bound to no engine"):
            add(on_sqlite, homeless, B)
    with Session(binds={SHELF_TABLE: ours}) as session, session.begin():
        add(on_sqlite, session.connection(bind_arguments={"clause": SHELF_TABLE}), B)
    assert codes(on_sqlite) == "AB"


def test_a_session_that_does_not_begin_by_itself(on_sqlite: SQLStorage, path: Path, engines: Engines) -> None:
    with Session(engines(path, foreign_keys), autobegin=False) as session:
        with pytest.raises(TransactionError):
            add(on_sqlite, session, A)
        with session.begin():
            add(on_sqlite, session, A)
    assert codes(on_sqlite) == "A"


def test_dates_that_the_driver_reads_by_itself(on_sqlite: SQLStorage, path: Path, engines: Engines) -> None:
    engine = engines(path, foreign_keys, connect_args={"detect_types": sqlite3.PARSE_DECLTYPES}, native_datetime=True)
    sample = Sample(id=uid(1), flag=True)
    with engine.begin() as connection, on_sqlite.joined(connection).unit_of_work("t") as uow:
        uow.add(SAMPLES, sample)
        assert uow.find(SAMPLES, SAMPLES.day.eq(sample.day)) == (sample,)
    with on_sqlite.unit_of_work("t") as uow:
        assert uow.get(SAMPLES, sample.id) == sample

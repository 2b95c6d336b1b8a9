"""With row-level security the database itself keeps tenants apart, also from statements that a host writes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session

from clientmgmt import ClientManager, System, generate_key
from clientmgmt.adapters.sqlalchemy import (
    AsyncSQLStorage,
    SQLStorage,
    build_tables,
    connection_of,
    row_level_security_sql,
)
from clientmgmt.adapters.sqlalchemy.django import DjangoStorage
from clientmgmt.errors import ConfigurationError, SchemaError, TransactionError
from clientmgmt.ports import UnitOfWork
from clientmgmt.testing.conformance import StorageConformance
from clientmgmt.testing.kit import BOOKS, KIT, SHELVES, Book, Shelf, uid
from tests.adapters.conftest import empty
from tests.django_site import database, postgresql
from tests.postgres import new_schema

pytestmark = pytest.mark.greenlets

PASSWORD = "only for tests"
ACME = Shelf(id=uid(1), code="A")
NORTHWIND = Shelf(id=uid(2), code="B")


def engine_of(url: str, role: str) -> sa.Engine:
    parts = sa.make_url(url).set(username=role, password=PASSWORD)
    return sa.create_engine(parts, isolation_level="READ COMMITTED", pool_size=20)


@pytest.fixture(scope="module")
def role(postgres_engine: sa.Engine) -> Iterator[str]:
    """A role that may sign in, and no more."""
    name = f"clientmgmt_test_{os.getpid()}"
    with postgres_engine.begin() as connection:
        connection.exec_driver_sql(f"DROP ROLE IF EXISTS {name}")
        connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    yield name
    with postgres_engine.begin() as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {name}")
        connection.exec_driver_sql(f"DROP ROLE {name}")


@pytest.fixture(scope="module")
def app(postgres_url: str, role: str) -> Iterator[sa.Engine]:
    engine = engine_of(postgres_url, role)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def secured(postgres_engine: sa.Engine, role: str, app: sa.Engine) -> Iterator[tuple[SQLStorage, str]]:
    """A store whose role owns the tables, so that only FORCE binds it."""
    with new_schema(postgres_engine) as schema:
        with postgres_engine.begin() as connection:
            connection.exec_driver_sql(f"GRANT ALL ON SCHEMA {schema} TO {role}")
        storage = SQLStorage(app, schema=schema, collections=KIT, row_level_security=True)
        storage.upgrade()
        run(app, row_level_security_sql(schema=schema, collections=KIT))
        yield storage, schema


@pytest.fixture
def storage(secured: tuple[SQLStorage, str], postgres_engine: sa.Engine) -> SQLStorage:
    empty(postgres_engine, schema=secured[1])
    return secured[0]


@pytest.fixture
def shelves(storage: SQLStorage, secured: tuple[SQLStorage, str]) -> sa.Table:
    """The table, in which each of two tenants has a row."""
    for tenant, shelf in (("acme", ACME), ("northwind", NORTHWIND)):
        with storage.unit_of_work(tenant) as uow:
            uow.add(SHELVES, shelf)
    return build_tables(sa.MetaData(), collections=KIT, schema=secured[1])["kit_shelves"]


def run(engine: sa.Engine, script: str) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(script)


class TestSecured(StorageConformance):
    @pytest.fixture
    def storage(self, storage: SQLStorage) -> SQLStorage:
        return storage


def tenants_in(uow: UnitOfWork, table: sa.Table) -> list[str]:
    return list(connection_of(uow).execute(sa.select(table.c.tenant_id)).scalars())


def test_a_statement_that_forgets_the_tenant_sees_one(storage: SQLStorage, shelves: sa.Table) -> None:
    for tenant in ("acme", "northwind"):
        with storage.unit_of_work(tenant, read_only=True) as uow:
            assert tenants_in(uow, shelves) == [tenant]
    with storage.unit_of_work("acme") as uow:
        assert connection_of(uow).execute(sa.update(shelves).values(name="x")).rowcount == 1
        assert connection_of(uow).execute(sa.delete(shelves)).rowcount == 1
    with storage.unit_of_work("northwind") as uow:
        assert uow.get(SHELVES, NORTHWIND.id) == NORTHWIND


def add_and_look(uow: UnitOfWork, table: sa.Table) -> list[str]:
    """Add a row; whose rows are shown."""
    uow.add(SHELVES, Shelf(id=uid(3), code="C"))
    return tenants_in(uow, table)


def in_a_connection(app: sa.Engine, storage: SQLStorage, table: sa.Table) -> list[str]:
    with app.begin() as connection, storage.joined(connection).unit_of_work("acme") as uow:
        return add_and_look(uow, table)


def in_a_session(app: sa.Engine, storage: SQLStorage, table: sa.Table) -> list[str]:
    with Session(app) as session, session.begin(), storage.joined(session).unit_of_work("acme") as uow:
        return add_and_look(uow, table)


def in_django(app: sa.Engine, _: SQLStorage, table: sa.Table) -> list[str]:
    with database(postgresql(app.url.render_as_string(hide_password=False))) as alias:
        storage = DjangoStorage(alias, schema=table.schema, collections=KIT, row_level_security=True)
        with storage.unit_of_work("acme") as uow:
            return add_and_look(uow, table)


def in_an_event_loop(app: sa.Engine, _: SQLStorage, table: sa.Table) -> list[str]:
    async def work() -> list[str]:
        url = app.url.set(drivername="postgresql+asyncpg")
        storage = AsyncSQLStorage(url, schema=table.schema, collections=KIT, row_level_security=True)
        try:
            return await storage.run("acme", lambda uow: add_and_look(uow, table))
        finally:
            await storage.close()

    return asyncio.run(work())


def in_an_asynchronous_connection(app: sa.Engine, _: SQLStorage, table: sa.Table) -> list[str]:
    async def work() -> list[str]:
        engine = create_async_engine(app.url.set(drivername="postgresql+asyncpg"), isolation_level="READ COMMITTED")
        storage = AsyncSQLStorage(engine, schema=table.schema, collections=KIT, row_level_security=True)
        try:
            async with engine.begin() as connection:
                return await storage.joined(connection).run("acme", lambda uow: add_and_look(uow, table))
        finally:
            await engine.dispose()

    return asyncio.run(work())


@pytest.mark.parametrize(
    "way", [in_a_connection, in_a_session, in_django, in_an_event_loop, in_an_asynchronous_connection]
)
def test_every_way_into_the_database_shows_one_tenant(
    way: Callable[[sa.Engine, SQLStorage, sa.Table], list[str]],
    app: sa.Engine,
    storage: SQLStorage,
    shelves: sa.Table,
) -> None:
    assert way(app, storage, shelves) == ["acme", "acme"]
    with storage.unit_of_work("acme", read_only=True) as uow:
        assert uow.count(SHELVES) == 2


def row(tenant: str) -> dict[str, object]:
    return {"tenant_id": tenant, "id": uid(3), "code": "C", "room": "hall", "name": "", "version": 1}


def refuses(connection: sa.Connection, statement: sa.Executable, values: Any) -> None:  # noqa: ANN401 - of any column
    with pytest.raises(sa.exc.ProgrammingError, match="row-level security"):
        connection.execute(statement, values)


def test_no_row_can_be_written_for_another_tenant(storage: SQLStorage, shelves: sa.Table) -> None:
    attempts: list[tuple[sa.Executable, Any]] = [
        (sa.insert(shelves), row("northwind")),
        (sa.update(shelves).values(tenant_id="northwind"), {}),
    ]
    for statement, values in attempts:
        with pytest.raises(TransactionError), storage.unit_of_work("acme") as uow:
            refuses(connection_of(uow), statement, values)
    with storage.unit_of_work("acme") as uow:
        connection_of(uow).execute(sa.insert(shelves), row("acme"))
        assert uow.count(SHELVES) == 2


def test_nothing_is_seen_outside_of_a_unit(app: sa.Engine, storage: SQLStorage, shelves: sa.Table) -> None:
    """Not even on a connection that a unit has used before, nor by one that named all tenants."""
    assert storage.tenants(SHELVES) == ("acme", "northwind")
    with app.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(shelves)).scalar_one() == 0


def test_all_tenants_are_named_but_not_written_to(storage: SQLStorage, shelves: sa.Table) -> None:
    assert storage.tenants(SHELVES, limit=1) == ("acme",)
    assert storage.tenants(SHELVES, after="acme") == ("northwind",)
    with storage.unit_of_work("acme") as uow:
        connection_of(uow).exec_driver_sql("SELECT set_config('clientmgmt.all_tenants', 'on', true)")
        assert sorted(tenants_in(uow, shelves)) == ["acme", "northwind"]
        assert connection_of(uow).execute(sa.delete(shelves)).rowcount == 1


def test_one_statement_more_for_each_unit(storage: SQLStorage, postgres_engine: sa.Engine, app: sa.Engine) -> None:
    plain = SQLStorage(postgres_engine, schema=storage._plans.tables["schema"].schema, collections=KIT)  # noqa: SLF001 - the same tables
    sent: dict[sa.Engine, list[str]] = {app: [], postgres_engine: []}
    for store, engine in ((storage, app), (plain, postgres_engine)):
        with store.unit_of_work("acme") as uow:
            uow.count(SHELVES)

        def collect(_c: object, _cursor: object, statement: str, *_rest: object, into: sa.Engine = engine) -> None:
            sent[into].append(statement)

        sa.event.listen(engine, "before_cursor_execute", collect)
        with store.unit_of_work("acme") as uow:
            uow.add(SHELVES, ACME)
            uow.remove(SHELVES, ACME.id)
        sa.event.remove(engine, "before_cursor_execute", collect)
    assert [text for text in sent[app] if "set_config" not in text] == sent[postgres_engine]
    assert len(sent[app]) == len(sent[postgres_engine]) + 1


QUESTIONS: dict[str, Callable[[UnitOfWork], object]] = {
    "by id": lambda uow: uow.get_many(SHELVES, [uid(1)]),
    "by key": lambda uow: uow.find(BOOKS, BOOKS.serial.eq("s")),
    "page": lambda uow: uow.find(BOOKS, order=BOOKS.title.asc(), after=("b", uid(1)), limit=5),
    "prefix": lambda uow: uow.find(BOOKS, BOOKS.title.prefix("b"), order=BOOKS.title.asc(), limit=5),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_questions_are_still_answered_from_an_index(storage: SQLStorage, app: sa.Engine, question: str) -> None:
    """Conditions on columns may be checked before the policy, because their operators leak nothing."""
    plans: list[str] = []

    def explain(_c: object, cursor: Any, statement: str, parameters: Any, *_rest: object) -> None:  # noqa: ANN401 - of the driver
        with cursor.connection.cursor() as other:
            plans.append("\n".join(line for (line,) in other.execute(f"EXPLAIN {statement}", parameters)))

    with storage.unit_of_work("acme") as uow:
        uow.add(SHELVES, ACME)
        uow.add(BOOKS, *(Book(id=uid(n), shelf_id=ACME.id, serial=f"s{n}", title=f"b{n}") for n in range(1, 50)))
        connection_of(uow).exec_driver_sql("SET LOCAL enable_seqscan = off")
        connection_of(uow).exec_driver_sql("SET LOCAL enable_bitmapscan = off")
        sa.event.listen(app, "before_cursor_execute", explain)
        try:
            QUESTIONS[question](uow)
        finally:
            sa.event.remove(app, "before_cursor_execute", explain)
    (plan,) = plans
    (condition,) = (line for line in plan.splitlines() if "Index Cond" in line)
    assert "Index" in plan
    assert {"by id": "id = ", "by key": "serial = ", "page": "title", "prefix": "title >="}[question] in condition


# What is looked at when a store is used for the first time.


def refused(storage: SQLStorage, match: str, code: str) -> None:
    with pytest.raises(ConfigurationError, match=match), storage.unit_of_work("acme"):
        pass
    with pytest.raises(ConfigurationError, match=match):
        storage.tenants(SHELVES)
    assert code in {note.code for note in storage.check()}


def test_a_superuser_is_refused(postgres_engine: sa.Engine, secured: tuple[SQLStorage, str]) -> None:
    storage = SQLStorage(postgres_engine, schema=secured[1], collections=KIT, row_level_security=True)
    refused(storage, "superuser or has BYPASSRLS", "role_not_bound")


def test_a_role_that_bypasses_is_refused(
    postgres_engine: sa.Engine, app: sa.Engine, role: str, secured: tuple[SQLStorage, str]
) -> None:
    storage = SQLStorage(app, schema=secured[1], collections=KIT, row_level_security=True)
    with postgres_engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER ROLE {role} BYPASSRLS")
    try:
        refused(storage, "superuser or has BYPASSRLS", "role_not_bound")
    finally:
        with postgres_engine.begin() as connection:
            connection.exec_driver_sql(f"ALTER ROLE {role} NOBYPASSRLS")


@pytest.mark.parametrize(
    "fault",
    [
        "ALTER TABLE {at}.cm_kit_books DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE {at}.cm_kit_books NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY clientmgmt_tenant ON {at}.cm_kit_books",
        "DROP POLICY clientmgmt_all_tenants ON {at}.cm_kit_books",
    ],
)
def test_a_table_that_is_not_secured_is_refused(app: sa.Engine, secured: tuple[SQLStorage, str], fault: str) -> None:
    schema = secured[1]
    run(app, fault.format(at=schema))
    try:
        storage = SQLStorage(app, schema=schema, collections=KIT, row_level_security=True)
        refused(storage, rf"not on for {schema}\.cm_kit_books: run the script", "row_security_off")
    finally:
        run(app, row_level_security_sql(schema=schema, collections=KIT))
    with storage.unit_of_work("acme") as uow:
        uow.count(BOOKS)


def test_a_store_that_does_not_know_of_it_is_refused(app: sa.Engine, secured: tuple[SQLStorage, str]) -> None:
    storage = SQLStorage(app, schema=secured[1], collections=KIT)
    refused(storage, "would hide all rows: say row_level_security", "row_security_on")


def test_hosts_whose_store_does_not_know_of_it_are_refused(app: sa.Engine, secured: tuple[SQLStorage, str]) -> None:
    says = pytest.raises(ConfigurationError, match="would hide all rows")
    with app.begin() as connection, says:
        joined = SQLStorage(app, schema=secured[1], collections=KIT).joined(connection)
        joined.unit_of_work("acme").__enter__()
    with database(postgresql(app.url.render_as_string(hide_password=False))) as alias, says:
        DjangoStorage(alias, schema=secured[1], collections=KIT).unit_of_work("acme").__enter__()


def test_a_bound_role_without_row_level_security_is_fine(
    app: sa.Engine, role: str, postgres_engine: sa.Engine, schema: str
) -> None:
    run(postgres_engine, f"GRANT ALL ON SCHEMA {schema} TO {role}")
    storage = SQLStorage(app, schema=schema, collections=KIT)
    storage.upgrade()
    with storage.unit_of_work("acme") as uow:
        assert uow.count(SHELVES) == 0


def test_tables_come_first(app: sa.Engine, role: str, postgres_engine: sa.Engine, schema: str) -> None:
    run(postgres_engine, f"GRANT ALL ON SCHEMA {schema} TO {role}")
    storage = SQLStorage(app, schema=schema, collections=KIT, row_level_security=True)
    with pytest.raises(SchemaError, match=r"call upgrade\(\)"), storage.unit_of_work("acme"):
        pass


def test_sqlite_has_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="PostgreSQL only"):
        SQLStorage(f"sqlite:///{tmp_path / 'own.db'}", row_level_security=True)


def test_a_manager_works_with_it(app: sa.Engine, role: str, postgres_engine: sa.Engine, schema: str) -> None:
    run(postgres_engine, f"GRANT ALL ON SCHEMA {schema} TO {role}")
    storage = SQLStorage(app, schema=schema, row_level_security=True)
    storage.upgrade()
    run(app, row_level_security_sql(schema=schema))
    manager = ClientManager(storage, secret_keys=[generate_key()])
    for tenant in ("acme", "northwind"):
        manager.workspace(tenant, actor=System("test")).clients.add(name=tenant, email="ap@acme.example")
    (client,) = manager.workspace("acme", actor=System("test")).clients.list()
    assert client.name == "acme"
    assert not {note.code for note in manager.check()} & {"row_security_off", "role_not_bound", "unreachable"}

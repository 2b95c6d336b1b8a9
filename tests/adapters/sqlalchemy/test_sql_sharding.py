"""The schema shards by tenant: every key has the tenant, so PostgreSQL can divide the tables, or have them twice.

What Citus asks of tables is asked here of ours; the same rules hold for the partitions of one PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import pytest
import sqlalchemy as sa

from clientmgmt import Client, ClientManager, Contact, System, UserId, Workspace, generate_key, iter_all
from clientmgmt.adapters.sqlalchemy import SQLStorage, build_tables, stamp
from clientmgmt.errors import DuplicateContactError
from clientmgmt.ports import COLLECTIONS, UniqueViolation
from clientmgmt.ports.collections import USERS
from clientmgmt.testing.conformance import StorageConformance
from clientmgmt.testing.kit import KIT, SHELVES, Shelf, uid
from tests.adapters.conftest import empty
from tests.postgres import new_schema

EVERYTHING = (*COLLECTIONS, *KIT)
PARTS = 3
TENANTS = [f"tenant-{number}" for number in range(12)]


def bound_to_tenant(table: sa.Table) -> dict[str, str]:
    """The first column of every key, foreign key and index."""
    keys = (sa.PrimaryKeyConstraint, sa.UniqueConstraint, sa.ForeignKeyConstraint)
    constraints = [each for each in table.constraints if isinstance(each, keys)]
    return {str(each.name): each.columns.keys()[0] for each in [*constraints, *table.indexes] if each.columns}


@pytest.mark.parametrize("name", sorted(build_tables(sa.MetaData(), collections=EVERYTHING).keys() - {"schema"}))
def test_every_key_begins_with_the_tenant(name: str) -> None:
    table = build_tables(sa.MetaData(), collections=EVERYTHING)[name]
    assert set(bound_to_tenant(table).values()) == {"tenant_id"}
    for reference in table.foreign_key_constraints:
        assert next(iter(reference.elements)).column.name == "tenant_id"


def test_only_the_table_of_versions_belongs_to_no_tenant() -> None:
    tables = build_tables(sa.MetaData(), collections=EVERYTHING)
    assert [name for name, table in tables.items() if "tenant_id" not in table.c] == ["schema"]


def test_a_key_without_the_tenant_would_be_found() -> None:
    planted = sa.Table("t", sa.MetaData(), sa.Column("tenant_id", sa.Text), sa.Column("code", sa.Text))
    planted.append_constraint(sa.UniqueConstraint(planted.c.code, name="planted"))
    assert bound_to_tenant(planted)["planted"] == "code"


def test_each_tenant_may_have_a_schema_of_its_own(postgres_engine: sa.Engine) -> None:
    with new_schema(postgres_engine) as first, new_schema(postgres_engine) as second:
        stores = {schema: SQLStorage(postgres_engine, schema=schema) for schema in (first, second)}
        managers = {name: ClientManager(store, secret_keys=[generate_key()]) for name, store in stores.items()}
        for name, manager in managers.items():
            assert manager.upgrade()
            manager.workspace("own", actor=System("test")).clients.add(name=name, email="ap@acme.example")
        for name, manager in managers.items():
            assert [client.name for client in manager.workspace("own", actor=System("test")).clients.list()] == [name]


@pytest.fixture(scope="module")
def divided(postgres_engine: sa.Engine) -> Iterator[tuple[SQLStorage, str]]:
    """A store in tables that are divided by the hash of the tenant."""
    with new_schema(postgres_engine) as schema:
        metadata = sa.MetaData()
        tables = build_tables(metadata, collections=EVERYTHING, schema=schema)
        with postgres_engine.begin() as connection:
            for name, table in tables.items():
                if name != "schema":
                    table.dialect_options["postgresql"]["partition_by"] = "HASH (tenant_id)"
                table.create(connection)
                if name != "schema":
                    divide(connection, table)
            stamp(connection, schema=schema)
        yield SQLStorage(postgres_engine, schema=schema, collections=EVERYTHING), schema


def divide(connection: sa.Connection, table: sa.Table) -> None:
    """Make the parts. Their keys are called as the declared ones, with a number: so a violation is understood."""
    unique = [key for key in table.constraints if isinstance(key, sa.PrimaryKeyConstraint | sa.UniqueConstraint)]
    for number in range(PARTS):
        keys = "".join(
            f", CONSTRAINT {key.name}_{number} {word(key)} ({', '.join(key.columns.keys())})" for key in unique
        )
        connection.exec_driver_sql(f"CREATE TABLE {table.fullname}_{number} (LIKE {table.fullname}{keys})")
        connection.exec_driver_sql(
            f"ALTER TABLE {table.fullname} ATTACH PARTITION {table.fullname}_{number} "
            f"FOR VALUES WITH (MODULUS {PARTS}, REMAINDER {number})"
        )


def word(key: sa.Constraint) -> str:
    return "PRIMARY KEY" if isinstance(key, sa.PrimaryKeyConstraint) else "UNIQUE"


@pytest.fixture
def storage(divided: tuple[SQLStorage, str], postgres_engine: sa.Engine) -> SQLStorage:
    empty(postgres_engine, schema=divided[1])
    return divided[0]


class TestDivided(StorageConformance):
    @pytest.fixture
    def storage(self, storage: SQLStorage) -> SQLStorage:
        return storage


def test_the_rows_are_spread_over_the_parts(
    storage: SQLStorage, divided: tuple[SQLStorage, str], postgres_engine: sa.Engine
) -> None:
    for tenant in TENANTS:
        with storage.unit_of_work(tenant) as uow:
            uow.add(SHELVES, Shelf(id=uid(1), code="A"))
    parts = [sa.table(f"cm_kit_shelves_{number}", schema=divided[1]) for number in range(PARTS)]
    with postgres_engine.connect() as connection:
        counts = [connection.execute(sa.select(sa.func.count()).select_from(part)).scalar_one() for part in parts]
    assert sum(counts) == len(TENANTS)
    assert min(counts) > 0
    assert storage.tenants(SHELVES) == tuple(sorted(TENANTS))


def test_a_manager_works_on_divided_tables(divided: tuple[SQLStorage, str]) -> None:
    storage, _ = divided
    manager = ClientManager(storage, secret_keys=[generate_key()])
    for tenant in TENANTS:
        ws = manager.workspace(tenant, actor=System("test"))
        acme = ws.clients.add(name="Acme", email="ap@acme.example")

        def add(*, ws: Workspace = ws, acme: Client = acme) -> Contact:
            return ws.contacts.add(acme.id, first_name="Jane", last_name="Doe", email="jane@acme.example")

        assert [contact.id for contact in (add(),)] == [contact.id for contact in iter_all(ws.contacts.list, acme.id)]
        with pytest.raises(DuplicateContactError):
            add()
        with storage.unit_of_work(tenant) as uow:
            (user,) = uow.find(USERS)
            with pytest.raises(UniqueViolation, match="user_email"), uow.savepoint():
                uow.add(USERS, attrs.evolve(user, id=UserId(uid(1))))
    assert not [note for note in manager.check() if note.code.endswith("_missing")]

"""The steps make the tables that are derived, on both databases, and can be taken back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs
import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from clientmgmt.adapters.sqlalchemy import (
    SQLStorage,
    build_tables,
    downgrade,
    stamp,
    upgrade,
    upgrade_sql,
)
from clientmgmt.adapters.sqlalchemy.migrations import kinds, steps
from clientmgmt.adapters.sqlalchemy.migrations.operations import Operations, primary_key, reference, unique
from clientmgmt.domain import Client, Note
from clientmgmt.errors import ConfigurationError, SchemaError
from clientmgmt.ports import COLLECTIONS, Collection
from clientmgmt.ports.collections import MEMBERSHIPS
from tests.adapters.sqlalchemy.draft import draft
from tests.box import Box

NOW = steps.latest()
Bare = tuple[sa.Engine, str | None]
Shape = dict[str, object]
PREFIXES = ("cm_", "other_")
EVERY_KIND: Mapping[str, Callable[[], sa.types.TypeEngine[Any]]] = {
    name: getattr(kinds, name) for name in kinds.__all__ if name != "column"
}


def shape(connection: sa.Connection, names: Iterable[str], schema: str | None) -> Shape:
    """What the database says of these tables, without the name of the schema."""
    inspector = sa.inspect(connection)
    return {name: shape_of(inspector, name, schema) for name in names}


def shape_of(inspector: sa.Inspector, name: str, schema: str | None) -> dict[str, object]:
    references = {
        key["name"]: (key["constrained_columns"], key["referred_table"], key["referred_columns"])
        for key in inspector.get_foreign_keys(name, schema)
    }
    columns = {
        column["name"]: (repr(column["type"]), column["nullable"], "identity" in column)
        for column in inspector.get_columns(name, schema)
    }
    primary = inspector.get_pk_constraint(name, schema)
    return {
        "columns": columns,
        "primary key": (primary["name"], primary["constrained_columns"]),
        "unique": {key["name"]: key["column_names"] for key in inspector.get_unique_constraints(name, schema)},
        "references": references,
        "indexes": {index["name"]: index["column_names"] for index in inspector.get_indexes(name, schema)},
    }


def shapes(bare: Bare, prefix: str, collections: Iterable[Collection[Any]]) -> tuple[Shape, Shape]:
    """The tables that the steps make, and those that are derived, each in a database without others."""
    engine, schema = bare
    with engine.connect() as connection:
        upgrade(connection, prefix=prefix, schema=schema)
        derived = build_tables(sa.MetaData(), prefix=prefix, schema=schema, collections=collections)
        names = [table.name for table in derived.values()]
        made = shape(connection, names, schema)
        connection.rollback()
    with engine.connect() as connection:
        next(iter(derived.values())).metadata.create_all(connection)
        return made, shape(connection, names, schema)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_steps_make_the_tables_that_are_derived(bare: Bare, prefix: str) -> None:
    made, derived = shapes(bare, prefix, COLLECTIONS)
    assert made == derived


def test_the_steps_make_no_other_tables() -> None:
    assert set(steps.model_at().tables) == set(build_tables(metadata := sa.MetaData()) and metadata.tables)


@attrs.frozen(kw_only=True)
class Grown(Client):
    """A client with a field that no step knows."""

    whim: str


class GrownClients(Collection[Grown]):
    name = "clients"
    entity = Grown


def test_a_field_that_no_step_knows_is_found(bare: Bare) -> None:
    made, derived = shapes(bare, "cm_", [GrownClients()])
    assert made["cm_clients"] != derived["cm_clients"]
    assert made["cm_numbers"] == derived["cm_numbers"]


def test_a_draft_has_what_the_steps_lack() -> None:
    of_package = build_tables(sa.MetaData(), prefix="").values()
    known = steps.model_at(prefix="").tables
    assert list(draft(of_package, known)) == []
    grown = build_tables(sa.MetaData(), prefix="", collections=[GrownClients()]).values()
    assert list(draft(grown, known)) == ['ops.add_column("clients", column("whim", text()))']


def test_a_draft_is_code_that_makes_the_tables() -> None:
    of_package = build_tables(sa.MetaData(), prefix="")
    ops = Operations(prefix="", schema=None)
    names = vars(kinds) | {"ops": ops, "primary_key": primary_key, "unique": unique, "reference": reference}
    exec("\n".join(draft(of_package.values(), {})), names)  # noqa: S102 - code of ours
    assert list(draft(of_package.values(), ops.model.tables)) == []


@pytest.mark.parametrize("prefix", PREFIXES)
def test_down_to_nothing_and_up_again(bare: Bare, prefix: str) -> None:
    engine, schema = bare
    place = {"prefix": prefix, "schema": schema}
    with engine.begin() as connection:
        first = upgrade(connection, **place)  # type: ignore[arg-type]
        names = [table.name for table in steps.model_at(prefix=prefix).tables.values()]
        made = shape(connection, names, schema)
    with engine.begin() as connection:
        assert downgrade(connection, to=0, **place)[-1] == "the schema has version 0"  # type: ignore[arg-type]
        assert downgrade(connection, to=0, **place) == ()  # type: ignore[arg-type]
        assert not set(sa.inspect(connection).get_table_names(schema)) & set(names)
    with engine.begin() as connection:
        assert upgrade(connection, **place) == first  # type: ignore[arg-type]
        assert shape(connection, names, schema) == made


def test_an_upgrade_belongs_to_the_transaction_of_its_caller(bare: Bare) -> None:
    engine, schema = bare
    with engine.connect() as connection:
        assert upgrade(connection, schema=schema)
        connection.rollback()
        assert sa.inspect(connection).get_table_names(schema) == []
        assert upgrade(connection, schema=schema)
        connection.commit()
        assert upgrade(connection, schema=schema) == ()


def test_a_transaction_that_has_begun_is_kept(bare: Bare) -> None:
    engine, schema = bare
    at = f"{schema}." if schema else ""
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE TABLE {at}theirs (id INTEGER)")
        connection.commit()
        connection.exec_driver_sql(f"INSERT INTO {at}theirs VALUES (1)")  # noqa: S608 - a name of ours
        upgrade(connection, schema=schema)
        connection.rollback()
        assert connection.exec_driver_sql(f"SELECT count(*) FROM {at}theirs").scalar_one() == 0  # noqa: S608 - the same
        assert sa.inspect(connection).get_table_names(schema) == ["theirs"]


def test_an_upgrade_without_a_transaction_is_refused(postgres_engine: sa.Engine, schema: str) -> None:
    with postgres_engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        with pytest.raises(ConfigurationError, match="autocommit"):
            upgrade(connection, schema=schema)
        with pytest.raises(ConfigurationError, match="autocommit"):
            stamp(connection, schema=schema)


@pytest.mark.parametrize("version", [-1, 1000])
def test_a_version_that_nobody_knows_is_refused(bare: Bare, version: int) -> None:
    engine, schema = bare
    with engine.connect() as connection:
        for change in (upgrade, downgrade):
            with pytest.raises(ConfigurationError, match=f"no version {version} of the schema"):
                change(connection, to=version, schema=schema)
        with pytest.raises(ConfigurationError, match=f"no version {version} of the schema"):
            stamp(connection, version=version, schema=schema)
        with pytest.raises(ConfigurationError, match=f"no version {version} of the schema"):
            upgrade_sql(connection.dialect, to=version)


def test_up_is_not_down(bare: Bare) -> None:
    engine, schema = bare
    with engine.connect() as connection:
        with pytest.raises(ConfigurationError, match=r"upgrade\(to=1\)"):
            downgrade(connection, to=1, schema=schema)
        upgrade(connection, schema=schema)
        with pytest.raises(ConfigurationError, match=r"downgrade\(to=0\)"):
            upgrade(connection, to=0, schema=schema)


def test_a_schema_on_sqlite_is_refused(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'own.db'}")
    with engine.connect() as connection, pytest.raises(ConfigurationError, match="choose a prefix"):
        upgrade(connection, schema="main")
    engine.dispose()
    with pytest.raises(ConfigurationError, match="choose a prefix"):
        upgrade_sql("sqlite", schema="main")


def test_another_database_is_refused() -> None:
    for dialect in ("mysql", mysql.dialect()):
        with pytest.raises(ConfigurationError, match="no tables for mysql"):
            upgrade_sql(dialect)


def test_a_later_schema_is_not_touched(bare: Bare) -> None:
    engine, schema = bare
    with engine.begin() as connection:
        upgrade(connection, schema=schema)
        connection.execute(sa.insert(build_tables(sa.MetaData(), schema=schema)["schema"]).values(version=1000))
    with engine.connect() as connection:
        for change in (upgrade, downgrade):
            with pytest.raises(SchemaError, match="install a later release"):
                change(connection, to=0, schema=schema)


# A schema that is half there.


def drop(bare: Bare, statement: str) -> None:
    engine, schema = bare
    with engine.begin() as connection:
        connection.exec_driver_sql(statement.format(at=f"{schema}." if schema else ""))


def notes(bare: Bare) -> dict[str, Note]:
    """What a store says of the schema, by code."""
    engine, schema = bare
    kept = {"wrong_schema", "table_missing", "column_missing", "index_missing", "key_missing"}
    return {note.code: note for note in SQLStorage(engine, schema=schema).check() if note.code in kept}


@pytest.fixture
def full(bare: Bare) -> Bare:
    engine, schema = bare
    with engine.begin() as connection:
        upgrade(connection, schema=schema)
    assert notes(bare) == {}
    return bare


def test_whoever_was_suspended_before_it_was_said_by_whom_is_so_by_staff(full: Bare) -> None:
    engine, schema = full
    storage = SQLStorage(engine, schema=schema)
    box = Box(storage)
    jane, bob = box.contact(box.client()), box.contact(box.client(), "Bob")
    box.ws.contacts.suspend(jane.id)
    with engine.begin() as connection:
        downgrade(connection, to=6, schema=schema)
        upgrade(connection, schema=schema)
    with storage.unit_of_work(box.tenant, read_only=True) as uow:
        found = uow.get_many(MEMBERSHIPS, [jane.id, bob.id])
    assert [found[key].suspended_by_staff for key in (jane.id, bob.id)] == [True, False]


def test_a_table_that_was_lost_is_not_replaced_by_an_empty_one(full: Bare) -> None:
    drop(full, "DROP TABLE {at}cm_audit")
    message = notes(full)["table_missing"].message
    assert f"cm_audit is missing, although the schema has version {NOW}: restore it from a backup" in message
    engine, schema = full
    with engine.connect() as connection:
        with pytest.raises(SchemaError, match="restore it from a backup"):
            upgrade(connection, schema=schema)
        with pytest.raises(SchemaError, match="restore it from a backup"):
            downgrade(connection, to=0, schema=schema)
        with pytest.raises(SchemaError, match=rf"not that of version {NOW}: the table \S*cm_audit is missing"):
            stamp(connection, schema=schema)


@pytest.mark.parametrize("statement", ["DROP TABLE {at}cm_schema", "DELETE FROM {at}cm_schema"])
def test_tables_without_a_version_are_left_alone_until_it_is_recorded(full: Bare, statement: str) -> None:
    drop(full, statement)
    engine, schema = full
    storage = SQLStorage(engine, schema=schema)
    with pytest.raises(SchemaError, match=r"no version of the schema is recorded.* stamp\(\)"):
        storage.upgrade()
    with pytest.raises(SchemaError, match=r"no version of the schema is recorded"), storage.unit_of_work("t"):
        pass
    assert "stamp()" in notes(full)["wrong_schema"].message
    with engine.begin() as connection:
        stamp(connection, schema=schema)
    assert notes(full) == {}
    assert storage.upgrade() == ()


@pytest.mark.parametrize(
    ("statement", "code", "name"),
    [
        ("ALTER TABLE {at}cm_clients DROP COLUMN language", "column_missing", "language"),
        ("DROP INDEX {at}cm_audit_by_at", "index_missing", "cm_audit_by_at"),
    ],
)
def test_a_part_that_is_missing_is_noted(full: Bare, statement: str, code: str, name: str) -> None:
    drop(full, statement)
    found = notes(full)
    assert found.keys() == {code}
    assert f" {name} of " in found[code].message
    assert "upgrade_sql()" in found[code].message
    engine, schema = full
    with engine.connect() as connection, pytest.raises(SchemaError, match=f"{name} of .* is missing"):
        stamp(connection, schema=schema)


@pytest.mark.parametrize(
    ("table", "key"), [("cm_users", "cm_user_email"), ("cm_logins", None), ("cm_credentials", "cm_credentials_id_fkey")]
)
def test_a_key_that_is_missing_is_noted(postgres_engine: sa.Engine, schema: str, table: str, key: str | None) -> None:
    bare = (postgres_engine, schema)
    with postgres_engine.begin() as connection:
        upgrade(connection, schema=schema)
    if key is None:
        assert notes(bare) == {}
        return
    drop(bare, f"ALTER TABLE {{at}}{table} DROP CONSTRAINT {key}")
    assert f"the key {key} of {schema}.{table} is missing" in notes(bare)["key_missing"].message


# Scripts.


def run_script(bare: Bare, script: str) -> None:
    engine, _ = bare
    if engine.dialect.name == "sqlite":
        file = sqlite3.connect(str(engine.url.database))
        file.executescript(script)
        file.close()
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        driver: Any = connection.connection.dbapi_connection
        driver.execute(script)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_script_does_what_an_upgrade_does(bare: Bare, prefix: str) -> None:
    engine, schema = bare
    with engine.connect() as connection:
        upgrade(connection, prefix=prefix, schema=schema)
        names = [table.name for table in steps.model_at(prefix=prefix).tables.values()]
        made = shape(connection, names, schema)
        connection.rollback()
    run_script(bare, upgrade_sql(engine.dialect.name, prefix=prefix, schema=schema))
    with engine.connect() as connection:
        assert shape(connection, names, schema) == made
        assert upgrade(connection, prefix=prefix, schema=schema) == ()


def test_the_script_of_a_new_schema_creates_it(postgres_engine: sa.Engine, schema: str) -> None:
    drop((postgres_engine, schema), f"DROP SCHEMA {schema}")
    run_script((postgres_engine, schema), upgrade_sql(postgres_engine.dialect, schema=schema))
    with postgres_engine.connect() as connection:
        assert upgrade(connection, schema=schema) == ()


def test_a_script_that_comes_twice_changes_nothing(full: Bare) -> None:
    engine, schema = full
    with pytest.raises((sqlite3.OperationalError, psycopg.errors.DuplicateTable), match="already exists"):
        run_script(full, upgrade_sql(engine.dialect, schema=schema))
    assert notes(full) == {}


def test_there_is_no_script_for_nothing() -> None:
    assert upgrade_sql("sqlite", since=1, to=1) == ""


# Steps that are still to come.


def second_up(ops: Operations) -> None:
    ops.create_table(
        "notes",
        kinds.column("tenant_id", kinds.text()),
        kinds.column("id", kinds.uuid()),
        kinds.column("client_id", kinds.uuid()),
        kinds.column("title", kinds.text()),
        *(kinds.column(f"a_{name}", kind(), nullable=True) for name, kind in EVERY_KIND.items()),
        primary_key("notes_pkey", "tenant_id", "id"),
        unique("note_title", "tenant_id", "title"),
        reference("notes_client_id_fkey", "client_id", "clients"),
    )
    ops.create_index("notes_by_client_id", "notes", "tenant_id", "client_id", "id")
    ops.add_column("clients", kinds.column("colour", kinds.text(), nullable=True))
    ops.add_column("clients", kinds.column("rank", kinds.number(), default="7"))
    ops.create_index("clients_by_rank", "clients", "tenant_id", "rank", "id")
    clients = ops.table("clients")
    ops.execute(sa.update(clients).values(colour="100% o'red"))


def second_down(ops: Operations) -> None:
    ops.drop_index("clients_by_rank", "clients")
    ops.drop_column("clients", "rank")
    ops.drop_column("clients", "colour")
    ops.drop_table("notes")


ROW = {
    "tenant_id": "t",
    "id": UUID(int=1),
    **dict.fromkeys(["kind", "name", "name_key", "email_address", "email_key", "status", "created_by"], "x"),
    "version": 1,
}


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "STEPS", (steps.STEPS[0], steps.Step(second_up, second_down)))


def add_row(connection: sa.Connection, schema: str | None) -> None:
    """A client, as version 1 knew it."""
    clients = steps.model_at(1, schema=schema).tables[f"{schema}.cm_clients" if schema else "cm_clients"]
    kind: dict[str, object] = {"sqlite": 0, "postgresql": "2026-01-01T00:00:00Z"}
    at = kind[connection.dialect.name]
    number = UUID(int=1).bytes if connection.dialect.name == "sqlite" else UUID(int=1)
    connection.execute(sa.insert(clients), ROW | {"id": number, "status_since": at, "created_at": at})


def values(connection: sa.Connection, schema: str | None) -> sa.Row[Any]:
    at = f"{schema}." if schema else ""
    return connection.exec_driver_sql(f"SELECT colour, rank FROM {at}cm_clients").one()  # noqa: S608 - a name of ours


@pytest.mark.usefixtures("two")
def test_a_second_step_adds_tables_columns_and_indexes(bare: Bare) -> None:
    engine, schema = bare
    with engine.begin() as connection:
        upgrade(connection, to=1, schema=schema)
        names = [table.name for table in steps.model_at(1).tables.values()]
        before = shape(connection, names, schema)
        add_row(connection, schema)
    with engine.begin() as connection:
        at = f"{schema}." if schema else ""
        assert upgrade(connection, schema=schema) == (
            f"created table {at}cm_notes",
            f"added column {at}cm_clients.colour",
            f"added column {at}cm_clients.rank",
            "the schema has version 2",
        )
        assert tuple(values(connection, schema)) == ("100% o'red", 7)
        second = shape(connection, [*names, "cm_notes"], schema)
    with engine.begin() as connection:
        assert downgrade(connection, to=1, schema=schema) == (
            f"dropped column {at}cm_clients.rank",
            f"dropped column {at}cm_clients.colour",
            f"dropped table {at}cm_notes",
            "the schema has version 1",
        )
        assert shape(connection, names, schema) == before
    with engine.begin() as connection:
        upgrade(connection, schema=schema)
        assert shape(connection, [*names, "cm_notes"], schema) == second


@pytest.mark.usefixtures("two")
def test_the_script_of_a_second_step_does_the_same(bare: Bare) -> None:
    engine, schema = bare
    with engine.begin() as connection:
        upgrade(connection, to=1, schema=schema)
        add_row(connection, schema)
    script = upgrade_sql(engine.dialect, since=1, schema=schema)
    run_script(bare, script)
    assert "CREATE SCHEMA" not in script
    with engine.connect() as connection:
        assert tuple(values(connection, schema)) == ("100% o'red", 7)
        assert upgrade(connection, schema=schema) == ()


@pytest.mark.usefixtures("two")
def test_the_model_follows_each_step() -> None:
    ops = steps.operations_at(2, prefix="", schema=None)
    assert {"colour", "rank"} <= set(ops.table("clients").c.keys())
    second_down(ops)
    first = steps.model_at(1, prefix="").tables
    assert ops.done == []
    assert ops.model.tables.keys() == first.keys()
    assert ops.table("clients").c.keys() == first["clients"].c.keys()
    names = {index.name for index in first["clients"].indexes}
    assert {index.name for index in ops.table("clients").indexes} == names

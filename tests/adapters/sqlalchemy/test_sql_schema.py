"""The schema is created once, recorded, and never changed silently."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy import SQLStorage, build_tables
from clientmgmt.adapters.sqlalchemy.migrations import steps
from clientmgmt.errors import SchemaError
from clientmgmt.testing.kit import KIT, SHELVES, Shelf, uid

SECOND = steps.Step(lambda _: None, lambda _: None)
SHELF = Shelf(id=uid(1), code="A")
CREATED = {*steps.model_at().tables, *(f"cm_{collection.name}" for collection in KIT)}
NOW, NEXT = steps.latest(), steps.latest() + 1


@pytest.fixture
def storage(bare: tuple[sa.Engine, str | None]) -> SQLStorage:
    engine, schema = bare
    return SQLStorage(engine, schema=schema, collections=KIT)


def record_version(bare: tuple[sa.Engine, str | None], version: int) -> None:
    engine, schema = bare
    versions = build_tables(sa.MetaData(), collections=KIT, schema=schema)["schema"]
    with engine.begin() as connection:
        connection.execute(sa.insert(versions).values(version=version))


def created(done: tuple[str, ...]) -> set[str]:
    """The tables that were created, without their schema."""
    return {said.split()[-1].rpartition(".")[2] for said in done if said.startswith("created table")}


def test_the_second_upgrade_does_nothing(storage: SQLStorage) -> None:
    assert created(storage.upgrade()) == CREATED
    assert storage.upgrade() == ()
    with storage.unit_of_work("t") as uow:
        uow.add(SHELVES, SHELF)


def test_the_engine_of_a_host_is_not_filled_silently(storage: SQLStorage) -> None:
    with pytest.raises(SchemaError, match=r"call upgrade\(\)"), storage.unit_of_work("t"):
        pass
    assert "wrong_schema" in {note.code for note in storage.check()}
    storage.upgrade()
    with storage.unit_of_work("t") as uow:
        assert uow.count(SHELVES) == 0
    assert "wrong_schema" not in {note.code for note in storage.check()}


def test_a_newer_schema_is_left_alone(bare: tuple[sa.Engine, str | None], storage: SQLStorage) -> None:
    storage.upgrade()
    record_version(bare, 1000)
    with pytest.raises(SchemaError, match="install a later release"):
        storage.upgrade()
    with pytest.raises(SchemaError, match="install a later release"), storage.unit_of_work("t"):
        pass
    with pytest.raises(SchemaError):
        storage.tenants(SHELVES)
    assert "wrong_schema" in {note.code for note in storage.check()}


def test_an_older_schema_wants_an_upgrade(storage: SQLStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.upgrade()
    monkeypatch.setattr(steps, "STEPS", (*steps.STEPS, SECOND))
    with (
        pytest.raises(SchemaError, match=rf"has version {NOW}, not {NEXT}: call upgrade\(\)"),
        storage.unit_of_work("t"),
    ):
        pass
    assert storage.upgrade() == (f"the schema has version {NEXT}",)
    with storage.unit_of_work("t") as uow:
        assert uow.count(SHELVES) == 0


def test_an_upgrade_can_stop_on_the_way(storage: SQLStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "STEPS", (*steps.STEPS, SECOND))
    assert storage.upgrade(to=NOW)[-1] == f"the schema has version {NOW}"
    with pytest.raises(SchemaError, match=rf"has version {NOW}, not {NEXT}"), storage.unit_of_work("t"):
        pass
    done = storage.upgrade()
    assert done[0] == f"the schema has version {NEXT}"
    assert len(done) == 1 + len(KIT)


def test_a_collection_that_came_later_gets_its_table(bare: tuple[sa.Engine, str | None]) -> None:
    engine, schema = bare
    SQLStorage(engine, schema=schema, collections=KIT[:1]).upgrade()
    storage = SQLStorage(engine, schema=schema, collections=KIT)
    assert {note.code for note in storage.check()} >= {"table_missing"}
    assert len(storage.upgrade()) == len(KIT) - 1


def test_the_schema_itself_is_created(postgres_engine: sa.Engine, schema: str) -> None:
    with postgres_engine.begin() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {schema}")
    assert created(SQLStorage(postgres_engine, schema=schema, collections=KIT).upgrade()) == CREATED


def test_a_new_file_gets_its_tables_at_first_use(tmp_path: Path) -> None:
    storage = SQLStorage(f"sqlite:///{tmp_path / 'new.db'}", collections=KIT)
    with storage.unit_of_work("t") as uow:
        uow.add(SHELVES, SHELF)
    storage.close()


def test_a_file_that_holds_something_else_does_not(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (id INTEGER)")
    connection.close()
    storage = SQLStorage(f"sqlite:///{path}", collections=KIT)
    with pytest.raises(SchemaError), storage.unit_of_work("t"):
        pass
    storage.close()


PROGRAM = """
import sys
import sqlalchemy as sa
from clientmgmt.adapters.sqlalchemy import SQLStorage, upgrade
storage = SQLStorage(sys.argv[1], prefix=sys.argv[2])
sys.stdin.readline()
if sys.argv[3] == "upgrade":
    print(len(storage.upgrade()))
elif sys.argv[3] == "connect and upgrade":
    engine = sa.create_engine(sys.argv[1])
    with engine.begin() as connection:
        print(len(upgrade(connection, prefix=sys.argv[2])))
else:
    with storage.unit_of_work("t") as uow:
        print(uow.next_number("n"))
storage.close()
"""


def together(url: str, prefix: str, what: str) -> list[int]:
    """What three processes print that start the same thing at the same time."""
    command = [sys.executable, "-c", PROGRAM, url, prefix, what]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(3)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return sorted(int(process.communicate()[0]) for process in processes)


ways = pytest.mark.parametrize("way", ["upgrade", "connect and upgrade"])
ONE_DID_IT = [False, False, True]


@ways
def test_processes_that_upgrade_together_do_it_once(tmp_path: Path, way: str) -> None:
    done = together(f"sqlite:///{tmp_path / 'new.db'}", "cm_", way)
    assert [number > 0 for number in done] == ONE_DID_IT


@ways
def test_processes_that_upgrade_postgresql_together_do_it_once(
    postgres_url: str, postgres_engine: sa.Engine, way: str
) -> None:
    prefix = f"together_{len(way)}_"
    try:
        assert [number > 0 for number in together(postgres_url, prefix, way)] == ONE_DID_IT
    finally:
        metadata = sa.MetaData()
        build_tables(metadata, prefix=prefix)
        metadata.drop_all(postgres_engine)


def test_processes_that_use_a_new_file_together_find_their_tables(tmp_path: Path) -> None:
    assert together(f"sqlite:///{tmp_path / 'new.db'}", "cm_", "use") == [1, 2, 3]

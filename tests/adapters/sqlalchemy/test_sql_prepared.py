"""Statements that are prepared once take every value and name that others took. Source: decision 29."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import IntEnum
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import attrs
import pytest
import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy import SQLStorage, build_tables, connection_of
from clientmgmt.errors import ConfigurationError, StorageError
from clientmgmt.ports import Collection, Field, Ordered, UnitOfWork, any_of, fields_of
from clientmgmt.testing.kit import uid
from tests.postgres import new_schema


class Size(IntEnum):
    LARGE = 3


@attrs.frozen
class Thing:
    """Its fields have the names that statements use for themselves."""

    id: UUID
    place: str
    place_0: str | None = None
    added: int = 1
    p_o_box: str | None = None
    price: Decimal | None = None
    day: date | None = None
    values: str = ""
    version: int = 1

    def __attrs_post_init__(self) -> None:
        if self.values == "refused":
            raise ValueError(self.values)


_thing = fields_of(Thing)


class Things(Collection[Thing]):
    name = "things"
    entity = Thing
    place: Ordered[Thing, str] = _thing.ordered(lambda thing: thing.place)
    box: Field[Thing, str | None] = _thing(lambda thing: thing.p_o_box)
    price: Field[Thing, Decimal | None] = _thing(lambda thing: thing.price)
    indexes: ClassVar[tuple[tuple[Field[Thing, Any], ...], ...]] = ((place,), (box,))


THINGS = Things()


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[SQLStorage]:
    store = SQLStorage(f"sqlite:///{tmp_path}/things.db", collections=[THINGS], prefix="a%s_")
    yield store
    store.close()


@pytest.fixture
def on_postgresql(postgres_url: str) -> Iterator[SQLStorage]:
    engine = sa.create_engine(postgres_url)
    with new_schema(engine) as schema:
        store = SQLStorage(engine, schema=schema, collections=[THINGS], prefix="a%s_")
        store.upgrade()
        yield store
    engine.dispose()


@pytest.fixture(params=["on_sqlite", "on_postgresql"])
def store(request: pytest.FixtureRequest) -> SQLStorage:
    found: SQLStorage = request.getfixturevalue(request.param)
    return found


def test_one_and_many_are_written_alike_whatever_fields_are_called(store: SQLStorage) -> None:
    one, two, three = (Thing(id=uid(number), place=f"p{number}", place_0="x", p_o_box="1") for number in (1, 2, 3))
    with store.unit_of_work("t") as uow:
        uow.add(THINGS, one)
        uow.add(THINGS, two, three)
        uow.save(THINGS, attrs.evolve(one, p_o_box="2", place="other"))
        assert uow.find(THINGS) == (attrs.evolve(one, p_o_box="2", place="other", version=2), two, three)
        assert uow.find(THINGS, THINGS.box.in_(["2"])) == (uow.get(THINGS, one.id),)


def test_values_of_several_types_fit_one_field(store: SQLStorage) -> None:
    things = [
        Thing(id=uid(1), place="a", price=Decimal("1.5"), added=70_000),
        Thing(id=uid(2), place="b", price=2, added=Size.LARGE),  # type: ignore[arg-type]
        Thing(id=uid(3), place="c", added=2**62),
    ]
    with store.unit_of_work("t") as uow:
        uow.add(THINGS, *things)
        found = uow.find(THINGS)
        assert [(thing.price, thing.added) for thing in found] == [(Decimal("1.5"), 70_000), (2, 3), (None, 2**62)]
        assert len(uow.find(THINGS, THINGS.price.in_([Decimal("1.5"), 2]))) == 2  # type: ignore[list-item]


@pytest.mark.parametrize("others", [(), (Thing(id=uid(2), place="b", day=date(2026, 1, 1)),)])
def test_a_time_is_no_day(store: SQLStorage, others: tuple[Thing, ...]) -> None:
    late = Thing(id=uid(1), place="a", day=datetime(2026, 1, 1, 12, tzinfo=UTC))
    with pytest.raises(StorageError), store.unit_of_work("t") as uow:
        uow.add(THINGS, late, *others)


WAYS: tuple[Callable[[UnitOfWork], object], ...] = (
    lambda uow: uow.get(THINGS, uid(1)),
    lambda uow: uow.get_many(THINGS, [uid(1)]),
    lambda uow: uow.find(THINGS, THINGS.place.eq("a")),
    lambda uow: uow.find(THINGS, THINGS.place.in_(["a"])),
)


@pytest.mark.parametrize("ask", WAYS)
def test_what_the_entity_refuses_is_an_error_of_the_store(
    store: SQLStorage, ask: Callable[[UnitOfWork], object]
) -> None:
    with store.unit_of_work("t") as uow:
        uow.add(THINGS, Thing(id=uid(1), place="a"))
        table = build_tables(sa.MetaData(), collections=[THINGS], prefix="a%s_", schema=_schema(store))["things"]
        connection_of(uow).execute(sa.update(table).values({"values": "refused"}))
    with pytest.raises(StorageError, match="ValueError"), store.unit_of_work("t", read_only=True) as uow:
        ask(uow)


def _schema(store: SQLStorage) -> str | None:
    return store._plans.tables["things"].schema  # noqa: SLF001 - the test made it up itself


def test_lists_are_rows_for_looks_by_key_and_arrays_elsewhere(on_postgresql: SQLStorage) -> None:
    sent: list[str] = []
    engine = on_postgresql._database.engine  # noqa: SLF001 - to hear what it sends
    keys = THINGS.box.in_(["1", "2"])
    with on_postgresql.unit_of_work("t", read_only=True) as uow:
        sa.event.listen(engine, "before_cursor_execute", lambda *heard: sent.append(heard[2]))
        uow.find(THINGS, keys)
        uow.find(THINGS, any_of(keys, THINGS.place.eq("a")))
        uow.find(THINGS, keys, order=THINGS.place.asc(), limit=5)
    assert [("unnest" in text, "ANY" in text) for text in sent] == [(True, False), (False, True), (False, True)]


def test_an_engine_that_names_its_parameters_is_taken(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/things.db", paramstyle="named", poolclass=sa.QueuePool)
    sa.event.listen(engine, "connect", lambda driver, _: _prepare(driver))
    store = SQLStorage(engine, collections=[THINGS])
    store.upgrade()
    with store.unit_of_work("t") as uow:
        uow.add(THINGS, Thing(id=uid(1), place="a"), Thing(id=uid(2), place="b"))
        assert uow.get(THINGS, uid(1)).place == "a"
        assert uow.remove(THINGS, uid(2)) == 1
    engine.dispose()


def _prepare(driver: Any) -> None:  # noqa: ANN401 - a connection of the driver
    for pragma in ("journal_mode = WAL", "foreign_keys = ON", "busy_timeout = 30000", "synchronous = FULL"):
        driver.execute(f"PRAGMA {pragma}")


def test_renamed_schemas_are_refused(on_postgresql: SQLStorage) -> None:
    engine = on_postgresql._database.engine  # noqa: SLF001 - the host's
    renaming = engine.execution_options(schema_translate_map={None: "other"})
    with pytest.raises(ConfigurationError, match="schema_translate_map"):
        SQLStorage(renaming, schema=_schema(on_postgresql), collections=[THINGS]).unit_of_work("t").__enter__()
    with renaming.begin() as connection, pytest.raises(ConfigurationError, match="schema_translate_map"):
        on_postgresql.joined(connection).unit_of_work("t").__enter__()


@attrs.frozen
class Reserved:
    id: UUID
    p_id: str


def test_names_of_parameters_are_reserved() -> None:
    class Made(Collection[Reserved]):
        name = "made"
        entity = Reserved

    with pytest.raises(ConfigurationError, match="p_id, which is reserved"):
        build_tables(sa.MetaData(), collections=[Made()])

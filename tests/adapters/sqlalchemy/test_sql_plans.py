"""Every declared question is answered from an index: nothing is scanned, nothing is sorted.

The plans are SQLite's, on a database without statistics and on one that was analysed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy import SQLStorage, build_tables, connection_of
from clientmgmt.adapters.sqlalchemy.types import ChoiceType, DateType, JsonType, TimestampType, UuidType
from clientmgmt.ports import COLLECTIONS, Collection, Field, Join, Order, Ordered, Source, UnitOfWork
from clientmgmt.ports.collections import CLIENT_MEMBERSHIPS, CONTACTS, MEMBERSHIPS, OUTBOX
from clientmgmt.testing.kit import BOOKS, KIT, PLACED_BOOKS

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 200
TENANTS = ("a", "b", "c")
EVERYTHING = (*COLLECTIONS, *KIT)
TABLES = build_tables(sa.MetaData(), collections=EVERYTHING)

Question = Callable[[UnitOfWork], object]


def value_of(column: sa.Column[Any], number: int) -> object:
    """The value of this column in row ``number``; all ids of a row are the same, so references hold."""
    kind = column.type
    if isinstance(kind, ChoiceType):
        members = list(kind.choices)
        return members[number % len(members)]
    makers: dict[type, Callable[[], object]] = {
        UuidType: lambda: UUID(int=number + 1),
        TimestampType: lambda: NOW + timedelta(hours=number),
        DateType: lambda: date(2026, 1, 1) + timedelta(days=number),
        sa.Boolean: lambda: number % 2 == 0,
        sa.Text: lambda: f"text {number:06}",
        JsonType: list,
    }
    return makers.get(type(kind), lambda: number)()


def field_value(collection: Collection[Any], field: Field[Any, Any]) -> object:
    return value_of(TABLES[collection.name].c["_".join(field.path)], 7)


def fill(path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        for collection in EVERYTHING:
            table = TABLES[collection.name]
            rows = [
                {column.name: value_of(column, number) for column in table.c} | {"tenant_id": tenant}
                for tenant in TENANTS
                for number in range(ROWS)
            ]
            connection.execute(sa.insert(table), rows)
    engine.dispose()


@pytest.fixture(scope="module", params=["fresh", "analysed"])
def storage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SQLStorage]:
    path = tmp_path_factory.mktemp("plans") / "plans.db"
    storage = SQLStorage(f"sqlite:///{path}", collections=EVERYTHING)
    storage.upgrade()
    if request.param == "analysed":
        fill(path)
        with sqlite3.connect(path) as connection:
            connection.execute("ANALYZE")
        connection.close()
    yield storage
    storage.close()


@contextmanager
def explained(uow: UnitOfWork) -> Iterator[list[str]]:
    """Collects the plan of every statement that the block runs."""
    engine = connection_of(uow).engine
    driver: Any = connection_of(uow).connection.dbapi_connection
    plan: list[str] = []

    def explain(_c: object, _cursor: object, statement: str, parameters: Sequence[Any], _x: object, many: bool) -> None:
        values = parameters[0] if many else parameters
        plan.extend(row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {statement}", values))

    sa.event.listen(engine, "before_cursor_execute", explain)
    try:
        yield plan
    finally:
        sa.event.remove(engine, "before_cursor_execute", explain)


def plan_of(storage: SQLStorage, question: Question) -> list[str]:
    with storage.unit_of_work("b") as uow, explained(uow) as plan:
        question(uow)
    assert plan
    return plan


def slow_steps(plan: list[str]) -> list[str]:
    return [step for step in plan if "TEMP B-TREE" in step or ("SCAN" in step and step != "SCAN CONSTANT ROW")]


def page(
    source: Source[Any, Any],
    equal: list[tuple[Field[Any, Any], object]],
    order: Order[Any],
    later_than: object = None,
) -> Question:
    after = None if later_than is None else (later_than, UUID(int=1))
    where = [field.eq(value) for field, value in equal]
    where.append(order.field.present())
    return lambda uow: uow.find(source, *where, order=order, after=after, limit=10)


def of_index(collection: Collection[Any], fields: tuple[Field[Any, Any], ...]) -> Iterator[tuple[str, Question]]:
    name = f"{collection.name}: {', '.join('.'.join(field.path) for field in fields)}"
    last = fields[-1]
    if isinstance(last, Ordered):
        equal = [(field, field_value(collection, field)) for field in fields[:-1]]
        for order in (last.asc(), last.desc()):
            direction = "falling" if order.descending else "rising"
            yield f"{name}, {direction}", page(collection, equal, order)
            yield (
                f"{name}, {direction}, later page",
                page(collection, equal, order, field_value(collection, last)),
            )
    where = [field.eq(field_value(collection, field)) for field in fields]
    yield f"{name}, equal", lambda uow: uow.find(collection, *where)
    yield f"{name}, counted", lambda uow: uow.count(collection, *where)
    yield (
        f"{name}, among",
        lambda uow: uow.find(collection, last.in_([field_value(collection, last)]), *where[:-1]),
    )


def get_three(collection: Collection[Any], uow: UnitOfWork) -> object:
    return uow.get_many(collection, [UUID(int=number) for number in range(1, 4)], lock=True)


def remove_one(collection: Collection[Any], uow: UnitOfWork) -> object:
    return uow.remove(collection, UUID(int=10**9))


def questions() -> Iterator[tuple[str, Question]]:
    for collection in EVERYTHING:
        yield f"{collection.name}: get_many", partial(get_three, collection)
        yield f"{collection.name}: remove", partial(remove_one, collection)
        for fields in (
            *collection.indexes,
            *collection.unique.values(),
            *((f,) for f, _ in collection.references),
        ):
            yield from of_index(collection, fields)
    yield "outbox: claim", lambda uow: uow.claim(OUTBOX, now=NOW, lease=timedelta(minutes=1), limit=10)
    joins: list[tuple[Join[Any, Any], list[tuple[Field[Any, Any], object]], Order[Any]]] = [
        (CONTACTS, [(MEMBERSHIPS.client_id, UUID(int=8))], MEMBERSHIPS.name_key.asc()),
        (CONTACTS, [], MEMBERSHIPS.name_key.asc()),
        (CLIENT_MEMBERSHIPS, [(MEMBERSHIPS.user_id, UUID(int=8))], MEMBERSHIPS.name_key.desc()),
        (PLACED_BOOKS, [(PLACED_BOOKS.on, UUID(int=8))], BOOKS.title.asc()),
    ]
    for number, (join, equal, order) in enumerate(joins):
        yield f"{join!r} {number}", page(join, equal, order)
        yield f"{join!r} {number}, later page", page(join, equal, order, "text 000003")


QUESTIONS = dict(questions())


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_declared_question_is_answered_from_an_index(storage: SQLStorage, name: str) -> None:
    plan = plan_of(storage, QUESTIONS[name])
    assert slow_steps(plan) == [], plan


def test_tenants_are_found_by_short_looks_into_an_index(storage: SQLStorage) -> None:
    with storage.unit_of_work("b") as uow, explained(uow) as plan:
        found = storage.tenants(MEMBERSHIPS)
    assert slow_steps(plan) == [], plan
    assert len(plan) == len(found) + 1


def test_what_has_no_index_is_seen_as_slow(storage: SQLStorage) -> None:
    """The check itself can fail."""
    with storage.unit_of_work("b") as uow, explained(uow) as plan:
        connection_of(uow).execute(sa.select(TABLES["users"]).order_by(TABLES["users"].c.phone)).all()
    assert len(slow_steps(plan)) == 2

"""Statements are built once, and a verb runs no more of them than it must."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import attrs
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from clientmgmt.adapters.sqlalchemy import SQLStorage, build_tables, connection_of
from clientmgmt.adapters.sqlalchemy.queries import Catalogue
from clientmgmt.errors import ConfigurationError
from clientmgmt.ports import Collection, UnitOfWork, any_of
from clientmgmt.testing.kit import (
    BOOKS,
    JOBS,
    KIT,
    LABELS,
    MIDNIGHT,
    PLACED_BOOKS,
    SAMPLES,
    SHELVES,
    Book,
    Job,
    Label,
    Sample,
    Shelf,
    uid,
)


@contextmanager
def statements(storage: SQLStorage) -> Iterator[list[str]]:
    """Collects what is sent to the database, besides begin and commit."""
    with storage.unit_of_work("t") as uow:
        engine = connection_of(uow).engine
    sent: list[str] = []

    def collect(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    sa.event.listen(engine, "before_cursor_execute", collect)
    try:
        yield sent
    finally:
        sa.event.remove(engine, "before_cursor_execute", collect)


def story(uow: UnitOfWork, number: int) -> None:
    """Every verb, with values that depend on ``number``."""
    shelf = Shelf(id=uid(number), code=f"code {number}")
    book = Book(id=uid(number), shelf_id=shelf.id, serial=f"serial {number}")
    uow.add(SHELVES, shelf)
    uow.add_if_absent(BOOKS, book)
    uow.add(JOBS, Job(id=uid(number), lane="a"), Job(id=uid(number + 500), lane="a"))
    uow.save(SHELVES, uow.get(SHELVES, shelf.id, lock=True))
    uow.get_many(BOOKS, [book.id, uid(9999)], lock=True)
    uow.find(BOOKS, BOOKS.title.prefix("a" * number), BOOKS.pages.ge(number), BOOKS.serial.in_(["a"] * number))
    uow.find(BOOKS, any_of(BOOKS.slot.eq(None), BOOKS.title.lt("b")), order=BOOKS.title.asc(), limit=number)
    uow.find(PLACED_BOOKS, order=BOOKS.title.desc(), after=("x", uid(number)), limit=number)
    uow.count(BOOKS, BOOKS.lent_at.present())
    uow.next_number("numbers")
    uow.claim(JOBS, now=MIDNIGHT + timedelta(days=number), lease=timedelta(minutes=1), limit=number)
    uow.remove(JOBS, uid(number))


def test_no_statement_is_built_twice(store: SQLStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.unit_of_work("t") as uow:
        story(uow, 1)
        compiled = len(connection_of(uow).engine._compiled_cache or ())  # noqa: SLF001 - the measure of SQLAlchemy
    for name in ("select", "insert", "update", "delete", "bindparam"):
        monkeypatch.delattr(sa, name)
    for number in range(2, 6):
        with store.unit_of_work("t") as uow:
            story(uow, number)
            assert len(connection_of(uow).engine._compiled_cache or ()) == compiled  # noqa: SLF001 - the same


COUNTS: dict[str, tuple[int, Callable[[UnitOfWork], object]]] = {
    "get": (1, lambda uow: uow.get(SHELVES, uid(1), lock=True)),
    "get_many": (1, lambda uow: uow.get_many(SHELVES, [uid(1), uid(2)])),
    "get_many of none": (0, lambda uow: uow.get_many(SHELVES, [])),
    "find": (1, lambda uow: uow.find(PLACED_BOOKS)),
    "count": (1, lambda uow: uow.count(SHELVES)),
    "add": (1, lambda uow: uow.add(LABELS, Label(id=uid(1), key="a"))),
    "add of none": (0, lambda uow: uow.add(LABELS)),
    "add of 2500": (3, lambda uow: uow.add(LABELS, *(Label(id=uid(n), key=str(n)) for n in range(1, 2501)))),
    "add_if_absent": (1, lambda uow: uow.add_if_absent(LABELS, Label(id=uid(1), key="a"))),
    "save": (1, lambda uow: uow.save(SHELVES, Shelf(id=uid(1), code="A"))),
    "remove": (1, lambda uow: uow.remove(SHELVES, uid(8), uid(9))),
    "remove of none": (0, lambda uow: uow.remove(SHELVES)),
    "remove of 1001": (2, lambda uow: uow.remove(SHELVES, *(uid(n) for n in range(8, 1009)))),
    "next_number": (1, lambda uow: uow.next_number("n")),
    "claim": (2, lambda uow: uow.claim(JOBS, now=MIDNIGHT, lease=timedelta(minutes=1), limit=5)),
    "claim of none": (
        1,
        lambda uow: uow.claim(JOBS, now=MIDNIGHT - timedelta(1), lease=timedelta(1), limit=5),
    ),
}


@pytest.mark.parametrize("name", COUNTS)
def test_a_verb_costs_its_statements(store: SQLStorage, name: str) -> None:
    with store.unit_of_work("t") as uow:
        uow.add(SHELVES, Shelf(id=uid(1), code="A"), Shelf(id=uid(2), code="B"))
        uow.add(BOOKS, Book(id=uid(1), shelf_id=uid(1), serial="s"))
        uow.add(JOBS, Job(id=uid(1), lane="a"), Job(id=uid(2), lane="b"))
    expected, act = COUNTS[name]
    with statements(store) as sent:
        with store.unit_of_work("t") as uow:
            act(uow)
        assert len(sent) == expected, sent


def test_nothing_is_read_back_when_rows_are_added(store: SQLStorage) -> None:
    with statements(store) as sent, store.unit_of_work("t") as uow:
        uow.add(SAMPLES, Sample(id=uid(1)))
        uow.add(JOBS, *(Job(id=uid(number), lane="a") for number in range(1, 100)))
    assert not any("RETURNING" in statement for statement in sent)


def test_nothing_is_sorted_that_nobody_asked_for(store: SQLStorage) -> None:
    with statements(store) as sent, store.unit_of_work("t") as uow:
        uow.find(BOOKS, BOOKS.shelf_id.eq(uid(1)))
        uow.count(BOOKS)
        uow.get_many(BOOKS, [uid(1)])
    assert sent
    assert not any("ORDER BY" in statement for statement in sent)


def test_postgresql_locks_rows_without_hindering_references(on_postgresql: SQLStorage) -> None:
    with statements(on_postgresql) as sent, on_postgresql.unit_of_work("t") as uow:
        uow.get_many(SHELVES, [uid(2), uid(1)], lock=True)
        uow.claim(JOBS, now=MIDNIGHT, lease=timedelta(minutes=1), limit=5)
    assert "ORDER BY" in sent[0]
    assert sent[0].endswith("FOR NO KEY UPDATE")
    assert "SKIP LOCKED" in sent[1]


def test_lanes_keep_their_order_in_one_statement(store: SQLStorage) -> None:
    """The rows of one statement are numbered one after the other, in each lane and each tenant."""
    jobs = [Job(id=uid(1000 - number), lane="ab"[number % 2]) for number in range(20)]
    for tenant in ("t", "u"):
        with store.unit_of_work(tenant) as uow:
            uow.add(JOBS, *jobs)
    claimed = []
    for minute in range(10):
        with store.unit_of_work("t") as uow:
            now = MIDNIGHT + timedelta(minutes=minute)
            heads = uow.claim(JOBS, now=now, lease=timedelta(minutes=1), limit=10)
            uow.remove(JOBS, *(job.id for job in heads))
            claimed.append({job.id for job in heads})
    assert claimed == [{jobs[number].id, jobs[number + 1].id} for number in range(0, 20, 2)]


@attrs.frozen(kw_only=True)
class Errand:
    """Waits in a lane, and has no version."""

    id: UUID
    lane: str
    due_at: datetime
    attempts: int = 0


class Errands(Collection[Errand]):
    name = "errands"
    entity = Errand
    queue = True


def test_a_queue_needs_no_versions(tmp_path: Path) -> None:
    errands = Errands()
    storage = SQLStorage(f"sqlite:///{tmp_path / 'errands.db'}", collections=[errands])
    errand = Errand(id=uid(1), lane="a", due_at=MIDNIGHT)
    until = MIDNIGHT + timedelta(hours=1)
    with storage.unit_of_work("t") as uow:
        uow.add(errands, errand)
        held = uow.claim(errands, now=MIDNIGHT, lease=timedelta(hours=1), limit=1)
        assert held == (Errand(id=uid(1), lane="a", due_at=until, attempts=1),) == uow.find(errands)
    storage.close()


def test_the_cache_of_shapes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clientmgmt.adapters.sqlalchemy.queries._MOST_SHAPES", 3)
    catalogue = Catalogue(KIT, build_tables(sa.MetaData(), collections=KIT), sqlite.dialect())
    conditions = [BOOKS.serial.eq("x"), BOOKS.title.lt("x"), BOOKS.title.gt("x"), BOOKS.title.le("x")]
    built = [catalogue.count(BOOKS, (condition,), {}) for condition in conditions]
    assert catalogue.count(BOOKS, (conditions[3],), {}) is built[3]
    assert catalogue.count(BOOKS, (conditions[0],), {}) is not built[0]


def test_a_collection_that_the_store_was_not_given_is_refused(on_sqlite: SQLStorage) -> None:
    stranger = type(LABELS)()
    with on_sqlite.unit_of_work("t") as uow, pytest.raises(ConfigurationError, match="is not among"):
        uow.find(stranger)


def test_only_a_queue_can_be_claimed(on_sqlite: SQLStorage) -> None:
    with (
        on_sqlite.unit_of_work("t") as uow,
        pytest.raises(ConfigurationError, match="not declared as a queue"),
    ):
        uow.claim(SHELVES, now=MIDNIGHT, lease=timedelta(1), limit=1)  # type: ignore[type-var]

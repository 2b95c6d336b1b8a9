"""The help for stores whose database cannot filter: it answers what the store in memory answers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clientmgmt.adapters.memory import InMemoryStorage
from clientmgmt.errors import ConfigurationError
from clientmgmt.ports import COLLECTIONS, Order, lookups_of, referrers_of, resolve, select_rows
from clientmgmt.testing._programs import Call, questions
from clientmgmt.testing.kit import (
    BOOKS,
    JOBS,
    KIT,
    LABELS,
    PLACED_BOOKS,
    SAMPLES,
    SHELVES,
    Amount,
    Book,
    Job,
    Sample,
    Shelf,
    uid,
)
from clientmgmt.testing.strategies import books, shelves

some_shelves = st.lists(shelves(), min_size=3, max_size=3, unique_by=(lambda one: one.id, lambda one: one.code))
some_books = st.lists(books(), max_size=6, unique_by=(lambda one: one.id, lambda one: one.serial))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(some_shelves, some_books, st.lists(questions(), min_size=1, max_size=5))
def test_it_selects_what_a_store_finds(standing: list[Shelf], put: list[Book], asked: list[Call]) -> None:
    storage = InMemoryStorage(collections=KIT)
    by_id = {shelf.id: shelf for shelf in standing}
    kept = {(book.shelf_id, book.slot or book.id): book for book in put if book.shelf_id in by_id}.values()
    with storage.unit_of_work("kit") as uow:
        uow.add(SHELVES, *standing)
        uow.add(BOOKS, *kept)
        for call in asked:
            if call.verb == "find":
                source, *where = call.arguments
                if source is JOBS:
                    continue
                rows = [(book, by_id[book.shelf_id]) for book in kept] if source is PLACED_BOOKS else kept
                assert select_rows(source, rows, *resolve(uow.find, where), **call.options) == call.ask(uow)


@pytest.mark.parametrize("order", [JOBS.arrival.asc(), JOBS.arrival.desc()])
def test_a_queue_is_selected_in_the_order_of_its_arrival(order: Order[Job]) -> None:
    storage = InMemoryStorage(collections=KIT)
    jobs = [Job(id=uid(number), lane="x") for number in (3, 1, 2)]
    with storage.unit_of_work("kit") as uow:
        uow.add(JOBS, *jobs)
        wanted = uow.find(JOBS, JOBS.lane.eq("x"), order=order, limit=2)
    assert select_rows(JOBS, jobs, JOBS.lane.eq("x"), order=order, limit=2) == wanted
    assert len(wanted) == 2


def test_lookups_are_keys_indexes_and_references() -> None:
    assert lookups_of(BOOKS) == (
        (BOOKS.shelf_id, BOOKS.slot),
        (BOOKS.serial,),
        (BOOKS.shelf_id,),
        (BOOKS.colour,),
    )
    assert lookups_of(SAMPLES) == ((SAMPLES.colour,),)
    assert lookups_of(JOBS) == ()


def test_a_field_inside_what_may_be_missing_is_missing_then() -> None:
    amount = Amount(Decimal(1), "EUR")
    assert SAMPLES.currency.get(Sample(id=uid(1), amount=amount)) == "EUR"
    assert SAMPLES.currency.get(Sample(id=uid(1))) is None


def test_what_is_present_and_what_is_one_of_some() -> None:
    rows = [Sample(id=uid(1), note="n"), Sample(id=uid(2)), Sample(id=uid(3), note="m")]
    note = SAMPLES.note
    for condition, wanted in (
        (note.present(), [1, 3]),
        (note.eq(None), [2]),
        (note.in_(["n", "x"]), [1]),
        (SAMPLES.currency.present(), []),
    ):
        assert [row.id.int & 3 for row in select_rows(SAMPLES, rows, condition)] == wanted


def test_referrers_are_found_by_their_fields() -> None:
    assert referrers_of(SHELVES, KIT) == ((BOOKS, BOOKS.shelf_id), (LABELS, LABELS.shelf_id))
    assert referrers_of(BOOKS, KIT) == ()
    assert sum(len(referrers_of(one, COLLECTIONS)) for one in COLLECTIONS) == sum(
        len(one.references) for one in COLLECTIONS
    )


def test_the_order_of_arrival_is_that_of_queues_and_no_field_of_theirs() -> None:
    storage = InMemoryStorage(collections=KIT)
    with storage.unit_of_work("kit") as uow:
        for find in (
            lambda: uow.find(SHELVES, order=SHELVES.arrival.asc()),
            lambda: uow.find(PLACED_BOOKS, order=BOOKS.arrival.asc()),
        ):
            with pytest.raises(ConfigurationError, match="not declared as a queue"):
                find()
    with pytest.raises(ConfigurationError, match="no field of the entity"):
        JOBS.arrival.get(Job(id=uid(1), lane="x"))


@pytest.mark.parametrize("options", [{"limit": 1}, {"after": ("A", uid(1))}])
def test_a_part_of_no_order_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="need an order"):
        select_rows(SHELVES, [], **options)

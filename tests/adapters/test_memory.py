"""Storage in memory keeps the port's promises, and some of its own."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import attrs
import pytest

from clientmgmt.adapters.memory import Contents, InMemoryStorage
from clientmgmt.errors import ConfigurationError, TransactionError
from clientmgmt.ports import Collection, Storage, UniqueViolation
from clientmgmt.testing.capabilities import StorageCapability
from clientmgmt.testing.conformance import StorageConformance
from clientmgmt.testing.kit import (
    BOOKS,
    JOBS,
    KIT,
    LABELS,
    MIDNIGHT,
    PLACED_BOOKS,
    SHELVES,
    Book,
    Job,
    Label,
    Shelf,
    uid,
)

SHELF = Shelf(id=uid(1), code="A")


NO_NESTING = {StorageCapability.NESTED_UNITS: "units of work wait for each other, and none waits for itself"}


class TestInMemoryStorage(StorageConformance):
    lacks = NO_NESTING

    @pytest.fixture
    def storage(self, memory_storage: InMemoryStorage) -> Storage:
        return memory_storage


class FileStorage(InMemoryStorage):
    """A small store of one's own: everything in one file, written at each commit."""

    def __init__(self, path: Path) -> None:
        self._path = path
        contents = pickle.loads(path.read_bytes()) if path.exists() else None  # noqa: S301 - written by itself
        super().__init__(collections=KIT, contents=contents)

    @property
    def ephemeral(self) -> bool:
        return False

    def persist(self) -> None:
        self._path.write_bytes(pickle.dumps(self.contents()))


class TestStorageBuiltOnIt(StorageConformance):
    lacks = NO_NESTING

    @pytest.fixture
    def storage(self, tmp_path: Path) -> Storage:
        return FileStorage(tmp_path / "store")


def filled(storage: Storage) -> None:
    with storage.unit_of_work("acme") as uow:
        uow.add(SHELVES, SHELF)
        uow.add(BOOKS, Book(id=uid(2), shelf_id=SHELF.id, serial="2"))
        for number in (9, 5, 7):
            uow.add(JOBS, Job(id=uid(number), lane="x"))
        uow.next_number("a")


def test_it_forgets() -> None:
    storage = InMemoryStorage()
    assert storage.ephemeral
    assert storage.upgrade() == ()
    assert storage.check() == ()
    storage.close()


def test_a_store_built_on_it_remembers(tmp_path: Path) -> None:
    filled(FileStorage(tmp_path / "store"))
    storage = FileStorage(tmp_path / "store")
    assert not storage.ephemeral
    with storage.unit_of_work("acme") as uow:
        assert uow.next_number("a") == 2
        assert uow.find(PLACED_BOOKS, SHELVES.code.eq("A"))[0][1] == SHELF
        assert uow.claim(JOBS, now=MIDNIGHT, lease=timedelta(0), limit=5)[0].id == uid(9)
        uow.add(JOBS, Job(id=uid(1), lane="x"))
    with pytest.raises(UniqueViolation), storage.unit_of_work("acme") as uow:
        uow.add(SHELVES, Shelf(id=uid(3), code="A"))
    jobs = storage.contents().entities["acme", JOBS.name]
    assert [job.id for job in jobs] == [uid(9), uid(5), uid(7), uid(1)]


def test_contents_are_all_that_is_stored(memory_storage: InMemoryStorage) -> None:
    assert memory_storage.contents() == Contents()
    filled(memory_storage)
    contents = memory_storage.contents()
    assert contents.entities["acme", SHELVES.name] == (SHELF,)
    assert set(contents.entities) == {("acme", one.name) for one in (SHELVES, BOOKS, JOBS)}
    assert contents.numbers == {("acme", "a"): 1}


def test_a_store_that_cannot_persist_undoes_the_unit() -> None:
    class Full(InMemoryStorage):
        def persist(self) -> None:
            message = "no space left"
            raise OSError(message)

    storage = Full(collections=KIT)
    with pytest.raises(OSError, match="no space"):
        filled(storage)
    assert storage.contents().entities == {}


def test_units_that_write_nothing_are_not_persisted(memory_storage: InMemoryStorage) -> None:
    filled(memory_storage)

    class Counting(InMemoryStorage):
        written = 0

        def persist(self) -> None:
            self.written += 1

    storage = Counting(collections=KIT, contents=memory_storage.contents())
    with storage.unit_of_work("acme") as uow:
        uow.get(SHELVES, SHELF.id, lock=True)
    assert storage.written == 0
    with storage.unit_of_work("acme") as uow:
        uow.save(SHELVES, SHELF)
    assert storage.written == 1


def test_entities_are_shared_not_copied(memory_storage: InMemoryStorage) -> None:
    filled(memory_storage)
    with memory_storage.unit_of_work("acme") as uow:
        assert uow.get(SHELVES, SHELF.id) is SHELF


def test_units_of_one_thread_do_not_nest(memory_storage: InMemoryStorage) -> None:
    with (
        memory_storage.unit_of_work("acme"),
        pytest.raises(TransactionError, match="inside"),
        memory_storage.unit_of_work("other"),
    ):
        raise AssertionError
    with memory_storage.unit_of_work("acme"), pytest.raises(TransactionError, match="inside"):
        memory_storage.tenants(SHELVES)


def test_units_of_several_threads_wait_for_each_other(memory_storage: InMemoryStorage) -> None:
    def add(number: int) -> int:
        with memory_storage.unit_of_work("acme") as uow:
            there = uow.count(LABELS)
            uow.add(LABELS, Label(id=uid(number), key=str(number)))
            return there

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(add, range(200))) == list(range(200))


def test_reading_units_do_not_lock(memory_storage: InMemoryStorage) -> None:
    filled(memory_storage)
    with (
        memory_storage.unit_of_work("acme", read_only=True) as uow,
        pytest.raises(TransactionError, match="reads"),
    ):
        uow.get(SHELVES, SHELF.id, lock=True)


def test_collections_must_be_known() -> None:
    with pytest.raises(ConfigurationError, match="kit_shelves"):
        InMemoryStorage(collections=[BOOKS])
    with InMemoryStorage().unit_of_work("acme") as uow, pytest.raises(ConfigurationError, match="kit_books"):
        uow.find(BOOKS)


def test_only_queues_are_claimed(memory_storage: InMemoryStorage) -> None:
    with (
        memory_storage.unit_of_work("acme") as uow,
        pytest.raises(ConfigurationError, match="not declared as a queue"),
    ):
        uow.claim(SHELVES, now=MIDNIGHT, lease=timedelta(0), limit=1)  # type: ignore[type-var]


@attrs.frozen(kw_only=True)
class Ticket:
    id: UUID
    lane: str = "x"
    due_at: datetime = MIDNIGHT
    attempts: int = 0


class Tickets(Collection[Ticket]):
    name = "tickets"
    entity = Ticket
    queue = True


def test_entities_without_a_version_can_be_claimed() -> None:
    tickets, ticket = Tickets(), Ticket(id=uid(1))
    with InMemoryStorage(collections=[tickets]).unit_of_work("acme") as uow:
        uow.add(tickets, ticket)
        assert uow.claim(tickets, now=MIDNIGHT, lease=timedelta(0), limit=1) == (attrs.evolve(ticket, attempts=1),)


def test_rows_without_a_value_are_left_out_of_its_order(memory_storage: InMemoryStorage) -> None:
    filled(memory_storage)
    with memory_storage.unit_of_work("acme") as uow:
        assert uow.find(BOOKS, order=BOOKS.lent_at.asc()) == ()
        book = uow.get(BOOKS, uid(2))
        lent = uow.save(BOOKS, attrs.evolve(book, lent_at=MIDNIGHT))
        assert uow.find(BOOKS, order=BOOKS.lent_at.asc()) == (lent,)
        uow.save(BOOKS, attrs.evolve(lent, lent_at=None))
        assert uow.find(BOOKS, order=BOOKS.lent_at.asc()) == ()

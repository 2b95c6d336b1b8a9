"""Several threads at once. Units that lose against another are run again, as the package does."""

from __future__ import annotations

from datetime import timedelta
from itertools import chain

import attrs

from clientmgmt.ports.storage import Storage, UnitOfWork
from clientmgmt.testing.capabilities import StorageCapability
from clientmgmt.testing.conformance._base import SHELF, TENANT, book, ids, in_threads, keep, kept, retrying
from clientmgmt.testing.conformance._gaps import needs
from clientmgmt.testing.kit import BOOKS, JOBS, LABELS, MIDNIGHT, SHELVES, Job, Label, Shelf, uid

THREADS = 8
LIMIT = 10


class ConcurrencyConformance:
    """What holds when units run at the same time."""

    @needs(StorageCapability.THREADS)
    def test_a_limit_under_a_lock_is_never_passed(self, storage: Storage) -> None:
        """Who has locked the shelf counts what is there and adds; all together they add up to the limit."""
        keep(storage, SHELVES, SHELF)

        def add(uow: UnitOfWork, number: int) -> bool:
            uow.get(SHELVES, SHELF.id, lock=True)
            free = uow.count(BOOKS, BOOKS.shelf_id.eq(SHELF.id)) < LIMIT
            if free:
                uow.add(BOOKS, book(number))
            return free

        def work(thread: int) -> int:
            numbers = range(100 * (thread + 1), 100 * (thread + 1) + 3)
            return sum(retrying(storage, lambda uow, number=number: add(uow, number)) for number in numbers)  # type: ignore[misc]

        assert sum(in_threads(THREADS, work)) == LIMIT
        assert len(kept(storage, BOOKS)) == LIMIT

    @needs(StorageCapability.THREADS)
    def test_no_change_is_lost(self, storage: Storage) -> None:
        """Each thread changes the same entity; each change is a version of its own."""
        keep(storage, SHELVES, SHELF)

        def change(uow: UnitOfWork) -> None:
            shelf = uow.get(SHELVES, SHELF.id, lock=True)
            uow.save(SHELVES, attrs.evolve(shelf, name=shelf.name + "x"))

        def change_without_lock(uow: UnitOfWork) -> None:
            shelf = uow.get(SHELVES, SHELF.id)
            uow.save(SHELVES, attrs.evolve(shelf, name=shelf.name + "x"))

        def work(thread: int) -> None:
            retrying(storage, change if thread % 2 else change_without_lock)

        in_threads(THREADS, work)
        assert kept(storage, SHELVES) == (attrs.evolve(SHELF, name="x" * THREADS, version=1 + THREADS),)

    @needs(StorageCapability.THREADS)
    def test_numbers_are_given_once(self, storage: Storage) -> None:
        """No number is missing and none is given twice."""
        given = in_threads(THREADS, lambda _: [retrying(storage, _next_number) for _ in range(3)])
        assert sorted(chain.from_iterable(given)) == list(range(1, 3 * THREADS + 1))

    @needs(StorageCapability.THREADS)
    def test_one_of_many_adds_what_is_absent(self, storage: Storage) -> None:
        """Of several that add the same key, one does and the others learn of it."""

        def work(thread: int) -> bool:
            label = Label(id=uid(thread + 1), key="same")
            return retrying(storage, lambda uow: uow.add_if_absent(LABELS, label))

        assert sorted(in_threads(THREADS, work)) == [False] * (THREADS - 1) + [True]
        assert len(kept(storage, LABELS)) == 1

    @needs(StorageCapability.THREADS, StorageCapability.CONCURRENT_CLAIMS)
    def test_nothing_is_claimed_twice(self, storage: Storage) -> None:
        """Workers share the lanes, and each lane is worked off in its order."""
        lanes = 5
        for number in range(1, 31):
            keep(storage, JOBS, Job(id=uid(number), lane=f"lane {number % lanes}", text=str(number)))
        done: list[Job] = []

        def work(_: int) -> None:
            while len(done) < 30:
                with storage.unit_of_work(TENANT) as uow:
                    claimed = uow.claim(JOBS, now=MIDNIGHT, lease=timedelta(1), limit=2)
                done.extend(claimed)
                retrying(storage, lambda uow, claimed=claimed: uow.remove(JOBS, *ids(claimed)))  # type: ignore[misc]

        in_threads(4, work)
        assert sorted(int(job.text) for job in done) == list(range(1, 31))
        for lane in range(lanes):
            order = [int(job.text) for job in done if int(job.text) % lanes == lane]
            assert order == sorted(order)

    @needs(StorageCapability.THREADS)
    def test_lanes_follow_the_order_of_concurrent_writers(self, storage: Storage) -> None:
        """Who has locked the shelf first stands first in its lane, whatever the ids say."""
        keep(storage, SHELVES, SHELF)

        def add(uow: UnitOfWork) -> None:
            uow.get(SHELVES, SHELF.id, lock=True)
            number = uow.next_number("jobs")
            uow.add(JOBS, Job(id=uid(1000 - number), lane="x", text=str(number)))

        in_threads(THREADS, lambda _: [retrying(storage, add) for _ in range(2)])
        for number in range(1, 2 * THREADS + 1):
            with storage.unit_of_work(TENANT) as uow:
                (job,) = uow.claim(JOBS, now=MIDNIGHT, lease=timedelta(1), limit=9)
                assert job.text == str(number)
                uow.remove(JOBS, job.id)

    @needs(StorageCapability.THREADS)
    def test_locks_of_many_are_taken_in_one_order(self, storage: Storage) -> None:
        """Whoever locks the same entities, named in another order, waits or loses; nobody waits for ever."""
        shelves = [SHELF, Shelf(id=uid(2), code="B"), Shelf(id=uid(3), code="C")]
        keep(storage, SHELVES, *shelves)

        def change(uow: UnitOfWork, named: list[Shelf]) -> None:
            for shelf in uow.get_many(SHELVES, ids(named), lock=True).values():
                uow.save(SHELVES, attrs.evolve(shelf, name=shelf.name + "x"))

        def work(thread: int) -> None:
            named = shelves if thread % 2 else shelves[::-1]
            for _ in range(3):
                retrying(storage, lambda uow: change(uow, named))

        in_threads(THREADS, work)
        assert {shelf.name for shelf in kept(storage, SHELVES)} == {"x" * 3 * THREADS}


def _next_number(uow: UnitOfWork) -> int:
    return uow.next_number("a")

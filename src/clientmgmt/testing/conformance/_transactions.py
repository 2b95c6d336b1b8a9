"""Units of work: all or nothing, poison, savepoints, isolation."""

# A unit of work that fails is left as a whole.
# ruff: noqa: PT012

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import timedelta

import attrs
import pytest

from clientmgmt.errors import TransactionConflictError, TransactionError
from clientmgmt.ports.storage import ReferenceViolation, Storage, UniqueViolation, UnitOfWork
from clientmgmt.testing.capabilities import StorageCapability
from clientmgmt.testing.conformance._base import SHELF, TENANT, PlannedError, book, ids, in_threads, keep, kept
from clientmgmt.testing.conformance._gaps import Promises, needs
from clientmgmt.testing.kit import BOOKS, JOBS, LABELS, MIDNIGHT, SHELVES, Job, Label, Shelf, uid

SECOND = Shelf(id=uid(2), code="B")
CLASHING = Shelf(id=uid(9), code=SHELF.code)

VERBS: tuple[Callable[[UnitOfWork], object], ...] = (
    lambda uow: uow.get(SHELVES, SHELF.id),
    lambda uow: uow.get_many(SHELVES, [SHELF.id]),
    lambda uow: uow.find(SHELVES),
    lambda uow: uow.count(SHELVES),
    lambda uow: uow.add(SHELVES, Shelf(id=uid(77), code="77")),
    lambda uow: uow.add_if_absent(SHELVES, Shelf(id=uid(78), code="78")),
    lambda uow: uow.save(SHELVES, SHELF),
    lambda uow: uow.remove(SHELVES, uid(99)),
    lambda uow: uow.next_number("a"),
    lambda uow: uow.claim(JOBS, now=MIDNIGHT, lease=timedelta(1), limit=1),
    lambda uow: uow.savepoint().__enter__(),
)


def clash(uow: UnitOfWork) -> None:
    """Violate a unique key, and go on as if nothing had happened."""
    with pytest.raises(UniqueViolation):
        uow.add(SHELVES, CLASHING)


class TransactionConformance(Promises):
    """What units of work and savepoints promise."""

    def test_an_error_undoes_everything(self, storage: Storage) -> None:
        """Nothing that any verb did is left when an error leaves the unit."""
        keep(storage, SHELVES, SHELF, SECOND)
        keep(storage, JOBS, Job(id=uid(5), lane="x"))
        with pytest.raises(PlannedError), storage.unit_of_work(TENANT) as uow:
            uow.save(SHELVES, attrs.evolve(SHELF, name="new", code="Z"))
            uow.remove(SHELVES, SECOND.id)
            uow.add(SHELVES, Shelf(id=uid(3), code="C"))
            uow.add_if_absent(LABELS, Label(id=uid(4), key="k", shelf_id=uid(3)))
            uow.claim(JOBS, now=MIDNIGHT, lease=timedelta(1), limit=1)
            raise PlannedError
        assert kept(storage, SHELVES) == (SHELF, SECOND)
        assert kept(storage, LABELS) == ()
        assert kept(storage, JOBS) == (Job(id=uid(5), lane="x"),)

    def test_undone_keys_are_free_and_kept_keys_are_taken(self, storage: Storage) -> None:
        """Undoing reaches unique keys, orders and references as well."""
        keep(storage, SHELVES, SHELF)
        with pytest.raises(PlannedError), storage.unit_of_work(TENANT) as uow:
            uow.save(SHELVES, attrs.evolve(SHELF, code="B", name="z"))
            uow.add(SHELVES, CLASHING)
            uow.add(BOOKS, book(5))
            raise PlannedError
        keep(storage, SHELVES, SECOND)
        with pytest.raises(UniqueViolation):
            keep(storage, SHELVES, CLASHING)
        with storage.unit_of_work(TENANT) as uow:
            assert ids(uow.find(SHELVES, order=SHELVES.name_.asc())) == [uid(1), uid(2)]
            assert uow.remove(SHELVES, SHELF.id) == 1

    def test_the_error_itself_leaves_the_unit(self, storage: Storage) -> None:
        """Whoever opened the unit sees what went wrong."""
        keep(storage, SHELVES, SHELF)
        with pytest.raises(UniqueViolation), storage.unit_of_work(TENANT) as uow:
            uow.add(SHELVES, CLASHING)
        with pytest.raises(PlannedError), storage.unit_of_work(TENANT) as uow:
            clash(uow)
            raise PlannedError

    def test_the_store_works_after_an_error(self, storage: Storage) -> None:
        """An error in one unit is no matter of the next."""
        for _ in range(3):
            with pytest.raises(PlannedError), storage.unit_of_work(TENANT) as uow:
                uow.add(SHELVES, SHELF)
                raise PlannedError
        keep(storage, SHELVES, SHELF)
        assert kept(storage, SHELVES) == (SHELF,)

    def test_a_violation_poisons_every_verb(self, storage: Storage) -> None:
        """After a violation that was caught, each verb and the regular end raise TransactionError."""
        keep(storage, SHELVES, SHELF)
        for verb in VERBS:
            with pytest.raises(TransactionError), storage.unit_of_work(TENANT) as uow:
                uow.add(SHELVES, SECOND)
                clash(uow)
                with pytest.raises(TransactionError):
                    verb(uow)
        assert kept(storage, SHELVES) == (SHELF,)

    def test_every_violation_poisons(self, storage: Storage) -> None:
        """Unique keys on saving, and references on adding and removing, poison as well."""
        keep(storage, SHELVES, SHELF, SECOND)
        keep(storage, BOOKS, book(5))

        def take_a_key(uow: UnitOfWork) -> None:
            uow.save(SHELVES, attrs.evolve(SECOND, code=SHELF.code))

        def refer_to_nothing(uow: UnitOfWork) -> None:
            uow.add(BOOKS, book(6, shelf_id=uid(99)))

        def remove_what_is_referred_to(uow: UnitOfWork) -> None:
            uow.remove(SHELVES, SHELF.id)

        for violate in (take_a_key, refer_to_nothing, remove_what_is_referred_to):
            with pytest.raises(TransactionError), storage.unit_of_work(TENANT) as uow:
                uow.add(SHELVES, Shelf(id=uid(3), code="C"))
                with pytest.raises((UniqueViolation, ReferenceViolation)):
                    violate(uow)
        assert kept(storage, SHELVES) == (SHELF, SECOND)

    def test_a_unit_that_has_ended_refuses(self, storage: Storage) -> None:
        """No verb works after the end of its unit, be it good or bad."""
        with storage.unit_of_work(TENANT) as ended:
            ended.add(SHELVES, SHELF)
        with pytest.raises(PlannedError), storage.unit_of_work(TENANT) as failed:
            raise PlannedError
        for uow in (ended, failed):
            for verb in VERBS:
                with pytest.raises(TransactionError):
                    verb(uow)

    @needs(StorageCapability.SAVEPOINTS, tried=True)
    def test_a_savepoint_contains_a_violation(self, storage: Storage) -> None:
        """What the block did is undone, what was before stays, and the unit goes on."""
        with storage.unit_of_work(TENANT) as uow:
            uow.add(SHELVES, SHELF)
            with pytest.raises(UniqueViolation), uow.savepoint():
                uow.add(SHELVES, SECOND)
                uow.add(SHELVES, CLASHING)
            with pytest.raises(ReferenceViolation), uow.savepoint():
                uow.add(BOOKS, book(5, shelf_id=uid(99)))
            with pytest.raises(ReferenceViolation), uow.savepoint():
                uow.add(BOOKS, book(5))
                uow.remove(SHELVES, SHELF.id)
            assert uow.find(SHELVES) == (SHELF,)
            uow.add(SHELVES, Shelf(id=uid(3), code="C"))
        assert ids(kept(storage, SHELVES)) == [uid(1), uid(3)]
        assert kept(storage, BOOKS) == ()

    @needs(StorageCapability.SAVEPOINTS, tried=True)
    def test_a_savepoint_contains_any_error(self, storage: Storage) -> None:
        """An error of the program undoes the block as well: added, saved and removed entities."""
        keep(storage, SHELVES, SHELF, SECOND)
        with storage.unit_of_work(TENANT) as uow:
            with pytest.raises(PlannedError), uow.savepoint():
                uow.save(SHELVES, attrs.evolve(SHELF, name="new"))
                uow.remove(SHELVES, SECOND.id)
                uow.add(SHELVES, Shelf(id=uid(3), code="C"))
                raise PlannedError
            assert uow.find(SHELVES) == (SHELF, SECOND)
        assert kept(storage, SHELVES) == (SHELF, SECOND)

    @needs(StorageCapability.SAVEPOINTS, tried=True)
    def test_a_good_savepoint_keeps_what_it_did(self, storage: Storage) -> None:
        """Its work is part of the unit: committed with it, and undone with it."""
        with storage.unit_of_work(TENANT) as uow, uow.savepoint():
            uow.add(SHELVES, SHELF)
        assert kept(storage, SHELVES) == (SHELF,)
        with pytest.raises(PlannedError), storage.unit_of_work(TENANT) as uow:
            with uow.savepoint():
                uow.add(SHELVES, SECOND)
            raise PlannedError
        assert kept(storage, SHELVES) == (SHELF,)

    @needs(StorageCapability.SAVEPOINTS, tried=True)
    def test_savepoints_nest(self, storage: Storage) -> None:
        """An inner block is undone alone, and with the outer one."""
        with storage.unit_of_work(TENANT) as uow:
            with uow.savepoint():
                uow.add(SHELVES, SHELF)
                with pytest.raises(UniqueViolation), uow.savepoint():
                    uow.add(SHELVES, CLASHING)
                uow.add(SHELVES, SECOND)
            with pytest.raises(PlannedError), uow.savepoint():
                with uow.savepoint():
                    uow.add(SHELVES, Shelf(id=uid(3), code="C"))
                raise PlannedError
        assert kept(storage, SHELVES) == (SHELF, SECOND)

    @needs(StorageCapability.SAVEPOINTS, tried=True)
    def test_a_violation_caught_inside_a_savepoint_ends_it_badly(self, storage: Storage) -> None:
        """The end of the block raises TransactionError; if that leaves the unit, nothing is written."""
        keep(storage, SHELVES, SHELF)
        for ending in (None, *VERBS):
            with pytest.raises(TransactionError), storage.unit_of_work(TENANT) as uow:
                uow.add(SHELVES, SECOND)
                with uow.savepoint():
                    clash(uow)
                    if ending is not None:
                        with pytest.raises(TransactionError):
                            ending(uow)
        assert kept(storage, SHELVES) == (SHELF,)

    @needs(StorageCapability.SAVEPOINTS, tried=True)
    def test_a_missing_or_stale_entity_does_not_spoil_a_savepoint(self, storage: Storage) -> None:
        """NotFoundError and StaleVersion may be caught inside the block."""
        keep(storage, SHELVES, SHELF)
        with storage.unit_of_work(TENANT) as uow, uow.savepoint():
            for refused in (SECOND, attrs.evolve(SHELF, version=5)):
                with pytest.raises(Exception, match=r"no such|changed meanwhile"):
                    uow.save(SHELVES, refused)
            uow.add(SHELVES, SECOND)
        assert kept(storage, SHELVES) == (SHELF, SECOND)

    @needs(StorageCapability.THREADS)
    def test_what_is_not_committed_is_not_seen(self, storage: Storage) -> None:
        """Another thread waits or reads the state before; it never reads what is undone later."""
        keep(storage, SHELVES, SHELF)
        with ThreadPoolExecutor(1) as pool:
            seen: Future[tuple[Shelf, ...]] | None = None
            with pytest.raises(PlannedError), storage.unit_of_work(TENANT) as uow:
                uow.save(SHELVES, attrs.evolve(SHELF, name="new"))
                uow.add(SHELVES, SECOND)
                seen = pool.submit(kept, storage, SHELVES)
                wait([seen], timeout=0.1)
                raise PlannedError
            assert seen is not None
            assert seen.result(timeout=60) == (SHELF,)

    @needs(StorageCapability.NESTED_UNITS, tried=True)
    def test_a_unit_within_a_unit_is_independent(self, storage: Storage) -> None:
        """A thread may open a second unit while it is inside one."""
        keep(storage, SHELVES, SHELF)
        with storage.unit_of_work(TENANT, read_only=True) as outer:
            assert outer.count(SHELVES) == 1
            with storage.unit_of_work(TENANT, read_only=True) as inner:
                assert inner.count(SHELVES) == 1
            assert outer.find(SHELVES) == (SHELF,)

    @needs(StorageCapability.NESTED_UNITS, tried=True)
    def test_a_unit_within_a_writing_unit_does_not_see_its_writes(self, storage: Storage) -> None:
        """The inner one is a transaction of its own."""
        with pytest.raises(PlannedError), storage.unit_of_work(TENANT) as outer:
            outer.add(SHELVES, SHELF)
            with storage.unit_of_work(TENANT, read_only=True) as inner:
                assert inner.count(SHELVES) == 0
            raise PlannedError
        assert kept(storage, SHELVES) == ()

    def test_a_second_writing_unit_never_hangs(self, storage: Storage) -> None:
        """Whoever is inside a unit that writes is refused another, or gets one; it never waits for itself."""
        keep(storage, SHELVES, SHELF)

        def nest() -> None:
            with suppress(TransactionError, TransactionConflictError), storage.unit_of_work(TENANT) as outer:
                outer.count(SHELVES)
                with storage.unit_of_work(TENANT) as inner:
                    inner.count(SHELVES)

        in_threads(1, lambda _: nest())
        keep(storage, SHELVES, SECOND)
        assert kept(storage, SHELVES) == (SHELF, SECOND)

    def test_what_is_lacking_is_refused(self, storage: Storage, request: pytest.FixtureRequest) -> None:
        """A store says TransactionError to what its suite declares to be lacking, and works on."""
        for capability in self.lacks:
            self.report_gap(request, capability)
        keep(storage, SHELVES, SHELF)
        if StorageCapability.NESTED_UNITS in self.lacks:
            with pytest.raises(TransactionError), storage.unit_of_work(TENANT, read_only=True):
                storage.unit_of_work(TENANT, read_only=True).__enter__()
        if StorageCapability.SAVEPOINTS in self.lacks:
            with pytest.raises(TransactionError), storage.unit_of_work(TENANT) as uow:
                uow.savepoint().__enter__()
        keep(storage, SHELVES, SECOND)
        assert kept(storage, SHELVES) == (SHELF, SECOND)

"""An asynchronous store can be driven by tests that know no event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from clientmgmt.adapters.memory import InMemoryStorage
from clientmgmt.adapters.threads import ThreadedStorage
from clientmgmt.errors import TransactionError
from clientmgmt.ports import UnitOfWork
from clientmgmt.testing.blocking import BlockingStorage
from clientmgmt.testing.kit import KIT, SHELVES, Shelf, uid
from tests.threads import no_thread_left

SHELF = Shelf(id=uid(1), code="A")


class Forgiving(InMemoryStorage):
    """Lets no ZeroDivisionError out, neither of units nor of savepoints."""

    @contextmanager
    def unit_of_work(self, tenant: str, *, read_only: bool = False) -> Iterator[UnitOfWork]:
        with suppress(ZeroDivisionError), super().unit_of_work(tenant, read_only=read_only) as uow:
            yield uow


def test_units_given_as_functions_are_run_by_the_store() -> None:
    with BlockingStorage(ThreadedStorage(InMemoryStorage(collections=KIT))) as storage:
        storage.run("t", lambda uow: uow.add(SHELVES, SHELF))
        assert storage.run("t", lambda uow: uow.count(SHELVES), read_only=True) == 1
        assert storage.tenants(SHELVES) == ("t",)


def test_it_says_of_itself_what_the_store_says() -> None:
    with BlockingStorage(ThreadedStorage(InMemoryStorage(collections=KIT))) as storage:
        assert (storage.ephemeral, storage.exclusive, storage.in_host_transaction) == (True, True, False)
        assert (storage.upgrade(), storage.check()) == ((), ())


def test_what_the_store_suppresses_stays_suppressed() -> None:
    with BlockingStorage(ThreadedStorage(Forgiving(collections=KIT))) as storage:
        with storage.unit_of_work("t") as uow:
            uow.add(SHELVES, SHELF)
            raise ZeroDivisionError
        with storage.unit_of_work("t") as uow:  # type: ignore[unreachable] # the block above was left
            assert uow.count(SHELVES) == 0


def test_nothing_runs_after_the_end() -> None:
    with no_thread_left():
        storage = BlockingStorage(ThreadedStorage(InMemoryStorage(collections=KIT)))
        with storage.unit_of_work("t") as uow:
            uow.add(SHELVES, SHELF)
        storage.close()


def test_an_error_of_the_task_itself_is_raised() -> None:
    with BlockingStorage(ThreadedStorage(InMemoryStorage(collections=KIT))) as storage:
        with pytest.raises(asyncio.CancelledError), storage.unit_of_work("t"):
            raise asyncio.CancelledError
        with pytest.raises(TransactionError), storage.unit_of_work("t"), storage.unit_of_work("t"):
            pytest.fail("the store cannot have two")

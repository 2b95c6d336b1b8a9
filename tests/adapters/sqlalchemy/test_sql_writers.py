"""Writers to SQLite take turns, first come, first served."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import cast

import pytest

from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.adapters.sqlalchemy.writers import WriterQueue
from clientmgmt.errors import TransactionConflictError, TransactionError
from clientmgmt.testing.kit import SHELVES, Shelf, uid

PATIENCE = 10


def started(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def is_waiting(queue: WriterQueue, threads: int) -> bool:
    return len(queue._tickets) == threads + 1  # noqa: SLF001 - to know when a thread waits there is no other way


def until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(PATIENCE * 1000):
        if condition():
            return
        pause.wait(0.001)
    pytest.fail("it did not happen")


def test_turns_come_in_the_order_of_arrival() -> None:
    queue, turns = WriterQueue(PATIENCE), cast("list[int]", [])

    def write(number: int) -> None:
        queue.acquire()
        turns.append(number)
        queue.release()

    queue.acquire()
    threads = []
    for number in range(5):
        threads.append(started(partial(write, number)))
        until(partial(is_waiting, queue, number + 1))
    queue.release()
    for thread in threads:
        thread.join()
    assert turns == [0, 1, 2, 3, 4]


def test_a_thread_cannot_write_twice_at_once(on_sqlite: SQLStorage) -> None:
    with on_sqlite.unit_of_work("t") as uow:
        with pytest.raises(TransactionError, match="already"), on_sqlite.unit_of_work("t"):
            pass
        uow.add(SHELVES, Shelf(id=uid(1), code="A"))
        with on_sqlite.unit_of_work("t", read_only=True) as reader:
            assert reader.count(SHELVES) == 0


def test_waiting_ends_and_the_next_one_still_gets_its_turn() -> None:
    queue, refused = WriterQueue(0.01), cast("list[Exception]", [])

    def wait() -> None:
        try:
            queue.acquire()
        except TransactionConflictError as error:
            refused.append(error)

    queue.acquire()
    started(wait).join()
    assert len(refused) == 1
    queue.release()
    queue.acquire()
    queue.release()


class Interrupted:
    """Stands in for the lock of a waiting thread."""

    def acquire(self, *, timeout: float = 0) -> None:
        if timeout:
            raise KeyboardInterrupt

    def release(self) -> None:
        pytest.fail("nobody waits for this turn")


def test_an_interrupted_wait_hands_its_turn_on(monkeypatch: pytest.MonkeyPatch) -> None:
    queue, refused = WriterQueue(PATIENCE), cast("list[BaseException]", [])

    def wait() -> None:
        try:
            queue.acquire()
        except KeyboardInterrupt as error:
            refused.append(error)

    queue.acquire()
    with monkeypatch.context() as patch:
        patch.setattr("clientmgmt.adapters.sqlalchemy.writers.Turn", Interrupted)
        started(wait).join()
    queue.release()
    queue.acquire()
    queue.release()
    assert len(refused) == 1


def test_a_begin_that_fails_gives_the_turn_back(on_sqlite: SQLStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    with on_sqlite.unit_of_work("t"):
        pass
    with monkeypatch.context() as patch:
        patch.setattr("sqlalchemy.Engine.connect", broken)
        with pytest.raises(KeyboardInterrupt), on_sqlite.unit_of_work("t"):
            pass
    with on_sqlite.unit_of_work("t") as uow:
        uow.add(SHELVES, Shelf(id=uid(1), code="A"))


def broken(_engine: object) -> None:
    raise KeyboardInterrupt

"""How the synchronous facade performs steps: at once, in this thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar

from clientmgmt._usecases.steps import Unit
from clientmgmt.domain.events import Event
from clientmgmt.domain.mail import Message
from clientmgmt.errors import UsageError
from clientmgmt.ports.notifier import Notifier
from clientmgmt.ports.storage import Storage, UnitOfWork

__all__ = ["AnyStorage", "OpenUnit", "ask", "handle", "open_unit", "owner", "pause", "run_unit", "send", "slow"]

R = TypeVar("R")

AnyStorage: TypeAlias = Storage | str
"""What a manager takes for its storage."""


class OpenUnit:
    """A unit of work for several calls."""

    __slots__ = ("_uow",)

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def run(self, work: Callable[[UnitOfWork], R]) -> R:
        """What ``work`` answers."""
        return work(self._uow)


def owner() -> object:
    """Whose the open unit of work is: this thread's."""
    return threading.get_ident()


def run_unit(storage: Storage, unit: Unit) -> Any:  # noqa: ANN401 - whatever the work answers
    """Run work in a unit of its own."""
    with storage.unit_of_work(unit.tenant, read_only=unit.read_only) as uow:
        return unit.work(uow)


@contextmanager
def open_unit(storage: Storage, tenant: str) -> Iterator[OpenUnit]:
    """A unit that stays open for several calls."""
    with storage.unit_of_work(tenant) as uow:
        yield OpenUnit(uow)


def ask(storage: Storage, call: Callable[[Storage], Any]) -> Any:  # noqa: ANN401 - the same
    """Ask the store itself."""
    return call(storage)


def slow(call: Callable[[], Any]) -> Any:  # noqa: ANN401 - the same
    """Do what takes long."""
    return call()


def send(notifier: Notifier, message: Message) -> None:
    """Hand a message over."""
    notifier.send(message)


def handle(handler: Callable[[Event], object], event: Event) -> None:
    """Hand an event over; ``UsageError`` if nobody is there to await what the handler answers."""
    answer = handler(event)
    if hasattr(answer, "__await__"):
        getattr(answer, "close", _nothing)()
        message = "the handler is a coroutine function: only an asynchronous manager can await it"
        raise UsageError(message)


def _nothing() -> None: ...


def pause(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)

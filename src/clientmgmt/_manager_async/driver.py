"""How the asynchronous facade performs steps: without holding up the event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from inspect import isawaitable
from typing import Any, TypeAlias, TypeVar

from clientmgmt._usecases.steps import Unit
from clientmgmt.domain.events import Event
from clientmgmt.domain.mail import Message
from clientmgmt.ports.notifier import Notifier
from clientmgmt.ports.storage import AsyncStorage, AsyncUnit, Storage

# ruff: noqa: PLC0415 - asyncio is loaded where there is an event loop, so that importing this package stays cheap

__all__ = ["AnyStorage", "OpenUnit", "ask", "handle", "open_unit", "owner", "pause", "run_unit", "send", "slow"]

R = TypeVar("R")

OpenUnit: TypeAlias = AsyncUnit

AnyStorage: TypeAlias = AsyncStorage | Storage | str
"""What a manager takes for its storage; a synchronous one does its work in threads."""


def owner() -> object:
    """Whose the open unit of work is: this task's."""
    import asyncio

    return asyncio.current_task()


async def run_unit(storage: AsyncStorage, unit: Unit) -> Any:  # noqa: ANN401 - whatever the work answers
    """Run work in a unit of its own."""
    return await storage.run(unit.tenant, unit.work, read_only=unit.read_only)


@asynccontextmanager
async def open_unit(storage: AsyncStorage, tenant: str) -> AsyncIterator[AsyncUnit]:
    """A unit that stays open for several calls."""
    async with storage.unit_of_work(tenant) as unit:
        yield unit


async def ask(storage: AsyncStorage, call: Callable[[AsyncStorage], Awaitable[R]]) -> R:
    """Ask the store itself."""
    return await call(storage)


async def slow(call: Callable[[], R]) -> R:
    """Do what takes long in a thread."""
    import asyncio

    return await asyncio.to_thread(call)


async def send(notifier: Notifier, message: Message) -> None:
    """Hand a message over, in a thread."""
    import asyncio

    await asyncio.to_thread(notifier.send, message)


async def handle(handler: Callable[[Event], object], event: Event) -> None:
    """Hand an event over; the handler may be a coroutine function."""
    answer = handler(event)
    if isawaitable(answer):
        await answer


async def pause(seconds: float) -> None:
    """Wait."""
    import asyncio

    await asyncio.sleep(seconds)

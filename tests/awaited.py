"""The asynchronous facade for tests that are written for the synchronous one.

Every call is handed to a task in an event loop of another thread, and waited for. There is one such task for each
thread that calls, as a request has one, so that a transaction belongs to it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager
from functools import wraps
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any, cast

from clientmgmt import _manager_async

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clientmgmt import ClientManager

__all__ = ["Loop", "manager_in"]

Job = tuple[Coroutine[Any, Any, Any], Future[Any]]
FACADE = tuple(kind for name, kind in vars(_manager_async).items() if isinstance(kind, type) and name[0] != "_")


class Loop:
    """An event loop in a thread, with a task for each thread that has something to do."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._lines: dict[int, asyncio.Queue[Job | None]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - whatever it answers
        """What ``work`` answers or raises, in the task of this thread."""
        assert threading.current_thread() is not self._thread, "the loop would wait for itself"
        answer: Future[Any] = Future()
        self._loop.call_soon_threadsafe(self._line(threading.get_ident()).put_nowait, (work, answer))
        return answer.result(120)

    def close(self) -> None:
        """End all tasks and the thread."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(120)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _line(self, caller: int) -> asyncio.Queue[Job | None]:
        if caller not in self._lines:
            self._lines[caller] = asyncio.run_coroutine_threadsafe(self._begin(), self._loop).result(120)
        return self._lines[caller]

    async def _begin(self) -> asyncio.Queue[Job | None]:
        line: asyncio.Queue[Job | None] = asyncio.Queue()
        self._tasks.append(asyncio.create_task(_serve(line)))
        return line

    async def _end(self) -> None:
        for line in self._lines.values():
            line.put_nowait(None)
        await asyncio.gather(*self._tasks)


async def _serve(line: asyncio.Queue[Job | None]) -> None:
    while (job := await line.get()) is not None:
        work, answer = job
        try:
            answer.set_result(await work)
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
            answer.set_exception(error)


def manager_in(loop: Loop) -> Callable[..., ClientManager]:
    """Makes managers that look synchronous."""

    def make(*args: Any, **options: Any) -> ClientManager:  # noqa: ANN401 - passed on
        return cast("ClientManager", _shown(loop, _manager_async.AsyncClientManager(*args, **options)))

    return make


class _Awaited:
    """Something asynchronous, shown as if it were not."""

    def __init__(self, loop: Loop, hidden: object) -> None:
        self._loop, self._hidden = loop, hidden

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever it is
        found = getattr(self._hidden, name)
        if not callable(found):
            return _shown(self._loop, found)

        @wraps(found)
        def call(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - passed on
            return _shown(self._loop, found(*args, **options))

        return call

    def __enter__(self) -> object:
        return _shown(self._loop, self._loop.run(cast("Any", self._hidden).__aenter__()))

    def __exit__(self, *error: object) -> object:
        return self._loop.run(cast("Any", self._hidden).__aexit__(*error))


def _shown(loop: Loop, found: object) -> Any:  # noqa: ANN401 - whatever it is
    if iscoroutine(found):
        return _shown(loop, loop.run(found))
    if isinstance(found, FACADE):
        return _Awaited(loop, found)
    if isinstance(found, AbstractAsyncContextManager):
        return _entered(loop, found)
    return found


@contextmanager
def _entered(loop: Loop, manager: AbstractAsyncContextManager[object]) -> Iterator[object]:
    entering, leaving = manager.__aenter__, manager.__aexit__
    value = _shown(loop, loop.run(_awaiting(entering)))
    try:
        yield value
    except BaseException as error:
        if not loop.run(_awaiting(leaving, type(error), error, error.__traceback__)):
            raise
    else:
        loop.run(_awaiting(leaving, None, None, None))


async def _awaiting(call: Callable[..., Any], *args: object) -> object:
    return await call(*args)

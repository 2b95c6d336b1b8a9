"""The threads of a store: for whole units, for writers in turn, and for the open units of a task."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Callable, MutableMapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

__all__ = ["Line", "Threads"]

Task = asyncio.Task[Any]


class Open(Protocol):
    """A unit that stays open."""

    def undo(self) -> Future[None]:
        """End it, after the call that is running in it."""


class Line:
    """The thread of the open units of one task."""

    def __init__(self, executor: ThreadPoolExecutor, task: Task | None, room: asyncio.Semaphore) -> None:
        self.executor, self.task, self.room = executor, task, room
        self.loop = asyncio.get_running_loop()
        self.units = 0


class Threads:
    """They are started when they are needed; a forked process starts its own."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self.forget()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=partial(_call_if_there, weakref.WeakMethod(self.forget)))

    def forget(self) -> None:
        """Start without threads."""
        self._pool = ThreadPoolExecutor(self._workers, "clientmgmt-unit")
        self._writer = ThreadPoolExecutor(1, "clientmgmt-writer")
        self._all = [self._pool, self._writer]
        self._idle: list[ThreadPoolExecutor] = []
        self._lines: dict[Task | None, Line] = {}
        self._rooms: MutableMapping[asyncio.AbstractEventLoop, asyncio.Semaphore] = weakref.WeakKeyDictionary()
        self.units: set[Open] = set()

    def free(self, *, in_turn: bool) -> ThreadPoolExecutor:
        """Where a call of this task runs: beside its open unit, if it has one."""
        line = self._lines.get(asyncio.current_task())
        if line is not None:
            return line.executor
        return self._writer if in_turn else self._pool

    async def line(self) -> Line:
        """The thread for open units of this task, once there is one."""
        task = asyncio.current_task()
        line = self._lines.get(task)
        if line is None:
            room = self._room()
            await room.acquire()
            line = self._lines[task] = Line(self._own_thread(), task, room)
        line.units += 1
        return line

    def give_back(self, line: Line, *, is_busy: bool) -> None:
        """One unit has ended, or will have when its busy thread has left the store."""
        line.units -= 1
        if line.units:
            return
        del self._lines[line.task]
        if is_busy:
            with suppress(RuntimeError):  # the store is closed, and so is the executor
                line.executor.submit(self._return, line)
        else:
            self._idle.append(line.executor)
            line.room.release()

    def end(self) -> None:
        """Undo what is open, and wait for what runs."""
        for leaving in [unit.undo() for unit in tuple(self.units)]:
            leaving.result()
        for executor in self._all:
            executor.shutdown()

    def _return(self, line: Line) -> None:
        self._idle.append(line.executor)
        with suppress(RuntimeError):  # the loop may be closed
            line.loop.call_soon_threadsafe(line.room.release)

    def _own_thread(self) -> ThreadPoolExecutor:
        if self._idle:
            return self._idle.pop()
        self._all.append(ThreadPoolExecutor(1, "clientmgmt-open"))
        return self._all[-1]

    def _room(self) -> asyncio.Semaphore:
        loop = asyncio.get_running_loop()
        if loop not in self._rooms:
            self._rooms[loop] = asyncio.Semaphore(self._workers)
        return self._rooms[loop]


def _call_if_there(method: weakref.WeakMethod[Callable[[], None]]) -> None:
    if (call := method()) is not None:
        call()

"""The asynchronous manager beside the synchronous one, at the same command in the same database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import sqlalchemy as sa

from benchmarks import hand
from benchmarks.commands import Stage
from benchmarks.harness import Result, compare
from clientmgmt import AsyncClientManager, AsyncWorkspace, Staff
from clientmgmt.adapters.sqlalchemy import AsyncSQLStorage, SQLStorage
from clientmgmt.adapters.threads import ThreadedStorage
from clientmgmt.ports.storage import AsyncStorage

GOALS = {"sqlite": ("SQLite in threads", 2.2), "postgresql": ("asyncpg", 1.3)}
CALLS = 10
"""How many calls are awaited one after another each time that the loop is entered."""


def measure(stage: Stage) -> Iterator[Result]:
    """Add contacts, awaited and not."""
    name, goal = GOALS[stage.engine.dialect.name]
    with asyncio.Runner() as runner:
        storage = _storage(stage.engine.url)
        manager = AsyncClientManager(storage, secret_keys=[stage.key])
        ws = manager.workspace(hand.TENANT, actor=Staff("ada", roles={"administrator"}))

        def awaited() -> None:
            runner.run(_add(stage, ws))

        def called() -> None:
            for _ in range(CALLS):
                stage.contact()

        yield compare(
            f"{CALLS} x add contact, {name}",
            awaited,
            called,
            baseline="the same without await",
            goal=goal,
            repeat=3,
            by="wall",
        )
        runner.run(_close(storage))


def _storage(url: sa.URL) -> AsyncStorage:
    if url.get_backend_name() == "sqlite":
        return ThreadedStorage(SQLStorage(url))
    return AsyncSQLStorage(url.set(drivername="postgresql+asyncpg"))


async def _add(stage: Stage, ws: AsyncWorkspace) -> None:
    for _ in range(CALLS):
        await ws.contacts.add(stage.ours, first_name="Jane", last_name="Doe", email=stage.email())


async def _close(storage: AsyncStorage) -> None:
    await storage.close()

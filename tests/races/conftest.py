"""Eight processes, and the databases they meet in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy import SQLStorage
from tests.box import new_tenant, sweep
from tests.postgres import new_schema
from tests.processes import context
from tests.races.workers import HANDS, Place, race, start, storage_at

Race = Callable[[str | Sequence[str], Place, Sequence[Any]], Counter[str]]


@pytest.fixture(scope="session")
def run() -> Iterator[Race]:
    """Runs a deed in eight processes at once; the hands take turns if there are several deeds."""
    with context().Pool(HANDS, start, (context().Barrier(HANDS),)) as pool:

        def run_one(names: str | Sequence[str], place: Place, things: Sequence[Any]) -> Counter[str]:
            deeds = [names] if isinstance(names, str) else names
            jobs = [(deeds[hand % len(deeds)], hand, place, things) for hand in range(HANDS)]
            return sum(pool.starmap_async(race, jobs, chunksize=1).get(timeout=500), Counter())

        yield run_one


@pytest.fixture(scope="session")
def sqlite_place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    path: Path = tmp_path_factory.mktemp("races") / "races.db"
    storage = SQLStorage(f"sqlite:///{path}")
    storage.upgrade()
    storage.close()
    return Place(f"sqlite:///{path}", None, "")


@pytest.fixture(scope="session")
def postgresql_place(postgres_url: str) -> Iterator[Place]:
    engine = sa.create_engine(postgres_url, isolation_level="READ COMMITTED")
    with new_schema(engine) as schema:
        storage = SQLStorage(postgres_url, schema=schema)
        storage.upgrade()
        storage.close()
        yield Place(postgres_url, schema, "")
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A tenant of its own in one of the databases. No mail is left behind: dispatchers send that of all tenants."""
    found: Place = request.getfixturevalue(f"{request.param}_place")
    yield Place(found.url, found.schema, new_tenant())
    sweep(storage_at(found.url, found.schema))

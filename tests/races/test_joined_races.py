"""Eight processes, each inside transactions of its own host: one winner per key, no double, no lost update."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.testing.kit import KIT, LABELS, SHELVES, Shelf
from tests.postgres import new_schema
from tests.processes import context
from tests.races.joining import SHELF_ID, Ledger, add_in_turns
from tests.races.workers import HANDS, start

pytestmark = pytest.mark.slow

KEYS = 40


@pytest.fixture(params=["session", "django"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Ledger]:
    if request.param == "sqlite":
        yield Ledger(kind, f"sqlite:///{tmp_path / 'races.db'}", None)
        return
    url = request.getfixturevalue("postgres_url")
    engine = sa.create_engine(url)
    with new_schema(engine) as schema:
        yield Ledger(kind, url, schema)
    engine.dispose()


def test_eight_hosts_add_the_same_keys(ledger: Ledger) -> None:
    storage = SQLStorage(ledger.url, schema=ledger.schema, collections=KIT)
    storage.upgrade()
    with storage.unit_of_work("t") as uow:
        uow.add(SHELVES, Shelf(id=SHELF_ID, code="A", name="0"))
    host = sa.create_engine(ledger.url)
    with host.begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE {ledger.table} (key text)")
    with context().Pool(HANDS, start, (context().Barrier(HANDS),)) as pool:
        jobs = [(hand, ledger, KEYS) for hand in range(HANDS)]
        added = pool.starmap_async(add_in_turns, jobs, chunksize=1).get(timeout=500)
    with host.connect() as connection:
        rows = connection.exec_driver_sql(f"SELECT key FROM {ledger.table} ORDER BY key").scalars().all()  # noqa: S608 - a constant
    with storage.unit_of_work("t", read_only=True) as uow:
        labels = sorted(label.key for label in uow.find(LABELS))
        count = uow.get(SHELVES, SHELF_ID).name
    expected = sorted(f"key {number}" for number in range(KEYS))
    assert (sum(added), labels, list(rows), count) == (KEYS, expected, expected, str(KEYS))
    host.dispose()
    storage.close()

"""Databases for the example applications: each test has one of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from clientmgmt.testing import RecordingNotifier
from tests.postgres import new_schema


@pytest.fixture
def mails() -> RecordingNotifier:
    return RecordingNotifier()


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'helpdesk.db'}")
    sa.event.listen(engine, "connect", lambda driver, _: driver.execute("PRAGMA foreign_keys = ON"))
    yield engine
    engine.dispose()


@pytest.fixture
def postgresql_engine(postgres_url: str) -> Iterator[sa.Engine]:
    server = sa.create_engine(postgres_url)
    with new_schema(server) as schema:
        engine = sa.create_engine(postgres_url, connect_args={"options": f"-csearch_path={schema}"})
        yield engine
        engine.dispose()
    server.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def engine(request: pytest.FixtureRequest) -> sa.Engine:
    """What matters most runs on both by default, the rest on PostgreSQL with the long runs."""
    found: sa.Engine = request.getfixturevalue(f"{request.param}_engine")
    return found

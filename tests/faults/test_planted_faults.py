"""What the tests of lost connections and full disks are there for: each fault that is planted here fails one of them.

The others stand beside what catches them: commits between statements (``test_kills``), counts without a lock
(``tests/races``), stores that break a promise of the port (``tests/adapters``), stories (``tests``).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from _pytest.outcomes import Failed

from clientmgmt.adapters.sqlalchemy import database, unit
from clientmgmt.adapters.sqlalchemy.failures import failure
from clientmgmt.adapters.sqlalchemy.unit import SQLUnitOfWork
from clientmgmt.errors import ClientMgmtError, StorageError, TransactionConflictError
from tests.faults import test_full_disks, test_lost_connections, test_what_postgresql_says
from tests.faults.proxy import When

Plant = Callable[[pytest.MonkeyPatch], None]

storage = test_full_disks.storage
path = test_full_disks.path
shelves = test_what_postgresql_says.shelves


def swallowed_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the database that the host catches is forgotten."""
    monkeypatch.setattr(SQLUnitOfWork, "_refuse", lambda _, found: found)
    monkeypatch.setattr(database.SQLiteDatabase, "is_intact", lambda *_: True)


def transaction_unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction that PostgreSQL has given up is taken for committed."""
    monkeypatch.setattr(database.PostgresDatabase, "is_intact", lambda *_: True)


def commit_like_any_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection lost during a commit is taken for one lost before, and the unit is run again."""
    monkeypatch.setattr(unit, "commit_failure", failure)


def commit_without_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could be run again is said to be unknown."""
    monkeypatch.setattr(unit, "is_lost", lambda _: False)


def losses_are_final(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost connection is an error that nobody tries again."""

    def final(*args: Any) -> StorageError:  # noqa: ANN401 - passed on
        found = failure(*args)
        return StorageError(str(found)) if isinstance(found, TransactionConflictError) else found

    monkeypatch.setattr(unit, "failure", final)


FAULTS: dict[Plant, tuple[Callable[..., None], dict[str, object]]] = {
    swallowed_error: (
        test_full_disks.test_a_disk_that_fails_before_the_commit_leaves_nothing_even_if_that_is_swallowed,
        {},
    ),
    transaction_unchecked: (
        test_what_postgresql_says.test_a_violation_that_the_host_swallows_makes_a_normal_end_fail,
        {},
    ),
    commit_like_any_statement: (
        test_lost_connections.test_nobody_knows_what_became_of_a_commit_that_is_not_answered,
        {"when": When.UNANSWERED, "is_there": True},
    ),
    commit_without_a_look: (
        test_lost_connections.test_a_connection_that_goes_before_the_commit_is_noticed_before_the_commit,
        {},
    ),
    losses_are_final: (test_lost_connections.test_a_reading_command_does_not_notice, {}),
}


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Callable[[], None]]:
    """The test that is to fail, with the fault in place."""
    plant = request.node.callspec.params["plant"]
    test, values = FAULTS[plant]
    names = [name for name in inspect.signature(test).parameters if name not in values]
    fixtures = {name: request.getfixturevalue(name) for name in names}
    with monkeypatch.context() as patched:
        plant(patched)
        yield lambda: test(**fixtures, **values)


@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_caught(plant: Plant, planted: Callable[[], None]) -> None:
    del plant
    with pytest.raises((AssertionError, Failed, ClientMgmtError)):
        planted()

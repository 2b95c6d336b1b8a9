"""All stores do the same, whatever they are asked to do."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from clientmgmt.adapters.memory import InMemoryStorage
from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.ports import Storage
from clientmgmt.testing.machine import StorageMachine

settings.register_profile(
    "short",
    max_examples=50,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
settings.register_profile("long", settings.get_profile("short"), max_examples=1000, stateful_step_count=50)

Stores = Mapping[str, Storage]


@pytest.fixture
def stores(memory_storage: InMemoryStorage, sqlite_storage: SQLStorage, postgres_storage: SQLStorage) -> Stores:
    return {"memory": memory_storage, "sqlite": sqlite_storage, "postgresql": postgres_storage}


def run(stores: Stores, profile: str) -> None:
    class Machine(StorageMachine):
        def storages(self) -> Stores:
            return stores

    run_state_machine_as_test(Machine, settings=settings.get_profile(profile))


def test_stores_agree_on_random_programs(stores: Stores) -> None:
    run(stores, "short")


@pytest.mark.slow
def test_stores_agree_on_many_random_programs(stores: Stores) -> None:
    run(stores, "long")

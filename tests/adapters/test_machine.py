"""All stores do the same, whatever they are asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from clientmgmt.adapters.memory import InMemoryStorage
from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.errors import TransactionError
from clientmgmt.ports import Storage
from clientmgmt.testing._programs import Block, Call
from clientmgmt.testing.kit import SAMPLES, SHELVES, Sample, Shelf
from clientmgmt.testing.machine import StorageMachine
from clientmgmt.testing.strategies import samples

settings.register_profile(
    "short",
    max_examples=30,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
settings.register_profile("long", settings.get_profile("short"), max_examples=200, stateful_step_count=50)

Stores = Mapping[str, Storage]


@pytest.fixture
def stores(memory_storage: InMemoryStorage, sqlite_storage: SQLStorage, postgres_storage: SQLStorage) -> Stores:
    return {"memory": memory_storage, "sqlite": sqlite_storage, "postgresql": postgres_storage}


ASYNC = ("asyncpg", "psycopg", "aiosqlite", "threaded_memory", "threaded_sqlite")


@pytest.fixture
def async_stores(stores: Stores, request: pytest.FixtureRequest) -> Stores:
    return {**stores, **{name: request.getfixturevalue(f"{name}_storage") for name in ASYNC}}


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


@pytest.mark.slow
def test_asynchronous_stores_agree_with_the_others(async_stores: Stores) -> None:
    """Not in the default run: eight stores are asked everything."""
    run(async_stores, "short")


def test_all_values_come_back_from_all_stores(stores: Stores) -> None:
    @settings(settings.get_profile("short"))
    @given(st.lists(samples(), max_size=4, unique_by=lambda sample: sample.id))
    def comes_back(kept: list[Sample]) -> None:
        tenant = f"values-{next(numbers)}"
        for name, storage in stores.items():
            with storage.unit_of_work(tenant) as uow:
                uow.add(SAMPLES, *kept)
            with storage.unit_of_work(tenant, read_only=True) as uow:
                assert uow.find(SAMPLES) == tuple(sorted(kept, key=lambda sample: sample.id)), name
                by_text = sorted(kept, key=lambda sample: (sample.text, sample.id))
                assert uow.find(SAMPLES, order=SAMPLES.text.asc()) == tuple(by_text), name
                by_price = sorted(kept, key=lambda sample: (sample.price, sample.id), reverse=True)
                assert uow.find(SAMPLES, order=SAMPLES.price.desc()) == tuple(by_price), name

    numbers = count(1)
    comes_back()


def test_the_stores_must_be_named() -> None:
    with pytest.raises(NotImplementedError, match="storages"):
        StorageMachine()


def test_an_error_that_is_caught_in_a_block_leaves_it_as_another(memory_storage: InMemoryStorage) -> None:
    shelf = Shelf(id=UUID(int=1), code="a")
    add = Call("add", (SHELVES, shelf))
    trace: list[object] = []
    with pytest.raises(TransactionError), memory_storage.unit_of_work("t") as uow:
        Block([add, add], catches=True).run(uow, trace)
    assert len(trace) == 3

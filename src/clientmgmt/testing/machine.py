"""Random programs on several stores at once. It needs Hypothesis: ``pip install 'clientmgmt[testing]'``.

Subclass :class:`StorageMachine` and run it::

    class Machine(StorageMachine):
        def storages(self):
            return {"mine": my_storage, "memory": InMemoryStorage(collections=KIT)}


    TestMachine = Machine.TestCase
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from clientmgmt.ports.storage import Collection, Storage
from clientmgmt.testing._model import ModelStorage
from clientmgmt.testing._programs import Call, Program, beginnings, differences, programs, questions
from clientmgmt.testing.kit import KIT

__all__ = ["StorageMachine"]

_runs = count(1)
_SUFFIXES = ("a", "b")


class StorageMachine(RuleBasedStateMachine):
    """Does the same to all stores and to a plain model, and compares answers, errors and contents.

    Every run has two tenants of its own, so the stores need not be emptied in between. They must know
    :data:`clientmgmt.testing.kit.KIT`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._storages = self.storages()
        self._model = ModelStorage(KIT)
        self._run = f"run-{next(_runs)}-"

    def storages(self) -> Mapping[str, Storage]:
        """The stores by a name for messages; override it."""
        message = "override `storages`"
        raise NotImplementedError(message)

    @initialize(program=beginnings())
    def begin(self, program: Program) -> None:
        """Some shelves and books to ask for."""
        self._compare(program, _SUFFIXES[0])

    @rule(program=programs(), suffix=st.sampled_from(_SUFFIXES))
    def work(self, program: Program, suffix: str) -> None:
        """One unit that does several things."""
        self._compare(program, suffix)

    @rule(asked=st.lists(questions(), min_size=1, max_size=3), suffix=st.sampled_from(_SUFFIXES))
    def ask(self, asked: list[Call], suffix: str) -> None:
        """One unit that only asks."""
        self._compare(Program(asked, read_only=True), suffix)

    @rule(collection=st.sampled_from(KIT))
    def list_tenants(self, collection: Collection[Any]) -> None:
        """Which tenants have something."""
        expected = self._model.tenants(collection)
        for name, storage in self._storages.items():
            listed = storage.tenants(collection, after=self._run, limit=len(_SUFFIXES))
            assert tuple(one for one in listed if one.startswith(self._run)) == expected, name

    def teardown(self) -> None:
        """In the end, all contents are the same."""
        everything = Program([Call("find", (collection,)) for collection in KIT], read_only=True)
        for suffix in _SUFFIXES:
            self._compare(everything, suffix)

    def _compare(self, program: Program, suffix: str) -> None:
        tenant = self._run + suffix
        expected = program.run(self._model, tenant)
        for name, storage in self._storages.items():
            found = differences(expected, program.run(storage, tenant))
            assert not found, f"{name} differs from the model: {found}"

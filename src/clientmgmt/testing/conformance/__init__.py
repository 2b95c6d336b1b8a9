"""The suite that every store must pass. It needs pytest: ``pip install 'clientmgmt[testing]'``.

Subclass :class:`StorageConformance` in a test module and override its one fixture::

    from clientmgmt.testing.conformance import StorageConformance
    from clientmgmt.testing.kit import KIT


    class TestMyStorage(StorageConformance):
        @pytest.fixture
        def storage(self):
            with my_storage(collections=KIT) as storage:
                yield storage

The store must know the collections of the kit and be empty at the start of every test. Each test is one
promise of :mod:`clientmgmt.ports`; its docstring says which.
"""

# Pytest must know of the modules with assertions before they are imported.
# ruff: noqa: E402

from collections.abc import Iterator

import pytest

_MODULES = ("_base", "_concurrency", "_finding", "_pages", "_queues", "_transactions", "_values", "_writing")
pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in _MODULES))

# ruff: isort: split
from clientmgmt.ports.storage import Storage
from clientmgmt.testing.conformance._concurrency import ConcurrencyConformance
from clientmgmt.testing.conformance._finding import FindingConformance
from clientmgmt.testing.conformance._pages import PagesConformance
from clientmgmt.testing.conformance._queues import QueueConformance
from clientmgmt.testing.conformance._transactions import TransactionConformance
from clientmgmt.testing.conformance._values import ValueConformance
from clientmgmt.testing.conformance._writing import WritingConformance

__all__ = ["StorageConformance"]


class StorageConformance(
    ValueConformance,
    FindingConformance,
    PagesConformance,
    WritingConformance,
    TransactionConformance,
    QueueConformance,
    ConcurrencyConformance,
):
    """All promises of the storage port, a test each. Override the fixture :meth:`storage`."""

    @pytest.fixture
    def storage(self) -> Iterator[Storage]:
        """An empty store that knows :data:`clientmgmt.testing.kit.KIT`; override it."""
        message = "override the fixture `storage`"
        raise NotImplementedError(message)

"""The suites that stores and notifiers must pass. They need pytest: ``pip install 'clientmgmt[testing]'``.

Subclass :class:`StorageConformance` in a test module and override its one fixture::

    from clientmgmt.testing import StorageConformance
    from clientmgmt.testing.kit import KIT


    class TestMyStorage(StorageConformance):
        @pytest.fixture
        def storage(self):
            with my_storage(collections=KIT) as storage:
                yield storage

The store must know the collections of the kit and be empty at the start of every test. Each test is one
promise of :mod:`clientmgmt.ports`; its docstring says which. :class:`NotifierConformance` works alike, with the
fixtures ``notifier`` and ``transport``.

What is lacking is declared, with the reason, and shown at the end of every run::

    class TestMyStorage(StorageConformance):
        lacks = {StorageCapability.SAVEPOINTS: "the database has no nested transactions"}
"""

# Pytest must know of the modules with assertions before they are imported.
# ruff: noqa: E402

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import ClassVar

import pytest

_MODULES = (
    "_base",
    "_concurrency",
    "_finding",
    "_messages",
    "_notifiers",
    "_pages",
    "_queues",
    "_transactions",
    "_values",
    "_writing",
)
pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in _MODULES))

# ruff: isort: split
from clientmgmt.ports.storage import Storage
from clientmgmt.testing.capabilities import StorageCapability
from clientmgmt.testing.conformance._concurrency import ConcurrencyConformance
from clientmgmt.testing.conformance._finding import FindingConformance
from clientmgmt.testing.conformance._notifiers import NotifierConformance
from clientmgmt.testing.conformance._pages import PagesConformance
from clientmgmt.testing.conformance._queues import QueueConformance
from clientmgmt.testing.conformance._transactions import TransactionConformance
from clientmgmt.testing.conformance._values import ValueConformance
from clientmgmt.testing.conformance._writing import WritingConformance

__all__ = ["NotifierConformance", "StorageConformance"]


class StorageConformance(
    ValueConformance,
    FindingConformance,
    PagesConformance,
    WritingConformance,
    TransactionConformance,
    QueueConformance,
    ConcurrencyConformance,
):
    """All promises of the storage port, a test each. Override the fixture :meth:`storage`.

    ``lacks`` names each :class:`~clientmgmt.testing.StorageCapability` that the store does not have, with the reason.
    """

    capabilities: ClassVar[type[StrEnum]] = StorageCapability
    lacks: ClassVar[Mapping[StorageCapability, str]] = {}

    @pytest.fixture
    def storage(self) -> Iterator[Storage]:
        """An empty store that knows :data:`clientmgmt.testing.kit.KIT`; override it."""
        message = "override the fixture `storage`"
        raise NotImplementedError(message)

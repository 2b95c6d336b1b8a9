"""Storage in memory keeps the port's promises, and some of its own."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from clientmgmt.adapters.memory import Contents, InMemoryStorage
from clientmgmt.errors import ConfigurationError, TransactionError
from clientmgmt.ports import Storage
from clientmgmt.testing.conformance import StorageConformance
from clientmgmt.testing.kit import BOOKS, JOBS, KIT, MIDNIGHT, SHELVES, Book, Job, Shelf, uid

SHELF = Shelf(id=uid(1), code="A")


class TestInMemoryStorage(StorageConformance):
    @pytest.fixture
    def storage(self) -> Iterator[Storage]:
        yield InMemoryStorage(collections=KIT)


class FileStorage(InMemoryStorage):
    """A small store of one's own: everything in one file, written at each commit."""

    def __init__(self, path: Path) -> None:
        self._path = path
        super().__init__(collections=KIT, contents=pickle.loads(path.read_bytes()) if path.exists() else None)

    @property
    def ephemeral(self) -> bool:
        return False

    def persist(self) -> None:
        self._path.write_bytes(pickle.dumps(self.contents()))


class TestStorageBuiltOnIt(StorageConformance):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> Iterator[Storage]:
        yield FileStorage(tmp_path / "store")

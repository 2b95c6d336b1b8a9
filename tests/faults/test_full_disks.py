"""SQLite on disks that are full or fail: the unit raises, and is there wholly or not at all."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clientmgmt.adapters.sqlalchemy import SQLStorage, connection_of
from clientmgmt.errors import CommitUnknownError, StorageError, TransactionError
from clientmgmt.ports import UnitOfWork
from clientmgmt.testing.kit import KIT, SAMPLES, SHELVES, Sample, Shelf, uid

PAGE = "x" * 3_000
MUCH = 300


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kit.db"


@pytest.fixture
def storage(path: Path) -> Iterator[SQLStorage]:
    store = SQLStorage(f"sqlite:///{path}", collections=KIT)
    store.upgrade()
    yield store
    store.close()


@contextmanager
def files_that_stay_as_large_as(path: Path) -> Iterator[None]:
    """What is written beyond the present size of this file fails as on a broken disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def fill(uow: UnitOfWork) -> None:
    """A few rows that wait for the commit in memory."""
    uow.add(SHELVES, Shelf(id=uid(1), code="A"))
    uow.add(SAMPLES, *(Sample(id=uid(number), text=PAGE) for number in range(20)))


def counts(storage: SQLStorage) -> tuple[int, int]:
    with storage.unit_of_work("t") as uow:
        return uow.count(SHELVES), uow.count(SAMPLES)


def test_nobody_knows_what_a_disk_that_fails_in_the_commit_will_show_later(storage: SQLStorage, path: Path) -> None:
    log = path.with_name(path.name + "-wal")
    with (
        pytest.raises(CommitUnknownError),
        files_that_stay_as_large_as(log),
        storage.unit_of_work("t") as uow,
    ):
        fill(uow)
    assert counts(storage) in {(0, 0), (1, 20)}
    with storage.unit_of_work("t") as uow:
        uow.add(SHELVES, Shelf(id=uid(2), code="B"))


def spill(uow: UnitOfWork) -> None:
    """So many rows that they do not wait for the commit."""
    connection_of(uow).exec_driver_sql("PRAGMA cache_size = 10")
    uow.add(SHELVES, Shelf(id=uid(1), code="A"))
    for number in range(MUCH):
        uow.add(SAMPLES, Sample(id=uid(number), text=PAGE))


def test_a_disk_that_fails_before_the_commit_leaves_nothing_even_if_that_is_swallowed(
    storage: SQLStorage, path: Path
) -> None:
    def swallow(uow: UnitOfWork) -> None:
        with pytest.raises(StorageError, match="could not be read or written"):
            spill(uow)

    log = path.with_name(path.name + "-wal")
    with (
        pytest.raises(TransactionError, match="SQLITE_IOERR"),
        files_that_stay_as_large_as(log),
        storage.unit_of_work("t") as uow,
    ):
        swallow(uow)
    assert counts(storage) == (0, 0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system with room for a megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() or not mount or not umount:
        pytest.skip("only root can mount a small disk; failing writes and a full file are tried without")
    subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "small", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run([umount, str(folder)], check=True)


@pytest.mark.faults
def test_a_disk_that_is_full_in_the_commit_is_told_and_leaves_nothing(small_disk: Path) -> None:
    storage = SQLStorage(f"sqlite:///{small_disk / 'kit.db'}", collections=KIT)
    storage.upgrade()
    ballast = small_disk / "ballast"
    room = shutil.disk_usage(small_disk).free - 40_000
    ballast.write_bytes(b"x" * room)
    with pytest.raises(StorageError, match="the disk is full") as raised, storage.unit_of_work("t") as uow:
        fill(uow)
    assert type(raised.value) is StorageError
    assert counts(storage) == (0, 0)
    ballast.unlink()
    with storage.unit_of_work("t") as uow:
        fill(uow)
    assert counts(storage) == (1, 20)
    storage.close()


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "letter.db"
    path.write_text("Dear Sir or Madam, " * 100)
    storage = SQLStorage(f"sqlite:///{path}", collections=KIT)
    with pytest.raises(StorageError, match="is no database"), storage.unit_of_work("t"):
        pass
    storage.close()

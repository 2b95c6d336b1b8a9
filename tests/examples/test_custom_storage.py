"""The example of a storage in LMDB keeps the promises of the port, and some of its own."""

from __future__ import annotations

import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from examples.custom_storage.lmdb_storage import LmdbStorage, open_url
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from clientmgmt import ClientManager, System, generate_key
from clientmgmt.errors import ConfigurationError, StorageError, TransactionError
from clientmgmt.ports import Storage
from clientmgmt.serialization import load
from clientmgmt.testing import Sandbox, StorageConformance
from clientmgmt.testing.kit import BOOKS, KIT, LABELS, SHELVES, Book, Label, Shelf, uid
from clientmgmt.testing.machine import StorageMachine
from tests.distributions import install

EXAMPLE = Path(__file__).parents[2] / "examples" / "custom_storage"


class TestLmdbStorage(StorageConformance):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> Iterator[Storage]:
        storage = LmdbStorage(tmp_path / "kit", collections=KIT, durable=False)
        yield storage
        storage.close()


@pytest.mark.slow
def test_random_programs_come_to_the_same_as_in_the_model(tmp_path: Path) -> None:
    storage = LmdbStorage(tmp_path / "kit", collections=KIT, durable=False)

    class Machine(StorageMachine):
        def storages(self) -> dict[str, Storage]:
            return {"lmdb": storage}

    run_state_machine_as_test(Machine, settings=settings(max_examples=30, stateful_step_count=20, deadline=None))
    storage.close()


def test_what_is_committed_outlives_the_store(tmp_path: Path) -> None:
    for number in (1, 2):
        storage = LmdbStorage(tmp_path / "kit", collections=KIT)
        with storage.unit_of_work("northwind") as uow:
            assert uow.next_number("a") == number
            uow.add(SHELVES, Shelf(id=uid(number), code=str(number)))
            assert uow.count(SHELVES) == number
        storage.close()


def test_only_what_an_index_finds_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    storage = LmdbStorage(tmp_path / "kit", collections=KIT, durable=False)
    with storage.unit_of_work("northwind") as uow:
        uow.add(SHELVES, *(Shelf(id=uid(number), code=str(number)) for number in range(1, 50)))
        uow.add(BOOKS, *(Book(id=uid(n), shelf_id=uid(n % 7 + 1), serial=str(n)) for n in range(1, 50)))

    def counting(kind: type[Any], data: object) -> object:
        read.append(data)
        return load(kind, data)

    monkeypatch.setattr("examples.custom_storage.lmdb_storage.load", counting)
    with storage.unit_of_work("northwind", read_only=True) as uow:
        assert len(uow.find(SHELVES, SHELVES.code.eq("7"))) == 1
        assert len(uow.find(BOOKS, BOOKS.shelf_id.eq(uid(3)), BOOKS.pages.ge(0))) == 7
        assert len(uow.find(BOOKS, BOOKS.id.eq(uid(3)))) == 1
        assert len(uow.find(BOOKS, BOOKS.id.in_([uid(3), uid(4), uid(99)]))) == 2
        assert len(uow.get_many(SHELVES, [uid(1), uid(2), uid(99)])) == 2
    assert len(read) == 1 + 7 + 1 + 2 + 2
    storage.close()


def test_a_whole_story_runs_on_it(tmp_path: Path) -> None:
    for tenant in ("northwind", "contoso"):  # as if the process started twice
        storage = open_url((tmp_path / "clients").as_uri().replace("file", "lmdb"))
        with Sandbox(storage=storage, tenant=tenant) as box:
            jane = box.contact(state="active")
            assert box.sign_in(jane).actor.user_id == jane.user_id
            assert box.workspace().contacts.list().items == (box.workspace().contacts.get(jane.id),)
        storage.close()


def test_its_scheme_opens_it_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tomllib.loads(EXAMPLE.joinpath("pyproject.toml").read_text("utf-8"))["project"]
    install(tmp_path, project["name"], entry_points=project["entry-points"])
    shutil.copy(EXAMPLE / "lmdb_storage.py", tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    url = f"lmdb://{tmp_path}/clients%20of%20ours"
    with ClientManager(url, secret_keys=[generate_key()]) as manager:
        manager.workspace("northwind", actor=System("test")).clients.add(name="Acme Retail", email="ap@acme.example")
        assert manager.check() == ()
    assert (tmp_path / "clients of ours" / "data.mdb").exists()
    sys.modules.pop("lmdb_storage")


def test_a_url_names_a_folder() -> None:
    with pytest.raises(ConfigurationError, match="lmdb:///srv/clients"):
        open_url("lmdb://")


def test_a_full_store_undoes_the_unit_and_goes_on(tmp_path: Path) -> None:
    storage = LmdbStorage(tmp_path / "kit", collections=KIT, map_size=2**18)
    big = [Label(id=uid(number), key="x" * 10_000 + str(number)) for number in range(50)]
    with pytest.raises(StorageError, match="MapFullError"), storage.unit_of_work("northwind") as uow:
        uow.add(LABELS, *big)

    def go_on() -> None:
        with storage.unit_of_work("northwind") as uow:
            with pytest.raises(StorageError):
                uow.add(LABELS, *big)
            uow.add(LABELS, Label(id=uid(99), key="small"))

    with pytest.raises(TransactionError, match="spoilt"):
        go_on()
    with storage.unit_of_work("northwind") as uow:
        assert uow.count(LABELS) == 0
        uow.add(LABELS, Label(id=uid(99), key="small"))
    storage.close()


def test_it_is_as_short_as_the_guide_says() -> None:
    lines = EXAMPLE.joinpath("lmdb_storage.py").read_text("utf-8").splitlines()
    assert len([line for line in lines if line.strip() and not line.strip().startswith(("#", '"""'))]) < 260

"""Several calls, one unit of work. Source: glossary: transaction, denial."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Thread
from types import TracebackType
from typing import Any, cast
from uuid import UUID

import pytest

from clientmgmt import ClientMgmtError, ForbiddenError, NotFoundError, Staff, System, Workspace
from clientmgmt._usecases.work import Work
from clientmgmt.adapters.memory import InMemoryStorage, InMemoryUnitOfWork
from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.domain import ClientId, Event
from clientmgmt.errors import DuplicateContactError, StorageError, TransactionConflictError, TransactionError
from clientmgmt.ports import Storage, UnitOfWork
from clientmgmt.ports.collections import AUDIT, CLIENTS
from clientmgmt.ports.storage import StaleVersion
from tests.box import PASSWORD, Box


def add(ws: Workspace, name: str = "Acme Retail") -> ClientId:
    return ws.clients.add(name=name, email=f"ap@{name.split(maxsplit=1)[0].lower()}.example").id


def add_jane(ws: Workspace, client_id: ClientId) -> object:
    return ws.contacts.add(client_id, first_name="Jane", last_name="Doe", email="jane@acme.example", invite=True)


class LeftBy:
    """The block is left by this error."""

    def __init__(self, error: type[BaseException]) -> None:
        self._raises = pytest.raises(error)

    def __enter__(self) -> None:
        self._raises.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        return bool(self._raises.__exit__(kind, error, traceback))


def in_thread(deed: Callable[[], object]) -> ClientMgmtError | object:
    """What a deed answers, or refuses, in a thread of its own."""
    found: list[object] = []

    def run() -> None:
        try:
            found.append(deed())
        except ClientMgmtError as refused:
            found.append(refused)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


def test_all_calls_of_a_block_are_written_together(box: Box) -> None:
    with box.ws.transaction() as tx:
        acme = add(tx)
        add_jane(tx, acme)
        assert tx.clients.get(acme).name == "Acme Retail"
        assert [contact.name for contact in tx.contacts.list(acme)] == ["Jane Doe"]
        assert (tx.tenant, tx.actor) == (box.tenant, box.ws.actor)
    assert box.actions() == ["client_added", "contact_added", "contact_invited"]
    assert box.deliver().sent == 1


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, NotFoundError])
def test_an_error_that_leaves_the_block_undoes_all_of_them(box: Box, error: type[BaseException]) -> None:
    before = box.dump()
    with LeftBy(error), box.ws.transaction() as tx:
        add_jane(tx, add(tx))
        raise error
    assert box.dump() == before
    add(box.ws)


def test_commands_of_several_units_are_one_with_the_rest(box: Box) -> None:
    rows = [{"client": f"C{number}", "client_email": "c@c.example"} for number in range(5)]
    acme = add(box.ws)
    bob = box.contact(box.ws.clients.get(acme), "Bob")
    before = box.dump()
    with LeftBy(RuntimeError), box.ws.transaction() as tx:
        assert len(tx.clients.import_rows(rows).ok) == 5
        assert len(tx.contacts.send_invites(acme).ok) == 1
        assert tx.contacts.get(bob.id).state == "invite_sent"
        raise RuntimeError
    assert box.dump() == before


def test_a_refused_call_that_is_caught_leaves_nothing_and_harms_nothing(box: Box) -> None:
    with box.ws.transaction() as tx:
        acme = add(tx)
        add_jane(tx, acme)
        with pytest.raises(DuplicateContactError):
            add_jane(tx, acme)
        with pytest.raises(NotFoundError):
            tx.clients.get(ClientId(UUID(int=1)))
        add(tx, "Bolt")
    assert box.actions() == ["client_added", "contact_added", "contact_invited", "client_added"]


def test_what_goes_past_an_open_block_is_refused(box: Box) -> None:
    box.contact(box.client(), invite=True)
    before = box.dump()
    past: dict[str, Callable[[], object]] = {
        "the outer workspace": lambda: add(box.ws, "Bolt"),
        "its questions": box.ws.clients.list,
        "another actor": lambda: add(box.system, "Bolt"),
        "another tenant": lambda: add(box.manager.workspace("other", actor=System("x"))),
        "another block": lambda: box.ws.transaction().__enter__(),
        "the entrance": box.sign_in,
        "mail": box.deliver,
        "the feed": lambda: box.manager.feed("reader").pull(),
        "upkeep": lambda: box.manager.upkeep(tenants=[box.tenant]),
    }
    for name, call in past.items():
        with box.ws.transaction(), pytest.raises(TransactionError) as refused:
            call()
        assert "transaction is open here" in str(refused.value) or "inside a unit" in str(refused.value), name
    assert box.dump() == before
    assert box.deliver().sent == 1


def test_a_block_inside_a_block_is_refused(box: Box) -> None:
    with box.ws.transaction() as tx:
        with pytest.raises(TransactionError), tx.transaction():
            pass
        with pytest.raises(TransactionError), tx.acting_as(System("x")).transaction():
            pass
        add(tx)
    assert box.actions() == ["client_added"]


def test_a_block_can_be_entered_again_after_its_end(box: Box) -> None:
    for name in ("Acme", "Bolt"):
        with box.ws.transaction() as tx:
            add(tx, name)
    with LeftBy(RuntimeError), box.ws.transaction() as tx:
        raise RuntimeError
    with box.ws.transaction() as tx:
        add(tx, "Cora")
    assert len(box.ws.clients.list()) == 3


def test_nothing_can_be_done_in_a_block_that_has_ended(box: Box) -> None:
    with box.ws.transaction() as tx:
        acme = add(tx)
    guest = tx.acting_as(Staff("eve", roles=()))
    before = box.dump()
    calls: list[Callable[[], object]] = [
        lambda: add(tx, "Bolt"),
        lambda: tx.clients.get(acme),
        lambda: guest.clients.get(acme),
        lambda: add(guest, "Bolt"),
        lambda: tx.transaction().__enter__(),
    ]
    for call in calls:
        with pytest.raises(TransactionError):
            call()
    assert box.dump() == before


def test_a_block_belongs_to_its_thread(box: Box) -> None:
    with box.ws.transaction() as tx:
        refused = in_thread(lambda: add(tx))
        assert isinstance(refused, TransactionError)
        assert isinstance(in_thread(tx.clients.list), TransactionError)
        add(tx, "Bolt")
    assert [client.name for client in box.ws.clients.list()] == ["Bolt"]


def test_other_threads_go_on_beside_a_block(postgresql: SQLStorage) -> None:
    box = Box(postgresql)
    with box.ws.transaction() as tx:
        acme = add(tx)
        assert isinstance(in_thread(lambda: box.ws.clients.get(acme)), NotFoundError)
        assert isinstance(in_thread(lambda: add(box.ws, "Bolt")), type(acme))

        def block() -> object:
            with box.ws.transaction() as own:
                return add(own, "Cora")

        assert isinstance(in_thread(block), type(acme))
    assert [client.name for client in box.ws.clients.list()] == ["Acme Retail", "Bolt", "Cora"]


def test_one_block_may_act_for_several(box: Box) -> None:
    with box.ws.transaction() as tx:
        acme = add(tx)
        tx.acting_as(Staff("bob", roles=["editor"])).clients.set_status(acme, "paused")
        with pytest.raises(ForbiddenError):
            add(tx.acting_as(Staff("eve", roles=["operations_lead"])))
    assert {(entry.actor, entry.action) for entry in box.audit()} == {
        ("staff:ada", "client_added"),
        ("staff:bob", "client_status_changed"),
        ("staff:eve", "denied"),
    }
    assert box.ws.acting_as(System("jobs")).actor == System("jobs")


@pytest.mark.parametrize("undone", [False, True], ids=["committed", "undone"])
def test_denials_are_written_when_the_block_has_ended(box: Box, *, undone: bool) -> None:
    def block() -> None:
        with box.ws.transaction() as tx:
            eve = tx.acting_as(Staff("eve", roles=["operations_lead"]))
            for name in ("Bolt", "Cora"):
                with pytest.raises(ForbiddenError):
                    add(eve, name)
            acme = add(tx)
            assert [entry.action for entry in tx.audit.list()] == ["client_added"]
            if undone:
                eve.clients.set_status(acme, "paused")

    if undone:
        with pytest.raises(ForbiddenError):
            block()
    else:
        block()
    assert Counter(box.actions()) == Counter({"denied": 3} if undone else {"denied": 2, "client_added": 1})


def test_a_denial_that_cannot_be_written_does_not_make_the_rest_look_undone(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(InMemoryUnitOfWork):
        def add(self, collection: Any, *entities: Any) -> None:  # noqa: ANN401 - passed on
            if collection is AUDIT and entities[0].action == "denied":
                message = "the disk is full"
                raise StorageError(message)
            super().add(collection, *entities)

    class Store(InMemoryStorage):
        unit_type = Failing

    heard: list[int] = []
    box = Box(Store(), on_commit=lambda events: heard.append(len(events)))
    with box.ws.transaction() as tx:
        add(tx)
        for _ in range(2):
            with pytest.raises(ForbiddenError):
                add(tx.acting_as(Staff("eve", roles=["operations_lead"])))
    assert box.actions() == ["client_added"]
    assert heard == [1]
    assert [record.message for record in caplog.records] == ["a denial could not be written to the audit trail"] * 2


def test_listeners_hear_once_and_after_the_commit(storage: Storage, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[list[str]] = []

    def hear(events: Sequence[Event]) -> None:
        heard.append([event.name for event in events])
        assert len(box.ws.clients.list()) == len(heard)
        raise RuntimeError

    box = Box(storage, on_commit=hear)
    with box.ws.transaction() as tx:
        add_jane(tx, add(tx))
        assert heard == []
    assert heard == [["client_added", "contact_added", "contact_invited"]]
    assert "the unit of work is committed" in caplog.text
    with LeftBy(KeyError), box.ws.transaction() as tx:
        add(tx, "Bolt")
        raise KeyError
    with box.ws.transaction() as tx:
        tx.clients.list()
    assert len(heard) == 1


def test_who_was_overtaken_in_a_block_looks_again(storage: Storage) -> None:
    box = Box(storage)
    acme = box.client()
    reads: list[int] = []

    def late(work: Work, client_id: ClientId) -> str:
        found = work.uow.get(CLIENTS, client_id)
        reads.append(found.version)
        if len(reads) == 1:
            raise StaleVersion(CLIENTS.name)
        return work.uow.save(CLIENTS, found).name

    with box.ws.transaction() as tx:
        assert tx.clients._calls.write(late, acme.id) == "Acme Retail"  # noqa: SLF001 - a use case of our own
        add(tx, "Bolt")
    assert reads == [1, 1]


def test_a_conflict_that_spoils_a_block_reaches_its_owner(storage: Storage) -> None:
    box = Box(storage)
    tries: list[int] = []

    def unlucky(_: Work) -> None:
        tries.append(1)
        message = "deadlock"
        raise TransactionConflictError(message)

    with pytest.raises(TransactionConflictError), box.ws.transaction() as tx:
        tx.clients._calls.write(unlucky)  # noqa: SLF001 - the same
    assert len(tries) == 1


class Joined:
    """A store inside a transaction of its host: what it is given lasts only if :meth:`commit` is called."""

    ephemeral = True
    in_host_transaction = True

    def __init__(self, below: InMemoryStorage, *, exclusive: bool) -> None:
        self.exclusive = exclusive
        self._below = below
        self._uow: UnitOfWork | None = None

    @contextmanager
    def host_transaction(self, tenant: str) -> Iterator[None]:
        with self._below.unit_of_work(tenant) as self._uow:
            yield

    @contextmanager
    def unit_of_work(self, tenant: str, *, read_only: bool = False) -> Iterator[UnitOfWork]:
        assert tenant or read_only
        assert self._uow is not None
        with self._uow.savepoint():
            yield self._uow


def joined(box: Box, *, exclusive: bool) -> tuple[Joined, Workspace]:
    assert isinstance(box.storage, InMemoryStorage)
    store = Joined(box.storage, exclusive=exclusive)
    return store, box.manager.workspace(box.tenant, actor=box.ws.actor, storage=cast("Storage", store))


def test_calls_in_a_transaction_of_the_host_last_as_long_as_that() -> None:
    heard: list[object] = []
    box = Box(InMemoryStorage(), on_commit=heard.append)
    store, ws = joined(box, exclusive=True)
    with LeftBy(RuntimeError), store.host_transaction(box.tenant):
        add(ws)
        raise RuntimeError
    assert len(box.ws.clients.list()) == 0
    with store.host_transaction(box.tenant):
        add(ws)
        with ws.transaction() as tx:
            add(tx, "Bolt")
            with pytest.raises(TransactionError):
                add(ws, "Cora")
        with LeftBy(RuntimeError), ws.transaction() as tx:
            add(tx, "Dora")
            raise RuntimeError
    assert [client.name for client in box.ws.clients.list()] == ["Acme Retail", "Bolt"]
    assert heard == []


def test_a_denial_waits_for_no_host_that_keeps_others_out() -> None:
    box = Box(InMemoryStorage())
    store, ws = joined(box, exclusive=True)
    eve = ws.acting_as(Staff("eve", roles=["operations_lead"]))
    with store.host_transaction(box.tenant):
        with pytest.raises(ForbiddenError):
            add(eve)
        with ws.transaction() as tx, pytest.raises(ForbiddenError):
            add(tx.acting_as(eve.actor))
    assert box.actions() == ["denied", "denied"]


def test_a_denial_outlives_a_host_that_lets_others_in() -> None:
    box, apart = Box(InMemoryStorage()), InMemoryStorage()
    store = Joined(apart, exclusive=False)
    ws = box.manager.workspace(box.tenant, actor=box.ws.actor, storage=cast("Storage", store))
    with LeftBy(RuntimeError), store.host_transaction(box.tenant):
        with pytest.raises(ForbiddenError):
            add(ws.acting_as(Staff("eve", roles=["operations_lead"])))
        raise RuntimeError
    assert box.actions() == ["denied"]


def test_a_conflict_in_a_transaction_of_the_host_is_the_hosts() -> None:
    box = Box(InMemoryStorage())
    store, ws = joined(box, exclusive=True)
    tries: list[int] = []

    def unlucky(_: Work) -> None:
        tries.append(1)
        message = "deadlock"
        raise TransactionConflictError(message)

    with store.host_transaction(box.tenant), pytest.raises(TransactionConflictError):
        ws.clients._calls.write(unlucky)  # noqa: SLF001 - a use case of our own
    assert len(tries) == 1


def test_signing_in_is_never_a_part_of_a_transaction_of_the_host() -> None:
    box, apart = Box(InMemoryStorage()), InMemoryStorage()
    jane = box.active(box.client())
    store = Joined(apart, exclusive=False)
    door = box.manager.entrance(box.tenant, origin="192.0.2.1", storage=cast("Storage", store))
    with LeftBy(RuntimeError), store.host_transaction(box.tenant):
        door.sign_in("jane@acme.example", PASSWORD)
        door.sign_in_trusted(jane.user_id)
        raise RuntimeError
    assert len(box.ws.access.logins(jane.user_id)) == 3

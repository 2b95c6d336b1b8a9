"""What only the asynchronous facade does: it waits for its tasks, and leaves nothing behind when they are cancelled."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from clientmgmt import (
    AsyncClientManager,
    AsyncWorkspace,
    Client,
    ClientId,
    ForbiddenError,
    SignInRefusedError,
    Staff,
    System,
    aiter_all,
    generate_key,
)
from clientmgmt._usecases.work import Work
from clientmgmt.adapters.memory import InMemoryStorage, InMemoryUnitOfWork
from clientmgmt.domain import Event, Message
from clientmgmt.errors import StorageError, TransactionConflictError, TransactionError
from clientmgmt.ports import Storage
from clientmgmt.ports.collections import AUDIT, CLIENTS
from clientmgmt.testing import FastHasher, ManualClock, RecordingNotifier
from tests.box import KEY, SETTINGS, dump, new_tenant

pytestmark = pytest.mark.greenlets

Story = Callable[["Stage"], Awaitable[None]]


class Stage:
    """An asynchronous manager over a store, and a tenant of its own."""

    def __init__(self, storage: Storage, **options: Any) -> None:  # noqa: ANN401 - passed on
        self.storage = storage
        self.tenant = new_tenant()
        self.mails = RecordingNotifier()
        self.clock = ManualClock()
        usual: dict[str, Any] = {"notifier": self.mails, "clock": self.clock, "passwords": FastHasher()}
        self.manager = AsyncClientManager(storage, secret_keys=[KEY], settings=SETTINGS, **(usual | options))
        self.ws = self.manager.workspace(self.tenant, actor=Staff("ada", roles={"administrator"}))

    def dump(self) -> object:
        return dump(self.storage, self.tenant)


def told(storage: Storage, story: Story, **options: Any) -> None:  # noqa: ANN401 - passed on
    """Tell an asynchronous story, within a minute."""

    async def tell() -> None:
        async with asyncio.timeout(60):
            await story(Stage(storage, **options))

    asyncio.run(tell())


async def add(ws: AsyncWorkspace, name: str = "Acme") -> ClientId:
    return (await ws.clients.add(name=name, email=f"ap@{name.lower()}.example")).id


async def names(ws: AsyncWorkspace) -> list[str]:
    return [client.name async for client in aiter_all(ws.clients.list, limit=2)]


def test_a_list_is_walked_page_by_page(storage: Storage) -> None:
    async def story(stage: Stage) -> None:
        for name in ("Acme", "Bolt", "Cora", "Dora", "Emma"):
            await add(stage.ws, name)
        assert await names(stage.ws) == ["Acme", "Bolt", "Cora", "Dora", "Emma"]
        assert await names(stage.manager.workspace(new_tenant(), actor=System("x"))) == []

    told(storage, story)


def test_many_tasks_share_a_manager(storage: Storage) -> None:
    async def story(stage: Stage) -> None:
        expected = [f"C{number}" for number in range(20)]
        await asyncio.gather(*(add(stage.ws, name) for name in expected))
        assert await names(stage.ws) == sorted(expected)

    told(storage, story)


def test_a_block_belongs_to_its_task(storage: Storage) -> None:
    async def story(stage: Stage) -> None:
        async with stage.ws.transaction() as tx:
            acme = await add(tx)
            refused = await asyncio.gather(add(tx, "Bolt"), tx.clients.get(acme), return_exceptions=True)
            assert [type(each) for each in refused] == [TransactionError, TransactionError]
            with pytest.raises(TransactionError):
                await add(stage.ws, "Cora")
            await add(tx, "Dora")
        with pytest.raises(TransactionError):
            await add(tx, "Emma")
        assert await names(stage.ws) == ["Acme", "Dora"]

    told(storage, story)


def test_blocks_of_several_tasks_do_not_mix(storage: Storage) -> None:
    async def story(stage: Stage) -> None:
        async def block(number: int) -> None:
            async with stage.ws.transaction() as tx:
                await add(tx, f"A{number}")
                await asyncio.sleep(0)
                await add(tx, f"B{number}")
                if number % 2:
                    raise RuntimeError

        await asyncio.gather(*(block(number) for number in range(6)), return_exceptions=True)
        assert await names(stage.ws) == ["A0", "A2", "A4", "B0", "B2", "B4"]

    told(storage, story)


def test_denials_of_a_block_are_written_when_it_is_cancelled(storage: Storage) -> None:
    async def story(stage: Stage) -> None:
        denied = asyncio.Event()

        async def block() -> None:
            async with stage.ws.transaction() as tx:
                await add(tx)
                with pytest.raises(ForbiddenError):
                    await add(tx.acting_as(Staff("eve", roles=["operations_lead"])), "Bolt")
                denied.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(block())
        await denied.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [entry.action for entry in await stage.ws.audit.list()] == ["denied"]
        assert await names(stage.ws) == []
        await add(stage.ws)

    told(storage, story)


def test_a_cancelled_command_leaves_no_lock_and_no_half(storage: Storage) -> None:
    """Cancelled at any of its switches of tasks, it has done all or nothing, and others go on at once."""

    async def story(stage: Stage) -> None:
        await add(stage.ws, "Zero")
        for turns in range(0, 40, 2):
            before = stage.dump()
            task = asyncio.create_task(
                stage.ws.clients.add(name="A", email="a@a.example", references=[("x", str(turns))])
            )
            for _ in range(turns):
                await asyncio.sleep(0 if turns < 20 else 0.0002)
            task.cancel()
            done = await asyncio.gather(task, return_exceptions=True)
            after = stage.dump()
            assert isinstance(done[0], Client | asyncio.CancelledError)
            if isinstance(done[0], Client) or after != before:
                assert len(await names(stage.ws)) == len(before["clients"]) + 1  # type: ignore[index]
                assert len(after["audit"]) == len(before["audit"]) + 1  # type: ignore[index]
                assert len(after["client_references"]) == len(before["client_references"]) + 1  # type: ignore[index]
            await add(stage.ws, "Next")

    told(storage, story)


def test_a_command_that_is_cancelled_in_its_midst_is_undone(storage: Storage) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def dawdle(work: Work) -> int:
        number = work.uow.next_number("x")
        reached.set()
        assert go_on.wait(60)
        return number

    async def story(stage: Stage) -> None:
        calls = stage.ws.clients._calls  # noqa: SLF001 - a use case of our own
        task = asyncio.create_task(calls.write(dawdle))
        await asyncio.to_thread(reached.wait, 60)
        task.cancel()
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await calls.write(dawdle) == 1

    told(storage, story)


class Blocking(RecordingNotifier):
    """A notifier that blocks its thread until the loop has ticked."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.ticked = threading.Event(), threading.Event()

    def send(self, message: Message, /) -> str:
        self.began.set()
        assert self.ticked.wait(60), "the loop stood still"
        return super().send(message)


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_notifier_that_blocks_does_not_hold_up_the_loop(storage: Storage, *, cancelled: bool) -> None:
    mails = Blocking()

    async def story(stage: Stage) -> None:
        acme = await add(stage.ws)
        await stage.ws.contacts.add(acme, first_name="J", last_name="D", email="j@acme.example", invite=True)
        delivering = asyncio.create_task(stage.manager.deliver())
        assert await asyncio.to_thread(mails.began.wait, 60)
        if not cancelled:
            mails.ticked.set()
            assert (await delivering).sent == 1
            return
        delivering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await delivering
        mails.ticked.set()
        assert (await stage.manager.deliver()).handled == 0
        stage.clock.advance(SETTINGS.rules.delivery.lease)
        assert (await stage.manager.deliver()).sent == 1

    told(storage, story, notifier=mails)


def test_a_handler_may_be_a_coroutine_function(storage: Storage) -> None:
    async def story(stage: Stage) -> None:
        seen: list[str] = []

        async def handler(event: Event) -> None:
            await asyncio.sleep(0)
            seen.append(await names_of(event))
            if len(seen) == 2:
                raise RuntimeError

        async def names_of(event: Event) -> str:
            return (await stage.ws.clients.get(ClientId(event.subject))).name

        feed = stage.manager.feed("reader")
        for name in ("Acme", "Bolt", "Cora"):
            await add(stage.ws, name)
        with pytest.raises(RuntimeError):
            await feed.run(handler)
        assert await feed.run(handler) == 2
        assert await feed.run(lambda event: seen.append(event.name)) == 0
        assert seen == ["Acme", "Bolt", "Bolt", "Cora"]

    told(storage, story)


def test_a_handler_that_is_cancelled_keeps_what_was_done() -> None:
    async def story(stage: Stage) -> None:
        reached = asyncio.Event()

        async def handler(event: Event) -> None:
            seen.append(event)
            if len(seen) == 2:
                reached.set()
                await asyncio.Event().wait()

        seen: list[Event] = []
        feed = stage.manager.feed("reader")
        for name in ("Acme", "Bolt", "Cora"):
            await add(stage.ws, name)
        task = asyncio.create_task(feed.run(handler))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [event.id for event in await feed.pull()][:1] == [seen[1].id]
        assert len(await feed.pull()) == 2

    told(InMemoryStorage(), story)


def test_what_was_cancelled_can_be_sent_again_with_its_key(storage: Storage) -> None:
    async def story(stage: Stage) -> None:
        for turns in range(12):
            order: dict[str, Any] = {"name": f"C{turns}", "email": "c@c.example", "idempotency_key": str(turns)}
            task = asyncio.create_task(stage.ws.clients.add(**order))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await stage.ws.clients.add(**order)
        assert len(await names(stage.ws)) == 12

    told(storage, story)


def test_a_manager_closes_what_it_has_opened(tmp_path: Any) -> None:  # noqa: ANN401 - a path
    async def story() -> None:
        url = f"sqlite:///{tmp_path / 'clients.db'}"
        async with AsyncClientManager(url, secret_keys=[generate_key()]) as manager:
            ws = manager.workspace("northwind", actor=System("x"))
            await add(ws)
        with pytest.raises(TransactionError):
            await add(ws, "Bolt")
        storage = InMemoryStorage()
        async with AsyncClientManager(storage) as manager:
            ws = manager.workspace("northwind", actor=System("x"))
        await add(ws)
        with storage.unit_of_work("northwind") as uow:
            assert uow.count(CLIENTS) == 1

    asyncio.run(story())


def test_who_lost_against_another_waits_and_is_run_again(storage: Storage) -> None:
    async def story(stage: Stage) -> None:
        tries: list[int] = []

        def unlucky(_: Work) -> int:
            tries.append(1)
            if len(tries) < 3:
                message = "deadlock"
                raise TransactionConflictError(message)
            return len(tries)

        assert await stage.ws.clients._calls.write(unlucky) == 3  # noqa: SLF001 - a use case of our own

    told(storage, story)


def test_what_comes_after_the_commit_does_not_make_it_look_undone(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(InMemoryUnitOfWork):
        def add(self, collection: Any, *entities: Any) -> None:  # noqa: ANN401 - passed on
            if collection is AUDIT and entities[0].action == "denied":
                message = "the disk is full"
                raise StorageError(message)
            super().add(collection, *entities)

    class Store(InMemoryStorage):
        unit_type = Failing

    def hear(events: Sequence[Event]) -> None:
        heard.append([event.name for event in events])
        raise RuntimeError

    async def story(stage: Stage) -> None:
        await add(stage.ws)
        async with stage.ws.transaction() as tx:
            await add(tx, "Bolt")
            await add(tx, "Cora")
            with pytest.raises(ForbiddenError):
                await add(tx.acting_as(Staff("eve", roles=["operations_lead"])), "Dora")
        assert await names(stage.ws) == ["Acme", "Bolt", "Cora"]

    heard: list[list[str]] = []
    told(Store(), story, on_commit=hear)
    assert heard == [["client_added"], ["client_added", "client_added"]]
    assert "the unit of work is committed" in caplog.text
    assert "a denial could not be written" in caplog.text


def test_the_rest_of_the_manager_is_the_same(storage: Storage) -> None:
    async def story(stage: Stage) -> None:
        await stage.ws.clients.add(name="Acme", email="a@a.example", idempotency_key="x")
        assert await stage.manager.upgrade() == ()
        assert "removed_key" not in {note.code for note in await stage.manager.check()}
        stage.clock.advance(timedelta(days=30))
        assert (await stage.manager.upkeep(tenants=[stage.tenant])).total == 2
        with pytest.raises(TransactionError):
            async with stage.ws.transaction() as tx, tx.transaction():
                pass

    told(storage, story)


def test_the_entrance_is_the_same(storage: Storage) -> None:
    async def story(stage: Stage) -> None:
        door = stage.manager.entrance(stage.tenant, origin="192.0.2.1")
        acme = await add(stage.ws)
        jane = await stage.ws.contacts.add(acme, first_name="J", last_name="D", email="j@acme.example", invite=True)
        await stage.manager.deliver()
        token = stage.mails.token("j@acme.example")
        assert (await door.inspect(token)).email.address == "j@acme.example"
        session = await door.accept_invite(token, password="correct horse battery staple")
        assert session.clients == (acme,)
        assert (await door.sign_in_trusted(jane.user_id)).actor == (await sign_in(door)).actor
        session = await sign_in(door)
        assert await door.identify(session.token.reveal()) == session.actor
        await door.sign_out(session.token.reveal())
        with pytest.raises(SignInRefusedError):
            await door.identify(session.token.reveal())
        await reset(stage, door, acme)

    async def reset(stage: Stage, door: Any, acme: ClientId) -> None:  # noqa: ANN401 - an entrance
        new = "a quite different one"
        await door.request_reset("j@acme.example")
        await stage.manager.deliver()
        await door.complete_reset(stage.mails.token("j@acme.example"), password=new)
        user_id = await door.check_password("j@acme.example", new)
        session = await door.sign_in("j@acme.example", new)
        session = await door.change_password(session.token.reveal(), password=f"{new} 2", current=new)
        ws = stage.manager.workspace(stage.tenant, actor=session.actor)
        (contact,) = (await ws.contacts.list(acme)).items
        await ws.contacts.update(contact.id, email="k@acme.example")
        await stage.manager.deliver()
        await door.confirm_email(stage.mails.token("k@acme.example"))
        changed = await stage.ws.contacts.get(contact.id)
        assert (changed.user_id, changed.email.address) == (user_id, "k@acme.example")

    async def sign_in(door: Any) -> Any:  # noqa: ANN401 - an entrance and a session
        return await door.sign_in("j@acme.example", "correct horse battery staple")

    told(storage, story)

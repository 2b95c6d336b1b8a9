"""Every committed event, in order, until it is confirmed. Source: glossary: feed, consumer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from threading import Event as Flag
from threading import Thread
from typing import Any, Literal

import pytest

from clientmgmt import Client, ClientManager, Feed, InvalidInputError, RetentionRules, Rules, Settings
from clientmgmt._usecases import feed as feeding
from clientmgmt._usecases.steps import Ask, Steps, Unit
from clientmgmt.adapters.memory import InMemoryStorage
from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.domain import ClientAdded, ClientStatusChanged, ContactAdded, Event, UserSignedIn
from clientmgmt.errors import UsageError
from clientmgmt.ports import COLLECTIONS, Storage
from clientmgmt.ports.collections import FEED, FEED_READERS, NEW_EVENTS
from tests.box import KEY, SETTINGS, Box, new_tenant
from tests.stories.test_transactions import LeftBy


def reader(box: Box, **options: Any) -> Feed:  # noqa: ANN401 - passed on
    """A reader that nobody knows yet: stores are shared with other tests."""
    return box.manager.feed(f"reader-{new_tenant()}", **options)


def names(events: Sequence[Event]) -> list[str]:
    return [event.name for event in events]


def titles(events: Sequence[Event]) -> list[str]:
    return [event.title for event in events if isinstance(event, ClientAdded)]


def test_what_was_committed_is_there_in_order_and_complete(storage: Storage) -> None:
    heard: list[Event] = []
    box = Box(storage, on_commit=heard.extend)
    jane = box.active(box.client(references=[("crm", "1")]))
    box.ws.access.deactivate(jane.user_id)
    box.ws.contacts.remove(jane.id)
    events = reader(box).pull()
    assert list(events) == heard
    assert [event.id for event in events] == [entry.id for entry in box.audit()]
    assert len(events) == 7


def test_what_was_undone_is_not_there(box: Box) -> None:
    with LeftBy(RuntimeError), box.ws.transaction() as tx:
        tx.clients.add(name="Bolt", email="b@bolt.example")
        raise RuntimeError
    with box.ws.transaction() as tx:
        tx.clients.add(name="Acme", email="a@acme.example")
    assert titles(reader(box).pull()) == ["Acme"]


def test_no_further_tenant_is_asked_for_more_than_was_wanted(memory_box: Box) -> None:
    for box in (memory_box, memory_box.neighbour()):
        box.client()
    feed = reader(memory_box)
    first = feed.pull(limit=1)
    feed.ack(first)
    second = feed.pull(limit=1)
    assert len(first) == len(second) == 1
    assert first[0].tenant != second[0].tenant


def test_events_come_again_until_they_are_confirmed(box: Box) -> None:
    feed = reader(box)
    for name in ("Acme", "Bolt", "Cora"):
        box.client(name)
    first = feed.pull(limit=2)
    assert feed.pull(limit=2) == first
    assert titles(feed.pull()) == ["Acme", "Bolt", "Cora"]
    feed.ack(first)
    assert titles(feed.pull()) == ["Cora"]
    feed.ack(first[:1])
    assert titles(feed.pull()) == ["Cora"]
    feed.ack(iter(feed.pull()))
    feed.ack([])
    assert feed.pull() == ()
    box.client("Dora")
    assert titles(box.again().manager.feed(feed._reading.reader).pull()) == ["Dora"]  # noqa: SLF001 - its name


def test_a_later_event_confirms_those_before_it(box: Box) -> None:
    feed = reader(box)
    for name in ("Acme", "Bolt", "Cora"):
        box.client(name)
    feed.ack(feed.pull()[1:2])
    assert titles(feed.pull()) == ["Cora"]


def test_each_tenant_is_confirmed_for_itself(box: Box) -> None:
    other, feed = box.neighbour(), reader(box)
    for name in ("Acme", "Bolt"):
        box.client(name)
        other.client(name)
    events = feed.pull()
    assert {event.tenant: 2 for event in events} == {box.tenant: 2, other.tenant: 2}
    assert len(feed.pull(limit=3)) == 3
    feed.ack([events[0], events[3]])
    rest = feed.pull()
    assert (names(rest), titles(rest), rest[0].tenant) == (["client_added"], ["Bolt"], events[0].tenant)
    feed.ack(rest)
    assert feed.pull() == ()


def test_readers_do_not_disturb_each_other(box: Box) -> None:
    one, two = reader(box), reader(box)
    box.client()
    one.ack(one.pull())
    assert one.pull() == ()
    assert len(two.pull()) == 1


def test_who_begins_now_has_nothing_to_do_with_the_past(box: Box) -> None:
    other = box.neighbour()
    box.client("Acme")
    now, beginning = reader(box, start="now"), reader(box)
    assert now.pull() == ()
    box.client("Bolt")
    other.client("Cora")
    assert sorted(titles(now.pull())) == ["Bolt", "Cora"]
    assert sorted(titles(beginning.pull())) == ["Acme", "Bolt", "Cora"]
    now.ack(now.pull())
    assert box.manager.feed(now._reading.reader, start="beginning").pull() == ()  # noqa: SLF001 - its name


def perform(box: Box, step: object) -> object:
    """One step of a use case, by hand."""
    if isinstance(step, Ask):
        return step.call(box.storage)
    assert isinstance(step, Unit)
    with box.storage.unit_of_work(step.tenant, read_only=step.read_only) as uow:
        return step.work(uow)


def held_up(box: Box, steps: Steps[tuple[Event, ...]], deed: Callable[[], None], *, at: int) -> bool:
    """Stop a use case before one of its steps, do the deed, and go on to the end; whether it had so many steps."""
    answer, stopped = None, False
    try:
        for count in range(100):
            if count == at:
                deed()
                stopped = True
            answer = perform(box, steps.send(answer))
    except StopIteration:
        return stopped
    pytest.fail("it never ends")


@pytest.mark.parametrize("start", ["now", "beginning"])
def test_of_two_who_begin_under_one_name_none_makes_the_other_lose_anything(start: Literal["now", "beginning"]) -> None:
    """Wherever the first is held up, what is committed after the second has begun reaches the second."""
    for at in range(100):
        box = Box(InMemoryStorage())
        box.client("Before")
        feed, other = reader(box, start=start), box.neighbour()

        def deed(box: Box = box, feed: Feed = feed, other: Box = other) -> None:
            feed.pull()
            box.client("After")
            other.client("There")
            reader(box).pull()
            feed.pull()

        stopped = held_up(box, feeding.pull(feed._reading, limit=1000), deed, at=at)  # noqa: SLF001 - by hand
        if not stopped:
            break
        assert {"After", "There"} <= set(titles(feed.pull())), at
    assert at > 4


def test_only_events_of_the_wanted_kinds_come(box: Box) -> None:
    feed = reader(box, types=[ClientStatusChanged, ContactAdded])
    acme = box.client()
    box.contact(acme)
    box.client("Bolt")
    box.ws.clients.set_status(acme.id, "paused")
    assert names(feed.pull()) == ["contact_added", "client_status_changed"]
    feed.ack(feed.pull()[:1])
    assert names(feed.pull()) == ["client_status_changed"]


def position(box: Box, feed: Feed) -> list[int]:
    with box.storage.unit_of_work(box.tenant, read_only=True) as uow:
        found = uow.find(FEED_READERS, FEED_READERS.reader.eq(feed._reading.reader))  # noqa: SLF001 - its name
        return [each.position for each in found]


def test_what_is_not_for_a_reader_is_looked_at_once(box: Box) -> None:
    feed = reader(box, types={UserSignedIn})
    box.client("Acme")
    box.client("Bolt")
    assert feed.pull() == ()
    assert position(box, feed) == [2]
    before = box.dump()
    assert feed.pull() == ()
    assert box.dump() == before
    box.active(box.client("Cora"))
    assert names(feed.pull()) == ["user_signed_in"]
    assert position(box, feed) == [2]


def test_passing_over_stops_at_what_came_meanwhile() -> None:
    """Wherever it is held up, an event that is wanted gets its number."""
    for at in range(100):
        box = Box(InMemoryStorage())
        acme, feed = box.client(), reader(box, types=[ContactAdded])

        def deed(box: Box = box, acme: Client = acme) -> None:
            box.contact(acme)
            reader(box).pull()

        stopped = held_up(box, feeding.pull(feed._reading, limit=10), deed, at=at)  # noqa: SLF001 - by hand
        if not stopped:
            break
        assert names(feed.pull()) == ["contact_added"], at
    assert at > 4


def test_a_handler_is_given_one_after_the_other(box: Box) -> None:
    feed, seen = reader(box), list[Event]()
    for name in ("Acme", "Bolt", "Cora"):
        box.client(name)
    assert feed.run(seen.append, limit=2) == 2
    assert feed.run(seen.append) == 1
    assert feed.run(seen.append) == 0
    assert titles(seen) == ["Acme", "Bolt", "Cora"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, StopIteration])
def test_what_a_handler_fails_at_comes_again(box: Box, error: type[BaseException]) -> None:
    def handler(event: Event) -> None:
        seen.append(event)
        if len(seen) == 2:
            raise error

    feed, seen = reader(box), list[Event]()
    for name in ("Acme", "Bolt", "Cora"):
        box.client(name)
    with pytest.raises(RuntimeError if error is StopIteration else error):
        feed.run(handler)
    assert titles(feed.pull()) == ["Bolt", "Cora"]
    assert feed.run(handler) == 2
    assert titles(seen) == ["Acme", "Bolt", "Bolt", "Cora"]


def test_a_handler_may_use_the_manager(storage: Storage) -> None:
    box = Box(storage)
    feed = reader(box, types=[ClientAdded])
    acme = box.client()
    assert feed.run(lambda event: box.contact(acme, event.name)) == 1
    assert len(box.ws.contacts.list(acme.id)) == 1


def test_a_handler_that_nobody_awaits_confirms_nothing(memory_box: Box) -> None:
    async def handler(_: Event) -> None:
        pytest.fail("nobody awaits it")

    class Awaitable:
        def __await__(self) -> Any:  # noqa: ANN401 - never called
            pytest.fail("nobody awaits it")

    feed = reader(memory_box)
    memory_box.client()
    for wrong in (handler, lambda _: Awaitable()):
        with pytest.raises(UsageError):
            feed.run(wrong)
    assert len(feed.pull()) == 1


def test_a_transaction_that_ends_late_is_not_skipped(postgresql: SQLStorage) -> None:
    """It has begun before and its events were written before, but what others committed meanwhile was read already."""
    box = Box(postgresql)
    written, read_on = Flag(), Flag()

    def slow() -> None:
        with box.ws.transaction() as tx:
            tx.clients.add(name="Slow", email="s@slow.example")
            written.set()
            assert read_on.wait(60)

    thread = Thread(target=slow)
    thread.start()
    assert written.wait(60)
    box.client("Fast")
    old, new = reader(box), reader(box, start="now")
    events = old.pull()
    assert titles(events) == ["Fast"]
    old.ack(events)
    assert new.pull() == ()
    read_on.set()
    thread.join()
    for feed in (old, new):
        assert titles(feed.pull()) == ["Slow"]


def test_the_order_is_no_matter_of_clocks_or_ids(box: Box) -> None:
    acme = box.client()
    for status in ("paused", "active", "inactive", "active"):
        box.clock.advance(timedelta(hours=-1))
        box.again().ws.clients.set_status(acme.id, status)
    events = reader(box, types=[ClientStatusChanged]).pull()
    assert [event.new for event in events if isinstance(event, ClientStatusChanged)] == [
        "paused",
        "active",
        "inactive",
        "active",
    ]
    assert [event.at for event in events] == sorted((event.at for event in events), reverse=True)


def test_many_are_numbered_in_parts(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "_BATCH", 2)
    for number in range(5):
        box.client(f"C{number}")
    assert titles(box.manager.feed(new_tenant()).pull(limit=2)) == ["C0", "C1"]
    with box.storage.unit_of_work(box.tenant, read_only=True) as uow:
        assert [entry.position for entry in uow.find(FEED, order=FEED.position.asc())] == [1, 2, 3, 4, 5]
        assert uow.count(NEW_EVENTS) == 0


def test_without_retention_nothing_is_kept_and_there_is_no_feed(box: Box) -> None:
    silent = box.again(rules=Rules(retention=RetentionRules(feed=timedelta(0))))
    silent.client("Acme")
    assert reader(silent).pull() == ()
    assert box.dump()[NEW_EVENTS.name] == box.dump()[FEED.name] == ()
    box.client("Bolt")
    assert titles(reader(silent).pull()) == ["Bolt"]


@pytest.mark.parametrize("read", [False, True], ids=["unread", "numbered"])
def test_what_was_kept_for_long_enough_is_gone_and_the_rest_goes_on(box: Box, *, read: bool) -> None:
    feed = reader(box)
    box.client("Acme")
    if read:
        feed.pull()
    box.later(days=29)
    box.client("Bolt")
    box.later(days=1)
    assert box.manager.upkeep(tenants=[box.tenant]).done["feed"] == 1
    assert titles(feed.pull()) == ["Bolt"]
    feed.ack(feed.pull())
    box.client("Cora")
    assert titles(feed.pull()) == ["Cora"]


def test_confirming_what_is_gone_changes_nothing(box: Box) -> None:
    feed = reader(box)
    box.client("Acme")
    events = feed.pull()
    box.later(days=30)
    box.manager.upkeep(tenants=[box.tenant])
    feed.ack(events)
    box.client("Bolt")
    assert titles(feed.pull()) == ["Bolt"]


def test_where_readers_are_known_is_no_tenant(storage: Storage) -> None:
    asked: list[str] = []

    def settings(tenant: str) -> Settings:
        asked.append(tenant)
        return SETTINGS

    box = Box(storage)
    manager = ClientManager(storage, secret_keys=[KEY], settings=settings)
    box.client()
    for start in ("beginning", "now"):
        feed = manager.feed(f"reader-{new_tenant()}", start=start)
        feed.run(lambda _: None)
    manager.upkeep(tenants=[box.tenant])
    manager.check()
    assert "" not in asked
    for collection in COLLECTIONS:
        assert "" not in storage.tenants(collection, limit=10_000)
    with pytest.raises(InvalidInputError):
        manager.upkeep(tenants=[""])


def test_a_tenant_whose_settings_fail_holds_up_no_reader(box: Box) -> None:
    def settings(tenant: str) -> Settings:
        raise KeyError(tenant)

    box.client()
    manager = ClientManager(box.storage, secret_keys=[KEY], settings=settings)
    feed = manager.feed(f"reader-{new_tenant()}")
    assert feed.run(lambda _: None) == 1

"""The feed: every event, numbered in the order of commits, read by name and confirmed by its readers.

Units leave their events unnumbered, in one lane per tenant, so that writers do not wait for each other. Whoever reads
numbers what is committed by then: a unit that commits late gets a later number, so no reader ever skips it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from uuid import UUID

import attrs

from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.steps import Handle, Steps, in_unit, tenants_of
from clientmgmt._usecases.texts import from_json
from clientmgmt._usecases.work import Wiring, Work
from clientmgmt.domain.actors import System
from clientmgmt.domain.events import Event
from clientmgmt.domain.feed import LANE, FeedEntry, FeedHead, FeedReader
from clientmgmt.domain.form import Form
from clientmgmt.errors import Violation
from clientmgmt.ports.collections import FEED, FEED_HEADS, FEED_READERS, NEW_EVENTS
from clientmgmt.ports.storage import UnitOfWork

__all__ = ["Reading", "confirm", "hand_out", "pull", "reading"]

_NO_TENANT = ""
"""Where readers are known whatever tenants there are; no host can name a tenant so."""

_HEAD = UUID(int=0)
_BATCH = 1000


@attrs.frozen(repr=False, eq=False)
class Reading:
    """Who reads, from where on, and events of which names (of all, if none are named)."""

    wiring: Wiring
    reader: str
    names: tuple[str, ...] | None
    from_beginning: bool

    def is_known(self, uow: UnitOfWork) -> bool:
        """Whether the reader has read before."""
        return bool(uow.find(FEED_READERS, FEED_READERS.reader.eq(self.reader)))

    def desk(self, tenant: str) -> Desk:
        """Where the reader reads the events of one tenant."""
        return Desk(self.wiring, tenant, System("feed"))


def reading(wiring: Wiring, reader: object, types: Iterable[type[Event]] | None, start: object) -> Reading:
    """What was asked for, checked."""
    form = Form()
    name = form.text("consumer", reader, limit=64)
    kinds = None if types is None else form.items("types", types)
    unknown = [kind for kind in kinds or () if not (isinstance(kind, type) and issubclass(kind, Event))]
    form.note(Violation("unknown_name", "must be kinds of events", "types") for _ in unknown[:1])
    if start not in {"beginning", "now"}:
        form.note([Violation("unknown_name", "must be beginning or now", "start")])
    form.check()
    names = None if kinds is None else tuple(sorted({_name(kind) for kind in kinds}))
    return Reading(wiring, name, names, start == "beginning")


def pull(reading: Reading, *, limit: int) -> Steps[tuple[Event, ...]]:
    """Up to ``limit`` events that the reader has not confirmed, in the order of each tenant's commits."""
    form = Form()
    most = form.number("limit", limit, least=1, most=_BATCH)
    form.check()
    for tenant in (yield from tenants_of(NEW_EVENTS)):
        while (yield from reading.desk(tenant).write(_number)) == _BATCH:
            pass
    if not (yield from in_unit(_NO_TENANT, reading.is_known, read_only=True)):
        yield from _begin(reading)
    found: list[Event] = []
    for tenant in (yield from tenants_of(FEED)):
        if len(found) < most:
            entries = yield from reading.desk(tenant).read(_unread, reading, most - len(found))
            found += [from_json(Event, entry.data) for entry in entries]
            if not entries and reading.names is not None:
                yield from reading.desk(tenant).write(_skip, reading)
    return tuple(found)


def confirm(reading: Reading, events: Iterable[Event]) -> Steps[None]:
    """The reader has dealt with these events, and with all before them in their tenants."""
    by_tenant: defaultdict[str, list[UUID]] = defaultdict(list)
    for event in events:
        by_tenant[event.tenant].append(event.id)
    for tenant, ids in by_tenant.items():
        yield from reading.desk(tenant).write(_confirm, reading, ids)


def hand_out(reading: Reading, handler: Callable[[Event], object], *, limit: int) -> Steps[int]:
    """Give the next events to ``handler``, one after the other; what it has dealt with is confirmed in any case."""
    events = yield from pull(reading, limit=limit)
    done = 0
    try:
        for event in events:
            yield Handle(handler, event)
            done += 1
    finally:
        yield from confirm(reading, events[:done])
    return done


def _name(kind: object) -> str:
    return str(getattr(kind, "name", kind))


def _begin(reading: Reading) -> Steps[None]:
    """Make the reader known; who begins now has nothing to do with what is numbered already."""
    if not reading.from_beginning:
        for tenant in (yield from tenants_of(FEED)):
            yield from reading.desk(tenant).write(_pass_over, reading)
    new = FeedReader(id=reading.wiring.ids.new(), name=reading.reader)
    yield from in_unit(_NO_TENANT, lambda uow: uow.add_if_absent(FEED_READERS, new))


def _number(work: Work) -> int:
    """Give the committed events their numbers, in the order in which they came; how many there were."""
    work.uow.add_if_absent(FEED_HEADS, FeedHead(id=_HEAD))
    head = work.uow.get(FEED_HEADS, _HEAD, lock=True)
    waiting = work.uow.find(NEW_EVENTS, NEW_EVENTS.lane.eq(LANE), order=NEW_EVENTS.arrival.asc(), limit=_BATCH)
    if waiting:
        entries = [
            FeedEntry(id=event.id, position=position, name=event.name, at=event.due_at, data=event.data)
            for position, event in enumerate(waiting, head.position + 1)
        ]
        work.uow.add(FEED, *entries)
        work.uow.remove(NEW_EVENTS, *(event.id for event in waiting))
        work.uow.save(FEED_HEADS, attrs.evolve(head, position=entries[-1].position))
    return len(waiting)


def _unread(work: Work, reading: Reading, limit: int) -> tuple[FeedEntry, ...]:
    known = work.uow.find(FEED_READERS, FEED_READERS.reader.eq(reading.reader))
    later = FEED.position.gt(known[0].position if known else 0)
    wanted = () if reading.names is None else (FEED.event.in_(reading.names),)
    return work.uow.find(FEED, later, *wanted, order=FEED.position.asc(), limit=limit)


def _pass_over(work: Work, reading: Reading) -> None:
    """Nothing that is numbered now is for this reader."""
    _move(work, reading, work.uow.get(FEED_HEADS, _HEAD, lock=True).position)


def _skip(work: Work, reading: Reading) -> None:
    """A reader of few kinds need not look again at what is not for it."""
    work.uow.get(FEED_HEADS, _HEAD, lock=True)
    if not _unread(work, reading, 1):
        _pass_over(work, reading)


def _confirm(work: Work, reading: Reading, ids: Sequence[UUID]) -> None:
    entries = work.uow.get_many(FEED, ids)
    if entries:
        _move(work, reading, max(entry.position for entry in entries.values()))


def _move(work: Work, reading: Reading, position: int) -> None:
    new = FeedReader(id=work.wiring.ids.new(), name=reading.reader, position=position)
    if work.uow.add_if_absent(FEED_READERS, new):
        return
    (known,) = work.uow.find(FEED_READERS, FEED_READERS.reader.eq(reading.reader))
    reader = work.uow.get(FEED_READERS, known.id, lock=True)
    if reader.position < position:
        work.uow.save(FEED_READERS, attrs.evolve(reader, position=position))

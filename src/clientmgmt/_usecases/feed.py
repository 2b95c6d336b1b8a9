"""The feed: every event, numbered in the order of commits, read by name and confirmed by its readers.

Units leave their events unnumbered, in one lane per tenant, so that writers do not wait for each other. Whoever reads
numbers what is committed by then: a unit that commits late gets a later number, so no reader ever skips it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
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


class Start(StrEnum):
    """Where a reader begins that has read nothing yet."""

    BEGINNING = "beginning"
    NOW = "now"


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
    names = None if types is None else _names(form, types)
    begin = form.choice("start", start, Start)
    form.check()
    return Reading(wiring, name, names, begin is Start.BEGINNING)


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
        if len(found) == most:
            break
        entries, is_behind = yield from reading.desk(tenant).read(_look, reading, most - len(found))
        found += [from_json(Event, entry.data) for entry in entries]
        if is_behind:
            yield from reading.desk(tenant).write(_skip, reading)
    return tuple(found)


def confirm(reading: Reading, events: Iterable[Event]) -> Steps[None]:
    """The reader has dealt with these events, and with all before them in their tenants."""
    form = Form()
    given = form.items("events", events)
    known = [event for event in given if isinstance(event, Event)]
    if len(known) < len(given):
        form.note([Violation("not_an_event", "must be events", "events")])
    form.check()
    by_tenant: defaultdict[str, list[UUID]] = defaultdict(list)
    for event in known:
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


def _names(form: Form, types: object) -> tuple[str, ...]:
    """The names of kinds of events: of some at least, and not of all by the name of none."""
    given = form.items("types", types)
    kinds = [kind for kind in given if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event]
    if not kinds or len(kinds) < len(given):
        form.note([Violation("unknown_name", "must be kinds of events, one at least", "types")])
    return tuple(sorted({kind.name for kind in kinds}))


def _begin(reading: Reading) -> Steps[None]:
    """Make the reader known; who begins now has nothing to do with what was numbered before.

    Several may begin under one name at once. The heads are read before the last look whether the reader is known: what
    is passed over was there before anybody began, however late that is done.
    """
    heads: dict[str, int] = {}
    if not reading.from_beginning:
        for tenant in (yield from tenants_of(FEED)):
            heads[tenant] = yield from reading.desk(tenant).read(_head)
    if (yield from in_unit(_NO_TENANT, reading.is_known, read_only=True)):
        return
    for tenant, position in heads.items():
        yield from reading.desk(tenant).write(_move, reading, position)
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


def _head(work: Work) -> int:
    return work.uow.get(FEED_HEADS, _HEAD).position


def _look(work: Work, reading: Reading, limit: int) -> tuple[tuple[FeedEntry, ...], bool]:
    """The next entries for this reader, and whether there are only others, which it need not look at again."""
    known = work.uow.find(FEED_READERS, FEED_READERS.reader.eq(reading.reader))
    position = known[0].position if known else 0
    wanted = () if reading.names is None else (FEED.event.in_(reading.names),)
    entries = work.uow.find(FEED, FEED.position.gt(position), *wanted, order=FEED.position.asc(), limit=limit)
    return entries, not entries and reading.names is not None and position < _head(work)


def _skip(work: Work, reading: Reading) -> None:
    """Pass over what is numbered by now, if nothing of it is for this reader."""
    head = work.uow.get(FEED_HEADS, _HEAD, lock=True)
    if not _look(work, reading, 1)[0]:
        _move(work, reading, head.position)


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

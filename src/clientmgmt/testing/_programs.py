"""Random units of work: what is called in them, and what the calls came to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import attrs
from hypothesis import strategies as st

from clientmgmt.errors import ClientMgmtError, TransactionError
from clientmgmt.ports.storage import (
    Collection,
    Condition,
    Order,
    Ordered,
    StaleVersion,
    UniqueViolation,
    any_of,
)
from clientmgmt.testing._model import PossibleViolationsError
from clientmgmt.testing.kit import BOOKS, JOBS, KIT, LABELS, MIDNIGHT, PLACED_BOOKS, SHELVES, Colour, Shelf, uid
from clientmgmt.testing.strategies import books, few_ids, jobs, labels, moments, shelves

__all__ = ["Program", "beginnings", "differences", "programs", "questions"]

Trace = list[object]


class PlannedError(Exception):
    """Leaves a unit or a block on purpose."""


def fail_if(wanted: bool) -> None:  # noqa: FBT001 - it is all that this is about
    """Raise :class:`PlannedError` if that is wanted."""
    if wanted:
        raise PlannedError


@attrs.frozen
class Failure:
    """An error, as far as stores agree on it: any of these."""

    options: frozenset[tuple[str, ...]]

    @classmethod
    def of(cls, error: Exception) -> Failure:
        """What ``error`` says."""
        if isinstance(error, PossibleViolationsError):
            return cls(error.options)
        said: tuple[str, ...] = (type(error).__name__,)
        if isinstance(error, UniqueViolation):
            said += (error.collection, error.key)
        if isinstance(error, StaleVersion):
            said += (error.collection,)
        return cls(frozenset({said}))


@attrs.frozen
class Call:
    """One verb with its arguments."""

    verb: str
    arguments: tuple[Any, ...]
    options: dict[str, Any] = attrs.field(factory=dict)

    def ask(self, uow: Any) -> object:  # noqa: ANN401 - a unit of a store or of the model
        """What the verb answers, in a form that can be compared."""
        answer = getattr(uow, self.verb)(*self.arguments, **self.options)
        return frozenset(answer) if self.verb == "claim" else answer

    def run(self, uow: Any, trace: Trace) -> None:  # noqa: ANN401 - a unit of a store or of the model
        """Note what the verb answers or raises."""
        try:
            trace.append(self.ask(uow))
        except ClientMgmtError as error:
            trace.append(Failure.of(error))


@attrs.frozen
class Save(Call):
    """Saves an entity over the stored one, in its lane; ``stale``: with a version that is not the stored one."""

    verb: str = "save"
    stale: bool = False

    def ask(self, uow: Any) -> object:  # noqa: ANN401 - a unit of a store or of the model
        """What ``save`` answers."""
        collection, entity = self.arguments
        stored = uow.get_many(collection, [entity.id])
        version = stored[entity.id].version if stored else 1
        kept = {"lane": stored[entity.id].lane} if stored and collection.queue else {}
        return uow.save(collection, attrs.evolve(entity, version=version + self.stale, **kept))


@attrs.frozen
class Block:
    """Calls in a savepoint. ``catches``: their errors stay in it; ``fails``: another error leaves it."""

    calls: Sequence[Call]
    catches: bool = False
    fails: bool = False

    def run(self, uow: Any, trace: Trace) -> None:  # noqa: ANN401 - a unit of a store or of the model
        """Note what the calls come to. A violation that was caught inside leaves the unit as well."""
        try:
            with uow.savepoint():
                self._run_calls(uow, trace)
        except (ClientMgmtError, PlannedError) as error:
            trace.append(Failure.of(error))
            if self.catches and isinstance(error, TransactionError):
                raise

    def _run_calls(self, uow: Any, trace: Trace) -> None:  # noqa: ANN401 - a unit of a store or of the model
        for call in self.calls:
            if self.catches:
                call.run(uow, trace)
            else:
                trace.append(call.ask(uow))
        fail_if(self.fails)


@attrs.frozen
class Program:
    """A whole unit of work."""

    steps: Sequence[Call | Block]
    read_only: bool = False
    fails: bool = False

    def run(self, storage: Any, tenant: str) -> Trace:  # noqa: ANN401 - a store or the model
        """What the steps come to, and the end."""
        trace: Trace = []
        try:
            with storage.unit_of_work(tenant, read_only=self.read_only) as uow:
                for step in self.steps:
                    step.run(uow, trace)
                fail_if(self.fails)
        except (ClientMgmtError, PlannedError) as error:
            trace.append(Failure.of(error))
        return trace


def differences(expected: Trace, found: Trace) -> list[tuple[object, object]]:
    """Where a store did something else than the model."""
    pairs: list[tuple[object, object]] = list(zip(expected, found, strict=False))
    if len(expected) != len(found):
        pairs.append((len(expected), len(found)))
    return [(one, other) for one, other in pairs if not _agree(one, other)]


def _agree(one: object, other: object) -> bool:
    if isinstance(one, Failure) and isinstance(other, Failure):
        return one.options >= other.options
    return one == other


_ENTITIES: tuple[tuple[Collection[Any], st.SearchStrategy[Any]], ...] = (
    (SHELVES, shelves()),
    (BOOKS, books()),
    (LABELS, labels()),
    (JOBS, jobs()),
)


@cache
def _adding() -> st.SearchStrategy[Call]:
    def several(collection: Collection[Any], entities: st.SearchStrategy[Any]) -> st.SearchStrategy[Call]:
        many = st.lists(entities, min_size=1, max_size=3)
        return many.map(lambda found: Call("add", (collection, *found)))

    def one(collection: Collection[Any], entities: st.SearchStrategy[Any]) -> st.SearchStrategy[Call]:
        return entities.map(lambda found: Call("add_if_absent", (collection, found)))

    return st.one_of(*(make(*pair) for make in (several, one) for pair in _ENTITIES))


@cache
def _changing() -> st.SearchStrategy[Call]:
    versioned = [(collection, entities) for collection, entities in _ENTITIES if collection.versioned]
    stale = st.sampled_from([False, False, False, True])

    def saving(collection: Collection[Any], entities: st.SearchStrategy[Any]) -> st.SearchStrategy[Call]:
        return st.builds(lambda found, old: Save(arguments=(collection, found), stale=old), entities, stale)

    removing = st.builds(
        lambda collection, ids: Call("remove", (collection, *ids)),
        st.sampled_from([collection for collection, _ in _ENTITIES]),
        st.lists(few_ids(), max_size=2),
    )
    numbers = st.sampled_from("ab").map(lambda name: Call("next_number", (name,)))
    claims = moments().map(lambda now: Call("claim", (JOBS,), {"now": now, "lease": now - MIDNIGHT, "limit": 99}))
    return st.one_of(*(saving(*pair) for pair in versioned), removing, numbers, claims)


@cache
def _conditions() -> st.SearchStrategy[Condition[Any]]:
    def compared(field: Ordered[Any, Any], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Condition[Any]]:
        makers: list[Callable[[Any], Condition[Any]]] = [field.lt, field.le, field.gt, field.ge, field.eq]
        return st.builds(lambda make, value: make(value), st.sampled_from(makers), values)

    simple = st.one_of(
        compared(BOOKS.title, st.sampled_from(["", "T", "t", "tt", "\uffee"])),
        compared(BOOKS.pages, st.integers(0, 5)),
        compared(BOOKS.lent_at, moments()),
        st.sampled_from(["", "t", "T", "t%"]).map(BOOKS.title.prefix),
        (st.none() | st.sampled_from("xyz")).map(BOOKS.slot.eq),
        few_ids(3).map(BOOKS.shelf_id.eq),
        st.lists(few_ids(3), max_size=2).map(BOOKS.shelf_id.in_),
        st.lists(few_ids(), max_size=3).map(BOOKS.id.in_),
        few_ids().map(BOOKS.id.eq),
        st.sampled_from(Colour).map(BOOKS.colour.eq),
        st.sampled_from([BOOKS.slot.present(), BOOKS.lent_at.present(), BOOKS.lent_at.eq(None)]),
    )
    among = st.one_of(
        st.lists(_of_shelves(), max_size=2).map(lambda some: BOOKS.shelf_id.among(SHELVES, SHELVES.id, *some)),
        st.lists(simple, max_size=2).map(lambda some: BOOKS.slot.among(BOOKS, BOOKS.slot, *some)),
    )
    single = simple | among
    return single | st.lists(single, max_size=3).map(lambda some: any_of(*some))


@cache
def _of_shelves() -> st.SearchStrategy[Condition[Any]]:
    return st.one_of(
        st.sampled_from("AaBb").map(SHELVES.code.eq),
        st.sampled_from(["attic", "hall"]).map(SHELVES.room.eq),
        st.sampled_from(["", "one", "o"]).map(SHELVES.name_.prefix),
    )


@cache
def _wheres(*, joined: bool) -> st.SearchStrategy[list[Condition[Any]]]:
    return st.lists(_conditions() | _of_shelves() if joined else _conditions(), max_size=2)


_FOUR = st.integers(0, 3)
_COLLECTIONS = st.sampled_from(KIT)
_SOURCES = st.sampled_from([BOOKS, PLACED_BOOKS])
_BY_ID = st.sampled_from([("get", uid(1)), ("get_many", [uid(1), uid(2)])])
_AFTER_NUMBER = st.none() | st.tuples(st.integers(0, 5), few_ids())
_AFTER_TEXT = st.none() | st.tuples(st.sampled_from(["", "T", "one", "t", "tt"]), few_ids())
_LANES = st.sampled_from(["x", "X", "y"])
_LIMIT = st.none() | st.integers(1, 4)


@st.composite
def questions(draw: st.DrawFn) -> Call:
    """One reading verb: by id, by conditions, joined or not, ordered or not, a page or all."""
    if draw(st.integers(0, 9)) == 0:
        lane = JOBS.lane.eq(draw(_LANES))
        return Call("find", (JOBS, lane), {"order": JOBS.arrival.asc(), "limit": draw(_LIMIT)})
    if draw(_FOUR) == 0:
        verb, wanted = draw(_BY_ID)
        return Call(verb, (draw(_COLLECTIONS), wanted))
    source: Any = draw(_SOURCES)
    where = draw(_wheres(joined=source is not BOOKS))
    if draw(_FOUR) == 0:
        return Call("count", (source, *where))
    order = draw(_orders(joined=source is not BOOKS))
    return Call("find", (source, *where), {} if order is None else _pages(draw, order))


@cache
def _orders(*, joined: bool) -> st.SearchStrategy[Order[Any] | None]:
    fields: list[Ordered[Any, Any]] = [BOOKS.title, BOOKS.pages, *([SHELVES.name_] if joined else [])]
    orders = [None, *(field.asc() for field in fields), *(field.desc() for field in fields)]
    return st.sampled_from(orders)


def _pages(draw: st.DrawFn, order: Order[Any]) -> dict[str, Any]:
    after = draw(_AFTER_NUMBER if order.field is BOOKS.pages else _AFTER_TEXT)
    return {"order": order, "after": after, "limit": draw(_LIMIT)}


def beginnings() -> st.SearchStrategy[Program]:
    """A unit that adds all shelves and some books."""
    some = st.lists(books(), min_size=4, max_size=6, unique_by=(lambda book: book.id, lambda book: book.serial))
    all_shelves = [Shelf(id=uid(number), code=code, name=code) for number, code in enumerate("BAa", 1)]
    return some.map(
        lambda found: Program(
            [
                Call("add", (SHELVES, *all_shelves)),
                Call("add", (BOOKS, *(attrs.evolve(book, slot=None) for book in found))),
            ]
        )
    )


def programs() -> st.SearchStrategy[Program]:
    """Units that write, and may fail; now and then one that only reads, or tries to write all the same."""
    calls = st.one_of(_adding(), _adding(), _changing(), questions())
    some = st.lists(calls, min_size=1, max_size=4)
    seldom = st.sampled_from([False, False, False, True])
    blocks = st.builds(Block, some, catches=seldom, fails=seldom)
    steps = st.lists(calls | blocks, min_size=1, max_size=4)
    return st.builds(Program, steps, read_only=st.sampled_from([False] * 9 + [True]), fails=seldom)

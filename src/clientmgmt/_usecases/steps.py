"""What a use case asks for that spans several units of work, or does slow things between them: one step at a time.

Such a use case is a generator. It yields a step, is sent the answer, and ends with its result. The facade performs
the steps: the synchronous one at once, the asynchronous one without holding up its event loop. So there is one code
for both.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any, TypeAlias, TypeVar

import attrs

from clientmgmt.domain.events import Event
from clientmgmt.domain.mail import Message
from clientmgmt.ports.notifier import Notifier
from clientmgmt.ports.storage import Collection, UnitOfWork

__all__ = [
    "Announce",
    "Ask",
    "Handle",
    "Pause",
    "Send",
    "Slow",
    "Step",
    "Steps",
    "Unit",
    "in_unit",
    "slowly",
    "tenants_of",
]

R = TypeVar("R")


@attrs.frozen(eq=False)
class Unit:
    """Run ``work`` in one unit of work.

    ``aside``: apart from any transaction that is open, because it must outlive a refusal.
    """

    tenant: str
    work: Callable[[UnitOfWork], Any]
    read_only: bool = False
    aside: bool = False


@attrs.frozen(eq=False)
class Ask:
    """Ask the store itself something: ``call`` is given it."""

    call: Callable[[Any], Any]


@attrs.frozen(eq=False)
class Slow:
    """Do what takes long and needs no store."""

    call: Callable[[], Any]


@attrs.frozen(eq=False)
class Send:
    """Hand a message to the notifier."""

    notifier: Notifier
    message: Message


@attrs.frozen(eq=False)
class Handle:
    """Hand an event to a handler of the host."""

    handler: Callable[[Event], Any]
    event: Event


@attrs.frozen(eq=False)
class Announce:
    """Tell the host's listener what was committed."""

    events: Sequence[Event]


@attrs.frozen(eq=False)
class Pause:
    """Wait."""

    seconds: float


Step: TypeAlias = Unit | Ask | Slow | Send | Handle | Announce | Pause
"""What a generator may yield."""

Steps: TypeAlias = Generator[Step, Any, R]
"""A use case in steps, with the type of its result."""


def in_unit(tenant: str, work: Callable[[UnitOfWork], R], *, read_only: bool = False, aside: bool = False) -> Steps[R]:
    """The step :class:`Unit`, with the type of its answer."""
    answer: R = yield Unit(tenant, work, read_only=read_only, aside=aside)
    return answer


def slowly(call: Callable[[], R]) -> Steps[R]:
    """The step :class:`Slow`, with the type of its answer."""
    answer: R = yield Slow(call)
    return answer


def tenants_of(collection: Collection[Any]) -> Steps[tuple[str, ...]]:
    """All tenants that have entities in ``collection``."""
    found: list[str] = []
    while True:
        after = found[-1] if found else ""
        page: tuple[str, ...] = yield Ask(partial(_tenants_after, collection, after))
        if not page:
            return tuple(found)
        found += page


def _tenants_after(collection: Collection[Any], after: str, storage: Any) -> Any:  # noqa: ANN401 - either kind
    return storage.tenants(collection, after=after)

"""The feed of events, as a manager offers it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from clientmgmt._manager.calls import Calls
from clientmgmt._usecases.feed import Reading, confirm, hand_out, pull
from clientmgmt.domain.events import Event

__all__ = ["Feed"]


class Feed:
    """Every event of every tenant, for one reader, who is known by name. Made by :meth:`ClientManager.feed`.

    Durable and complete: an event is there if, and only if, what it tells of was committed, however late that was.
    Events about one subject come in the order of the commits. At least once: an event that was not confirmed comes
    again, with the same ``id``. Let one worker at a time read under one name; two would both be given the same events.
    """

    __slots__ = ("_calls", "_reading")

    def __init__(self, calls: Calls, reading: Reading) -> None:
        self._calls = calls
        self._reading = reading

    def pull(self, *, limit: int = 100) -> tuple[Event, ...]:
        """The next events that were not confirmed yet, at most ``limit`` (1 to 1000); the same until they are.

        Each tenant that has events is asked in turn, which costs a short reading.

        Raises:
            InvalidInputError: the limit is malformed.
        """
        return self._calls.run(pull(self._reading, limit=limit))

    def ack(self, events: Iterable[Event]) -> None:
        """Confirm events: they, and those before them in their tenants, do not come again.

        Raises:
            InvalidInputError: that are no events.
        """
        self._calls.run(confirm(self._reading, events))

    def run(self, handler: Callable[[Event], object], *, limit: int = 100) -> int:
        """Call ``handler`` with each of the next events, confirm them, and answer how many there were.

        An error of the handler ends that and is raised; the events before are confirmed, and the one that it was
        given comes again. On an asynchronous manager the handler may be a coroutine function.

        Raises:
            InvalidInputError: the limit is malformed.
            UsageError: a synchronous manager was given a coroutine function.
        """
        return self._calls.run(hand_out(self._reading, handler, limit=limit))

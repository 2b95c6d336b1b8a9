"""The feed of events: what waits for its number, what has one, and how far its readers are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import attrs

from clientmgmt.domain.events import Event, Stamp
from clientmgmt.domain.value import Value

__all__ = ["LANE", "FeedEntry", "FeedHead", "FeedReader", "NewEvent"]

LANE = "feed"
"""All events of a tenant wait in one lane, in the order in which units committed."""


_OF_STAMP = ("id", "tenant", "at", "actor", "on_behalf_of")
_COMMON = ("stamp", "subject", "client_id")


@attrs.frozen(kw_only=True, repr=False, eq=False)
class NewEvent(Value):
    """An event that is committed and has no number yet; ``data`` is the event as JSON."""

    id: UUID
    lane: str = LANE
    due_at: datetime
    attempts: int = 0
    name: str
    data: str

    @classmethod
    def of(cls, event: Event) -> NewEvent:
        """What waits for ``event``. Written here and not by ``serialization``, because every command pays for it."""
        fields = {name: getattr(event, name) for name in (*_COMMON, *event.facts)}
        return cls(id=event.id, due_at=event.at, name=event.name, data=_encode({"name": event.name} | fields))


def _plain(value: object) -> object:
    return _WRITE[type(value)](value)


_WRITE: Mapping[type, Callable[[Any], object]] = {
    UUID: str,
    datetime: lambda at: at.isoformat().replace("+00:00", "Z"),
    Stamp: lambda stamp: {name: getattr(stamp, name) for name in _OF_STAMP},
}
_encode = json.JSONEncoder(default=_plain).encode


@attrs.frozen(kw_only=True, repr=False, eq=False)
class FeedEntry(Value):
    """An event of the feed; ``position`` counts from 1 in each tenant, without gaps, in the order of commits."""

    id: UUID
    position: int
    name: str
    at: datetime
    data: str


@attrs.frozen(kw_only=True, repr=False, eq=False)
class FeedHead(Value):
    """The last position given in a tenant: locked by whoever gives the next ones."""

    id: UUID
    position: int = 0
    version: int = 1


@attrs.frozen(kw_only=True, repr=False, eq=False)
class FeedReader(Value):
    """How far the reader ``name`` is: the position that it has confirmed."""

    id: UUID
    name: str
    position: int = 0
    version: int = 1

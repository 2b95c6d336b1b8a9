"""What questions and commands answer with, besides the things themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

import attrs

from clientmgmt.domain.actors import ClientUser
from clientmgmt.domain.client import Client
from clientmgmt.domain.contacts import Contact
from clientmgmt.domain.email import Email
from clientmgmt.domain.ids import ClientId, ContactId, UserId
from clientmgmt.domain.links import LinkPurpose
from clientmgmt.domain.people import User
from clientmgmt.domain.secret import Secret
from clientmgmt.domain.sites import Site
from clientmgmt.domain.states import ClientStatus
from clientmgmt.domain.value import Value
from clientmgmt.errors import Violation

__all__ = [
    "Archiving",
    "BulkResult",
    "Deactivation",
    "DeliveryReport",
    "Imported",
    "Link",
    "LinkPassword",
    "LinkView",
    "Note",
    "Page",
    "RecentLogin",
    "Removal",
    "Row",
    "Session",
    "StatusChange",
    "Suspension",
    "UpkeepReport",
    "how_long_ago",
]

T = TypeVar("T")


@attrs.frozen(repr=False, eq=False)
class Page(Value, Generic[T]):
    """Some of the items in a stable order; ``next_cursor`` is ``None`` on the last page.

    >>> list(Page(("a", "b"), None))
    ['a', 'b']
    """

    items: tuple[T, ...]
    next_cursor: str | None

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


@attrs.frozen(repr=False, eq=False)
class Row(Value, Generic[T]):
    """The result of one input of a bulk command: ``number`` from 1; a ``value``, or the ``violations``.

    ``changed`` is false where everything was there already.
    """

    number: int
    value: T | None
    violations: tuple[Violation, ...] = ()
    changed: bool = True


@attrs.frozen(repr=False, eq=False)
class BulkResult(Value, Generic[T]):
    """A row per input, in its order.

    >>> BulkResult((Row(1, "kept"), Row(2, None, (Violation("required", "must not be empty", "name"),)))).ok
    (Row(number=1, value='kept', violations=(), changed=True),)
    """

    rows: tuple[Row[T], ...]

    @property
    def ok(self) -> tuple[Row[T], ...]:
        """The rows that are in force."""
        return tuple(row for row in self.rows if not row.violations)

    @property
    def failed(self) -> tuple[Row[T], ...]:
        """The rows that were refused, with their reasons."""
        return tuple(row for row in self.rows if row.violations)

    def __iter__(self) -> Iterator[Row[T]]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


@attrs.frozen(repr=False, eq=False)
class Note(Value):
    """Something worth saying that is no refusal."""

    code: str
    message: str


@attrs.frozen(kw_only=True, repr=False, eq=False)
class StatusChange(Value):
    """A client's status was written; ``changed`` is false if it had that status already."""

    client: Client
    old: ClientStatus
    new: ClientStatus
    changed: bool
    warnings: tuple[Note, ...] = ()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Deactivation(Value):
    """A user was deactivated, in all of these clients; ``warnings`` name those that have no owner any more."""

    user: User
    clients: tuple[ClientId, ...]
    warnings: tuple[Note, ...] = ()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Suspension(Value):
    """A contact was suspended; a warning if that leaves its client without an owner."""

    contact: Contact
    warnings: tuple[Note, ...] = ()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Removal(Value):
    """A contact was removed; ``contact`` is what it was. A warning if that leaves its client without an owner."""

    contact: Contact
    warnings: tuple[Note, ...] = ()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Archiving(Value):
    """A site was archived; ``changed`` is false if it was so already."""

    site: Site
    changed: bool
    warnings: tuple[Note, ...] = ()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Imported(Value):
    """What one imported row stands for now, and which parts of it are new.

    ``contact_id`` is ``None`` for a row that names no person.
    """

    client_id: ClientId
    contact_id: ContactId | None
    client_added: bool
    reference_added: bool
    contact_added: bool


@attrs.frozen(kw_only=True, repr=False, eq=False)
class RecentLogin(Value):
    """Who signed in last: the name at that time (if that login is still kept), the exact time, and that in words."""

    user_id: UserId
    name: str
    at: datetime
    ago: str


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Link(Value):
    """A link that was made to be handed on by other means than mail. It is told once: nothing can show it again.

    ``url.reveal()`` is the link; printed, logged or written as data it is ``***``.
    """

    url: Secret
    expires_at: datetime


class LinkPassword(StrEnum):
    """What the page behind a link asks for: a new password, the one that the user has, an identity, or none."""

    CHOOSE = "choose"
    CONFIRM = "confirm"
    IDENTITY = "identity"
    NONE = "none"


@attrs.frozen(kw_only=True, repr=False, eq=False)
class LinkView(Value):
    """What may be shown to whoever opened a link, before it is used; ``client_name`` if it is for one client.

    ``email`` is the address that the user has, or the one that it confirms by the link.
    """

    purpose: LinkPurpose
    client_name: str | None
    user_name: str
    email: Email
    expires_at: datetime
    password: LinkPassword


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Session(Value):
    """A user signed in.

    ``token`` is what its browser keeps: :meth:`Entrance.identify` answers who it is, until ``expires_at``. A host with
    sessions of its own remembers ``actor`` instead, and makes workspaces for it. ``clients`` are the clients that the
    user may act for. If it ``must_change`` its password, which was generated, it can do nothing before
    :meth:`Entrance.change_password`.
    """

    token: Secret
    actor: ClientUser
    clients: tuple[ClientId, ...]
    expires_at: datetime
    must_change: bool = False


@attrs.frozen(kw_only=True, repr=False, eq=False)
class DeliveryReport(Value):
    """How many mails were sent, will be tried again, are dead, and were not sent because they were obsolete.

    Cancelled ones count as obsolete. ``suspended_until`` is set while nothing is sent because the account was
    refused: there is no use in calling again before.
    """

    sent: int = 0
    retried: int = 0
    dead: int = 0
    obsolete: int = 0
    suspended_until: datetime | None = None

    @property
    def handled(self) -> int:
        """How many mails that makes together."""
        return self.sent + self.retried + self.dead + self.obsolete

    def __add__(self, other: DeliveryReport) -> DeliveryReport:
        return DeliveryReport(
            sent=self.sent + other.sent,
            retried=self.retried + other.retried,
            dead=self.dead + other.dead,
            obsolete=self.obsolete + other.obsolete,
            suspended_until=other.suspended_until or self.suspended_until,
        )


@attrs.frozen(repr=False, eq=False)
class UpkeepReport(Value):
    """How many things each job of :meth:`~clientmgmt.ClientManager.upkeep` has removed, or brought in."""

    done: Mapping[str, int]

    @property
    def total(self) -> int:
        """How many that makes together."""
        return sum(self.done.values())


_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))


def how_long_ago(at: datetime, *, now: datetime) -> str:
    """The time from ``at`` to ``now`` in words, in the largest whole unit.

    >>> from datetime import UTC
    >>> how_long_ago(datetime(2026, 1, 1, 12, tzinfo=UTC), now=datetime(2026, 1, 1, 14, 30, tzinfo=UTC))
    '2 hours ago'
    """
    seconds = int((now - at).total_seconds())
    for unit, length in _UNITS:
        if count := seconds // length if seconds > 0 else 0:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"

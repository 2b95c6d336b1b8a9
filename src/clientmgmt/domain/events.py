"""What happened, as frozen values named in the past tense; never a secret among their facts."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

import attrs

from clientmgmt.domain.ids import ClientId, InvitationId, SiteId, UserId
from clientmgmt.domain.mail import MailType
from clientmgmt.domain.states import ClientStatus, SiteStatus
from clientmgmt.domain.value import Value
from clientmgmt.errors._base import snake_case

__all__ = [
    "AccountManagerAdded",
    "AccountManagerRemoved",
    "ClientAdded",
    "ClientReferenceAdded",
    "ClientStatusChanged",
    "ContactAdded",
    "ContactInvited",
    "ContactRemoved",
    "ContactResumed",
    "ContactRightsChanged",
    "ContactSuspended",
    "ContactUpdated",
    "Event",
    "InvitationAccepted",
    "InvitationExpired",
    "InvitationRevoked",
    "MailCancelled",
    "MailRetried",
    "OwnerChanged",
    "PrimaryManagerChanged",
    "SiteAdded",
    "SiteArchived",
    "SiteContactChanged",
    "SiteRemoved",
    "SiteRestored",
    "SiteStatusChanged",
    "SiteUpdated",
    "StaffAdded",
    "StaffRolesChanged",
    "StaffUpdated",
    "Stamp",
]


@attrs.frozen(repr=False, eq=False)
class Stamp(Value):
    """What every event carries: its id, and where, when and by whom it happened.

    ``on_behalf_of`` is the client's user as whom a staff user has acted.
    """

    id: UUID
    tenant: str
    at: datetime
    actor: str
    on_behalf_of: str | None = None


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Event(Value):
    """Something that happened to ``subject`` (an id), in the view of ``client_id`` if it is about one client.

    ``name`` is the class in snake_case: the action that the audit trail shows. ``facts`` names the fields that
    the kind of event adds; facts called ``old`` and ``new`` are about its ``aspect``.
    """

    name: ClassVar[str] = "event"
    aspect: ClassVar[str] = "value"
    facts: ClassVar[tuple[str, ...]] = ()

    stamp: Stamp
    subject: UUID
    client_id: ClientId | None = None

    @property
    def id(self) -> UUID:
        """The event's own id; stable when it is delivered twice."""
        return self.stamp.id

    @property
    def tenant(self) -> str:
        """Where it happened."""
        return self.stamp.tenant

    @property
    def at(self) -> datetime:
        """When it happened."""
        return self.stamp.at

    @property
    def actor(self) -> str:
        """By whom, as the audit trail writes it: ``staff:ada``."""
        return self.stamp.actor

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        cls.name = snake_case(cls.__name__)

    @classmethod
    def __attrs_init_subclass__(cls) -> None:
        cls.facts = tuple(field.name for field in attrs.fields(cls) if not field.inherited)


attrs.resolve_types(Event)  # what kinds of events in other modules inherit is looked up here, not among their names


@attrs.frozen(kw_only=True, repr=False, eq=False)
class ClientAdded(Event):
    """A client was added; ``subject`` is its id."""

    title: str
    email: str
    status: ClientStatus


@attrs.frozen(kw_only=True, repr=False, eq=False)
class ClientReferenceAdded(Event):
    """A client that was there got an external reference; ``subject`` is its id."""

    system: str
    value: str


@attrs.frozen(kw_only=True, repr=False, eq=False)
class ClientStatusChanged(Event):
    """A client's status went from ``old`` to ``new``; workflows that depend on it rest or go on."""

    aspect = "status"

    old: ClientStatus
    new: ClientStatus
    reason: str
    suspends_downstream: bool


@attrs.frozen(kw_only=True, repr=False, eq=False)
class StaffAdded(Event):
    """A staff user was added; ``subject`` is the user's id."""

    title: str
    email: str
    roles: tuple[str, ...]


@attrs.frozen(kw_only=True, repr=False, eq=False)
class StaffUpdated(Event):
    """The name or the e-mail of a staff user was changed; ``subject`` is the user's id, ``changed`` the fields."""

    changed: tuple[str, ...]
    title: str
    email: str


@attrs.frozen(kw_only=True, repr=False, eq=False)
class StaffRolesChanged(Event):
    """A staff user got other roles, which count from the next call on; ``subject`` is the user's id."""

    aspect = "roles"

    old: tuple[str, ...]
    new: tuple[str, ...]


@attrs.frozen(kw_only=True, repr=False, eq=False)
class ContactAdded(Event):
    """A user became a contact of a client; ``subject`` is the contact's id."""

    user_id: UserId
    title: str
    email: str
    role: str


@attrs.frozen(kw_only=True, repr=False, eq=False)
class ContactUpdated(Event):
    """Fields of a contact were changed, which ``changed`` names; ``subject`` is its id.

    The name and the phone are those of its user, and show in all of its clients.
    """

    user_id: UserId
    changed: tuple[str, ...]
    title: str


@attrs.frozen(kw_only=True, repr=False, eq=False)
class ContactRightsChanged(Event):
    """A contact got another role, or other grants and denies; ``subject`` is its id.

    ``added`` and ``removed`` say which permissions that gave and took, ``sites`` for which sites it has them now: for
    all, if there are none.
    """

    user_id: UserId
    role: str
    grants: tuple[str, ...]
    denies: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    sites: tuple[SiteId, ...] = ()


@attrs.frozen(kw_only=True, repr=False, eq=False)
class OwnerChanged(Event):
    """Another user owns a client, or none does any more; ``subject`` is the client's id."""

    aspect = "owner"

    old: UserId | None
    new: UserId | None


@attrs.frozen(kw_only=True, repr=False, eq=False)
class ContactInvited(Event):
    """An invitation was sent (that is: committed); ``subject`` is the contact's id."""

    invitation_id: InvitationId
    expires_at: datetime


@attrs.frozen(kw_only=True, repr=False, eq=False)
class InvitationRevoked(Event):
    """An open invitation was withdrawn; ``subject`` is the contact's id."""

    invitation_id: InvitationId


@attrs.frozen(kw_only=True, repr=False, eq=False)
class InvitationExpired(Event):
    """A link was opened too late, which is now on record; ``subject`` is the contact's id."""

    invitation_id: InvitationId


@attrs.frozen(kw_only=True, repr=False, eq=False)
class InvitationAccepted(Event):
    """The invited person accepted; ``subject`` is the contact's id."""

    invitation_id: InvitationId
    user_id: UserId


@attrs.frozen(kw_only=True, repr=False, eq=False)
class ContactRemoved(Event):
    """A contact was removed from its client, the user stays; ``subject`` is the contact's id."""

    user_id: UserId
    title: str
    email: str


@attrs.frozen(kw_only=True, repr=False, eq=False)
class ContactSuspended(Event):
    """A contact may not come in for its client any more; its user's other clients stay. ``subject`` is its id."""

    user_id: UserId
    reason: str


@attrs.frozen(kw_only=True, repr=False, eq=False)
class ContactResumed(Event):
    """A suspended contact may come in for its client again; ``subject`` is its id."""

    user_id: UserId


@attrs.frozen(kw_only=True, repr=False, eq=False)
class AccountManagerAdded(Event):
    """A staff user looks after a client from now on; ``subject`` is the client's id."""

    user_id: UserId
    title: str
    email: str


@attrs.frozen(kw_only=True, repr=False, eq=False)
class AccountManagerRemoved(Event):
    """A staff user does not look after a client any more; ``subject`` is the client's id."""

    user_id: UserId
    title: str
    email: str
    was_primary: bool


@attrs.frozen(kw_only=True, repr=False, eq=False)
class PrimaryManagerChanged(Event):
    """Another of a client's managers is the primary one, or none is; ``subject`` is the client's id."""

    aspect = "primary_manager"

    old: UserId | None
    new: UserId | None


@attrs.frozen(kw_only=True, repr=False, eq=False)
class SiteAdded(Event):
    """A client has one more site; ``subject`` is its id."""

    title: str
    timezone: str


@attrs.frozen(kw_only=True, repr=False, eq=False)
class SiteUpdated(Event):
    """Fields of a site were changed; ``subject`` is its id. Schedules are drawn in the time zone that it has now."""

    changed: tuple[str, ...]
    title: str
    timezone: str


@attrs.frozen(kw_only=True, repr=False, eq=False)
class SiteStatusChanged(Event):
    """A site's status went from ``old`` to ``new``; ``subject`` is its id."""

    aspect = "status"

    old: SiteStatus
    new: SiteStatus


@attrs.frozen(kw_only=True, repr=False, eq=False)
class SiteArchived(Event):
    """A site was closed and put away, and nothing new is planned there; ``status`` is what it was."""

    status: SiteStatus


@attrs.frozen(kw_only=True, repr=False, eq=False)
class SiteRestored(Event):
    """An archived site is back, and closed; ``subject`` is its id."""


@attrs.frozen(kw_only=True, repr=False, eq=False)
class SiteRemoved(Event):
    """A site without a history was removed; ``subject`` is its id."""

    title: str


@attrs.frozen(kw_only=True, repr=False, eq=False)
class SiteContactChanged(Event):
    """Emergency contacts of a site (``subject``) came, went or changed: ``names``, one of them ``critical`` or none."""

    names: tuple[str, ...]
    critical: bool


@attrs.frozen(kw_only=True, repr=False, eq=False)
class MailRetried(Event):
    """A mail that waited or was dead is due at once; ``subject`` is its id."""

    type: MailType
    about: UUID


@attrs.frozen(kw_only=True, repr=False, eq=False)
class MailCancelled(Event):
    """A mail that waited is not sent; ``subject`` is its id."""

    type: MailType
    about: UUID

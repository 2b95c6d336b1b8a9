"""Users, their memberships in clients, their invitations and logins: the stored facts.

What a contact's state is follows from these facts; :mod:`clientmgmt.domain.contacts` derives it.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import attrs

from clientmgmt.domain.email import Email
from clientmgmt.domain.events import (
    ContactResumed,
    ContactSuspended,
    PasswordChanged,
    StaffRolesChanged,
    StaffUpdated,
    Stamp,
    UserDeactivated,
    UserReactivated,
    UserSignedIn,
)
from clientmgmt.domain.ids import ClientId, ContactId, InvitationId, LoginId, SiteId, UserId
from clientmgmt.domain.states import INVITATION_LIFECYCLE, InvitationState, InvitationTrigger
from clientmgmt.domain.text import name_key
from clientmgmt.domain.value import Value
from clientmgmt.errors import InvalidLinkError, Violation

__all__ = [
    "Credential",
    "Invitation",
    "LoginEvent",
    "Membership",
    "Ownership",
    "SiteAccess",
    "Typed",
    "User",
    "UserKind",
    "full_name",
]


class UserKind(StrEnum):
    """Whose user it is: a client's own, or one of the tenant's people."""

    CLIENT_USER = "client_user"
    STAFF = "staff"


def full_name(first_name: str, last_name: str) -> str:
    """Both names in the order in which they are written to people.

    >>> full_name("Jane", "Doe")
    'Jane Doe'
    """
    return f"{first_name} {last_name}"


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Typed(Value):
    """A person as a client's own user has typed it. It is shown until that person accepts."""

    first_name: str
    last_name: str
    email: Email
    phone: str | None


@attrs.frozen(kw_only=True, repr=False, eq=False)
class User(Value):
    """One login identity of a tenant, unique by the key of its e-mail.

    The password hash stands elsewhere (:class:`Credential`), so that no list of users carries one.
    ``reference`` (the host's own id) and ``roles`` are for staff. ``epoch`` grows whenever all sessions of the user
    end: what was remembered under an earlier one counts no more.
    """

    id: UserId
    kind: UserKind
    first_name: str
    last_name: str
    name_key: str
    email: Email
    phone: str | None = None
    reference: str | None = None
    roles: tuple[str, ...] = ()
    credential_at: datetime | None = None
    first_login_at: datetime | None = None
    last_login_at: datetime | None = None
    deactivated_at: datetime | None = None
    reactivated_at: datetime | None = None
    epoch: int = 0
    created_at: datetime
    version: int = 1

    @property
    def name(self) -> str:
        """First and last name."""
        return full_name(self.first_name, self.last_name)

    def introduce(self, typed: Typed) -> User:
        """The user under the name, and with the phone number, that were typed for it."""
        return self.rename(typed.first_name, typed.last_name, typed.phone)

    def rename(self, first_name: str, last_name: str, phone: str | None) -> User:
        """The user under another name, and with another phone number."""
        key = name_key(f"{last_name} {first_name}")
        return attrs.evolve(self, first_name=first_name, last_name=last_name, name_key=key, phone=phone)

    def as_known_to(self, membership: Membership) -> User:
        """The person as the client knows it for whom it is a contact."""
        return self if membership.typed is None else self.introduce(membership.typed)

    def set_credential(self, *, at: datetime) -> User:
        """The user that has a credential since ``at``."""
        return attrs.evolve(self, credential_at=at)

    def record_login(self, stamp: Stamp, *, client_id: ClientId | None, origin: str) -> tuple[User, UserSignedIn]:
        """The user that signed in just now. The time of the last login never moves backwards."""
        first = self.first_login_at is None
        last = stamp.at if self.last_login_at is None else max(stamp.at, self.last_login_at)
        changed = attrs.evolve(self, first_login_at=self.first_login_at or stamp.at, last_login_at=last)
        return changed, UserSignedIn(stamp=stamp, subject=self.id, client_id=client_id, first=first, origin=origin)

    def update(self, stamp: Stamp, *, first_name: str, last_name: str, email: Email) -> tuple[User, StaffUpdated]:
        """The staff user with another name or e-mail."""
        key = name_key(f"{last_name} {first_name}")
        changed = attrs.evolve(self, first_name=first_name, last_name=last_name, name_key=key, email=email)
        fields = ("first_name", "last_name", "email")
        fact = StaffUpdated(
            stamp=stamp,
            subject=self.id,
            changed=tuple(field for field in fields if getattr(self, field) != getattr(changed, field)),
            title=changed.name,
            email=email.address,
        )
        return changed, fact

    def set_roles(self, stamp: Stamp, roles: tuple[str, ...]) -> tuple[User, StaffRolesChanged]:
        """The staff user with these roles instead."""
        fact = StaffRolesChanged(stamp=stamp, subject=self.id, old=self.roles, new=roles)
        return attrs.evolve(self, roles=roles), fact

    def change_password(self, stamp: Stamp) -> tuple[User, PasswordChanged]:
        """The user with a new credential, and without any session."""
        fact = PasswordChanged(stamp=stamp, subject=self.id, first=self.credential_at is None)
        return attrs.evolve(self, credential_at=self.credential_at or stamp.at, epoch=self.epoch + 1), fact

    def deactivate(self, stamp: Stamp, *, clients: tuple[ClientId, ...]) -> tuple[User, UserDeactivated]:
        """The user that may sign in nowhere; ``clients`` are those affected."""
        changed = attrs.evolve(self, deactivated_at=stamp.at, epoch=self.epoch + 1)
        return changed, UserDeactivated(stamp=stamp, subject=self.id, clients=clients)

    def reactivate(self, stamp: Stamp) -> tuple[User, UserReactivated]:
        """The user that may sign in again, as far as it could before."""
        changed = attrs.evolve(self, deactivated_at=None, reactivated_at=stamp.at)
        return changed, UserReactivated(stamp=stamp, subject=self.id)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Credential(Value):
    """The password hash of a user; it has the user's id."""

    id: UserId
    hash: str = attrs.field(repr=False)
    set_at: datetime
    version: int = 1


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Membership(Value):
    """One user in one client: the contact. ``invitation_id`` is its latest invitation, if it counts.

    It counts since the membership began, or since the user was last reactivated. ``has_scope``: it is
    limited to the sites that :class:`SiteAccess` names. While there is something ``typed``, the membership waits for
    the person to accept, and gives no rights.
    """

    id: ContactId
    user_id: UserId
    client_id: ClientId
    role: str
    grants: tuple[str, ...] = ()
    denies: tuple[str, ...] = ()
    job_title: str | None
    name_key: str
    invitation_id: InvitationId | None = None
    suspended_at: datetime | None = None
    has_scope: bool = False
    typed: Typed | None = None
    created_at: datetime
    created_by: str
    version: int = 1

    def accept(self, user: User) -> Membership:
        """The contact that is in force, and shown as its user is."""
        return attrs.evolve(self, typed=None, name_key=user.name_key)

    def suspend(self, stamp: Stamp, *, reason: str) -> tuple[Membership, ContactSuspended]:
        """The contact that may not come in for this client."""
        fact = ContactSuspended(
            stamp=stamp, subject=self.id, client_id=self.client_id, user_id=self.user_id, reason=reason
        )
        return attrs.evolve(self, suspended_at=stamp.at), fact

    def resume(self, stamp: Stamp) -> tuple[Membership, ContactResumed]:
        """The contact that may come in again."""
        fact = ContactResumed(stamp=stamp, subject=self.id, client_id=self.client_id, user_id=self.user_id)
        return attrs.evolve(self, suspended_at=None), fact


@attrs.frozen(kw_only=True, repr=False, eq=False)
class SiteAccess(Value):
    """One site of the scope of one contact, as it is stored."""

    id: UUID
    contact_id: ContactId
    site_id: SiteId


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Ownership(Value):
    """Which contact owns a client, as it is stored. It has the client's id, so that there is never a second one."""

    id: ClientId
    contact_id: ContactId
    since: datetime
    version: int = 1


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Invitation(Value):
    """One send of an invitation, and what became of its link. Past invitations are kept.

    ``email_key`` is the address it went to: a link dies when the user's address changes. ``key_id`` names the
    key that signs the link, so that a mail that is tried again carries the same one. ``first_sent_at`` is when
    the first invitation of an unbroken row of them was sent: since then the contact counts as invited.
    """

    id: InvitationId
    contact_id: ContactId
    user_id: UserId
    client_id: ClientId
    email_key: str
    key_id: str
    first_sent_at: datetime
    sent_at: datetime
    sent_by: str
    expires_at: datetime
    state: InvitationState = InvitationState.OPEN
    closed_at: datetime | None = None
    version: int = 1

    def close(self, trigger: InvitationTrigger, *, at: datetime) -> Invitation:
        """The invitation whose link is dead, and why: a link whose time was over before has expired."""
        if at >= self.expires_at:
            trigger = InvitationTrigger.EXPIRE
        state = INVITATION_LIFECYCLE.target(self.state, trigger)
        return attrs.evolve(self, state=state, closed_at=at)

    def state_at(self, now: datetime) -> InvitationState:
        """The state at ``now``: an open link is expired from ``expires_at`` on, also before that is on record."""
        if self.state is InvitationState.OPEN and now >= self.expires_at:
            return InvitationState.EXPIRED
        return self.state

    def refusal(self, now: datetime, *, email_key: str) -> InvalidLinkError | None:
        """Why the link does not work at ``now`` for the user with ``email_key``, or ``None`` if it does."""
        state = self.state_at(now)
        if state is not InvitationState.OPEN:
            return InvalidLinkError("used" if state is InvitationState.ACCEPTED else state.value)
        return None if email_key == self.email_key else InvalidLinkError("email_changed")


@attrs.frozen(kw_only=True, repr=False, eq=False)
class LoginEvent(Value):
    """One successful sign-in; ``name`` is the user's at that time."""

    id: LoginId
    user_id: UserId
    client_id: ClientId | None
    name: str
    at: datetime


def inactive_violations(user: User, membership: Membership | None = None) -> tuple[Violation, ...]:
    """Why this user cannot be invited: deactivated, or the membership suspended.

    Who has not accepted yet is invited whatever is known of the user: the link is refused when it is used.
    """
    is_known = membership is None or membership.typed is None
    if (user.deactivated_at is None or not is_known) and (membership is None or membership.suspended_at is None):
        return ()
    return (Violation("user_inactive", "is deactivated", "contact"),)

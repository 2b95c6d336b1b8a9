"""Users, their memberships in clients, their invitations and logins: the stored facts.

What a contact's state is follows from these facts; :mod:`clientmgmt.domain.contacts` derives it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

import attrs

from clientmgmt.domain.account_events import (
    EmailChanged,
    PasswordChanged,
    UserDeactivated,
    UserReactivated,
    UserSignedIn,
)
from clientmgmt.domain.email import Email
from clientmgmt.domain.events import (
    ContactResumed,
    ContactSuspended,
    StaffRolesChanged,
    StaffUpdated,
    Stamp,
)
from clientmgmt.domain.ids import ClientId, ContactId, InvitationId, LoginId, SiteId, UserId
from clientmgmt.domain.text import name_key
from clientmgmt.domain.value import Value
from clientmgmt.errors import Violation

__all__ = [
    "Credential",
    "LoginEvent",
    "Membership",
    "Ownership",
    "SiteAccess",
    "Typed",
    "User",
    "UserKind",
    "full_name",
]


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


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
    end: what was remembered under an earlier one counts no more. Who ``must_change`` its password, which was generated,
    has no rights until that is done.
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
    must_change: bool = False
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

    def record_login(
        self, stamp: Stamp, *, client_id: ClientId | None, origin: str, at: datetime | None = None
    ) -> tuple[User, UserSignedIn]:
        """The user that signed in ``at`` that time, or just now. The time of the last login never moves backwards."""
        moment = at or stamp.at
        first = self.first_login_at is None
        last = moment if self.last_login_at is None else max(moment, self.last_login_at)
        changed = attrs.evolve(self, first_login_at=self.first_login_at or moment, last_login_at=last)
        fact = UserSignedIn(
            stamp=stamp, subject=self.id, client_id=client_id, first=first, origin=origin, login_at=moment
        )
        return changed, fact

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

    def change_password(self, stamp: Stamp, *, must_change: bool = False) -> tuple[User, PasswordChanged]:
        """The user with a new credential, and without any session; ``must_change``: it is one to be replaced."""
        fact = PasswordChanged(stamp=stamp, subject=self.id, first=self.credential_at is None)
        since = self.credential_at or stamp.at
        return attrs.evolve(self, credential_at=since, epoch=self.epoch + 1, must_change=must_change), fact

    def change_email(self, stamp: Stamp, email: Email) -> tuple[User, EmailChanged]:
        """The user with another address, and without any session."""
        fact = EmailChanged(stamp=stamp, subject=self.id, old=self.email.address, new=email.address)
        return attrs.evolve(self, email=email, epoch=self.epoch + 1), fact

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
    """The password hash of a user; it has the user's id.

    ``once_until``: the password was generated, and is good for one sign-in before then; using it moves that to a time
    that is always past, whatever the clock says.
    """

    id: UserId
    hash: str = attrs.field(repr=False)
    set_at: datetime
    once_until: datetime | None = None
    version: int = 1

    def is_over(self, now: datetime) -> bool:
        """Whether it was good for one sign-in and that was done, or its time has passed."""
        return self.once_until is not None and now >= self.once_until

    def use(self) -> Credential:
        """The credential after a sign-in."""
        return self if self.once_until is None else attrs.evolve(self, once_until=_LONG_AGO)


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
    suspended_by_staff: bool = False
    has_scope: bool = False
    typed: Typed | None = None
    created_at: datetime
    created_by: str
    version: int = 1

    def accept(self, user: User) -> Membership:
        """The contact that is in force, and shown as its user is."""
        return attrs.evolve(self, typed=None, name_key=user.name_key)

    def suspend(self, stamp: Stamp, *, reason: str, by_staff: bool) -> tuple[Membership, ContactSuspended]:
        """The contact that may not come in for this client; what staff does, no user of the client takes back."""
        fact = ContactSuspended(
            stamp=stamp, subject=self.id, client_id=self.client_id, user_id=self.user_id, reason=reason
        )
        since = self.suspended_at or stamp.at
        return attrs.evolve(self, suspended_at=since, suspended_by_staff=by_staff), fact

    def resume(self, stamp: Stamp) -> tuple[Membership, ContactResumed]:
        """The contact that may come in again."""
        fact = ContactResumed(stamp=stamp, subject=self.id, client_id=self.client_id, user_id=self.user_id)
        return attrs.evolve(self, suspended_at=None, suspended_by_staff=False), fact


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

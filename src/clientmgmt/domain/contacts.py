"""Contacts: what a user is for a client, derived from stored facts."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

import attrs

from clientmgmt.domain.email import Email
from clientmgmt.domain.events import ContactInvited, Stamp
from clientmgmt.domain.ids import ClientId, ContactId, InvitationId, UserId
from clientmgmt.domain.links import Invitation
from clientmgmt.domain.mail import MailStatus
from clientmgmt.domain.people import Membership, User, full_name, inactive_violations
from clientmgmt.domain.rules import InviteRules
from clientmgmt.domain.scope import Scope
from clientmgmt.domain.states import CONTACT_LIFECYCLE, ContactState, ContactTrigger, InvitationState
from clientmgmt.domain.value import Value
from clientmgmt.errors import Violation

__all__ = [
    "Contact",
    "LinkState",
    "LinkStatus",
    "contact_state",
    "contact_state_of",
    "invite_violations",
    "send_invite",
]


class LinkState(StrEnum):
    """What became of a contact's latest link."""

    NONE = "none"
    OPEN = "open"
    EXPIRED = "expired"
    REVOKED = "revoked"
    USED = "used"


_LINK_STATES = {
    InvitationState.OPEN: LinkState.OPEN,
    InvitationState.ACCEPTED: LinkState.USED,
    InvitationState.SUPERSEDED: LinkState.REVOKED,
    InvitationState.REVOKED: LinkState.REVOKED,
    InvitationState.EXPIRED: LinkState.EXPIRED,
}


@attrs.frozen(repr=False, eq=False)
class LinkStatus(Value):
    """The latest link of a contact, never the link itself; times are ``None`` where there was no link."""

    state: LinkState
    sent_at: datetime | None = None
    expires_at: datetime | None = None


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Contact(Value):
    """A client's user, as lists show it: who, in which state since when, and what became of link and mail.

    ``is_accepted`` is false for one that a client's own user has added, until that person accepts: it has no rights,
    and is shown as it was typed. A client's own user is shown its ``id`` in the place of ``user_id`` until then, and
    no ``mail``: it does not learn whether the address was known.
    """

    id: ContactId
    user_id: UserId
    client_id: ClientId
    first_name: str
    last_name: str
    name: str
    email: Email
    phone: str | None
    job_title: str | None
    role: str
    scope: Scope
    is_accepted: bool
    state: ContactState
    state_since: datetime
    link: LinkStatus
    mail: MailStatus | None
    last_login: datetime | None
    version: int

    @classmethod
    def of(
        cls,
        membership: Membership,
        user: User,
        *,
        now: datetime,
        invitation: Invitation | None,
        mail: MailStatus | None,
        scope: Scope,
    ) -> Contact:
        """The contact that these facts make at ``now``."""
        shown = membership.typed or user
        return cls(
            id=membership.id,
            user_id=user.id,
            client_id=membership.client_id,
            first_name=shown.first_name,
            last_name=shown.last_name,
            name=full_name(shown.first_name, shown.last_name),
            email=shown.email,
            phone=shown.phone,
            job_title=membership.job_title,
            role=membership.role,
            scope=scope,
            is_accepted=membership.typed is None,
            state=contact_state_of(membership, user),
            state_since=_state_since(membership, user, invitation),
            link=_link_status(invitation, now),
            mail=mail,
            last_login=None if membership.typed is not None else user.last_login_at,
            version=membership.version,
        )

    def for_a_client(self, scope: Scope) -> Contact:
        """As a client's own user with this scope sees it: of the sites, only those that it has itself."""
        seen = attrs.evolve(self, scope=self.scope.within(scope))
        return seen if self.is_accepted else attrs.evolve(seen, user_id=UserId(self.id), mail=None)


def contact_state(*, inactive: bool, credential: bool, logged_in: bool, invited: bool) -> ContactState:
    """The one state that these facts make.

    ``inactive``: the user is deactivated or the membership suspended. ``credential``: the user can prove who it
    is. ``logged_in``: a first login is recorded. ``invited``: an invitation was sent that counts.

    >>> contact_state(inactive=False, credential=True, logged_in=False, invited=True).value
    'invite_sent'
    """
    if inactive:
        return ContactState.INACTIVE
    if credential and logged_in:
        return ContactState.ACTIVE
    if credential or invited:
        return ContactState.INVITE_SENT
    return ContactState.PENDING_INVITE


def contact_state_of(membership: Membership, user: User) -> ContactState:
    """:func:`contact_state` of a stored membership and its user; until it accepts, nothing is told of the user."""
    if membership.typed is not None:
        return contact_state(
            inactive=membership.suspended_at is not None,
            credential=False,
            logged_in=False,
            invited=membership.invitation_id is not None,
        )
    return contact_state(
        inactive=user.deactivated_at is not None or membership.suspended_at is not None,
        credential=user.credential_at is not None,
        logged_in=user.first_login_at is not None,
        invited=membership.invitation_id is not None,
    )


def invite_violations(
    user: User,
    membership: Membership,
    recent: tuple[Invitation, ...],
    *,
    rules: InviteRules,
    now: datetime,
) -> tuple[Violation, ...]:
    """Why no invitation is sent to this contact now.

    ``recent`` are its latest invitations, newest first, at least ``rules.per_day`` of them if there are so many.
    """
    if inactive := inactive_violations(user, membership):
        return inactive
    if contact_state_of(membership, user) is ContactState.ACTIVE:
        return (Violation("already_active", "has signed in already and needs no invitation", "contact"),)
    found = []
    if recent and rules.pause and now < recent[0].sent_at + rules.pause:
        seconds = int(rules.pause.total_seconds())
        message = f"was sent an invitation less than {seconds} seconds ago"
        found.append(Violation("limit", message, "contact", {"limit": 1, "count": 1, "seconds": seconds}))
    today = sum(invitation.sent_at > now - timedelta(days=1) for invitation in recent)
    if today >= rules.per_day:
        message = f"was sent {today} invitations within a day"
        found.append(Violation("limit", message, "contact", {"limit": rules.per_day, "count": today}))
    return tuple(found)


def send_invite(
    membership: Membership, user: User, previous: Invitation | None, *, stamp: Stamp, key_id: str, rules: InviteRules
) -> tuple[Membership, Invitation, ContactInvited]:
    """The contact with a new open invitation that works until ``rules.valid`` after now, and the fact.

    ``previous`` is its latest invitation; the caller closes it if it is open.
    """
    CONTACT_LIFECYCLE.target(contact_state_of(membership, user), ContactTrigger.SEND_INVITE)
    continued = None if membership.invitation_id is None else previous
    invitation = Invitation(
        id=InvitationId(stamp.id),
        contact_id=membership.id,
        user_id=user.id,
        client_id=membership.client_id,
        email_key=user.email.key,
        key_id=key_id,
        first_sent_at=stamp.at if continued is None else continued.first_sent_at,
        sent_at=stamp.at,
        sent_by=stamp.actor,
        expires_at=stamp.at + rules.valid,
    )
    fact = ContactInvited(
        stamp=stamp,
        subject=membership.id,
        client_id=membership.client_id,
        invitation_id=invitation.id,
        expires_at=invitation.expires_at,
    )
    return attrs.evolve(membership, invitation_id=invitation.id), invitation, fact


def _state_since(membership: Membership, user: User, invitation: Invitation | None) -> datetime:
    if membership.typed is not None:
        return membership.suspended_at or (membership.created_at if invitation is None else invitation.first_sent_at)
    ended = [at for at in (user.deactivated_at, membership.suspended_at) if at is not None]
    if ended:
        return min(ended)
    began = max(membership.created_at, user.reactivated_at or membership.created_at)
    if user.credential_at is None:
        return began if invitation is None else max(began, invitation.first_sent_at)
    reached = user.first_login_at or user.credential_at
    if user.first_login_at is None and invitation is not None:
        reached = min(reached, invitation.first_sent_at)
    return max(began, reached)


def _link_status(invitation: Invitation | None, now: datetime) -> LinkStatus:
    if invitation is None:
        return LinkStatus(LinkState.NONE)
    return LinkStatus(_LINK_STATES[invitation.state_at(now)], invitation.sent_at, invitation.expires_at)

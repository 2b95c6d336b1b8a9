"""Links that were mailed: invitations, and those about a user's own account. What stands here opens nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

import attrs

from clientmgmt.domain.email import Email
from clientmgmt.domain.events import Stamp
from clientmgmt.domain.ids import AccountLinkId, ClientId, ContactId, InvitationId, UserId
from clientmgmt.domain.people import User
from clientmgmt.domain.states import INVITATION_LIFECYCLE, InvitationState, InvitationTrigger
from clientmgmt.domain.value import Value
from clientmgmt.errors import InvalidLinkError

__all__ = ["AccountLink", "Invitation", "LinkPurpose", "MailedLink", "QueuedReset"]


class LinkPurpose(StrEnum):
    """What a link is for: to come in for a client, to choose another password, to confirm another address."""

    INVITE = "invite"
    RESET = "reset"
    EMAIL = "email"


@attrs.frozen(kw_only=True, repr=False, eq=False)
class MailedLink(Value):
    """A link that works once, for some time, and what became of it. Past ones are kept.

    ``email_key`` is the address that its user had then: a link dies when that changes. ``key_id`` names the key that
    signs the link, so that a mail that is tried again carries the same one.
    """

    user_id: UserId
    email_key: str
    key_id: str
    sent_at: datetime
    sent_by: str
    expires_at: datetime
    state: InvitationState = InvitationState.OPEN
    closed_at: datetime | None = None
    version: int = 1

    def close(self, trigger: InvitationTrigger, *, at: datetime) -> Self:
        """The link that is dead, and why: one whose time was over before has expired."""
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
class Invitation(MailedLink):
    """One send of an invitation.

    ``first_sent_at`` is when the first invitation of an unbroken row of them was sent: since then the contact counts as
    invited.
    """

    id: InvitationId
    contact_id: ContactId
    client_id: ClientId
    first_sent_at: datetime


@attrs.frozen(kw_only=True, repr=False, eq=False)
class AccountLink(MailedLink):
    """A link that a user was sent about its own account; the mail that carries it has the same id.

    ``new_email`` is the address that a link of the purpose *email* was sent to, and ``old_email`` the one before; an
    address that staff has changed is on record as a link that was used at once.
    """

    id: AccountLinkId
    purpose: LinkPurpose
    new_email: Email | None = None
    old_email: Email | None = None

    @property
    def was_used_at_once(self) -> bool:
        """Whether it was never sent: it stands for an address that staff has changed."""
        return self.state is InvitationState.ACCEPTED and self.closed_at == self.sent_at

    @classmethod
    def to(
        cls,
        user: User,
        purpose: LinkPurpose,
        stamp: Stamp,
        *,
        key_id: str,
        valid: timedelta,
        email: Email | None = None,
    ) -> AccountLink:
        """A new open link for ``user``; ``email`` is the address that it wants to have."""
        return cls(
            id=AccountLinkId(stamp.id),
            purpose=purpose,
            user_id=user.id,
            email_key=user.email.key,
            key_id=key_id,
            sent_at=stamp.at,
            sent_by=stamp.actor,
            expires_at=stamp.at + valid,
            new_email=email,
            old_email=None if email is None else user.email,
        )


@attrs.frozen(kw_only=True, repr=False, eq=False)
class QueuedReset(Value):
    """Somebody at the entrance wants to reset the password of an address. Whose that is, a worker finds out."""

    id: AccountLinkId
    lane: str
    due_at: datetime
    attempts: int = 0
    email_key: str
    asked_at: datetime
    asked_by: str
    version: int = 1

"""A mail looked at again just before it is sent, and made into a message if there still is a reason for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import attrs

from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.mailing import invitation_url
from clientmgmt._usecases.work import Work
from clientmgmt.domain.client import Client
from clientmgmt.domain.letters import Letter, added_letter, invitation_letter, password_changed_letter
from clientmgmt.domain.mail import Mailbox, MailState, MailType, Message, OutboxMail
from clientmgmt.domain.people import Invitation, User
from clientmgmt.domain.settings import Settings
from clientmgmt.errors import NotFoundError, PermanentDeliveryError
from clientmgmt.ports.collections import CLIENTS, INVITATIONS, MEMBERSHIPS, OUTBOX, USERS

__all__ = ["Reason", "Subject", "look_again", "render"]


@attrs.frozen(repr=False, eq=False)
class Subject:
    """Whom a mail goes to, and its letter, from what was found just before sending."""

    user: User
    letter: Callable[[Desk, Settings], Letter]


@attrs.frozen(repr=False, eq=False)
class Reason:
    """Why a mail is not sent; no ``state``: because another worker has it."""

    state: MailState | None
    text: str


def look_again(work: Work, mail: OutboxMail) -> Subject | Reason:
    """What the mail is about, or why it is not sent; nothing is sent after its link has died."""
    stored = work.uow.get_many(OUTBOX, [mail.id]).get(mail.id)
    if stored is None or not mail.same_claim(stored):
        return Reason(None, "another worker has it")
    if stored.cancelled_at is not None:
        return Reason(MailState.CANCELLED, "it was cancelled")
    if mail.too_late(work.now):
        return Reason(MailState.OBSOLETE, "the link is dead: expired")
    try:
        found = _FOUND[mail.type](work, mail)
    except NotFoundError:
        found = "the contact was removed"
    return Reason(MailState.OBSOLETE, found) if isinstance(found, str) else found


def _of_an_invitation(work: Work, mail: OutboxMail) -> Subject | str:
    found = _contact(work, mail)
    if isinstance(found, str):
        return found
    client, user = found
    invitation = work.uow.get(INVITATIONS, mail.id)
    refusal = invitation.refusal(work.now, email_key=user.email.key)
    if refusal is not None:
        return f"the link is dead: {refusal.reason}"
    return Subject(user, partial(_invitation, client=client, user=user, invitation=invitation))


def _of_a_contact(work: Work, mail: OutboxMail) -> Subject | str:
    found = _contact(work, mail)
    if isinstance(found, str):
        return found
    client, user = found
    return Subject(user, lambda _, settings: added_letter(user, client, settings=settings))


def _of_a_user(work: Work, mail: OutboxMail) -> Subject | str:
    """Whatever became of the user since: what happened to its account is told to whoever it belongs to."""
    user = work.uow.get(USERS, mail.user_id)
    return Subject(user, lambda _, settings: password_changed_letter(user, settings=settings))


def _contact(work: Work, mail: OutboxMail) -> tuple[Client, User] | str:
    client = work.uow.get(CLIENTS, mail.client_id)
    user = work.uow.get(USERS, mail.user_id)
    membership = work.uow.get(MEMBERSHIPS, mail.about)
    if user.deactivated_at is not None or membership.suspended_at is not None:
        return "the contact is inactive"
    if not client.status.may_sign_in:
        return "the client is closed"
    return client, user.as_known_to(membership)


_FOUND: Mapping[MailType, Callable[[Work, OutboxMail], Subject | str]] = {
    MailType.INVITATION: _of_an_invitation,
    MailType.CONTACT_ADDED: _of_a_contact,
    MailType.PASSWORD_CHANGED: _of_a_user,
}
"""What makes a subject of a mail, or says why it is not sent any more; ``NotFoundError`` if its reason was removed."""


def render(desk: Desk, mail: OutboxMail, subject: Subject) -> Message:
    """The message as it is handed over."""
    settings = desk.wiring.settings(desk.tenant)
    letter = subject.letter(desk, settings)
    return Message(
        id=str(mail.id),
        date=mail.created_at,
        tenant=desk.tenant,
        type=mail.type,
        sender=settings.require_sender(),
        reply_to=settings.reply_to,
        to=Mailbox.of(subject.user.name, subject.user.email),
        subject=letter.subject,
        text=letter.text,
    )


def _invitation(desk: Desk, settings: Settings, *, client: Client, user: User, invitation: Invitation) -> Letter:
    try:
        url = invitation_url(desk.wiring, settings, desk.tenant, invitation)
    except LookupError:
        message = "the key that signs this link was removed"
        raise PermanentDeliveryError(message) from None
    return invitation_letter(user, client, invitation, url=url, settings=settings)

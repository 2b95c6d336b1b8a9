"""A mail looked at again just before it is sent, and made into a message if there still is a reason for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from uuid import UUID

import attrs

from clientmgmt._usecases.addresses import email_is_taken
from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.mailing import link_url
from clientmgmt._usecases.resetting import generated_password
from clientmgmt._usecases.work import Work
from clientmgmt.domain.client import Client
from clientmgmt.domain.letters import (
    Letter,
    added_letter,
    email_changed_letter,
    email_confirmation_letter,
    email_left_letter,
    generated_letter,
    invitation_letter,
    password_changed_letter,
    reset_letter,
)
from clientmgmt.domain.links import AccountLink, Invitation, LinkPurpose
from clientmgmt.domain.mail import Mailbox, MailState, MailType, Message, OutboxMail
from clientmgmt.domain.people import User
from clientmgmt.domain.secret import Secret
from clientmgmt.domain.settings import Settings
from clientmgmt.errors import NotFoundError, PermanentDeliveryError
from clientmgmt.ports.collections import ACCOUNT_LINKS, CLIENTS, CREDENTIALS, INVITATIONS, MEMBERSHIPS, OUTBOX, USERS

_KEY_IS_GONE = "the key that signs this link was removed"

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


def _of_a_reset(work: Work, mail: OutboxMail) -> Subject | str:
    link, user, dead = _account_link(work, mail.id)
    return dead or Subject(user, partial(_with_link, write=partial(reset_letter, user, link), link=link))


def _of_a_generated_password(work: Work, mail: OutboxMail) -> Subject | str:
    link, user = work.uow.get(ACCOUNT_LINKS, mail.about), work.uow.get(USERS, mail.user_id)
    until = work.uow.get(CREDENTIALS, user.id).once_until
    if until is None or until != mail.not_after:
        return "the password was used or replaced"
    return Subject(user, partial(_generated, user=user, link=link, until=until))


def _of_a_confirmation(work: Work, mail: OutboxMail) -> Subject | str:
    link, user, dead = _account_link(work, mail.id)
    email = link.new_email or user.email
    if dead or email_is_taken(work, user, email):
        return dead or "the address belongs to another user"
    letter = partial(_with_link, write=partial(email_confirmation_letter, user, link), link=link)
    return Subject(attrs.evolve(user, email=email), letter)


def _of_an_address(work: Work, mail: OutboxMail) -> Subject | str:
    """Of an address that was changed: to the old one and the new one, whatever became of the user since."""
    link, user = work.uow.get(ACCOUNT_LINKS, mail.about), work.uow.get(USERS, mail.user_id)
    left = mail.type is MailType.EMAIL_LEFT
    email, letter = (link.old_email, email_left_letter) if left else (link.new_email, email_changed_letter)
    return Subject(attrs.evolve(user, email=email or user.email), lambda _, settings: letter(user, settings=settings))


def _account_link(work: Work, link_id: UUID) -> tuple[AccountLink, User, str]:
    """A link about a user's account, its user, and why it is dead if it is."""
    link = work.uow.get(ACCOUNT_LINKS, link_id)
    user = work.uow.get(USERS, link.user_id)
    refusal = link.refusal(work.now, email_key=user.email.key)
    return link, user, "" if refusal is None else f"the link is dead: {refusal.reason}"


def _contact(work: Work, mail: OutboxMail) -> tuple[Client, User] | str:
    membership = work.uow.get(MEMBERSHIPS, mail.about)
    client = work.uow.get(CLIENTS, membership.client_id)
    user = work.uow.get(USERS, membership.user_id)
    if user.deactivated_at is not None or membership.suspended_at is not None:
        return "the contact is inactive"
    if not client.status.may_sign_in:
        return "the client is closed"
    return client, user.as_known_to(membership)


_FOUND: Mapping[MailType, Callable[[Work, OutboxMail], Subject | str]] = {
    MailType.INVITATION: _of_an_invitation,
    MailType.CONTACT_ADDED: _of_a_contact,
    MailType.PASSWORD_RESET: _of_a_reset,
    MailType.PASSWORD_GENERATED: _of_a_generated_password,
    MailType.PASSWORD_CHANGED: _of_a_user,
    MailType.EMAIL_CONFIRMATION: _of_a_confirmation,
    MailType.EMAIL_CHANGED: _of_an_address,
    MailType.EMAIL_LEFT: _of_an_address,
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
    url = _url(desk, settings, invitation, LinkPurpose.INVITE)
    return invitation_letter(user, client, invitation, url=url, settings=settings)


def _with_link(desk: Desk, settings: Settings, *, write: Callable[..., Letter], link: AccountLink) -> Letter:
    return write(url=_url(desk, settings, link, link.purpose), settings=settings)


def _generated(desk: Desk, settings: Settings, *, user: User, link: AccountLink, until: datetime) -> Letter:
    try:
        password = generated_password(desk, link)
    except LookupError:
        raise PermanentDeliveryError(_KEY_IS_GONE) from None
    return generated_letter(user, password, until=until, settings=settings)


def _url(desk: Desk, settings: Settings, link: Invitation | AccountLink, purpose: LinkPurpose) -> Secret:
    """The link; ``ConfigurationError`` if there is no template for it any more."""
    try:
        return link_url(desk.wiring, settings, desk.tenant, link, purpose)
    except LookupError:
        raise PermanentDeliveryError(_KEY_IS_GONE) from None

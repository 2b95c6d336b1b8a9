"""Addresses of users: changed by staff at once, by users themselves when they have confirmed the new one."""

from __future__ import annotations

import attrs

from clientmgmt._usecases.account_links import (
    end_all_links,
    end_links,
    link_id_of,
    open_link,
    opened_or_recorded,
    require_room,
)
from clientmgmt._usecases.credentials import end_generated_password
from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.mailing import queue_for_user, require_links
from clientmgmt._usecases.steps import Steps
from clientmgmt._usecases.work import Work
from clientmgmt.domain.account_events import EmailChangeRequested
from clientmgmt.domain.actors import ClientUser
from clientmgmt.domain.email import Email
from clientmgmt.domain.ids import AccountLinkId
from clientmgmt.domain.joining import new_user
from clientmgmt.domain.links import AccountLink, LinkPurpose
from clientmgmt.domain.mail import MailType
from clientmgmt.domain.people import User, UserKind
from clientmgmt.domain.states import InvitationTrigger
from clientmgmt.errors import InvalidLinkError, Violation
from clientmgmt.ports.collections import ACCOUNT_LINKS, INVITATIONS, MEMBERSHIPS, USERS

__all__ = ["change_email", "confirm_email", "email_is_taken", "email_violations", "request_email", "vacate"]

_NOWHERE = "vacant.invalid"
"""No mail is delivered there: the domain is reserved."""


def request_email(work: Work, user: User, email: Email) -> None:
    """Mail a link to the address that a user, who asks for it itself, wants to have. Nothing else changes yet.

    Nothing tells it whether somebody else has that address: to such a one no mail is sent, and the link is none.
    """
    rules = work.settings.rules
    require_links(work.settings, LinkPurpose.EMAIL)
    require_room(work, user, LinkPurpose.EMAIL, field="email")
    end_links(work, user, InvitationTrigger.SUPERSEDE, purpose=LinkPurpose.EMAIL)
    stamp, key_id = work.stamp(), work.wiring.signer.key_id
    link = AccountLink.to(user, LinkPurpose.EMAIL, stamp, key_id=key_id, valid=rules.resets.valid, email=email)
    work.uow.add(ACCOUNT_LINKS, link)
    queue_for_user(work, MailType.EMAIL_CONFIRMATION, user, link=link)
    work.record(EmailChangeRequested(stamp=stamp, subject=user.id, link_id=link.id, expires_at=link.expires_at))


def confirm_email(desk: Desk, token: str) -> Steps[None]:
    """Use a link up: its user has the address from now on to which it was sent."""
    link_id = link_id_of(desk, token, LinkPurpose.EMAIL)
    yield from open_link(desk, link_id)
    yield from desk.write(_redeem, link_id)


def change_email(work: Work, user: User, email: Email) -> User:
    """Give a user, who is locked, another address at once; that is on record as a link that was used."""
    stamp, key_id = work.stamp(), work.wiring.signer.key_id
    link = AccountLink.to(
        user, LinkPurpose.EMAIL, stamp, key_id=key_id, valid=work.settings.rules.resets.valid, email=email
    )
    work.uow.add(ACCOUNT_LINKS, link.close(InvitationTrigger.ACCEPT, at=work.now))
    return _write(work, user, email, link, by=None)


def email_violations(work: Work, user: User, email: Email) -> tuple[Violation, ...]:
    """Why a user cannot have this address."""
    if not email_is_taken(work, user, email):
        return ()
    return (Violation("email_in_use", "belongs to another user", "email"),)


def email_is_taken(work: Work, user: User, email: Email) -> bool:
    """Whether the address is another user's, behind whom there is somebody."""
    return any(not _is_nobody(work, other) for other in _others_with(work, user, email))


def vacate(work: Work, user: User, email: Email) -> None:
    """Take the address from whoever has it without being anybody, so that ``user`` can have it.

    Such users are left over where clients have typed in an address and taken it back; they are in no list.
    """
    others = [other.id for other in _others_with(work, user, email)]
    locked = work.uow.get_many(USERS, others, lock=True).values() if others else ()
    for nobody in [other for other in locked if _is_nobody(work, other)]:
        nowhere = f"{nobody.id}@{_NOWHERE}"
        changed, fact = nobody.change_email(work.stamp(), Email(nowhere, nowhere))
        work.record(fact)
        work.uow.save(USERS, changed)


def _others_with(work: Work, user: User, email: Email) -> list[User]:
    found = work.uow.find(USERS, USERS.email_key.eq(email.key)) if email.key else ()
    return [other for other in found if other.id != user.id]


def _is_nobody(work: Work, user: User) -> bool:
    """Whether this is a client's user that no client has, and who has never come in."""
    if user.kind is UserKind.STAFF or user.credential_at is not None:
        return False
    return not work.uow.count(MEMBERSHIPS, MEMBERSHIPS.user_id.eq(user.id))


def _redeem(work: Work, link_id: AccountLinkId) -> None:
    """Consume the link: of those who try at once, saving it lets one through and sends the rest back."""
    link, user = opened_or_recorded(work, link_id)
    email = link.new_email or user.email
    if email_is_taken(work, user, email):
        raise InvalidLinkError("email_in_use")
    link = work.uow.save(ACCOUNT_LINKS, link.close(InvitationTrigger.ACCEPT, at=work.now))
    _write(work, user, email, link, by=ClientUser(user.id))


def _write(work: Work, user: User, email: Email, link: AccountLink, *, by: ClientUser | None) -> User:
    """The user with another address: open links die, sessions end, and both addresses are told.

    Who was never sent anything is told nothing either.
    """
    is_known = user.kind is UserKind.STAFF or user.credential_at is not None or _was_invited(work, user)
    end_all_links(work, user, but=link.id)
    end_generated_password(work, user)
    vacate(work, user, email)
    changed, fact = user.change_email(work.stamp(by), email)
    work.record(fact)
    saved = work.uow.save(USERS, changed)
    _leave_to_whoever_has(work, user)
    if is_known:
        queue_for_user(work, MailType.EMAIL_LEFT, saved, about=link.id)
        queue_for_user(work, MailType.EMAIL_CHANGED, saved, about=link.id)
    return saved


def _leave_to_whoever_has(work: Work, left: User) -> None:
    """Contacts that have not accepted are of whoever has the address that was typed, not of the user who has left it.

    So that nobody who has typed it sees that it was somebody's, and an invitation lets in whoever reads that mail.
    """
    waiting = work.uow.find(MEMBERSHIPS, MEMBERSHIPS.user_id.eq(left.id), MEMBERSHIPS.typed.present())
    typed = next((membership.typed for membership in waiting), None)
    if typed is None:
        return
    fresh = attrs.evolve(new_user(typed, work.stamp()), email=left.email)
    work.uow.add(USERS, fresh)
    work.uow.save(MEMBERSHIPS, *(attrs.evolve(membership, user_id=fresh.id) for membership in waiting))
    latest = [membership.invitation_id for membership in waiting if membership.invitation_id is not None]
    for invitation in work.uow.get_many(INVITATIONS, latest).values() if latest else ():
        work.uow.save(INVITATIONS, attrs.evolve(invitation, user_id=fresh.id))


def _was_invited(work: Work, user: User) -> bool:
    invited = MEMBERSHIPS.invitation_id.present()
    return work.uow.count(MEMBERSHIPS, MEMBERSHIPS.user_id.eq(user.id), invited) > 0

"""Contacts as lists show them: a constant number of statements whatever the number of contacts."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from clientmgmt._usecases.sight import shown
from clientmgmt._usecases.standing import scopes_of
from clientmgmt._usecases.work import Work
from clientmgmt.domain.contacts import Contact
from clientmgmt.domain.ids import InvitationId
from clientmgmt.domain.mail import MailStatus
from clientmgmt.domain.people import Membership, User
from clientmgmt.ports.collections import DELIVERIES, INVITATIONS, OUTBOX

__all__ = ["contact_views", "view_contact"]


def contact_views(work: Work, rows: Iterable[tuple[Membership, User]]) -> tuple[Contact, ...]:
    """The contacts that these rows make, with what became of their latest link and its mail, as the actor sees them."""
    pairs = tuple(rows)
    ids = [membership.invitation_id for membership, _ in pairs if membership.invitation_id is not None]
    invitations = work.uow.get_many(INVITATIONS, ids) if ids else {}
    mails = _mails(work, ids) if ids else {}
    scopes = scopes_of(work, [membership for membership, _ in pairs])
    views = []
    for membership, user in pairs:
        key = membership.invitation_id
        invitation, mail = (None, None) if key is None else (invitations.get(key), mails.get(key))
        scope = scopes[membership.id]
        contact = Contact.of(membership, user, now=work.now, invitation=invitation, mail=mail, scope=scope)
        views.append(shown(work, contact))
    return tuple(views)


def view_contact(work: Work, membership: Membership, user: User) -> Contact:
    """:func:`contact_views` of one."""
    return contact_views(work, [(membership, user)])[0]


def _mails(work: Work, ids: list[InvitationId]) -> dict[UUID, MailStatus]:
    """What became of the mails with these ids: finished ones first, the outbox only for the rest."""
    found = {key: MailStatus.of(mail) for key, mail in work.uow.get_many(DELIVERIES, ids).items()}
    waiting = [key for key in ids if key not in found]
    if waiting:
        found |= {key: MailStatus.of(mail) for key, mail in work.uow.get_many(OUTBOX, waiting).items()}
    return found

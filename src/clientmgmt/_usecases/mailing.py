"""Putting mail into the outbox, together with what it tells about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from clientmgmt._usecases.work import Wiring, Work
from clientmgmt.domain.contacts import send_invite
from clientmgmt.domain.events import InvitationRevoked
from clientmgmt.domain.ids import ClientId, ContactId, MailId, UserId
from clientmgmt.domain.links import AccountLink, Invitation, LinkPurpose
from clientmgmt.domain.mail import MailType, OutboxMail
from clientmgmt.domain.people import Membership, User
from clientmgmt.domain.secret import Secret
from clientmgmt.domain.settings import Settings
from clientmgmt.domain.states import InvitationState, InvitationTrigger
from clientmgmt.ports.collections import INVITATIONS, MEMBERSHIPS, OUTBOX
from clientmgmt.ports.links import LinkClaims

__all__ = [
    "end_invitation",
    "end_invitations",
    "link_url",
    "open_invitation",
    "queue_added",
    "queue_for_user",
    "queue_invitations",
    "require_links",
]


def require_links(settings: Settings, purpose: LinkPurpose = LinkPurpose.INVITE) -> None:
    """Refuse before anything is written if a link could not be mailed (``ConfigurationError``)."""
    settings.require_sender()
    settings.links.require(purpose)


def link_url(
    wiring: Wiring, settings: Settings, tenant: str, link: Invitation | AccountLink, purpose: LinkPurpose
) -> Secret:
    """What a link looks like, always the same; ``LookupError`` if the key that signs it was removed."""
    settings.links.require(purpose)
    claims = LinkClaims(purpose=purpose, tenant=tenant, subject=link.id)
    token = wiring.signer.sign(claims, key_id=link.key_id)
    client_id = str(link.client_id) if isinstance(link, Invitation) else ""
    return settings.links.url(purpose, token=token, tenant=tenant, client_id=client_id)


def open_invitation(
    work: Work, membership: Membership, user: User, previous: Invitation | None
) -> tuple[Membership, Invitation]:
    """The membership with a new open invitation, not written yet; the fact is noted."""
    invited, invitation, fact = send_invite(
        membership,
        user,
        previous,
        stamp=work.stamp(),
        key_id=work.wiring.signer.key_id,
        rules=work.settings.rules.invites,
    )
    work.record(fact)
    return invited, invitation


def queue_invitations(work: Work, invitations: Sequence[Invitation]) -> tuple[OutboxMail, ...]:
    """Write new invitations, and a mail for each with the invitation's id."""
    mails = tuple(
        _mail(
            work,
            MailType.INVITATION,
            MailId(invitation.id),
            client_id=invitation.client_id,
            user_id=invitation.user_id,
            about=invitation.contact_id,
            not_after=invitation.expires_at,
        )
        for invitation in invitations
    )
    work.uow.add(INVITATIONS, *invitations)
    work.uow.add(OUTBOX, *mails)
    return mails


def end_invitation(work: Work, membership: Membership, trigger: InvitationTrigger) -> Invitation | None:
    """The latest invitation of a contact, which is closed if it is stored as open; a revocation is put on record."""
    return end_invitations(work, [membership], trigger).get(membership.id)


def end_invitations(
    work: Work, memberships: Iterable[Membership], trigger: InvitationTrigger
) -> dict[ContactId, Invitation]:
    """:func:`end_invitation` of several contacts: those that were ever invited."""
    latest = [membership.invitation_id for membership in memberships if membership.invitation_id is not None]
    known = work.uow.get_many(INVITATIONS, latest).values() if latest else ()
    return {invitation.contact_id: _ended(work, invitation, trigger) for invitation in known}


def _ended(work: Work, invitation: Invitation, trigger: InvitationTrigger) -> Invitation:
    if invitation.state is not InvitationState.OPEN:
        return invitation
    closed = work.uow.save(INVITATIONS, invitation.close(trigger, at=work.now))
    if closed.state is InvitationState.REVOKED:
        work.record(
            InvitationRevoked(
                stamp=work.stamp(),
                subject=invitation.contact_id,
                client_id=invitation.client_id,
                invitation_id=invitation.id,
            )
        )
    return closed


def queue_added(work: Work, *memberships: Membership) -> tuple[OutboxMail, ...]:
    """Write the mails that tell users who have a password that one more client is open to them."""
    work.settings.require_sender()
    mails = tuple(
        _mail(
            work,
            MailType.CONTACT_ADDED,
            MailId(work.wiring.ids.new()),
            client_id=membership.client_id,
            user_id=membership.user_id,
            about=membership.id,
        )
        for membership in memberships
    )
    work.uow.add(OUTBOX, *mails)
    return mails


def queue_for_user(
    work: Work,
    kind: MailType,
    user: User,
    *,
    link: AccountLink | None = None,
    about: UUID | None = None,
    not_after: datetime | None = None,
) -> None:
    """Write a mail about a user's account. It is about its one client too, if there is just one.

    Args:
        work: the unit of work.
        kind: what mail.
        user: who is told.
        link: the link that the mail carries: it has its id, and is not sent after its end.
        about: the id of what it is about; of the user if none is given.
        not_after: until when it is of use.
    """
    work.settings.require_sender()
    found = work.uow.find(MEMBERSHIPS, MEMBERSHIPS.user_id.eq(user.id), MEMBERSHIPS.typed.eq(None))
    mail = _mail(
        work,
        kind,
        MailId(work.wiring.ids.new() if link is None else link.id),
        client_id=found[0].client_id if len(found) == 1 else None,
        user_id=user.id,
        about=about or user.id,
        not_after=not_after if link is None else link.expires_at,
    )
    work.uow.add(OUTBOX, mail)


def _mail(
    work: Work,
    kind: MailType,
    key: MailId,
    *,
    client_id: ClientId | None,
    user_id: UserId,
    about: UUID,
    not_after: datetime | None = None,
) -> OutboxMail:
    return OutboxMail(
        id=key,
        lane=kind.lane(key, about),
        due_at=work.now,
        type=kind,
        client_id=client_id,
        user_id=user_id,
        about=about,
        created_at=work.now,
        not_after=not_after,
    )

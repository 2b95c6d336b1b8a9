"""Putting mail into the outbox, together with what it tells about."""

from __future__ import annotations

from collections.abc import Sequence

from clientmgmt._usecases.work import Wiring, Work
from clientmgmt.domain.contacts import send_invite
from clientmgmt.domain.events import InvitationRevoked
from clientmgmt.domain.ids import ClientId, MailId
from clientmgmt.domain.mail import MailType, OutboxMail
from clientmgmt.domain.people import Invitation, Membership, User
from clientmgmt.domain.secret import Secret
from clientmgmt.domain.settings import Settings
from clientmgmt.domain.states import InvitationState, InvitationTrigger
from clientmgmt.ports.collections import INVITATIONS, OUTBOX
from clientmgmt.ports.links import LinkClaims

__all__ = [
    "end_invitation",
    "invitation_url",
    "open_invitation",
    "queue_added",
    "queue_invitations",
    "queue_password_changed",
    "require_links",
]


def require_links(work: Work) -> None:
    """Refuse before anything is written if an invitation could not be mailed (``ConfigurationError``)."""
    work.settings.require_sender()
    work.settings.links.require("invite")


def invitation_url(wiring: Wiring, settings: Settings, tenant: str, invitation: Invitation) -> Secret:
    """The link of an invitation, always the same one; ``LookupError`` if the key that signs it was removed."""
    claims = LinkClaims(purpose="invite", tenant=tenant, subject=invitation.id)
    token = wiring.signer.sign(claims, key_id=invitation.key_id)
    settings.links.require("invite")
    return settings.links.url("invite", token=token, tenant=tenant, client_id=str(invitation.client_id))


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
        OutboxMail(
            id=MailId(invitation.id),
            lane=MailType.INVITATION.lane(MailId(invitation.id), invitation.contact_id),
            due_at=work.now,
            type=MailType.INVITATION,
            client_id=invitation.client_id,
            user_id=invitation.user_id,
            about=invitation.contact_id,
            created_at=work.now,
            not_after=invitation.expires_at,
        )
        for invitation in invitations
    )
    work.uow.add(INVITATIONS, *invitations)
    work.uow.add(OUTBOX, *mails)
    return mails


def end_invitation(work: Work, membership: Membership, trigger: InvitationTrigger) -> Invitation | None:
    """The latest invitation of a contact, which is closed if it is stored as open; a revocation is put on record."""
    if membership.invitation_id is None:
        return None
    invitation = work.uow.get(INVITATIONS, membership.invitation_id)
    if invitation.state is not InvitationState.OPEN:
        return invitation
    closed = work.uow.save(INVITATIONS, invitation.close(trigger, at=work.now))
    if closed.state is InvitationState.REVOKED:
        work.record(
            InvitationRevoked(
                stamp=work.stamp(),
                subject=membership.id,
                client_id=membership.client_id,
                invitation_id=invitation.id,
            )
        )
    return closed


def queue_added(work: Work, *memberships: Membership) -> tuple[OutboxMail, ...]:
    """Write the mails that tell users who have a password that one more client is open to them."""
    work.settings.require_sender()
    mails = tuple(_added(work, membership) for membership in memberships)
    work.uow.add(OUTBOX, *mails)
    return mails


def queue_password_changed(work: Work, user: User, client_id: ClientId) -> None:
    """Write the mail that tells a user of its new password; ``client_id`` is one of its clients."""
    work.settings.require_sender()
    key = MailId(work.wiring.ids.new())
    mail = OutboxMail(
        id=key,
        lane=MailType.PASSWORD_CHANGED.lane(key, user.id),
        due_at=work.now,
        type=MailType.PASSWORD_CHANGED,
        client_id=client_id,
        user_id=user.id,
        about=user.id,
        created_at=work.now,
    )
    work.uow.add(OUTBOX, mail)


def _added(work: Work, membership: Membership) -> OutboxMail:
    key = MailId(work.wiring.ids.new())
    return OutboxMail(
        id=key,
        lane=MailType.CONTACT_ADDED.lane(key, membership.id),
        due_at=work.now,
        type=MailType.CONTACT_ADDED,
        client_id=membership.client_id,
        user_id=membership.user_id,
        about=membership.id,
        created_at=work.now,
    )

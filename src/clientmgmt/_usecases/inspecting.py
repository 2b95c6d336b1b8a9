"""What a link is for, for the page behind it. Nothing is changed, so that a scanner that opens mails burns no link."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import UUID

from clientmgmt._usecases.account_links import opened
from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.entering import opened_invitation
from clientmgmt._usecases.steps import Steps
from clientmgmt._usecases.work import Work
from clientmgmt.domain.ids import InvitationId
from clientmgmt.domain.links import LinkPurpose
from clientmgmt.domain.people import User
from clientmgmt.domain.results import LinkPassword, LinkView
from clientmgmt.domain.rules import ResetMode
from clientmgmt.errors import InvalidLinkError
from clientmgmt.ports.collections import IDENTITIES

__all__ = ["inspect"]


def inspect(desk: Desk, token: str) -> Steps[LinkView]:
    """What a link is for."""
    for purpose, look in _LOOKS.items():
        claims = desk.wiring.signer.verify(token, purpose=purpose, tenant=desk.tenant) if _is_text(token) else None
        if claims is not None:
            return (yield from desk.read(look, claims.subject))
    raise InvalidLinkError("unknown")


def _is_text(token: object) -> bool:
    return isinstance(token, str)


def _invitation(work: Work, link_id: UUID) -> LinkView:
    opened = opened_invitation(work, InvitationId(link_id))
    return LinkView(
        purpose=LinkPurpose.INVITE,
        client_name=opened.client.name,
        user_name=opened.user.as_known_to(opened.membership).name,
        email=opened.user.email,
        expires_at=opened.invitation.expires_at,
        password=_asked_of(work, opened.user),
    )


def _asked_of(work: Work, user: User) -> LinkPassword:
    if user.credential_at is None:
        return LinkPassword.CHOOSE
    return LinkPassword.IDENTITY if work.uow.get_many(IDENTITIES, [user.id]) else LinkPassword.CONFIRM


def _account(work: Work, link_id: UUID) -> LinkView:
    link, user = opened(work, link_id)
    chooses = link.purpose is LinkPurpose.RESET and work.settings.rules.resets.mode is ResetMode.CHOOSE
    return LinkView(
        purpose=link.purpose,
        client_name=None,
        user_name=user.name,
        email=link.new_email or user.email,
        expires_at=link.expires_at,
        password=LinkPassword.CHOOSE if chooses else LinkPassword.NONE,
    )


_LOOKS: Mapping[LinkPurpose, Callable[[Work, UUID], LinkView]] = {
    LinkPurpose.INVITE: _invitation,
    LinkPurpose.RESET: _account,
    LinkPurpose.EMAIL: _account,
}

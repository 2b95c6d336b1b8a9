"""Links that users are sent about their own accounts: made, opened, and ended."""

from __future__ import annotations

from uuid import UUID

from clientmgmt._usecases.authorize import authorize
from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.mailing import end_invitations
from clientmgmt._usecases.sessions import open_clients
from clientmgmt._usecases.steps import Steps
from clientmgmt._usecases.work import Recorded, Work
from clientmgmt.domain.ids import AccountLinkId
from clientmgmt.domain.links import AccountLink, LinkPurpose
from clientmgmt.domain.people import User
from clientmgmt.domain.states import InvitationState, InvitationTrigger
from clientmgmt.errors import InvalidLinkError, NotFoundError, Violation, refuse
from clientmgmt.ports.collections import ACCOUNT_LINKS, MEMBERSHIPS, USERS

__all__ = ["end_all_links", "end_links", "link_id_of", "open_link", "opened", "opened_or_recorded", "require_room"]


def link_id_of(desk: Desk, token: object, purpose: LinkPurpose) -> AccountLinkId:
    """Which link this token is of; ``InvalidLinkError`` if it is none of this purpose."""
    claims = None
    if isinstance(token, str):
        claims = desk.wiring.signer.verify(token, purpose=purpose, tenant=desk.tenant)
    if claims is None:
        raise InvalidLinkError("unknown")
    return AccountLinkId(claims.subject)


def opened(work: Work, link_id: UUID, *, lock: bool = False) -> tuple[AccountLink, User]:
    """A link that works, and its user; :class:`InvalidLinkError` with the reason if it does not."""
    authorize(work, "entrance")
    try:
        link = work.uow.get(ACCOUNT_LINKS, link_id)
    except NotFoundError:
        raise InvalidLinkError("removed") from None
    user = work.uow.get(USERS, link.user_id, lock=lock)
    refusal = link.refusal(work.now, email_key=user.email.key)
    if refusal is not None:
        raise refusal
    if not open_clients(work, user):
        raise InvalidLinkError("client_closed")
    return link, user


def open_link(desk: Desk, link_id: AccountLinkId) -> Steps[tuple[AccountLink, User]]:
    """A link that works, and its user, before it is used; a refusal because of expiry is put on record."""
    try:
        return (yield from desk.read(opened, link_id))
    except InvalidLinkError:
        return (yield from desk.write_aside(opened_or_recorded, link_id, lock=False))


def opened_or_recorded(work: Work, link_id: UUID, *, lock: bool = True) -> tuple[AccountLink, User]:
    """The same, with the user locked; a refusal because of expiry is put on record, so that it stays one.

    Apart from a transaction of the host nothing is locked: that would wait for what the host has locked itself.
    """
    try:
        return opened(work, link_id, lock=lock)
    except InvalidLinkError as refusal:
        if refusal.reason == InvitationState.EXPIRED:
            link = work.uow.get(ACCOUNT_LINKS, link_id)
            if link.state is InvitationState.OPEN:
                work.uow.save(ACCOUNT_LINKS, link.close(InvitationTrigger.EXPIRE, at=work.now))
        raise Recorded(refusal) from None


def require_room(work: Work, user: User, purpose: LinkPurpose, *, field: str) -> None:
    """``LimitError`` if a user was sent too many links of this kind of late."""
    rules = work.settings.rules.throttle
    since = ACCOUNT_LINKS.sent_at.gt(work.now - rules.resets_within)
    recent = work.uow.find(ACCOUNT_LINKS, ACCOUNT_LINKS.user_id.eq(user.id), since)
    count = sum(link.purpose is purpose and not link.was_used_at_once for link in recent)
    if count >= rules.resets:
        data = {"limit": rules.resets, "count": count}
        refuse([Violation("limit", f"was sent {count} links of late", field, data)])


def end_links(
    work: Work, user: User, trigger: InvitationTrigger, *, purpose: LinkPurpose | None = None, but: UUID | None = None
) -> None:
    """Close the open links about a user's account: those of one purpose, or all, ``but`` one."""
    still_open = ACCOUNT_LINKS.state.eq(InvitationState.OPEN)
    for link in work.uow.find(ACCOUNT_LINKS, ACCOUNT_LINKS.user_id.eq(user.id), still_open):
        if link.id != but and purpose in {None, link.purpose}:
            work.uow.save(ACCOUNT_LINKS, link.close(trigger, at=work.now))


def end_all_links(work: Work, user: User, *, but: UUID | None = None) -> None:
    """Close whatever link could let anybody in as this user, the invitations of its clients too.

    Not those of contacts that have not accepted: they let in nobody who does not have the password, and a client's user
    would see by them that this is somebody.
    """
    end_links(work, user, InvitationTrigger.REVOKE, but=but)
    accepted = work.uow.find(MEMBERSHIPS, MEMBERSHIPS.user_id.eq(user.id), MEMBERSHIPS.typed.eq(None))
    end_invitations(work, accepted, InvitationTrigger.REVOKE)

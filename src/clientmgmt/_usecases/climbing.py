"""No climbing: nobody on a client's side gives what it has not, or changes somebody who has more."""

from __future__ import annotations

from clientmgmt._usecases.standing import actor_standings, contact_rights
from clientmgmt._usecases.work import Work
from clientmgmt.domain.actors import ClientUser
from clientmgmt.domain.ids import ClientId
from clientmgmt.domain.operations import OPERATIONS
from clientmgmt.domain.people import Membership
from clientmgmt.domain.rights import Rights, Standing
from clientmgmt.errors import EscalationError, LastOwnerError
from clientmgmt.ports.collections import OWNERS

__all__ = ["may_grant", "require_grantable", "require_manageable", "require_owner_stays"]


def require_grantable(work: Work, client_id: ClientId, rights: Rights) -> None:
    """``EscalationError`` if a client's user would give rights that it does not have itself."""
    if not may_grant(work, client_id, rights):
        raise EscalationError("users.manage")


def may_grant(work: Work, client_id: ClientId, rights: Rights) -> bool:
    """Whether the actor has all of these rights itself, if it is a client's user."""
    standing = _standing(work, client_id)
    return standing is None or standing.rights.include(rights)


def require_manageable(work: Work, operation: str, membership: Membership, *, itself: bool = False) -> None:
    """``EscalationError`` if a client's user would change the owner or a contact that has more than it has.

    ``itself``: whether it may do that to itself.
    """
    standing = _standing(work, membership.client_id)
    if standing is None:
        return
    if standing.membership.id == membership.id:
        allowed = itself
    else:
        allowed = standing.rights.may_manage(contact_rights(work, [membership])[membership.id])
    if not allowed:
        raise EscalationError(OPERATIONS[operation].client or "")


def require_owner_stays(work: Work, operation: str, membership: Membership) -> None:
    """``LastOwnerError`` if a client's user would take the owner away; staff may."""
    if _standing(work, membership.client_id) is None:
        return
    owner = work.uow.get_many(OWNERS, [membership.client_id]).get(membership.client_id)
    if owner is not None and owner.contact_id == membership.id:
        raise LastOwnerError(OPERATIONS[operation].client or "")


def _standing(work: Work, client_id: ClientId) -> Standing | None:
    """What the actor is for this client if it is a client's user; that it is something was checked."""
    return actor_standings(work, work.actor)[client_id] if isinstance(work.actor, ClientUser) else None

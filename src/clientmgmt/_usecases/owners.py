"""Owners: the one contact of a client who has all rights, if there is one."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from clientmgmt._usecases.loading import load_client, load_user
from clientmgmt._usecases.scopes import write_scope
from clientmgmt._usecases.sight import authorize_user
from clientmgmt._usecases.standing import actor_standings, load_standings
from clientmgmt._usecases.views import view_contact
from clientmgmt._usecases.work import Work
from clientmgmt.domain.actors import ClientUser
from clientmgmt.domain.client import Client
from clientmgmt.domain.contacts import Contact
from clientmgmt.domain.events import OwnerChanged
from clientmgmt.domain.ids import ClientId, ContactId, UserId
from clientmgmt.domain.people import Membership, Ownership
from clientmgmt.domain.results import Note
from clientmgmt.domain.scope import Scope
from clientmgmt.errors import EscalationError, LastOwnerError, Violation, refusal
from clientmgmt.ports.collections import MEMBERSHIPS, OWNERS

__all__ = ["begin_ownership", "give_up_ownership", "owner_missing", "set_owner"]

_UNFIT = "must be a contact of this client who has accepted and may come in"


def set_owner(work: Work, client_id: ClientId, user_id: UserId | None) -> Contact | None:
    """Make a contact the owner of its client, in the place of any other. Nobody can leave a client without one."""
    client = load_client(work, client_id, "access.set_owner", lock=True)
    if isinstance(work.actor, ClientUser) and not actor_standings(work, work.actor)[client.id].rights.is_owner:
        raise EscalationError("users.manage")
    if user_id is None:
        if _owner(work, client) is not None:
            raise LastOwnerError("users.manage")
        return None
    user = load_user(work, user_id, lock=True)
    authorize_user(work, "access.set_owner", user, client.id)
    standing = load_standings(work, user, client.id).get(client.id)
    if standing is None or not standing.is_in_force:
        raise refusal([Violation("not_eligible", _UNFIT, "user_id")])
    membership = _with_everything(work, standing.membership)
    _write(work, client, _owner(work, client), membership.id, user.id)
    return view_contact(work, membership, user)


def begin_ownership(work: Work, client: Client, contact: Contact) -> None:
    """Make a contact that staff has just added the owner of a client that has none yet."""
    _write(work, client, None, contact.id, contact.user_id)


def give_up_ownership(work: Work, membership: Membership) -> tuple[Note, ...]:
    """Take the ownership from a contact that is about to be removed, if it has it; a warning then."""
    found = work.uow.get_many(OWNERS, [membership.client_id], lock=True)
    owner = found.get(membership.client_id)
    if owner is None or owner.contact_id != membership.id:
        return ()
    work.uow.remove(OWNERS, owner.id)
    work.record(
        OwnerChanged(stamp=work.stamp(), subject=owner.id, client_id=owner.id, old=membership.user_id, new=None)
    )
    return (_missing(owner.id),)


def owner_missing(work: Work, memberships: Iterable[Membership]) -> tuple[Note, ...]:
    """A warning for each of these contacts, who cannot come in any more, that is the owner of its client."""
    mine = [membership.id for membership in memberships]
    owners = work.uow.find(OWNERS, OWNERS.contact_id.in_(mine)) if mine else ()
    return tuple(_missing(owner.id) for owner in owners)


def _with_everything(work: Work, membership: Membership) -> Membership:
    """The contact with the client as a whole for its scope: whatever it was limited to before."""
    if not membership.has_scope:
        return membership
    write_scope(work, membership, Scope.everything())
    return work.uow.save(MEMBERSHIPS, attrs.evolve(membership, has_scope=False))


def _write(work: Work, client: Client, owner: Ownership | None, contact_id: ContactId, user_id: UserId) -> None:
    if owner is not None and owner.contact_id == contact_id:
        return
    if owner is None:
        work.uow.add(OWNERS, Ownership(id=client.id, contact_id=contact_id, since=work.now))
        old = None
    else:
        work.uow.save(OWNERS, attrs.evolve(owner, contact_id=contact_id, since=work.now))
        old = work.uow.get(MEMBERSHIPS, owner.contact_id).user_id
    work.record(OwnerChanged(stamp=work.stamp(), subject=client.id, client_id=client.id, old=old, new=user_id))


def _owner(work: Work, client: Client) -> Ownership | None:
    return work.uow.get_many(OWNERS, [client.id], lock=True).get(client.id)


def _missing(client_id: ClientId) -> Note:
    return Note("owner_missing", f"client {client_id} has no owner any more who could come in")

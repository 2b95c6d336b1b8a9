"""What an actor sees of clients and of what is theirs: one predicate for whatever reads, lists and counts it."""

from __future__ import annotations

from clientmgmt._usecases.authorize import authorize, gives, require_right
from clientmgmt._usecases.reach import OutOfSight, clients_within_reach, within_reach
from clientmgmt._usecases.standing import actor_standings
from clientmgmt._usecases.work import Work
from clientmgmt.domain.actors import ClientUser
from clientmgmt.domain.client import Client
from clientmgmt.domain.contacts import Contact
from clientmgmt.domain.ids import ClientId
from clientmgmt.domain.operations import OPERATIONS
from clientmgmt.domain.people import LoginEvent, Membership, User, UserKind
from clientmgmt.domain.rights import Standing
from clientmgmt.domain.sites import Site
from clientmgmt.errors import SharedProfileError
from clientmgmt.ports.collections import CLIENTS, LOGINS, MEMBERSHIPS, SITE_ACCESS, SITES
from clientmgmt.ports.storage import Condition, any_of

__all__ = [
    "accepted_if_by_user",
    "authorize_contact",
    "authorize_user",
    "clients_in_sight",
    "contacts_in_sight",
    "logins_in_sight",
    "shown",
    "sites_in_sight",
]

_SHOWS_OTHERS = frozenset({"users.manage", "clients.invite"})


def clients_in_sight(work: Work) -> tuple[Condition[Client], ...]:
    """The conditions for a client to be in the actor's sight; none where that is every client.

    A client's user sees those for which it may act now, staff those within its reach.
    """
    if isinstance(work.actor, ClientUser):
        return (CLIENTS.id.in_(actor_standings(work, work.actor)),)
    return clients_within_reach(work)


def contacts_in_sight(work: Work) -> tuple[Condition[Membership], ...]:
    """The conditions for a contact to be in the actor's sight; none where that is everybody.

    A client's user sees itself, and, if it may do anything with contacts, those whose scope shares a site with its own.
    """
    if not isinstance(work.actor, ClientUser):
        return within_reach(work, MEMBERSHIPS.client_id)
    standings = actor_standings(work, work.actor).values()
    return (any_of(*(part for standing in standings for part in _in_sight_of(standing))),)


def sites_in_sight(work: Work) -> tuple[Condition[Site], ...]:
    """The conditions for a site to be in the actor's sight; none where that is all of them."""
    if not isinstance(work.actor, ClientUser):
        return within_reach(work, SITES.client_id)
    standings = actor_standings(work, work.actor).values()
    whole = [standing.client.id for standing in standings if standing.rights.scope.is_everything]
    some = [site_id for standing in standings for site_id in sorted(standing.rights.scope.site_ids or ())]
    return (any_of(SITES.client_id.in_(whole), SITES.id.in_(some)),)


def logins_in_sight(work: Work) -> tuple[Condition[LoginEvent], ...]:
    """The conditions for a login of a user in sight to be so itself; those that name no client always are."""
    actor, field = work.actor, LOGINS.client_id
    if not isinstance(actor, ClientUser):
        limits = within_reach(work, field)
    else:
        limits = () if actor.client_id is None else (field.eq(actor.client_id),)
    return (any_of(field.eq(None), *limits),) if limits else ()


def authorize_contact(work: Work, operation: str, membership: Membership) -> None:
    """Nothing if the actor may do this ``operation`` with a contact, else a refusal, as by :func:`authorize`."""
    if not isinstance(work.actor, ClientUser):
        authorize(work, operation, membership.id, kind="contact", client_id=membership.client_id)
        return
    need = OPERATIONS[operation]
    if not work.uow.count(MEMBERSHIPS, MEMBERSHIPS.id.eq(membership.id), *contacts_in_sight(work)):
        raise OutOfSight("contact", need.client or need.staff)
    require_right(actor_standings(work, work.actor)[membership.client_id], need)


def authorize_user(work: Work, operation: str, user: User, client_id: ClientId | None = None) -> None:
    """Nothing if the actor may do this ``operation`` with a user, for this client if one is given.

    A client's user sees another one only when that has accepted, for a client of both. Staff that does not reach all
    clients sees those who have accepted for one of its own, and all staff.
    """
    actor, need = work.actor, OPERATIONS[operation]
    limits = contacts_in_sight(work)
    where = (MEMBERSHIPS.user_id.eq(user.id), MEMBERSHIPS.typed.eq(None), *limits)
    if not isinstance(actor, ClientUser):
        if limits and user.kind is UserKind.CLIENT_USER and not work.uow.count(MEMBERSHIPS, *where):
            raise OutOfSight("user", need.staff)
        authorize(work, operation, user.id, kind="user")
        return
    if client_id is not None:
        where = (*where, MEMBERSHIPS.client_id.eq(client_id))
    standings = actor_standings(work, actor)
    seen = [standings[membership.client_id] for membership in work.uow.find(MEMBERSHIPS, *where)]
    if not seen:
        raise OutOfSight("user", need.client or need.staff)
    require_right(next((one for one in seen if gives(one.rights, need)), seen[0]), need)


def require_whole(work: Work, user: User, operation: str) -> None:
    """``SharedProfileError`` if staff that reaches some clients only would change what is a user's in all of them.

    Else whoever may add a known address to one client could take over the user that has it.
    """
    if isinstance(work.actor, ClientUser) or not (limits := contacts_in_sight(work)):
        return
    everywhere = (MEMBERSHIPS.user_id.eq(user.id), MEMBERSHIPS.typed.eq(None))
    if work.uow.count(MEMBERSHIPS, *everywhere) > work.uow.count(MEMBERSHIPS, *everywhere, *limits):
        raise SharedProfileError(OPERATIONS[operation].staff)


def accepted_if_by_user(work: Work) -> tuple[Condition[Membership], ...]:
    """What limits a question about one user: nobody on a client's side learns by it who is known where."""
    return (MEMBERSHIPS.typed.eq(None),) if isinstance(work.actor, ClientUser) else ()


def shown(work: Work, contact: Contact) -> Contact:
    """A contact as the actor sees it."""
    if not isinstance(work.actor, ClientUser):
        return contact
    return contact.for_a_client(actor_standings(work, work.actor)[contact.client_id].rights.scope)


def _in_sight_of(standing: Standing) -> tuple[Condition[Membership], ...]:
    itself = MEMBERSHIPS.id.eq(standing.membership.id)
    rights, own = standing.rights, MEMBERSHIPS.client_id.eq(standing.client.id)
    if not _SHOWS_OTHERS & rights.permissions:
        return (itself,)
    if rights.scope.site_ids is None:
        return (own,)
    sharing = MEMBERSHIPS.id.among(
        SITE_ACCESS, SITE_ACCESS.contact_id, SITE_ACCESS.site_id.in_(sorted(rights.scope.site_ids))
    )
    everywhere = MEMBERSHIPS.id.among(MEMBERSHIPS, MEMBERSHIPS.id, own, MEMBERSHIPS.has_scope.eq(value=False))
    return (itself, sharing, everywhere)

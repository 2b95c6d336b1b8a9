"""What a client's user is for its clients, as it is stored now: read once in a unit of work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from clientmgmt._usecases.work import Work
from clientmgmt.domain.actors import ClientUser
from clientmgmt.domain.client import Client
from clientmgmt.domain.ids import ClientId, ContactId, SiteId
from clientmgmt.domain.people import Membership, User, UserKind
from clientmgmt.domain.rights import Rights, Standing, rights_of
from clientmgmt.domain.scope import Scope
from clientmgmt.ports.collections import CLIENT_MEMBERSHIPS, MEMBERSHIPS, OWNERS, SITE_ACCESS, USERS
from clientmgmt.ports.storage import StaleVersion

__all__ = ["actor_standings", "contact_rights", "load_standings", "scopes_of"]


def actor_standings(work: Work, actor: ClientUser) -> Mapping[ClientId, Standing]:
    """What the actor is for each client for which it may act now."""
    if work.standings is None:
        ids: tuple[object, ...] = (actor.user_id, actor.client_id or actor.user_id)
        users = work.uow.get_many(USERS, [actor.user_id]) if all(isinstance(key, UUID) for key in ids) else {}
        user = users.get(actor.user_id)
        ended = user is None or actor.epoch not in {None, user.epoch}
        found = {} if user is None or ended else load_standings(work, user, actor.client_id)
        work.standings = {key: standing for key, standing in found.items() if standing.is_in_force}
    return work.standings


def load_standings(work: Work, user: User, client_id: ClientId | None = None) -> Mapping[ClientId, Standing]:
    """What a user is for each of its clients, or for one of them, in force or not."""
    if user.kind is not UserKind.CLIENT_USER:
        return {}
    where = [MEMBERSHIPS.user_id.eq(user.id)]
    if client_id is not None:
        where.append(MEMBERSHIPS.client_id.eq(client_id))
    pairs: Sequence[tuple[Membership, Client]] = work.uow.find(CLIENT_MEMBERSHIPS, *where)
    rights = contact_rights(work, [membership for membership, _ in pairs])
    return {
        client.id: Standing(user=user, membership=membership, client=client, rights=rights[membership.id])
        for membership, client in pairs
    }


def contact_rights(work: Work, memberships: Iterable[Membership]) -> Mapping[ContactId, Rights]:
    """The rights of contacts."""
    known = tuple(memberships)
    owners = work.uow.get_many(OWNERS, {membership.client_id for membership in known}) if known else {}
    owning = {ownership.contact_id for ownership in owners.values()}
    scopes = scopes_of(work, known)
    return {
        membership.id: rights_of(
            membership, work.catalog, scope=scopes[membership.id], is_owner=membership.id in owning
        )
        for membership in known
    }


def scopes_of(work: Work, memberships: Iterable[Membership]) -> Mapping[ContactId, Scope]:
    """The scopes of contacts; a question is asked only if one of them has a scope of some sites."""
    known = tuple(memberships)
    limited = [membership.id for membership in known if membership.has_scope]
    sites: defaultdict[ContactId, set[SiteId]] = defaultdict(set)
    for access in work.uow.find(SITE_ACCESS, SITE_ACCESS.contact_id.in_(limited)) if limited else ():
        sites[access.contact_id].add(access.site_id)
    if len(sites) < len(limited):
        raise StaleVersion(MEMBERSHIPS.name)  # a scope was changed between the two questions: asking again finds it
    return {
        membership.id: Scope.only(*sites[membership.id]) if membership.has_scope else Scope.everything()
        for membership in known
    }

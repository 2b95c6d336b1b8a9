"""Rights: what somebody may do and why, and giving a contact others."""

from __future__ import annotations

from collections.abc import Collection

import attrs

from clientmgmt._usecases.climbing import require_grantable, require_manageable
from clientmgmt._usecases.loading import is_id, load_client, load_membership, load_person, load_site, load_user
from clientmgmt._usecases.reach import staff_roles, user_reaches
from clientmgmt._usecases.scopes import note_unknown_sites, write_scope
from clientmgmt._usecases.sight import authorize_user, sites_in_sight
from clientmgmt._usecases.standing import actor_standings, contact_rights, load_standings
from clientmgmt._usecases.views import view_contact
from clientmgmt._usecases.work import Work
from clientmgmt.domain.actors import ClientUser, Staff
from clientmgmt.domain.client import Client
from clientmgmt.domain.contacts import Contact
from clientmgmt.domain.form import Form
from clientmgmt.domain.ids import ClientId, ContactId, SiteId, UserId
from clientmgmt.domain.people import Membership, User, UserKind
from clientmgmt.domain.rights import (
    Decision,
    Rights,
    RightsChange,
    Standing,
    decide_for_client_user,
    decide_for_staff,
    rights_of,
    rights_violations,
    set_rights,
)
from clientmgmt.domain.roles import RoleKind
from clientmgmt.domain.scope import Scope, read_scope
from clientmgmt.domain.sites import Site
from clientmgmt.domain.unset import UNSET, Unset
from clientmgmt.errors import NotFoundError, Violation
from clientmgmt.ports.collections import MEMBERSHIPS, SITES

__all__ = ["explain", "get_rights", "may", "preview_rights", "set_contact_rights", "visible_sites"]


def may(work: Work, permission: str, client_id: ClientId, *, site_id: SiteId | None) -> Decision:
    """Whether the actor has ``permission`` for a client or one of its sites, and why."""
    if isinstance(work.actor, ClientUser):
        standing = _own(work, work.actor, client_id)
        _require_known(work, permission)
        if standing.is_in_force:
            _require_site(work, standing.client, site_id)
        return decide_for_client_user(standing, permission, work.catalog, site_id=site_id)
    client = load_client(work, client_id, "access.may")
    _require_known(work, permission)
    _require_site(work, client, site_id)
    if isinstance(work.actor, Staff):
        return decide_for_staff(staff_roles(work, work.actor), permission, work.catalog)
    return Decision(allowed=True, rule="system", reasons=("the system may do everything",))


def explain(work: Work, user_id: UserId, permission: str, client_id: ClientId, *, site_id: SiteId | None) -> Decision:
    """The same for any user of the tenant."""
    client = load_client(work, client_id, "access.explain")
    user = load_user(work, user_id)
    authorize_user(work, "access.explain", user, client.id)
    _require_known(work, permission)
    _require_site(work, client, site_id)
    if user.kind is UserKind.STAFF:
        return _decide_for_staff_user(work, user, permission, client)
    standing = load_standings(work, user, client.id).get(client.id)
    return decide_for_client_user(standing, permission, work.catalog, site_id=site_id)


def visible_sites(work: Work, user_id: UserId, permission: str, client_id: ClientId) -> tuple[Site, ...]:
    """The sites of a client for which a user has ``permission``, by name."""
    client = load_client(work, client_id, "access.visible_sites")
    user = load_user(work, user_id)
    authorize_user(work, "access.visible_sites", user, client.id)
    _require_known(work, permission)
    found = work.uow.find(SITES, SITES.client_id.eq(client.id), *sites_in_sight(work))
    sites = sorted(found, key=lambda site: (site.name_key, site.id))
    if user.kind is UserKind.STAFF:
        return tuple(sites if _decide_for_staff_user(work, user, permission, client) else ())
    standing = load_standings(work, user, client.id).get(client.id)
    if standing is None or not standing.is_in_force:
        return ()
    return tuple(site for site in sites if standing.rights.allows(permission, site.id))


def get_rights(work: Work, contact_id: ContactId) -> Rights:
    """The rights of a contact."""
    membership = load_membership(work, contact_id, "access.rights")
    rights = contact_rights(work, [membership])[membership.id]
    if not isinstance(work.actor, ClientUser):
        return rights
    own = actor_standings(work, work.actor)[membership.client_id].rights
    return attrs.evolve(rights, scope=rights.scope.within(own.scope))


def preview_rights(
    work: Work,
    contact_id: ContactId,
    *,
    role: str | Unset,
    grants: Collection[str] | Unset,
    denies: Collection[str] | Unset,
    scope: Scope | Unset,
) -> RightsChange:
    """What other rights would add and take away."""
    membership = load_membership(work, contact_id, "access.preview_rights")
    return _change(work, membership, role=role, grants=grants, denies=denies, scope=scope)


def set_contact_rights(
    work: Work,
    contact_id: ContactId,
    *,
    role: str | Unset,
    grants: Collection[str] | Unset,
    denies: Collection[str] | Unset,
    scope: Scope | Unset,
) -> Contact:
    """Give a contact other rights; what is not given stays, and nothing is written if that changes nothing."""
    person = load_person(work, contact_id, "access.set_rights")
    change = _change(work, person.membership, role=role, grants=grants, denies=denies, scope=scope)
    if change.before == change.after:
        return view_contact(work, person.membership, person.user)
    changed, fact = set_rights(person.membership, change, work.stamp())
    work.record(fact)
    write_scope(work, person.membership, change.after.scope)
    return view_contact(work, work.uow.save(MEMBERSHIPS, changed), person.user)


def _change(
    work: Work, membership: Membership, *, role: object, grants: object, denies: object, scope: object
) -> RightsChange:
    require_manageable(work, "access.set_rights", membership)
    before = contact_rights(work, [membership])[membership.id]
    form = Form()
    wanted = membership.role if role is UNSET else role
    granted = membership.grants if grants is UNSET else form.items("grants", grants)
    denied = membership.denies if denies is UNSET else form.items("denies", denies)
    sites = before.scope if scope is UNSET else read_scope(form, scope)
    form.note(rights_violations(work.catalog, role=wanted, grants=granted, denies=denied))
    note_unknown_sites(work, form, membership.client_id, sites)
    if before.is_owner and not sites.is_everything:
        form.note([Violation("owner_has_everything", "of the owner is the client as a whole", "scope")])
    form.check()
    planned = attrs.evolve(membership, role=str(wanted), grants=_names(granted), denies=_names(denied))
    after = rights_of(planned, work.catalog, scope=sites, is_owner=before.is_owner)
    given = after if (after.role, after.grants) == (before.role, before.grants) else _undenied(work, planned, after)
    require_grantable(work, membership.client_id, given)
    return RightsChange(before, after)


def _decide_for_staff_user(work: Work, user: User, permission: str, client: Client) -> Decision:
    decision = decide_for_staff(user.roles if user.deactivated_at is None else (), permission, work.catalog)
    if decision and not user_reaches(work, user, client.id):
        return Decision(allowed=False, rule="out_of_reach", reasons=("the user does not look after this client",))
    return decision


def _names(given: tuple[object, ...]) -> tuple[str, ...]:
    return tuple(sorted({str(name) for name in given}))


def _own(work: Work, actor: ClientUser, client_id: ClientId) -> Standing:
    """What the actor is for a client of its own, in force or not; any other answers like one that is not there."""
    user = load_user(work, actor.user_id)
    mine = is_id(client_id) and actor.client_id in {None, client_id} and actor.epoch in {None, user.epoch}
    standings = load_standings(work, user, client_id) if mine else {}
    if client_id not in standings:
        raise NotFoundError("client")
    return standings[client_id]


def _undenied(work: Work, planned: Membership, after: Rights) -> Rights:
    """What a role and grants give where nothing is denied: who takes a denial back later gives no more than that."""
    return rights_of(attrs.evolve(planned, denies=()), work.catalog, scope=after.scope, is_owner=after.is_owner)


def _require_site(work: Work, client: Client, site_id: SiteId | None) -> None:
    """``NotFoundError`` for what is no site of this client, or none that the actor sees."""
    if site_id is not None and load_site(work, site_id, "sites.get").client_id != client.id:
        raise NotFoundError("site")


def _require_known(work: Work, permission: object) -> None:
    known = work.catalog.permissions(RoleKind.CLIENT) | work.catalog.permissions(RoleKind.STAFF)
    form = Form()
    if not isinstance(permission, str) or permission not in known:
        form.note([Violation("unknown_name", "is no known permission", "permission")])
    form.check()

"""Rights: what somebody may do and why, and giving a contact others."""

from __future__ import annotations

from collections.abc import Collection

import attrs

from clientmgmt._usecases.authorize import staff_roles
from clientmgmt._usecases.loading import is_id, load_client, load_membership, load_person, load_user
from clientmgmt._usecases.views import view_contact
from clientmgmt._usecases.work import Work
from clientmgmt.domain.actors import ClientUser, Staff
from clientmgmt.domain.client import Client
from clientmgmt.domain.contacts import Contact
from clientmgmt.domain.form import Form
from clientmgmt.domain.ids import ClientId, ContactId, UserId
from clientmgmt.domain.people import Membership, User, UserKind
from clientmgmt.domain.rights import (
    Decision,
    Rights,
    RightsChange,
    decide_for_client_user,
    decide_for_staff,
    rights_of,
    rights_violations,
    set_rights,
)
from clientmgmt.domain.roles import RoleKind
from clientmgmt.domain.unset import UNSET, Unset
from clientmgmt.errors import NotFoundError, Violation
from clientmgmt.ports.collections import CLIENTS, MEMBERSHIPS

__all__ = ["explain", "get_rights", "may", "preview_rights", "set_contact_rights"]


def may(work: Work, permission: str, client_id: ClientId) -> Decision:
    """Whether the actor has ``permission`` for a client, and why."""
    if isinstance(work.actor, ClientUser):
        client, user, membership = _own(work, work.actor, client_id)
        _require_known(work, permission)
        return decide_for_client_user(user, membership, client, permission, work.catalog)
    load_client(work, client_id, "access.may")
    _require_known(work, permission)
    if isinstance(work.actor, Staff):
        return decide_for_staff(staff_roles(work, work.actor), permission, work.catalog)
    return Decision(allowed=True, rule="system", reasons=("the system may do everything",))


def explain(work: Work, user_id: UserId, permission: str, client_id: ClientId) -> Decision:
    """The same for any user of the tenant."""
    client = load_client(work, client_id, "access.explain")
    user = load_user(work, user_id)
    _require_known(work, permission)
    if user.kind is UserKind.STAFF:
        roles = user.roles if user.deactivated_at is None else ()
        return decide_for_staff(roles, permission, work.catalog)
    return decide_for_client_user(user, _membership(work, user.id, client.id), client, permission, work.catalog)


def get_rights(work: Work, contact_id: ContactId) -> Rights:
    """The rights of a contact."""
    return rights_of(load_membership(work, contact_id, "access.rights"), work.catalog)


def preview_rights(
    work: Work,
    contact_id: ContactId,
    *,
    role: str | Unset,
    grants: Collection[str] | Unset,
    denies: Collection[str] | Unset,
) -> RightsChange:
    """What other rights would add and take away."""
    membership = load_membership(work, contact_id, "access.preview_rights")
    return _change(work, membership, role=role, grants=grants, denies=denies)


def set_contact_rights(
    work: Work,
    contact_id: ContactId,
    *,
    role: str | Unset,
    grants: Collection[str] | Unset,
    denies: Collection[str] | Unset,
) -> Contact:
    """Give a contact other rights; what is not given stays, and nothing is written if that changes nothing."""
    person = load_person(work, contact_id, "access.set_rights")
    change = _change(work, person.membership, role=role, grants=grants, denies=denies)
    if change.before == change.after:
        return view_contact(work, person.membership, person.user)
    changed, fact = set_rights(person.membership, change, work.stamp())
    work.record(fact)
    return view_contact(work, work.uow.save(MEMBERSHIPS, changed), person.user)


def _change(work: Work, membership: Membership, *, role: object, grants: object, denies: object) -> RightsChange:
    form = Form()
    wanted = membership.role if role is UNSET else role
    granted = membership.grants if grants is UNSET else form.items("grants", grants)
    denied = membership.denies if denies is UNSET else form.items("denies", denies)
    form.note(rights_violations(work.catalog, role=wanted, grants=granted, denies=denied))
    form.check()
    after = attrs.evolve(membership, role=str(wanted), grants=_names(granted), denies=_names(denied))
    return RightsChange(rights_of(membership, work.catalog), rights_of(after, work.catalog))


def _names(given: tuple[object, ...]) -> tuple[str, ...]:
    return tuple(sorted({str(name) for name in given}))


def _own(work: Work, actor: ClientUser, client_id: ClientId) -> tuple[Client, User, Membership]:
    """A client of the actor's own; any other answers like one that is not there."""
    user = load_user(work, actor.user_id)
    membership = _membership(work, user.id, client_id) if is_id(client_id) else None
    if membership is None:
        raise NotFoundError("client")
    return work.uow.get(CLIENTS, client_id), user, membership


def _membership(work: Work, user_id: UserId, client_id: ClientId) -> Membership | None:
    found = work.uow.find(MEMBERSHIPS, MEMBERSHIPS.user_id.eq(user_id), MEMBERSHIPS.client_id.eq(client_id))
    return next(iter(found), None)


def _require_known(work: Work, permission: object) -> None:
    known = work.catalog.permissions(RoleKind.CLIENT) | work.catalog.permissions(RoleKind.STAFF)
    form = Form()
    if not isinstance(permission, str) or permission not in known:
        form.note([Violation("unknown_name", "is no known permission", "permission")])
    form.check()

"""What somebody may do, computed from stored facts at the moment of asking, and the rule that decided it."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from clientmgmt.domain.catalog import Catalog
from clientmgmt.domain.client import Client
from clientmgmt.domain.events import ContactRightsChanged, Stamp
from clientmgmt.domain.ids import ContactId, SiteId
from clientmgmt.domain.people import Membership, User
from clientmgmt.domain.roles import RoleKind
from clientmgmt.domain.scope import Scope
from clientmgmt.domain.value import Value
from clientmgmt.errors import Violation

__all__ = [
    "Decision",
    "Rights",
    "RightsChange",
    "Standing",
    "decide_for_client_user",
    "decide_for_staff",
    "rights_of",
    "rights_violations",
    "set_rights",
]


@attrs.frozen(repr=False, eq=False)
class Decision(Value):
    """Whether something is allowed, and why. It is true if it is.

    ``rule`` names what decided it, ``reasons`` say it in words: ``system``, ``owner``, ``role``, ``grant``
    (allowed), ``denial``, ``not_given``, ``out_of_scope``, ``out_of_reach``, ``user_inactive``, ``not_accepted``,
    ``contact_suspended``, ``must_change``, ``client_closed``, ``no_contact`` (refused); of sites see
    :meth:`SiteGroup.may_schedule`.
    """

    allowed: bool
    rule: str
    reasons: tuple[str, ...]

    def __bool__(self) -> bool:
        return self.allowed


@attrs.frozen(repr=False, eq=False)
class Rights(Value):
    """What a contact may do for its client, and for which of its sites.

    ``permissions`` are those of the role and the grants without the denies; the owner has all, everywhere.
    """

    contact_id: ContactId
    role: str
    grants: tuple[str, ...]
    denies: tuple[str, ...]
    scope: Scope
    is_owner: bool
    permissions: frozenset[str]

    def allows(self, permission: str, site_id: SiteId | None = None) -> bool:
        """Whether they give ``permission`` for what is bound to this site, or belongs to the client as a whole."""
        return permission in self.permissions and self.scope.covers(site_id)

    def include(self, other: Rights) -> bool:
        """Whether ``other`` gives nothing that these do not give."""
        return other.permissions <= self.permissions and self.scope.includes(other.scope)

    def may_manage(self, other: Rights) -> bool:
        """Whether whoever has these may change a contact that has ``other``: never the owner."""
        return not other.is_owner and self.include(other)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Standing(Value):
    """What a user is for a client: the stored facts, and the rights that they make as long as they are in force."""

    user: User
    membership: Membership
    client: Client
    rights: Rights

    @property
    def is_in_force(self) -> bool:
        """Whether nothing stands in the way of the rights."""
        return self.obstacle() is None

    def obstacle(self) -> Decision | None:
        """Why the rights do not count, if they do not."""
        if self.user.deactivated_at is not None:
            return _no("user_inactive", "the user is deactivated")
        if self.membership.typed is not None:
            return _no("not_accepted", "the person has not accepted yet")
        if self.membership.suspended_at is not None:
            return _no("contact_suspended", "the contact is suspended")
        if self.user.must_change:
            return _no("must_change", "the user has to choose a password of its own first")
        if not self.client.status.may_sign_in:
            return _no("client_closed", "the client is closed")
        return None


@attrs.frozen(repr=False, eq=False)
class RightsChange(Value):
    """What other rights would add and take away, in the order of the alphabet; ``before`` and ``after`` have scopes."""

    before: Rights
    after: Rights

    @property
    def added(self) -> tuple[str, ...]:
        """What the contact may do then and not now."""
        return tuple(sorted(self.after.permissions - self.before.permissions))

    @property
    def removed(self) -> tuple[str, ...]:
        """What the contact may do now and not then."""
        return tuple(sorted(self.before.permissions - self.after.permissions))


def rights_of(membership: Membership, catalog: Catalog, *, scope: Scope, is_owner: bool) -> Rights:
    """The rights that these facts make."""
    given = catalog.given([membership.role], RoleKind.CLIENT).union(membership.grants)
    return Rights(
        contact_id=membership.id,
        role=membership.role,
        grants=membership.grants,
        denies=membership.denies,
        scope=scope,
        is_owner=is_owner,
        permissions=catalog.permissions(RoleKind.CLIENT) if is_owner else given.difference(membership.denies),
    )


def rights_violations(
    catalog: Catalog, *, role: object, grants: Iterable[object], denies: Iterable[object]
) -> tuple[Violation, ...]:
    """Why a contact cannot be given these: unknown names, or a permission that is granted and denied at once."""
    granted, denied = tuple(grants), tuple(denies)
    found = [
        *catalog.role_violations([role], kind=RoleKind.CLIENT, field="role"),
        *catalog.permission_violations(granted, kind=RoleKind.CLIENT, field="grants"),
        *catalog.permission_violations(denied, kind=RoleKind.CLIENT, field="denies"),
    ]
    if any(name in denied for name in granted):
        found.append(Violation("contradiction", "must not grant what is denied", "grants"))
    return tuple(found)


def set_rights(membership: Membership, change: RightsChange, stamp: Stamp) -> tuple[Membership, ContactRightsChanged]:
    """The contact with the rights that ``change`` ends with; its sites are stored apart."""
    after = change.after
    fact = ContactRightsChanged(
        stamp=stamp,
        subject=membership.id,
        client_id=membership.client_id,
        user_id=membership.user_id,
        role=after.role,
        grants=after.grants,
        denies=after.denies,
        added=change.added,
        removed=change.removed,
        sites=tuple(sorted(after.scope.site_ids or ())),
    )
    changed = attrs.evolve(
        membership,
        role=after.role,
        grants=after.grants,
        denies=after.denies,
        has_scope=not after.scope.is_everything,
    )
    return changed, fact


def decide_for_staff(roles: Iterable[str], permission: str, catalog: Catalog) -> Decision:
    """Whether somebody with these staff roles has ``permission``."""
    known = sorted(roles)
    for name in known:
        if permission in catalog.given([name], RoleKind.STAFF):
            return _yes("role", f"the role {name} gives {permission}")
    what = f"none of the roles {', '.join(known)} gives" if known else "no role that counts gives"
    return _no("not_given", f"{what} {permission}")


def decide_for_client_user(
    standing: Standing | None, permission: str, catalog: Catalog, *, site_id: SiteId | None = None
) -> Decision:
    """Whether a client's user has ``permission`` there, by the first rule that says anything.

    ``site_id``: for what is bound to this site, else for what belongs to the client as a whole.
    """
    if standing is None:
        return _no("no_contact", "the user is no contact of this client")
    obstacle = standing.obstacle()
    if obstacle is not None:
        return obstacle
    rights = standing.rights
    if rights.is_owner and permission in rights.permissions:
        return _yes("owner", "the user owns this client")
    decision = _decide_by_role(rights, permission, catalog)
    if decision and not rights.scope.covers(site_id):
        where = "what belongs to the client as a whole" if site_id is None else "this site"
        return _no("out_of_scope", f"the scope of the contact does not have {where}")
    return decision


def _yes(rule: str, reason: str) -> Decision:
    return Decision(allowed=True, rule=rule, reasons=(reason,))


def _no(rule: str, reason: str) -> Decision:
    return Decision(allowed=False, rule=rule, reasons=(reason,))


def _decide_by_role(rights: Rights, permission: str, catalog: Catalog) -> Decision:
    role = rights.role
    if permission in rights.denies:
        return _no("denial", f"the contact is denied {permission}")
    if permission in catalog.given([role], RoleKind.CLIENT):
        return _yes("role", f"the role {role} gives {permission}")
    if permission in rights.grants:
        return _yes("grant", f"the contact is granted {permission}")
    return _no("not_given", f"neither the role {role} nor a grant gives {permission}")

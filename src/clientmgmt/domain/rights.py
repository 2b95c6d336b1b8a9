"""What somebody may do, computed from stored facts at the moment of asking, and the rule that decided it."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from clientmgmt.domain.catalog import Catalog
from clientmgmt.domain.client import Client
from clientmgmt.domain.events import ContactRightsChanged, Stamp
from clientmgmt.domain.ids import ContactId
from clientmgmt.domain.people import Membership, User
from clientmgmt.domain.roles import RoleKind
from clientmgmt.domain.value import Value
from clientmgmt.errors import Violation

__all__ = [
    "Decision",
    "Rights",
    "RightsChange",
    "decide_for_client_user",
    "decide_for_staff",
    "rights_of",
    "rights_violations",
    "set_rights",
]


@attrs.frozen(repr=False, eq=False)
class Decision(Value):
    """Whether something is allowed, and why. It is true if it is.

    ``rule`` names what decided it, ``reasons`` say it in words: ``system``, ``role``, ``grant`` (allowed), ``denial``,
    ``not_given``, ``user_inactive``, ``contact_suspended``, ``client_closed``, ``no_contact`` (refused).
    """

    allowed: bool
    rule: str
    reasons: tuple[str, ...]

    def __bool__(self) -> bool:
        return self.allowed


@attrs.frozen(repr=False, eq=False)
class Rights(Value):
    """What a contact may do for its client: ``permissions`` are those of the role and the grants without the denies."""

    contact_id: ContactId
    role: str
    grants: tuple[str, ...]
    denies: tuple[str, ...]
    permissions: frozenset[str]


@attrs.frozen(repr=False, eq=False)
class RightsChange(Value):
    """What other rights would add and take away, in the order of the alphabet."""

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


def rights_of(membership: Membership, catalog: Catalog) -> Rights:
    """The rights that these facts make."""
    given = catalog.given([membership.role], RoleKind.CLIENT).union(membership.grants)
    return Rights(
        contact_id=membership.id,
        role=membership.role,
        grants=membership.grants,
        denies=membership.denies,
        permissions=given.difference(membership.denies),
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
    """The contact with the rights that ``change`` ends with."""
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
    )
    return attrs.evolve(membership, role=after.role, grants=after.grants, denies=after.denies), fact


def decide_for_staff(roles: Iterable[str], permission: str, catalog: Catalog) -> Decision:
    """Whether somebody with these staff roles has ``permission``."""
    known = sorted(roles)
    for name in known:
        if permission in catalog.given([name], RoleKind.STAFF):
            return _yes("role", f"the role {name} gives {permission}")
    what = f"none of the roles {', '.join(known)} gives" if known else "no role that counts gives"
    return _no("not_given", f"{what} {permission}")


def decide_for_client_user(
    user: User, membership: Membership | None, client: Client, permission: str, catalog: Catalog
) -> Decision:
    """Whether a client's user has ``permission`` there, by the first rule that says anything."""
    if user.deactivated_at is not None:
        return _no("user_inactive", "the user is deactivated")
    if membership is None:
        return _no("no_contact", "the user is no contact of this client")
    if membership.suspended_at is not None:
        return _no("contact_suspended", "the contact is suspended")
    if not client.status.may_sign_in:
        return _no("client_closed", "the client is closed")
    return _decide_within(membership, permission, catalog)


def _yes(rule: str, reason: str) -> Decision:
    return Decision(allowed=True, rule=rule, reasons=(reason,))


def _no(rule: str, reason: str) -> Decision:
    return Decision(allowed=False, rule=rule, reasons=(reason,))


def _decide_within(membership: Membership, permission: str, catalog: Catalog) -> Decision:
    role = membership.role
    if permission in membership.denies:
        return _no("denial", f"the contact is denied {permission}")
    if permission in catalog.given([role], RoleKind.CLIENT):
        return _yes("role", f"the role {role} gives {permission}")
    if permission in membership.grants:
        return _yes("grant", f"the contact is granted {permission}")
    return _no("not_given", f"neither the role {role} nor a grant gives {permission}")

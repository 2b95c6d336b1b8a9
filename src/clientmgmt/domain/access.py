"""Roles and what they permit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

import attrs

from clientmgmt.domain.actors import Actor, Staff, Stranger, System
from clientmgmt.domain.value import Value
from clientmgmt.errors import Violation

__all__ = ["DEFAULT_CLIENT_ROLE", "ROLES", "Role", "RoleKind", "actor_violations", "may", "role_violations"]

DEFAULT_CLIENT_ROLE = "client_standard"
"""The role of a contact if none is named."""

READ = "read"
"""Seeing what is in the tenant: part of every staff role."""

ENTER = "enter"
"""What the entrance offers to strangers, and to nobody else."""


class RoleKind(StrEnum):
    """Whose role it is."""

    CLIENT = "client"
    STAFF = "staff"


@attrs.frozen(repr=False, eq=False)
class Role(Value):
    """A named bundle of permissions."""

    name: str
    kind: RoleKind
    permissions: frozenset[str]


_BASIC = frozenset({"tickets", "files"})
_STANDARD = _BASIC | {"products", "domains", "quotes", "orders", "reports", "projects", "contracts"}
_CLIENT_ADMIN = _STANDARD | {
    "profile",
    "contacts",
    "users.manage",
    "clients.invite",
    "emails",
    "manageproducts",
    "managedomains",
    "productsso",
    "affiliates",
}
_STAFF = frozenset(
    {
        READ,
        "clients.create",
        "clients.edit",
        "clients.status",
        "clients.merge",
        "clients.delete",
        "clients.anonymise",
        "users.manage",
        "users.staff",
        "users.deactivate",
        "users.set_password",
        "clients.invite",
        "contacts",
        "managers.assign",
        "files",
        "sites.create",
        "sites.manage",
        "contracts.manage",
        "lines.approve",
        "invoices.manage",
        "payments.record",
        "credit.manage",
        "credit.adjust",
        "cards.store",
        "cards.reveal",
        "notifications.manage",
        "audit.read",
        "export",
    }
)
_EDITOR = _STAFF - {
    "users.staff",
    "users.set_password",
    "clients.merge",
    "clients.delete",
    "clients.anonymise",
    "credit.adjust",
    "cards.reveal",
}
_ACCOUNT_MANAGER = frozenset(
    {
        READ,
        "clients.create",
        "clients.edit",
        "clients.status",
        "contacts",
        "managers.assign",
        "sites.create",
        "contracts.manage",
    }
)

ROLES: Mapping[str, Role] = {
    role.name: role
    for role in (
        Role("client_basic", RoleKind.CLIENT, _BASIC),
        Role("client_standard", RoleKind.CLIENT, _STANDARD),
        Role("client_billing", RoleKind.CLIENT, _STANDARD | {"invoices"}),
        Role("client_admin", RoleKind.CLIENT, _CLIENT_ADMIN),
        Role("author", RoleKind.CLIENT, frozenset()),
        Role("contributor", RoleKind.CLIENT, frozenset()),
        Role("administrator", RoleKind.STAFF, _STAFF),
        Role("editor", RoleKind.STAFF, _EDITOR),
        Role(
            "representative",
            RoleKind.STAFF,
            frozenset({READ, "contacts", "users.manage", "files", "notifications.manage"}),
        ),
        Role("account_manager", RoleKind.STAFF, _ACCOUNT_MANAGER),
        Role("operations_lead", RoleKind.STAFF, frozenset({READ, "sites.manage"})),
    )
}
"""The registry of roles, by name."""


_NAMES = {kind: tuple(role.name for role in ROLES.values() if role.kind is kind) for kind in RoleKind}


def role_violations(names: Iterable[object], *, kind: RoleKind, field: str) -> tuple[Violation, ...]:
    """Why these role names cannot be given: unknown, or of the other kind. The refused name is not repeated."""
    known = _NAMES[kind]
    unknown = [name for name in names if name not in known]
    message = f"must be one of {', '.join(known)}" if unknown else ""
    return tuple(Violation("unknown_name", message, field) for _ in unknown)


def actor_violations(actor: Actor) -> tuple[Violation, ...]:
    """Why nobody can act as ``actor``: it carries a role that no staff user can have."""
    carried = actor.roles or () if isinstance(actor, Staff) else ()
    return role_violations(carried, kind=RoleKind.STAFF, field="roles")


def may(actor: Actor | Stranger, permission: str, *, stored_roles: Iterable[str] = ()) -> bool:
    """Whether ``actor`` has ``permission``; whatever is not given is denied.

    The system may everything but enter; a stranger may only enter; a staff user what its roles of the staff kind
    bundle: those its actor carries, else ``stored_roles``. Client users have no rights here yet.

    >>> may(Staff("ada", roles={"editor"}), "clients.create"), may(Staff("ada", roles={"editor"}), "users.staff")
    (True, False)
    """
    match actor:
        case System():
            return permission != ENTER
        case Stranger():
            return permission == ENTER
        case Staff():
            roles = stored_roles if actor.roles is None else actor.roles
            return any(_grants(name, permission) for name in roles)
        case _:
            return False


def _grants(name: str, permission: str) -> bool:
    role = ROLES.get(name)
    return role is not None and role.kind is RoleKind.STAFF and permission in role.permissions

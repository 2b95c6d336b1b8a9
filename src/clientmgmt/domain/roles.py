"""Roles: named bundles of permissions, and those that come with the package."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

import attrs

from clientmgmt.domain.value import Value

__all__ = [
    "BELONG",
    "CLIENT_PERMISSIONS",
    "DEFAULT_CLIENT_ROLE",
    "ENTER",
    "READ",
    "ROLES",
    "STAFF_PERMISSIONS",
    "Role",
    "RoleKind",
]

DEFAULT_CLIENT_ROLE = "client_standard"
"""The role of a contact if none is named."""

READ = "read"
"""Seeing what is in the tenant: part of every staff role."""

BELONG = "belong"
"""What every client's user has for its client while it may come in there, whatever its role gives."""

ENTER = "enter"
"""What the entrance offers to strangers, and to nobody else."""


class RoleKind(StrEnum):
    """Whose role it is."""

    CLIENT = "client"
    STAFF = "staff"


def _permissions(permissions: Iterable[str]) -> frozenset[str]:
    return frozenset(permissions)


@attrs.frozen(repr=False, eq=False)
class Role(Value):
    """A named bundle of permissions.

    Args:
        name: what it is stored and named by.
        kind: whose role it is: ``client`` or ``staff``.
        permissions: what it gives. A staff role always gives ``read``.
        may_manage: whether a staff user with it can be the account manager of clients.
    """

    name: str
    kind: RoleKind = attrs.field(converter=RoleKind)
    permissions: frozenset[str] = attrs.field(converter=_permissions)
    may_manage: bool = attrs.field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.kind is RoleKind.STAFF:
            object.__setattr__(self, "permissions", self.permissions | {READ})


_BASIC = ("tickets", "files")
_STANDARD = (*_BASIC, "products", "domains", "quotes", "orders", "reports", "projects", "contracts")
_CLIENT_ADMIN = (
    *_STANDARD,
    "profile",
    "contacts",
    "users.manage",
    "clients.invite",
    "emails",
    "manageproducts",
    "managedomains",
    "productsso",
    "affiliates",
)
CLIENT_PERMISSIONS = frozenset({*_CLIENT_ADMIN, "invoices"})
"""What the roles of client users can give, unless the host adds to it."""

STAFF_PERMISSIONS = frozenset(
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
"""What the roles of staff users can give, unless the host adds to it."""

_EDITOR = STAFF_PERMISSIONS - {
    "users.staff",
    "users.set_password",
    "clients.merge",
    "clients.delete",
    "clients.anonymise",
    "credit.adjust",
    "cards.reveal",
}
_REPRESENTATIVE = (READ, "contacts", "users.manage", "files", "notifications.manage")
_ACCOUNT_MANAGER = (
    READ,
    "clients.create",
    "clients.edit",
    "clients.status",
    "contacts",
    "managers.assign",
    "sites.create",
    "contracts.manage",
)

ROLES: Mapping[str, Role] = {
    role.name: role
    for role in (
        Role("client_basic", RoleKind.CLIENT, _BASIC),
        Role("client_standard", RoleKind.CLIENT, _STANDARD),
        Role("client_billing", RoleKind.CLIENT, (*_STANDARD, "invoices")),
        Role("client_admin", RoleKind.CLIENT, _CLIENT_ADMIN),
        Role("author", RoleKind.CLIENT, ()),
        Role("contributor", RoleKind.CLIENT, ()),
        Role("administrator", RoleKind.STAFF, STAFF_PERMISSIONS, may_manage=True),
        Role("editor", RoleKind.STAFF, _EDITOR, may_manage=True),
        Role("representative", RoleKind.STAFF, _REPRESENTATIVE, may_manage=True),
        Role("account_manager", RoleKind.STAFF, _ACCOUNT_MANAGER, may_manage=True),
        Role("operations_lead", RoleKind.STAFF, (READ, "sites.manage")),
    )
}
"""The roles that come with the package, by name."""

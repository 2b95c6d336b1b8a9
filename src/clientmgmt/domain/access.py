"""Who may do what: the one decision, made from facts that are handed in."""

from __future__ import annotations

from collections.abc import Iterable

from clientmgmt.domain.actors import Actor, Staff, Stranger, System
from clientmgmt.domain.catalog import Catalog
from clientmgmt.domain.roles import ENTER, RoleKind
from clientmgmt.errors import Violation

__all__ = ["actor_violations", "may"]


def actor_violations(actor: Actor, catalog: Catalog) -> tuple[Violation, ...]:
    """Why nobody can act as ``actor``: it carries a role that no staff user can have."""
    carried = actor.roles or () if isinstance(actor, Staff) else ()
    return catalog.role_violations(carried, kind=RoleKind.STAFF, field="roles")


def may(
    actor: Staff | System | Stranger, permission: str, *, catalog: Catalog, stored_roles: Iterable[str] = ()
) -> bool:
    """Whether ``actor`` has ``permission``; whatever is not given is denied.

    The system may everything but enter; a stranger may only enter; a staff user what its roles of the staff kind
    bundle: those its actor carries, else ``stored_roles``. For a client's user see :mod:`clientmgmt.domain.rights`.

    >>> may(Staff("ada", roles={"editor"}), "clients.create", catalog=Catalog())
    True
    >>> may(Staff("ada", roles={"editor"}), "users.staff", catalog=Catalog())
    False
    """
    if isinstance(actor, System):
        return permission != ENTER
    if isinstance(actor, Stranger):
        return permission == ENTER
    roles = stored_roles if actor.roles is None else actor.roles
    return permission in catalog.given(roles, RoleKind.STAFF)

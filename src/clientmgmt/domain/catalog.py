"""The words of an installation: its roles and permissions, those of the package and those that the host adds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import attrs

from clientmgmt.domain.roles import CLIENT_PERMISSIONS, ROLES, STAFF_PERMISSIONS, Role, RoleKind
from clientmgmt.domain.value import Value
from clientmgmt.errors import ConfigurationError, Violation

__all__ = ["Catalog"]

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
_LONGEST_NAME = 64


@attrs.frozen(repr=False, eq=False)
class Catalog(Value):
    """The registry of roles and permissions. What is not in it cannot be given, and gives nothing.

    >>> dispatcher = Role("dispatcher", "staff", {"shifts.plan"})
    >>> catalog = Catalog().extend(permissions=["shifts.plan"], roles=[dispatcher])
    >>> sorted(catalog.roles["dispatcher"].permissions)
    ['read', 'shifts.plan']
    """

    roles: Mapping[str, Role] = attrs.field(factory=lambda: ROLES, repr=False)
    extra: frozenset[str] = attrs.field(default=frozenset(), repr=False)

    def __attrs_post_init__(self) -> None:
        for name, role in self.roles.items():
            _require_name(name)
            if name != role.name:
                message = f"the role {role.name} is registered as {name}"
                raise ConfigurationError(message)
            if unknown := role.permissions - self.permissions(role.kind):
                message = f"the role {name} cannot give {', '.join(sorted(unknown))}"
                raise ConfigurationError(message)

    def extend(self, *, roles: Iterable[Role] = (), permissions: Iterable[str] = ()) -> Catalog:
        """This catalog with more in it.

        Args:
            roles: further roles.
            permissions: further permissions, for roles of either kind: small letters, digits and underscores, in
                parts joined by dots.

        Raises:
            ConfigurationError: a name is malformed or taken, or a role gives what no role of its kind can give.
        """
        extra, known = set(self.extra), dict(self.roles)
        for name in permissions:
            _require_name(name)
            _require_new(name, extra | CLIENT_PERMISSIONS | STAFF_PERMISSIONS)
            extra.add(name)
        for role in roles:
            _require_new(role.name, known)
            known[role.name] = role
        return Catalog(known, frozenset(extra))

    def of_kind(self, kind: RoleKind) -> tuple[Role, ...]:
        """The roles of one kind, in the order in which they were named."""
        return tuple(role for role in self.roles.values() if role.kind is kind)

    def permissions(self, kind: RoleKind) -> frozenset[str]:
        """All that roles of one kind can give."""
        return _PERMISSIONS[kind] | self.extra

    def may_manage(self, roles: Iterable[str]) -> bool:
        """Whether staff with these roles may look after clients."""
        known = (self.roles.get(name) for name in roles)
        return any(role is not None and role.may_manage for role in known)

    def matrix(self, kind: RoleKind) -> Mapping[str, frozenset[str]]:
        """Which permission which roles of one kind give, for all that one of them gives.

        >>> sorted(Catalog().matrix(RoleKind.STAFF)["sites.manage"])
        ['administrator', 'editor', 'operations_lead']
        """
        roles = self.of_kind(kind)
        given = sorted(frozenset().union(*(role.permissions for role in roles)))
        return {name: frozenset(role.name for role in roles if name in role.permissions) for name in given}

    def given(self, names: Iterable[str], kind: RoleKind) -> frozenset[str]:
        """What the named roles of one kind give together; others give nothing."""
        roles = (self.roles.get(name) for name in names)
        return frozenset().union(*(role.permissions for role in roles if role is not None and role.kind is kind))

    def role_violations(self, names: Iterable[object], *, kind: RoleKind, field: str) -> tuple[Violation, ...]:
        """Why these role names cannot be given: unknown, or of the other kind. The refused name is not repeated."""
        return _unknown(names, tuple(role.name for role in self.of_kind(kind)), field)

    def permission_violations(self, names: Iterable[object], *, kind: RoleKind, field: str) -> tuple[Violation, ...]:
        """Why these permissions cannot be given to somebody of this kind."""
        return _unknown(names, tuple(sorted(self.permissions(kind))), field)


_PERMISSIONS = {RoleKind.CLIENT: CLIENT_PERMISSIONS, RoleKind.STAFF: STAFF_PERMISSIONS}


def _unknown(names: Iterable[object], known: tuple[str, ...], field: str) -> tuple[Violation, ...]:
    unknown = [name for name in names if name not in known]
    message = f"must be one of {', '.join(known)}" if unknown else ""
    return tuple(Violation("unknown_name", message, field) for _ in unknown)


def _require_name(name: object) -> None:
    if not isinstance(name, str) or len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        message = f"a name must be small letters, digits and underscores, {_LONGEST_NAME} at most: {name!r}"
        raise ConfigurationError(message)


def _require_new(name: str, known: Iterable[str]) -> None:
    if name in frozenset(known):
        message = f"{name} is in the catalog already"
        raise ConfigurationError(message)

"""Who acts. The host application vouches for it; the package decides what that actor may do."""

from __future__ import annotations

from collections.abc import Collection

import attrs

from clientmgmt.domain.ids import ClientId, UserId
from clientmgmt.domain.text import clean_text
from clientmgmt.domain.value import Value
from clientmgmt.errors import InvalidInputError, Violation, refuse

__all__ = ["Actor", "ClientUser", "Staff", "Stranger", "System"]


def _roles(roles: Collection[str] | None) -> frozenset[str] | None:
    if isinstance(roles, str):
        raise InvalidInputError([Violation("not_a_list", "must be a list of names", "roles")])
    return None if roles is None else frozenset(roles)


def _reference(reference: object) -> str:
    text, violations = clean_text(reference, field="reference", limit=200)
    refuse(violations)
    return text


def _origin(origin: object) -> str:
    text, violations = clean_text(origin, field="origin", limit=200)
    refuse(violations)
    return text


@attrs.frozen(repr=False, eq=False)
class Staff(Value):
    """Somebody of the tenant's own people, by the host's own id.

    With ``roles`` the host vouches for them; ``None`` means those that ``ws.staff`` stored under ``reference``.
    A reference that is empty or no text is refused (:class:`~clientmgmt.errors.InvalidInputError`).
    """

    reference: str = attrs.field(converter=_reference)
    roles: frozenset[str] | None = attrs.field(default=None, kw_only=True, converter=_roles)

    def __str__(self) -> str:
        return f"staff:{self.reference}"


@attrs.frozen(repr=False, eq=False)
class ClientUser(Value):
    """A client's own user, as a :class:`~clientmgmt.Session` names it; what it may do is decided at every call.

    With a ``client_id`` it acts for that client alone. ``epoch`` is that of its session: once all sessions of the user
    have ended, because it was deactivated for instance, this actor may nothing any more. Without it, that is not asked.
    """

    user_id: UserId
    client_id: ClientId | None = attrs.field(default=None, kw_only=True)
    impersonated_by: Staff | None = attrs.field(default=None, kw_only=True)
    epoch: int | None = attrs.field(default=None, kw_only=True)

    def __str__(self) -> str:
        return f"user:{self.user_id}"


@attrs.frozen(repr=False, eq=False)
class System(Value):
    """A job or an import; may do everything and is audited by its name."""

    name: str

    def __str__(self) -> str:
        return f"system:{self.name}"


@attrs.frozen(repr=False, eq=False)
class Stranger(Value):
    """Whoever stands at the entrance; ``origin`` is what the host knows of them, an address for instance."""

    origin: str = attrs.field(converter=_origin)

    def __str__(self) -> str:
        return "entrance"


Actor = Staff | ClientUser | System
"""Whom a workspace may act for. A stranger is none of them: see :class:`~clientmgmt.Entrance`."""

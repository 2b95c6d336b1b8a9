"""Refusals: what was asked cannot be done, and ``violations`` say why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from clientmgmt.errors._base import ClientMgmtError, Violation

__all__ = [
    "AlreadyActiveError",
    "BlockedError",
    "ClientClosedError",
    "ConflictError",
    "DuplicateContactError",
    "DuplicateIdentityError",
    "DuplicateReferenceError",
    "EmailInUseError",
    "IdempotencyConflictError",
    "IllegalTransitionError",
    "InvalidInputError",
    "LimitError",
    "NotEligibleError",
    "RefusedError",
    "SiteHasHistoryError",
    "StaffCannotBeClientUserError",
    "StaleVersionError",
    "StateError",
    "UnknownNameError",
    "UserInactiveError",
    "refusal",
    "refuse",
]


class RefusedError(ClientMgmtError):
    """Refused, for all the reasons in ``violations``; a single kind of reason raises its own subclass."""

    http_status = 422

    def __init__(self, violations: Iterable[Violation]) -> None:
        self.violations: tuple[Violation, ...] = tuple(violations)
        super().__init__("; ".join(_sentence(violation) for violation in self.violations))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.violations,)

    def by_field(self) -> dict[str | None, tuple[Violation, ...]]:
        """The violations grouped by field, for a form.

        >>> error = refusal([Violation("required", "must not be empty", "name")])
        >>> [violation.code for violation in error.by_field()["name"]]
        ['required']
        """
        fields = dict.fromkeys(violation.field for violation in self.violations)
        return {field: tuple(v for v in self.violations if v.field == field) for field in fields}


class InvalidInputError(RefusedError):
    """Input is missing or malformed."""


class UnknownNameError(InvalidInputError):
    """A name that should be registered (a role, a permission, a status …) is not."""


class NotEligibleError(InvalidInputError):
    """Whoever was chosen cannot be chosen for this."""


class ConflictError(RefusedError):
    """The request collides with something that is stored."""

    http_status = 409


class DuplicateContactError(ConflictError):
    """This e-mail belongs to a contact of this client already."""


class DuplicateReferenceError(ConflictError):
    """An external reference is taken by something else of the same kind."""


class DuplicateIdentityError(ConflictError):
    """Another user of the tenant has this external identity."""


class IdempotencyConflictError(ConflictError):
    """An idempotency key was used for another command, for other arguments, or by somebody else."""


class EmailInUseError(ConflictError):
    """Another user of the tenant has this e-mail."""


class StaffCannotBeClientUserError(ConflictError):
    """The e-mail belongs to a staff user, who cannot be a client's user as well."""


class StaleVersionError(ConflictError):
    """The thing was changed by somebody else since it was read."""

    def __init__(self, violations: Iterable[Violation] = ()) -> None:
        super().__init__(tuple(violations) or (Violation("stale_version", "was changed by somebody else meanwhile"),))


class LimitError(RefusedError):
    """A limit of ``Rules`` is reached; ``limit`` and ``count`` are in the violation's data."""

    http_status = 409


class BlockedError(RefusedError):
    """Something that is kept stands in the way."""

    http_status = 409


class SiteHasHistoryError(BlockedError):
    """The site has been used: archive it instead."""


class StateError(RefusedError):
    """The thing is in a state that does not allow this."""

    http_status = 409


class IllegalTransitionError(StateError):
    """A state machine has no such step: ``state`` does not know ``trigger``, only ``legal``."""

    def __init__(self, machine: str, state: str, trigger: str, legal: tuple[str, ...]) -> None:
        self.machine: str = machine
        self.state: str = state
        self.trigger: str = trigger
        self.legal: tuple[str, ...] = legal
        options = ", ".join(legal) or "nothing"
        message = f"{machine} in state {state} does not allow {trigger} (it allows {options})"
        super().__init__([Violation("illegal_transition", message)])

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.machine, self.state, self.trigger, self.legal)


class AlreadyActiveError(StateError):
    """The contact is active: there is nothing to invite it to."""


class UserInactiveError(StateError):
    """The user is deactivated, or the membership suspended."""


class ClientClosedError(StateError):
    """The client is closed: nobody is invited to it and nobody signs in to it."""


_KINDS: Mapping[str, type[RefusedError]] = {
    kind.code: kind
    for kind in (
        UnknownNameError,
        NotEligibleError,
        DuplicateContactError,
        DuplicateReferenceError,
        DuplicateIdentityError,
        EmailInUseError,
        StaffCannotBeClientUserError,
        StaleVersionError,
        LimitError,
        SiteHasHistoryError,
        AlreadyActiveError,
        UserInactiveError,
        ClientClosedError,
    )
}


def refusal(violations: Iterable[Violation]) -> RefusedError:
    """The error for these violations: their common kind, else the nearest kind that covers them all.

    >>> type(refusal([Violation("client_closed", "is closed")])).__name__
    'ClientClosedError'
    >>> type(refusal([Violation("required", "must not be empty"), Violation("client_closed", "is closed")])).__name__
    'RefusedError'
    """
    reasons = tuple(violations)
    lineages = [_KINDS.get(reason.code, InvalidInputError).__mro__ for reason in reasons]
    common: type[RefusedError] = next(kind for kind in lineages[0] if all(kind in lineage for lineage in lineages))
    return common(reasons)


def refuse(violations: Iterable[Violation]) -> None:
    """Raise :func:`refusal` if there is any violation, else do nothing."""
    if reasons := tuple(violations):
        raise refusal(reasons)


def _sentence(violation: Violation) -> str:
    return violation.message if violation.field is None else f"{violation.field} {violation.message}"

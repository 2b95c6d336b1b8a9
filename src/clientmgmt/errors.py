"""Every error of the package, in one tree.

::

    ClientMgmtError
    ├─ RefusedError 422                what was asked cannot be done; ``violations`` says why, all at once
    │  ├─ InvalidInputError 422        a field is missing or malformed
    │  │  └─ UnknownNameError          a role, permission or other registered name does not exist
    │  ├─ ConflictError 409            it collides with something stored
    │  │  ├─ DuplicateContactError     this e-mail is a contact of this client already
    │  │  ├─ DuplicateReferenceError   an external reference belongs to another client
    │  │  ├─ EmailInUseError           another user of the tenant has this e-mail
    │  │  ├─ IdempotencyConflictError  the idempotency key was used for something else
    │  │  ├─ StaffCannotBeClientUserError
    │  │  └─ StaleVersionError         somebody else changed it first
    │  ├─ LimitError 409               a number in ``Rules`` is reached
    │  └─ StateError 409               not in this state
    │     ├─ IllegalTransitionError    ``state``, ``trigger`` and the ``legal`` triggers
    │     ├─ AlreadyActiveError        an active contact needs no invitation
    │     ├─ UserInactiveError         the user is deactivated
    │     └─ ClientClosedError         the client is closed
    ├─ NotFoundError 404               absent, of another tenant or out of scope: all the same
    ├─ ForbiddenError 403              the actor lacks a permission
    ├─ SignInRefusedError 401          one answer for every reason
    ├─ InvalidLinkError 410            one answer for every reason; ``reason`` is for staff
    ├─ StorageError 503                the store could not do its work
    │  ├─ TransactionConflictError     lost against a concurrent unit; running it again may succeed
    │  │  └─ ConnectionLostError       the connection broke before the commit: nothing was written
    │  ├─ CommitUnknownError           the connection broke during the commit: all was written, or nothing
    │  └─ SchemaError                  the schema is missing, older or newer than this release
    ├─ DeliveryError 503               raised by notifiers
    │  ├─ TemporaryDeliveryError       try again, after ``retry_after`` if given
    │  │  └─ AccountDeliveryError      the account is refused: no other message would get through either
    │  └─ PermanentDeliveryError       never try this message again
    └─ UsageError 500                  the program is wrong, not its user
       ├─ TransactionError             a unit of work was used after an error, from a second place, or to
       │                               write although it only reads; or a call went past an open transaction
       ├─ ConfigurationError           a setting is missing or malformed
       └─ MissingExtraError            names the install command

The numbers are the HTTP status that fits (:attr:`ClientMgmtError.http_status`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, ClassVar

import attrs

__all__ = [
    "AccountDeliveryError",
    "AlreadyActiveError",
    "ClientClosedError",
    "ClientMgmtError",
    "CommitUnknownError",
    "ConfigurationError",
    "ConflictError",
    "ConnectionLostError",
    "DeliveryError",
    "DuplicateContactError",
    "DuplicateReferenceError",
    "EmailInUseError",
    "ForbiddenError",
    "IdempotencyConflictError",
    "IllegalTransitionError",
    "InvalidInputError",
    "InvalidLinkError",
    "LimitError",
    "MissingExtraError",
    "NotFoundError",
    "PermanentDeliveryError",
    "RefusedError",
    "SchemaError",
    "SignInRefusedError",
    "StaffCannotBeClientUserError",
    "StaleVersionError",
    "StateError",
    "StorageError",
    "TemporaryDeliveryError",
    "TransactionConflictError",
    "TransactionError",
    "UnknownNameError",
    "UsageError",
    "UserInactiveError",
    "Violation",
    "problem",
    "refusal",
    "refuse",
]


@attrs.frozen
class Violation:
    """One reason why something is refused.

    ``code`` is stable and snake_case, ``message`` is for people, ``field`` names the input it is about
    (``None``: the whole), ``data`` holds facts such as a limit. The refused value itself is never in it.
    """

    code: str
    message: str
    field: str | None = None
    data: Mapping[str, str | int] = attrs.field(factory=dict)


def snake_case(name: str) -> str:
    """The name of a class as a code: ``StaleVersion`` gives ``stale_version``."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


class ClientMgmtError(Exception):
    """The root of all errors of this package.

    ``code`` is the class name in snake_case without "Error"; ``violations`` are the reasons, possibly none.
    """

    http_status: ClassVar[int] = 500
    code: ClassVar[str] = "client_mgmt"
    violations: tuple[Violation, ...] = ()

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        cls.code = snake_case(cls.__name__.removesuffix("Error"))


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


class ConflictError(RefusedError):
    """The request collides with something that is stored."""

    http_status = 409


class DuplicateContactError(ConflictError):
    """This e-mail belongs to a contact of this client already."""


class DuplicateReferenceError(ConflictError):
    """An external reference is taken by another client."""


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


class NotFoundError(ClientMgmtError):
    """There is no such thing for this actor: absent, of another tenant or client, or out of scope."""

    http_status = 404

    def __init__(self, kind: str = "object") -> None:
        super().__init__(f"no such {kind}")
        self.kind = kind

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.kind,)


class ForbiddenError(ClientMgmtError):
    """The actor lacks the ``permission`` that this takes."""

    http_status = 403

    def __init__(self, permission: str) -> None:
        super().__init__(f"this needs the permission {permission}")
        self.permission = permission

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.permission,)


class SignInRefusedError(ClientMgmtError):
    """Sign-in is refused. The reason is not told: every refusal looks the same."""

    http_status = 401

    def __init__(self) -> None:
        super().__init__("e-mail and password do not match an account that may sign in")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()


class InvalidLinkError(ClientMgmtError):
    """The link does not work. ``reason`` (unknown, used, superseded, revoked, expired, …) is for staff only."""

    http_status = 410

    def __init__(self, reason: str) -> None:
        super().__init__("this link is not valid or no longer valid")
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.reason,)


class StorageError(ClientMgmtError):
    """The store could not do its work."""

    http_status = 503


class TransactionConflictError(StorageError):
    """The unit of work lost against a concurrent one; the same unit, run again, may succeed."""


class ConnectionLostError(TransactionConflictError):
    """The connection to the store was lost before the commit: nothing was written, run the unit again."""

    def __init__(self, message: str = "the connection to the store was lost before the commit") -> None:
        super().__init__(message)


class CommitUnknownError(StorageError):
    """The store was lost during the commit: all of the unit was written, or nothing. Look before you repeat it."""

    def __init__(self, message: str = "the store was lost during the commit: all was written, or nothing") -> None:
        super().__init__(message)


class SchemaError(StorageError):
    """The store's schema is missing, or not the one of this release."""


class DeliveryError(ClientMgmtError):
    """A message could not be handed over; raised by notifiers."""

    http_status = 503


class TemporaryDeliveryError(DeliveryError):
    """It may work later: not before ``retry_after``, if the other side said so."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class AccountDeliveryError(TemporaryDeliveryError):
    """The other side refuses the sender's account itself: a wrong password, a block, a quota that is used up.

    Whatever else were tried now would be refused too, so delivery pauses; no attempt is counted for any message.
    """


class PermanentDeliveryError(DeliveryError):
    """It will never work: the address or the message is refused for good."""


class UsageError(ClientMgmtError):
    """The program uses the package wrongly; no user can mend that."""


class TransactionError(UsageError):
    """A unit of work was used after an error, after its end, twice in one thread, or to write while reading."""


class ConfigurationError(UsageError):
    """A setting is missing or malformed."""


class MissingExtraError(UsageError):
    """An optional dependency is not installed."""

    def __init__(self, extra: str) -> None:
        super().__init__(f"this needs an optional dependency: pip install 'clientmgmt[{extra}]'")
        self.extra = extra

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.extra,)


_KINDS: Mapping[str, type[RefusedError]] = {
    kind.code: kind
    for kind in (
        UnknownNameError,
        DuplicateContactError,
        DuplicateReferenceError,
        EmailInUseError,
        StaffCannotBeClientUserError,
        StaleVersionError,
        LimitError,
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


def problem(error: ClientMgmtError, *, detailed: bool = False) -> dict[str, Any]:
    """An RFC 9457 problem body.

    The coarse form is for the public: it names the fields that are wrong, never where a duplicate is or why a
    link is dead. ``detailed=True`` is for staff.

    >>> problem(NotFoundError("client"))
    {'type': 'about:blank', 'title': 'not found', 'status': 404, 'code': 'not_found'}
    """
    shown = error if detailed else _public(type(error))
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": shown.code.replace("_", " "),
        "status": error.http_status,
        "code": shown.code,
    }
    if detailed:
        body["detail"] = str(error)
        if isinstance(error, InvalidLinkError):
            body["reason"] = error.reason
    if violations := error.violations if detailed or isinstance(error, InvalidInputError | LimitError) else ():
        body["errors"] = [_listed(violation) for violation in violations]
    return body


def _public(kind: type[ClientMgmtError]) -> type[ClientMgmtError]:
    coarse = (InvalidInputError, ConflictError, LimitError, StateError, StorageError, UsageError)
    return next((known for known in coarse if issubclass(kind, known)), kind)


def _listed(violation: Violation) -> dict[str, Any]:
    listed: dict[str, Any] = {"code": violation.code, "message": violation.message, "field": violation.field}
    return listed | ({"data": dict(violation.data)} if violation.data else {})


def _sentence(violation: Violation) -> str:
    return violation.message if violation.field is None else f"{violation.field} {violation.message}"

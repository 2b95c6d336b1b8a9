"""What callers may not see, may not do, or may not enter."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any, ClassVar

from clientmgmt.errors._base import ClientMgmtError

__all__ = [
    "EscalationError",
    "ForbiddenError",
    "InvalidLinkError",
    "LastOwnerError",
    "NotFoundError",
    "PasswordChangeRequiredError",
    "RateLimitedError",
    "SharedProfileError",
    "SignInRefusedError",
]


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
    _says: ClassVar[str] = "this needs the permission {}"

    def __init__(self, permission: str) -> None:
        super().__init__(self._says.format(permission))
        self.permission = permission

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.permission,)


class EscalationError(ForbiddenError):
    """The actor would give what it has not itself, or change somebody who has more, or its own role."""

    _says = "this would give more than the actor has, or change somebody who has more"


class LastOwnerError(ForbiddenError):
    """The client would be left without an owner."""

    _says = "this would leave the client without an owner"


class SharedProfileError(ForbiddenError):
    """Name and phone are a person's own, whom others know as well: they are not this client's to change."""

    _says = "this belongs to a person whom others know as well"


class SignInRefusedError(ClientMgmtError):
    """Sign-in is refused. The reason is not told: every refusal looks the same."""

    http_status = 401
    _says: ClassVar[str] = "e-mail and password do not match an account that may sign in"

    def __init__(self) -> None:
        super().__init__(self._says)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()


class PasswordChangeRequiredError(SignInRefusedError):
    """The password of this session's user was generated for one sign-in: the user has to choose its own now."""

    _says = "the password was good for one sign-in: choose another one"


class RateLimitedError(ClientMgmtError):
    """Too many tries for this address, or from this origin. Nothing was looked at. ``retry_after`` is the time to wait.

    It says nothing about the address: one that nobody has is limited as well.
    """

    http_status = 429

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__(f"too many tries: wait {math.ceil(retry_after.total_seconds())} seconds")
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.retry_after,)


class InvalidLinkError(ClientMgmtError):
    """The link does not work. ``reason`` (unknown, used, superseded, revoked, expired, …) is for staff only."""

    http_status = 410

    def __init__(self, reason: str) -> None:
        super().__init__("this link is not valid or no longer valid")
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.reason,)

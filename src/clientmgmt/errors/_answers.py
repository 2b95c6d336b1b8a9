"""What callers may not see, may not do, or may not enter."""

from __future__ import annotations

from typing import Any

from clientmgmt.errors._base import ClientMgmtError

__all__ = ["ForbiddenError", "InvalidLinkError", "NotFoundError", "SignInRefusedError"]


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

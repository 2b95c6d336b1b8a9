"""What happened to users and their ways in: logins, passwords, addresses, deactivation."""

from __future__ import annotations

from datetime import datetime

import attrs

from clientmgmt.domain.events import Event
from clientmgmt.domain.ids import AccountLinkId, ClientId

__all__ = [
    "EmailChangeRequested",
    "EmailChanged",
    "PasswordChanged",
    "ResetRequested",
    "UserDeactivated",
    "UserReactivated",
    "UserSignedIn",
]


@attrs.frozen(kw_only=True, repr=False, eq=False)
class UserSignedIn(Event):
    """A user signed in; ``subject`` is the user's id, ``origin`` what the host knew of whoever stood there.

    ``login_at`` is when that was: a login that happened elsewhere may be told of later.
    """

    first: bool
    origin: str
    login_at: datetime


@attrs.frozen(kw_only=True, repr=False, eq=False)
class ResetRequested(Event):
    """A user is sent a link to choose another password; ``subject`` is the user's id."""

    link_id: AccountLinkId
    expires_at: datetime


@attrs.frozen(kw_only=True, repr=False, eq=False)
class PasswordChanged(Event):
    """A user has another password, or its first one from staff; all its sessions ended. ``subject`` is its id."""

    first: bool


@attrs.frozen(kw_only=True, repr=False, eq=False)
class EmailChangeRequested(Event):
    """A user wants another address and is sent a link there to confirm it; ``subject`` is the user's id."""

    link_id: AccountLinkId
    expires_at: datetime


@attrs.frozen(kw_only=True, repr=False, eq=False)
class EmailChanged(Event):
    """A user has another address; all its sessions ended. ``subject`` is its id."""

    aspect = "email"

    old: str
    new: str


@attrs.frozen(kw_only=True, repr=False, eq=False)
class UserDeactivated(Event):
    """A user may no longer sign in anywhere; ``subject`` is the user's id."""

    clients: tuple[ClientId, ...]


@attrs.frozen(kw_only=True, repr=False, eq=False)
class UserReactivated(Event):
    """A user may sign in again; ``subject`` is the user's id."""

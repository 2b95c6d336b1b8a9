"""Typed ids: a swapped id fails in the type checker, at run time each is a plain ``UUID``."""

from typing import NewType
from uuid import UUID

__all__ = [
    "AccountLinkId",
    "AuditEntryId",
    "ClientId",
    "ContactId",
    "InvitationId",
    "LoginId",
    "MailId",
    "SessionId",
    "SiteId",
    "UserId",
]

ClientId = NewType("ClientId", UUID)
"""A client: the organisation or person that owns contacts and everything below it."""

UserId = NewType("UserId", UUID)
"""A login identity of the tenant; one per e-mail key."""

ContactId = NewType("ContactId", UUID)
"""A client-user membership: one user in one client."""

SiteId = NewType("SiteId", UUID)
"""A place of a client where service is done."""

InvitationId = NewType("InvitationId", UUID)
"""One send of an invitation; the mail that carries it has the same id."""

AccountLinkId = NewType("AccountLinkId", UUID)
"""One link that a user was sent about its own account; the mail that carries it has the same id."""

MailId = NewType("MailId", UUID)
"""One message, waiting or delivered."""

LoginId = NewType("LoginId", UUID)
"""One successful sign-in."""

SessionId = NewType("SessionId", UUID)
"""One session of a user, from its sign-in to its end."""

AuditEntryId = NewType("AuditEntryId", UUID)
"""One line of the audit trail; it has the id of the event it records."""

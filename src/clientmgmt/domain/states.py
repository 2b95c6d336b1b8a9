"""The states of clients, contacts and invitations, and the tables that say what leads where."""

from __future__ import annotations

from enum import StrEnum

from clientmgmt._lifecycle import Lifecycle, Transition

__all__ = [
    "CLIENT_LIFECYCLE",
    "CONTACT_LIFECYCLE",
    "INVITATION_LIFECYCLE",
    "SITE_LIFECYCLE",
    "ClientStatus",
    "ClientTrigger",
    "ContactState",
    "ContactTrigger",
    "InvitationState",
    "InvitationTrigger",
    "SiteStatus",
    "SiteTrigger",
]


class ClientStatus(StrEnum):
    """The stored status of a client.

    Code asks for what a status means (:attr:`may_sign_in`, :attr:`suspends_downstream`), not for its name.
    """

    PROSPECT = "prospect"
    ACTIVE = "active"
    INACTIVE = "inactive"
    PAUSED = "paused"
    CLOSED = "closed"

    @property
    def may_sign_in(self) -> bool:
        """Whether users of the client may be invited and may sign in for it."""
        return self is not ClientStatus.CLOSED

    @property
    def suspends_downstream(self) -> bool:
        """Whether workflows that depend on the client should rest."""
        return self in _SUSPENDED


_SUSPENDED = frozenset({ClientStatus.PROSPECT, ClientStatus.PAUSED, ClientStatus.CLOSED})


class ClientTrigger(StrEnum):
    """What changes a client's status."""

    ACTIVATE = "activate"
    INACTIVATE = "inactivate"
    PAUSE = "pause"
    CLOSE = "close"

    @classmethod
    def to(cls, status: ClientStatus) -> ClientTrigger | None:
        """The trigger that leads to ``status``; nothing leads back to prospect."""
        return _CLIENT_TRIGGERS.get(status)


class ContactState(StrEnum):
    """How far a contact has come; derived from facts, never stored."""

    PENDING_INVITE = "pending_invite"
    INVITE_SENT = "invite_sent"
    ACTIVE = "active"
    INACTIVE = "inactive"


class ContactTrigger(StrEnum):
    """What changes a contact's state."""

    SEND_INVITE = "send_invite"
    SET_CREDENTIAL = "set_credential"
    SIGN_IN = "sign_in"
    DEACTIVATE = "deactivate"
    REACTIVATE_STAGED = "reactivate_without_credential"
    REACTIVATE_WAITING = "reactivate_before_first_login"
    REACTIVATE_KNOWN = "reactivate_after_first_login"


class InvitationState(StrEnum):
    """What became of one link."""

    OPEN = "open"
    ACCEPTED = "accepted"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"
    EXPIRED = "expired"


class InvitationTrigger(StrEnum):
    """What ends a link."""

    ACCEPT = "accept"
    SUPERSEDE = "supersede"
    REVOKE = "revoke"
    EXPIRE = "expire"


class SiteStatus(StrEnum):
    """Whether service is done at a site: as usual, only if somebody says so each time, or not at all."""

    ACTIVE = "active"
    LIMITED = "limited"
    CLOSED = "closed"


class SiteTrigger(StrEnum):
    """What changes a site's status."""

    ACTIVATE = "activate"
    LIMIT = "limit"
    CLOSE = "close"

    @classmethod
    def to(cls, status: SiteStatus) -> SiteTrigger:
        """The trigger that leads to ``status``."""
        return _SITE_TRIGGERS[status]


_SITE_TRIGGERS = {
    SiteStatus.ACTIVE: SiteTrigger.ACTIVATE,
    SiteStatus.LIMITED: SiteTrigger.LIMIT,
    SiteStatus.CLOSED: SiteTrigger.CLOSE,
}

_CLIENT_TRIGGERS = {
    ClientStatus.ACTIVE: ClientTrigger.ACTIVATE,
    ClientStatus.INACTIVE: ClientTrigger.INACTIVATE,
    ClientStatus.PAUSED: ClientTrigger.PAUSE,
    ClientStatus.CLOSED: ClientTrigger.CLOSE,
}

CLIENT_LIFECYCLE: Lifecycle[ClientStatus, ClientTrigger] = Lifecycle(
    "client",
    ClientStatus.PROSPECT,
    [
        Transition(ClientStatus.PROSPECT, ClientTrigger.ACTIVATE, ClientStatus.ACTIVE),
        Transition(ClientStatus.PROSPECT, ClientTrigger.CLOSE, ClientStatus.CLOSED),
        Transition(ClientStatus.ACTIVE, ClientTrigger.INACTIVATE, ClientStatus.INACTIVE),
        Transition(ClientStatus.ACTIVE, ClientTrigger.PAUSE, ClientStatus.PAUSED),
        Transition(ClientStatus.ACTIVE, ClientTrigger.CLOSE, ClientStatus.CLOSED),
        Transition(ClientStatus.INACTIVE, ClientTrigger.ACTIVATE, ClientStatus.ACTIVE),
        Transition(ClientStatus.INACTIVE, ClientTrigger.PAUSE, ClientStatus.PAUSED),
        Transition(ClientStatus.INACTIVE, ClientTrigger.CLOSE, ClientStatus.CLOSED),
        Transition(ClientStatus.PAUSED, ClientTrigger.ACTIVATE, ClientStatus.ACTIVE),
        Transition(ClientStatus.PAUSED, ClientTrigger.INACTIVATE, ClientStatus.INACTIVE),
        Transition(ClientStatus.PAUSED, ClientTrigger.CLOSE, ClientStatus.CLOSED),
        Transition(ClientStatus.CLOSED, ClientTrigger.ACTIVATE, ClientStatus.ACTIVE),
        Transition(ClientStatus.CLOSED, ClientTrigger.INACTIVATE, ClientStatus.INACTIVE),
    ],
)

CONTACT_LIFECYCLE: Lifecycle[ContactState, ContactTrigger] = Lifecycle(
    "contact",
    ContactState.PENDING_INVITE,
    [
        Transition(ContactState.PENDING_INVITE, ContactTrigger.SEND_INVITE, ContactState.INVITE_SENT),
        Transition(ContactState.PENDING_INVITE, ContactTrigger.SET_CREDENTIAL, ContactState.INVITE_SENT),
        Transition(ContactState.PENDING_INVITE, ContactTrigger.DEACTIVATE, ContactState.INACTIVE),
        Transition(ContactState.INVITE_SENT, ContactTrigger.SEND_INVITE, ContactState.INVITE_SENT),
        Transition(ContactState.INVITE_SENT, ContactTrigger.SET_CREDENTIAL, ContactState.INVITE_SENT),
        Transition(ContactState.INVITE_SENT, ContactTrigger.SIGN_IN, ContactState.ACTIVE),
        Transition(ContactState.INVITE_SENT, ContactTrigger.DEACTIVATE, ContactState.INACTIVE),
        Transition(ContactState.ACTIVE, ContactTrigger.SIGN_IN, ContactState.ACTIVE),
        Transition(ContactState.ACTIVE, ContactTrigger.DEACTIVATE, ContactState.INACTIVE),
        Transition(ContactState.INACTIVE, ContactTrigger.DEACTIVATE, ContactState.INACTIVE),
        Transition(ContactState.INACTIVE, ContactTrigger.REACTIVATE_STAGED, ContactState.PENDING_INVITE),
        Transition(ContactState.INACTIVE, ContactTrigger.REACTIVATE_WAITING, ContactState.INVITE_SENT),
        Transition(ContactState.INACTIVE, ContactTrigger.REACTIVATE_KNOWN, ContactState.ACTIVE),
    ],
)

SITE_LIFECYCLE: Lifecycle[SiteStatus, SiteTrigger] = Lifecycle(
    "site",
    SiteStatus.ACTIVE,
    [
        Transition(SiteStatus.ACTIVE, SiteTrigger.LIMIT, SiteStatus.LIMITED),
        Transition(SiteStatus.ACTIVE, SiteTrigger.CLOSE, SiteStatus.CLOSED),
        Transition(SiteStatus.LIMITED, SiteTrigger.ACTIVATE, SiteStatus.ACTIVE),
        Transition(SiteStatus.LIMITED, SiteTrigger.CLOSE, SiteStatus.CLOSED),
        Transition(SiteStatus.CLOSED, SiteTrigger.ACTIVATE, SiteStatus.ACTIVE),
    ],
)

INVITATION_LIFECYCLE: Lifecycle[InvitationState, InvitationTrigger] = Lifecycle(
    "invitation",
    InvitationState.OPEN,
    [
        Transition(InvitationState.OPEN, InvitationTrigger.ACCEPT, InvitationState.ACCEPTED),
        Transition(InvitationState.OPEN, InvitationTrigger.SUPERSEDE, InvitationState.SUPERSEDED),
        Transition(InvitationState.OPEN, InvitationTrigger.REVOKE, InvitationState.REVOKED),
        Transition(InvitationState.OPEN, InvitationTrigger.EXPIRE, InvitationState.EXPIRED),
    ],
)

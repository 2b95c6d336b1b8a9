"""What the package stores: every collection with its keys, indexes and references."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from clientmgmt.domain.client import Client, ClientReference
from clientmgmt.domain.identity import LinkedIdentity
from clientmgmt.domain.ids import ClientId, ContactId, InvitationId, MailId, SiteId, UserId
from clientmgmt.domain.links import AccountLink, Invitation
from clientmgmt.domain.mail import Delivery, MailState, MailType, OutboxMail
from clientmgmt.domain.managers import Care
from clientmgmt.domain.people import (
    Credential,
    LoginEvent,
    Membership,
    Ownership,
    SiteAccess,
    User,
    UserKind,
)
from clientmgmt.domain.sessions import OpenSession
from clientmgmt.domain.sites import Site
from clientmgmt.domain.states import ClientStatus, InvitationState
from clientmgmt.ports.kept import (
    ATTEMPTS,
    AUDIT,
    FEED,
    FEED_HEADS,
    FEED_READERS,
    KEPT_ANSWERS,
    NEW_EVENTS,
    QUEUED_RESETS,
)
from clientmgmt.ports.storage import Collection, Field, Indexes, Join, Keys, Ordered, References, fields_of

__all__ = [
    "ACCOUNT_LINKS",
    "ATTEMPTS",
    "AUDIT",
    "CLIENTS",
    "CLIENT_MEMBERSHIPS",
    "CLIENT_REFERENCES",
    "COLLECTIONS",
    "CONTACTS",
    "CREDENTIALS",
    "DELIVERIES",
    "FEED",
    "FEED_HEADS",
    "FEED_READERS",
    "IDENTITIES",
    "INVITATIONS",
    "KEPT_ANSWERS",
    "LOGINS",
    "MANAGED_CLIENTS",
    "MANAGERS",
    "MEMBERSHIPS",
    "NEW_EVENTS",
    "OUTBOX",
    "OWNERS",
    "QUEUED_RESETS",
    "SESSIONS",
    "SITES",
    "SITE_ACCESS",
    "USERS",
    "USER_CREDENTIALS",
]

_client = fields_of(Client)
_reference = fields_of(ClientReference)
_user = fields_of(User)
_credential = fields_of(Credential)
_identity = fields_of(LinkedIdentity)
_membership = fields_of(Membership)
_care = fields_of(Care)
_site = fields_of(Site)
_access = fields_of(SiteAccess)
_ownership = fields_of(Ownership)
_invitation = fields_of(Invitation)
_account_link = fields_of(AccountLink)
_login = fields_of(LoginEvent)
_session = fields_of(OpenSession)
_outbox = fields_of(OutboxMail)
_delivery = fields_of(Delivery)


class Clients(Collection[Client]):
    """All clients. The primary e-mail is not unique: one bookkeeper may serve three of them."""

    name = "clients"
    entity = Client
    id: Field[Client, ClientId] = _client(lambda client: client.id)
    email_key: Field[Client, str] = _client(lambda client: client.email.key)
    name_key: Ordered[Client, str] = _client.ordered(lambda client: client.name_key)
    status: Field[Client, ClientStatus] = _client(lambda client: client.status)
    created_by: Field[Client, str] = _client(lambda client: client.created_by)
    indexes: ClassVar[Indexes] = ((name_key,), (status, name_key), (email_key, name_key))


CLIENTS = Clients()


class ClientReferences(Collection[ClientReference]):
    """The external references of clients."""

    name = "client_references"
    entity = ClientReference
    client_id: Field[ClientReference, ClientId] = _reference(lambda reference: reference.client_id)
    system: Field[ClientReference, str] = _reference(lambda reference: reference.system)
    value: Field[ClientReference, str] = _reference(lambda reference: reference.value)
    unique: ClassVar[Keys] = {"client_reference": (system, value)}
    indexes: ClassVar[Indexes] = ((client_id,),)
    references: ClassVar[References] = ((client_id, CLIENTS),)


CLIENT_REFERENCES = ClientReferences()


class Users(Collection[User]):
    """All login identities, client users and staff alike."""

    name = "users"
    entity = User
    id: Field[User, UserId] = _user(lambda user: user.id)
    kind: Field[User, UserKind] = _user(lambda user: user.kind)
    email_key: Field[User, str] = _user(lambda user: user.email.key)
    reference: Field[User, str | None] = _user(lambda user: user.reference)
    name_key: Ordered[User, str] = _user.ordered(lambda user: user.name_key)
    credential_at: Field[User, datetime | None] = _user(lambda user: user.credential_at)
    first_login_at: Field[User, datetime | None] = _user(lambda user: user.first_login_at)
    last_login_at: Ordered[User, datetime] = _user.when_present(lambda user: user.last_login_at)
    deactivated_at: Field[User, datetime | None] = _user(lambda user: user.deactivated_at)
    unique: ClassVar[Keys] = {"user_email": (email_key,), "user_reference": (reference,)}
    indexes: ClassVar[Indexes] = ((kind, name_key),)


USERS = Users()


class Credentials(Collection[Credential]):
    """Password hashes, by the id of their user."""

    name = "credentials"
    entity = Credential
    id: Field[Credential, UserId] = _credential(lambda credential: credential.id)
    references: ClassVar[References] = ((id, USERS),)


CREDENTIALS = Credentials()
USER_CREDENTIALS: Join[Credential, User] = Join(CREDENTIALS, CREDENTIALS.id, USERS)


class Identities(Collection[LinkedIdentity]):
    """External identities, by the id of their user; one is nobody else's."""

    name = "identities"
    entity = LinkedIdentity
    id: Field[LinkedIdentity, UserId] = _identity(lambda identity: identity.id)
    issuer: Field[LinkedIdentity, str] = _identity(lambda identity: identity.issuer)
    subject: Field[LinkedIdentity, str] = _identity(lambda identity: identity.subject)
    unique: ClassVar[Keys] = {"identity": (issuer, subject)}
    references: ClassVar[References] = ((id, USERS),)


IDENTITIES = Identities()


class Memberships(Collection[Membership]):
    """Users in clients: the contacts."""

    name = "memberships"
    entity = Membership
    id: Field[Membership, ContactId] = _membership(lambda membership: membership.id)
    user_id: Field[Membership, UserId] = _membership(lambda membership: membership.user_id)
    client_id: Field[Membership, ClientId] = _membership(lambda membership: membership.client_id)
    name_key: Ordered[Membership, str] = _membership.ordered(lambda membership: membership.name_key)
    invitation_id: Field[Membership, InvitationId | None] = _membership(lambda membership: membership.invitation_id)
    suspended_at: Field[Membership, datetime | None] = _membership(lambda membership: membership.suspended_at)
    has_scope: Field[Membership, bool] = _membership(lambda membership: membership.has_scope)
    typed: Field[Membership, str | None] = _membership.inside(
        lambda membership: membership.typed, lambda typed: typed.first_name
    )
    unique: ClassVar[Keys] = {"membership": (client_id, user_id)}
    indexes: ClassVar[Indexes] = ((client_id, name_key), (user_id, name_key), (name_key,))
    references: ClassVar[References] = ((client_id, CLIENTS), (user_id, USERS))


MEMBERSHIPS = Memberships()
CONTACTS: Join[Membership, User] = Join(MEMBERSHIPS, MEMBERSHIPS.user_id, USERS)
CLIENT_MEMBERSHIPS: Join[Membership, Client] = Join(MEMBERSHIPS, MEMBERSHIPS.client_id, CLIENTS)


class Sites(Collection[Site]):
    """The places of clients."""

    name = "sites"
    entity = Site
    id: Field[Site, SiteId] = _site(lambda site: site.id)
    client_id: Field[Site, ClientId] = _site(lambda site: site.client_id)
    name_key: Ordered[Site, str] = _site.ordered(lambda site: site.name_key)
    reference: Field[Site, str | None] = _site(lambda site: site.reference)
    archived_at: Field[Site, datetime | None] = _site(lambda site: site.archived_at)
    unique: ClassVar[Keys] = {"site_reference": (reference,)}
    indexes: ClassVar[Indexes] = ((client_id, name_key),)
    references: ClassVar[References] = ((client_id, CLIENTS),)


SITES = Sites()


class Owners(Collection[Ownership]):
    """The contacts that own their clients, by the client's id. An owner's membership cannot be removed before this."""

    name = "owners"
    entity = Ownership
    id: Field[Ownership, ClientId] = _ownership(lambda ownership: ownership.id)
    contact_id: Field[Ownership, ContactId] = _ownership(lambda ownership: ownership.contact_id)
    references: ClassVar[References] = ((id, CLIENTS), (contact_id, MEMBERSHIPS))


OWNERS = Owners()


class SiteAccesses(Collection[SiteAccess]):
    """The sites in the scopes of contacts. A site that is named here cannot be removed."""

    name = "site_access"
    entity = SiteAccess
    contact_id: Field[SiteAccess, ContactId] = _access(lambda access: access.contact_id)
    site_id: Field[SiteAccess, SiteId] = _access(lambda access: access.site_id)
    unique: ClassVar[Keys] = {"scope_site": (contact_id, site_id)}
    indexes: ClassVar[Indexes] = ((site_id,),)
    references: ClassVar[References] = ((contact_id, MEMBERSHIPS), (site_id, SITES))


SITE_ACCESS = SiteAccesses()


class Managers(Collection[Care]):
    """Which staff users look after which clients."""

    name = "managers"
    entity = Care
    client_id: Field[Care, ClientId] = _care(lambda care: care.client_id)
    user_id: Field[Care, UserId] = _care(lambda care: care.user_id)
    primary_for: Field[Care, ClientId | None] = _care(lambda care: care.primary_for)
    unique: ClassVar[Keys] = {"manager": (client_id, user_id), "primary_manager": (primary_for,)}
    indexes: ClassVar[Indexes] = ((user_id,),)
    references: ClassVar[References] = ((client_id, CLIENTS), (user_id, USERS))


MANAGERS = Managers()
MANAGED_CLIENTS: Join[Care, Client] = Join(MANAGERS, MANAGERS.client_id, CLIENTS)


class Invitations(Collection[Invitation]):
    """Every invitation that was ever sent. It outlives the membership it was for."""

    name = "invitations"
    entity = Invitation
    contact_id: Field[Invitation, ContactId] = _invitation(lambda invitation: invitation.contact_id)
    key_id: Field[Invitation, str] = _invitation(lambda invitation: invitation.key_id)
    state: Field[Invitation, InvitationState] = _invitation(lambda invitation: invitation.state)
    sent_at: Ordered[Invitation, datetime] = _invitation.ordered(lambda invitation: invitation.sent_at)
    expires_at: Ordered[Invitation, datetime] = _invitation.ordered(lambda invitation: invitation.expires_at)
    indexes: ClassVar[Indexes] = ((contact_id, sent_at), (state, expires_at), (expires_at,))
    references: ClassVar[References] = (
        (_invitation(lambda invitation: invitation.user_id), USERS),
        (_invitation(lambda invitation: invitation.client_id), CLIENTS),
    )


INVITATIONS = Invitations()


class AccountLinks(Collection[AccountLink]):
    """Every link that was sent to a user about its own account."""

    name = "account_links"
    entity = AccountLink
    user_id: Field[AccountLink, UserId] = _account_link(lambda link: link.user_id)
    state: Field[AccountLink, InvitationState] = _account_link(lambda link: link.state)
    key_id: Field[AccountLink, str] = _account_link(lambda link: link.key_id)
    sent_at: Ordered[AccountLink, datetime] = _account_link.ordered(lambda link: link.sent_at)
    expires_at: Ordered[AccountLink, datetime] = _account_link.ordered(lambda link: link.expires_at)
    indexes: ClassVar[Indexes] = ((user_id, sent_at), (state, expires_at), (expires_at,))
    references: ClassVar[References] = ((user_id, USERS),)


ACCOUNT_LINKS = AccountLinks()


class Logins(Collection[LoginEvent]):
    """Every successful sign-in."""

    name = "logins"
    entity = LoginEvent
    user_id: Field[LoginEvent, UserId] = _login(lambda login: login.user_id)
    client_id: Field[LoginEvent, ClientId | None] = _login(lambda login: login.client_id)
    at: Ordered[LoginEvent, datetime] = _login.ordered(lambda login: login.at)
    indexes: ClassVar[Indexes] = ((user_id, at), (at,))


LOGINS = Logins()


class Sessions(Collection[OpenSession]):
    """Users who have signed in and not out; what is over stays until upkeep."""

    name = "sessions"
    entity = OpenSession
    user_id: Field[OpenSession, UserId] = _session(lambda session: session.user_id)
    expires_at: Ordered[OpenSession, datetime] = _session.ordered(lambda session: session.expires_at)
    indexes: ClassVar[Indexes] = ((expires_at,),)
    references: ClassVar[References] = ((user_id, USERS),)


SESSIONS = Sessions()


class Outbox(Collection[OutboxMail]):
    """Mail that waits, and nothing else: what was delivered leaves it."""

    name = "outbox"
    entity = OutboxMail
    id: Field[OutboxMail, MailId] = _outbox(lambda mail: mail.id)
    type: Field[OutboxMail, MailType] = _outbox(lambda mail: mail.type)
    client_id: Field[OutboxMail, ClientId | None] = _outbox(lambda mail: mail.client_id)
    about: Field[OutboxMail, UUID] = _outbox(lambda mail: mail.about)
    error: Field[OutboxMail, str | None] = _outbox(lambda mail: mail.error)
    cancelled_at: Field[OutboxMail, datetime | None] = _outbox(lambda mail: mail.cancelled_at)
    due_at: Ordered[OutboxMail, datetime] = _outbox.ordered(lambda mail: mail.due_at)
    created_at: Ordered[OutboxMail, datetime] = _outbox.ordered(lambda mail: mail.created_at)
    indexes: ClassVar[Indexes] = ((created_at,), (client_id, created_at), (about, created_at))
    queue: ClassVar[bool] = True


OUTBOX = Outbox()


class Deliveries(Collection[Delivery]):
    """Mail that waits no longer."""

    name = "deliveries"
    entity = Delivery
    id: Field[Delivery, MailId] = _delivery(lambda delivery: delivery.id)
    type: Field[Delivery, MailType] = _delivery(lambda delivery: delivery.type)
    client_id: Field[Delivery, ClientId | None] = _delivery(lambda delivery: delivery.client_id)
    about: Field[Delivery, UUID] = _delivery(lambda delivery: delivery.about)
    state: Field[Delivery, MailState] = _delivery(lambda delivery: delivery.state)
    created_at: Ordered[Delivery, datetime] = _delivery.ordered(lambda delivery: delivery.created_at)
    at: Ordered[Delivery, datetime] = _delivery.ordered(lambda delivery: delivery.at)
    indexes: ClassVar[Indexes] = (
        (created_at,),
        (at,),
        (client_id, created_at),
        (about, created_at),
        (state, created_at),
        (type, created_at),
    )


DELIVERIES = Deliveries()


COLLECTIONS: tuple[Collection[Any], ...] = (
    CLIENTS,
    CLIENT_REFERENCES,
    USERS,
    CREDENTIALS,
    IDENTITIES,
    MEMBERSHIPS,
    OWNERS,
    SITES,
    SITE_ACCESS,
    MANAGERS,
    INVITATIONS,
    ACCOUNT_LINKS,
    LOGINS,
    SESSIONS,
    QUEUED_RESETS,
    OUTBOX,
    DELIVERIES,
    AUDIT,
    ATTEMPTS,
    KEPT_ANSWERS,
    NEW_EVENTS,
    FEED,
    FEED_HEADS,
    FEED_READERS,
)
"""All of them, each after those that it refers to."""

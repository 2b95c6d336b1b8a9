"""clientmgmt: clients and their people inside your application.

Contacts that are invited and sign in, who may do what, and a trail of who did what, over your own database::

    from clientmgmt import ClientManager, Staff

    manager = ClientManager("sqlite:///clients.db", secret_keys=[KEY])
    ws = manager.workspace("northwind", actor=Staff("ada", roles={"administrator"}))
    acme = ws.clients.add(name="Acme Retail", email="ap@acme.example")
"""

from typing import TYPE_CHECKING

from clientmgmt._manager import ClientManager, Entrance, Feed, Workspace, iter_all
from clientmgmt.adapters.system import generate_key
from clientmgmt.domain import (
    Address,
    Brand,
    BulkResult,
    BulkRules,
    Catalog,
    Client,
    ClientId,
    ClientKind,
    ClientStatus,
    ClientUser,
    Contact,
    ContactId,
    ContactState,
    DeliveryRules,
    Email,
    EmergencyContact,
    ExternalReference,
    Identity,
    InviteRules,
    Link,
    LinkPassword,
    LinkPurpose,
    Links,
    LinkState,
    Mail,
    MailState,
    NewContact,
    Page,
    PasswordRules,
    ResetMode,
    ResetRules,
    RetentionRules,
    Role,
    Rules,
    Scope,
    Secret,
    Session,
    SessionRules,
    Settings,
    Site,
    SiteId,
    SiteStatus,
    Staff,
    System,
    ThrottleRules,
    UserId,
    Violation,
)
from clientmgmt.errors import (
    ClientMgmtError,
    ForbiddenError,
    InvalidInputError,
    InvalidLinkError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
    SignInRefusedError,
    problem,
)

if TYPE_CHECKING:
    from clientmgmt._manager_async import AsyncClientManager, AsyncEntrance, AsyncFeed, AsyncWorkspace, aiter_all

__all__ = [
    "Address",
    "AsyncClientManager",
    "AsyncEntrance",
    "AsyncFeed",
    "AsyncWorkspace",
    "Brand",
    "BulkResult",
    "BulkRules",
    "Catalog",
    "Client",
    "ClientId",
    "ClientKind",
    "ClientManager",
    "ClientMgmtError",
    "ClientStatus",
    "ClientUser",
    "Contact",
    "ContactId",
    "ContactState",
    "DeliveryRules",
    "Email",
    "EmergencyContact",
    "Entrance",
    "ExternalReference",
    "Feed",
    "ForbiddenError",
    "Identity",
    "InvalidInputError",
    "InvalidLinkError",
    "InviteRules",
    "Link",
    "LinkPassword",
    "LinkPurpose",
    "LinkState",
    "Links",
    "Mail",
    "MailState",
    "NewContact",
    "NotFoundError",
    "Page",
    "PasswordRules",
    "RateLimitedError",
    "RefusedError",
    "ResetMode",
    "ResetRules",
    "RetentionRules",
    "Role",
    "Rules",
    "Scope",
    "Secret",
    "Session",
    "SessionRules",
    "Settings",
    "SignInRefusedError",
    "Site",
    "SiteId",
    "SiteStatus",
    "Staff",
    "System",
    "ThrottleRules",
    "UserId",
    "Violation",
    "Workspace",
    "aiter_all",
    "generate_key",
    "iter_all",
    "problem",
]


def __getattr__(name: str) -> object:
    """Load the asynchronous facade when it is asked for: who does not use it need not wait for it."""
    if name in {"AsyncClientManager", "AsyncEntrance", "AsyncFeed", "AsyncWorkspace", "aiter_all"}:
        from clientmgmt import _manager_async  # noqa: PLC0415 - see above

        return getattr(_manager_async, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)

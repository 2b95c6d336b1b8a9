"""Every error of the package, in one tree.

::

    ClientMgmtError
    ├─ RefusedError 422                what was asked cannot be done; ``violations`` says why, all at once
    │  ├─ InvalidInputError 422        a field is missing or malformed
    │  │  ├─ UnknownNameError          a role, permission or other registered name does not exist
    │  │  └─ NotEligibleError          whoever was chosen cannot be chosen for this
    │  ├─ ConflictError 409            it collides with something stored
    │  │  ├─ DuplicateContactError     this e-mail is a contact of this client already
    │  │  ├─ DuplicateIdentityError    an external identity is another user's
    │  │  ├─ DuplicateReferenceError   an external reference belongs to something else
    │  │  ├─ EmailInUseError           another user of the tenant has this e-mail
    │  │  ├─ IdempotencyConflictError  the idempotency key was used for something else
    │  │  ├─ StaffCannotBeClientUserError
    │  │  └─ StaleVersionError         somebody else changed it first
    │  ├─ LimitError 409               a number in ``Rules`` is reached
    │  ├─ StateError 409               not in this state
    │  │  ├─ IllegalTransitionError    ``state``, ``trigger`` and the ``legal`` triggers
    │  │  ├─ AlreadyActiveError        an active contact needs no invitation
    │  │  ├─ UserInactiveError         the user is deactivated
    │  │  └─ ClientClosedError         the client is closed
    │  └─ BlockedError 409             something that is kept stands in the way
    │     └─ SiteHasHistoryError       the site has been used: archive it instead
    ├─ NotFoundError 404               absent, of another tenant or out of scope: all the same
    ├─ ForbiddenError 403              the actor lacks a permission
    │  ├─ EscalationError              it would give more than it has, or touch somebody who has more
    │  ├─ LastOwnerError               the client would be left without an owner
    │  └─ SharedProfileError           this belongs to a person whom others know as well
    ├─ SignInRefusedError 401          one answer for every reason
    │  └─ PasswordChangeRequiredError  the password was generated, and has to be replaced first
    ├─ RateLimitedError 429            too many tries; ``retry_after``
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

from clientmgmt.errors._answers import (
    EscalationError,
    ForbiddenError,
    InvalidLinkError,
    LastOwnerError,
    NotFoundError,
    PasswordChangeRequiredError,
    RateLimitedError,
    SharedProfileError,
    SignInRefusedError,
)
from clientmgmt.errors._base import ClientMgmtError, Violation
from clientmgmt.errors._outside import (
    AccountDeliveryError,
    CommitUnknownError,
    ConnectionLostError,
    DeliveryError,
    PermanentDeliveryError,
    SchemaError,
    StorageError,
    TemporaryDeliveryError,
    TransactionConflictError,
)
from clientmgmt.errors._problem import problem
from clientmgmt.errors._refused import (
    AlreadyActiveError,
    BlockedError,
    ClientClosedError,
    ConflictError,
    DuplicateContactError,
    DuplicateIdentityError,
    DuplicateReferenceError,
    EmailInUseError,
    IdempotencyConflictError,
    IllegalTransitionError,
    InvalidInputError,
    LimitError,
    NotEligibleError,
    RefusedError,
    SiteHasHistoryError,
    StaffCannotBeClientUserError,
    StaleVersionError,
    StateError,
    UnknownNameError,
    UserInactiveError,
    refusal,
    refuse,
)
from clientmgmt.errors._usage import ConfigurationError, MissingExtraError, TransactionError, UsageError

__all__ = [
    "AccountDeliveryError",
    "AlreadyActiveError",
    "BlockedError",
    "ClientClosedError",
    "ClientMgmtError",
    "CommitUnknownError",
    "ConfigurationError",
    "ConflictError",
    "ConnectionLostError",
    "DeliveryError",
    "DuplicateContactError",
    "DuplicateIdentityError",
    "DuplicateReferenceError",
    "EmailInUseError",
    "EscalationError",
    "ForbiddenError",
    "IdempotencyConflictError",
    "IllegalTransitionError",
    "InvalidInputError",
    "InvalidLinkError",
    "LastOwnerError",
    "LimitError",
    "MissingExtraError",
    "NotEligibleError",
    "NotFoundError",
    "PasswordChangeRequiredError",
    "PermanentDeliveryError",
    "RateLimitedError",
    "RefusedError",
    "SchemaError",
    "SharedProfileError",
    "SignInRefusedError",
    "SiteHasHistoryError",
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

for _name in __all__:
    if _name.endswith("Error"):
        globals()[_name].__module__ = __name__  # where users import it from: tracebacks show it, pickles name it

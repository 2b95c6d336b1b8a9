"""What stores and notifiers could not do."""

from __future__ import annotations

from datetime import timedelta

from clientmgmt.errors._base import ClientMgmtError

__all__ = [
    "AccountDeliveryError",
    "CommitUnknownError",
    "ConnectionLostError",
    "DeliveryError",
    "PermanentDeliveryError",
    "SchemaError",
    "StorageError",
    "TemporaryDeliveryError",
    "TransactionConflictError",
]


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

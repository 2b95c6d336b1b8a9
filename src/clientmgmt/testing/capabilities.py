"""What a store or a notifier may lack, if its suite says so and why.

Whatever is not named here cannot be declared away: a store that does not roll back, does not know its tenants, or lets
two units take one key is not safe to use, and its suite fails.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["NotifierCapability", "StorageCapability"]


class StorageCapability(StrEnum):
    """What :class:`~clientmgmt.testing.StorageConformance` does not insist on.

    ``savepoints``: a part of a unit of work can be undone. ``nested_units``: a thread that is inside a unit of work can
    open a second one, which is a transaction of its own. ``threads``: units of several threads run at the same time or
    wait for each other. ``concurrent_claims``: so do several workers that claim from one queue.
    """

    SAVEPOINTS = "savepoints"
    NESTED_UNITS = "nested_units"
    THREADS = "threads"
    CONCURRENT_CLAIMS = "concurrent_claims"


class NotifierCapability(StrEnum):
    """What :class:`~clientmgmt.testing.NotifierConformance` does not insist on.

    ``idempotency_key``: the other side is told the message's id. ``retry_after``: the other side can say when to come
    again. ``permanent_failures``: the other side can refuse for good. ``timeouts``: the other side can fall silent.
    ``lost_connections``: there is a connection that can be lost.
    """

    IDEMPOTENCY_KEY = "idempotency_key"
    RETRY_AFTER = "retry_after"
    PERMANENT_FAILURES = "permanent_failures"
    TIMEOUTS = "timeouts"
    LOST_CONNECTIONS = "lost_connections"

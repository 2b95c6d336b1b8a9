"""The throttle port: how often something may be tried, counted where all processes of an application see it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

import attrs

__all__ = ["Quota", "Throttle"]


@attrs.frozen(kw_only=True)
class Quota:
    """At most ``limit`` tries of what ``key`` names within any span of time that is ``within`` long.

    The key says what is tried, and for which address or from which origin: ``"reset address jane@acme.example"``.
    """

    key: str
    limit: int
    within: timedelta


class Throttle(Protocol):
    """Counts tries, of many processes at once. Without one of the host's they are counted in the manager's store.

    With an asynchronous manager it is called in a thread.
    """

    def take(self, tenant: str, quotas: Sequence[Quota], at: datetime, /) -> timedelta | None:
        """Count a try at ``at`` for each of ``quotas`` and answer ``None``; or how long to wait, and count nothing.

        Counting and comparing is one step: of those who try at once, no more get through than a quota allows.
        """

    def give_back(self, tenant: str, quotas: Sequence[Quota], at: datetime, /) -> None:
        """Forget the try that was counted at ``at``: it was none of those that are limited."""

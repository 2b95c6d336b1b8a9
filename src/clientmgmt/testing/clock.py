"""A clock that stands still until it is moved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["ManualClock"]

START = datetime(2026, 1, 5, 9, tzinfo=UTC)


class ManualClock:
    """A :class:`~clientmgmt.ports.system.Clock` that stands at ``start`` until a test moves it.

    Args:
        start: an aware time; a Monday morning in January 2026 if not given.

    >>> clock = ManualClock()
    >>> clock.advance(timedelta(hours=2)).isoformat()
    '2026-01-05T11:00:00+00:00'
    """

    def __init__(self, start: datetime = START) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """Where the clock stands, in UTC."""
        return self._now

    def advance(self, by: timedelta) -> datetime:
        """Move the clock ``by`` and answer where it stands; backwards too, as real clocks sometimes do."""
        self._now += by
        return self._now

    def set(self, at: datetime) -> None:
        """Move the clock to the aware time ``at``."""
        self._now = at.astimezone(UTC)

"""Clock and ids: the only sources of time and chance."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID

__all__ = ["Clock", "IdSource"]


class Clock(Protocol):
    """Tells the time; read once per call of the package."""

    def now(self) -> datetime:
        """The time now, aware, in UTC."""


class IdSource(Protocol):
    """Makes ids."""

    def new(self) -> UUID:
        """An id that was never given before. Ids that sort by time keep indexes small; nothing relies on it."""

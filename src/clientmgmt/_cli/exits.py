"""How a command ends."""

from __future__ import annotations

__all__ = ["CANNOT_RUN", "FINE", "INTERRUPTED", "NOT_ALL_FINE", "CannotRunError"]

FINE = 0
NOT_ALL_FINE = 1
CANNOT_RUN = 2
INTERRUPTED = 130


class CannotRunError(Exception):
    """The command cannot do its work; the message is the one sentence that is shown."""

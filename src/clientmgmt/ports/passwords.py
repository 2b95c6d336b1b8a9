"""The password port: slow, salted hashes that name their scheme."""

from __future__ import annotations

from typing import Protocol

__all__ = ["PasswordHasher"]


class PasswordHasher(Protocol):
    """Hashes passwords. Slow by intent: called outside of any unit of work."""

    def hash(self, password: str, /) -> str:
        """A salted hash that names its scheme and parameters. The password is used as it is."""

    def verify(self, password: str, hashed: str, /) -> bool:
        """Whether ``password`` made ``hashed``; ``False`` also for a hash of a scheme that is not known here."""

    def outdated(self, hashed: str, /) -> bool:
        """Whether :meth:`hash` would use another scheme or other parameters today."""

"""Several password schemes at once, so that hashes move to a better one as people sign in."""

from __future__ import annotations

from clientmgmt.ports.passwords import PasswordHasher

__all__ = ["HasherChain"]


class HasherChain:
    """Hashes with ``first``; verifies with whichever of all hashers knows the hash.

    A hash of another than the first is outdated, so that a sign-in replaces it.
    """

    def __init__(self, first: PasswordHasher, /, *others: PasswordHasher) -> None:
        self._first = first
        self._all = (first, *others)

    def hash(self, password: str, /) -> str:
        """A hash of the first scheme."""
        return self._first.hash(password)

    def verify(self, password: str, hashed: str, /) -> bool:
        """Whether ``password`` made ``hashed``; ``False`` also for a hash that none of the schemes knows."""
        return any(hasher.verify(password, hashed) for hasher in self._all)

    def outdated(self, hashed: str, /) -> bool:
        """Whether the first scheme would hash differently today."""
        return self._first.outdated(hashed)

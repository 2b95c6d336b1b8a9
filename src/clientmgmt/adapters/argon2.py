"""Passwords hashed with argon2id (RFC 9106); needs the extra ``passwords``."""

from __future__ import annotations

import os
import threading

from clientmgmt.errors import ConfigurationError, InvalidInputError, MissingExtraError, Violation

try:
    import argon2
    import argon2.exceptions
except ImportError:
    _EXTRA = "passwords"
    raise MissingExtraError(_EXTRA) from None

__all__ = ["Argon2Hasher"]

_LONGEST = 4096
_MOST_ROUNDS = 16
_MOST_MEMORY = 256 * 1024
_MOST_LANES = 16
_PREFIX = "$argon2id$"


class Argon2Hasher:
    """Hashes with argon2id.

    ``rounds``, ``memory`` (KiB) and ``lanes`` are its costs; the default is RFC 9106's second recommendation,
    well above OWASP's floor of 2 rounds over 19 MiB. At most ``parallel`` hashes are made at the same time.
    Passwords are used as they are: not trimmed, not folded. More than 4096 characters are refused and never
    verified.

    Raises:
        ConfigurationError: the costs are not possible, or beyond 16 rounds, 256 MiB or 16 lanes.

    >>> hasher = Argon2Hasher(rounds=1, memory=64, lanes=1)
    >>> hashed = hasher.hash("correct horse battery staple")
    >>> hashed[:28]
    '$argon2id$v=19$m=64,t=1,p=1$'
    >>> hasher.verify("correct horse battery staple", hashed), hasher.verify("Correct", hashed)
    (True, False)
    """

    def __init__(self, rounds: int = 3, memory: int = 64 * 1024, lanes: int = 4, parallel: int = 4) -> None:
        if parallel < 1 or not _is_bearable(rounds, memory, lanes):
            message = "argon2 takes 1 to 16 rounds and lanes, 8 KiB per lane to 256 MiB, and parallel from 1"
            raise ConfigurationError(message)
        self._hasher = argon2.PasswordHasher(time_cost=rounds, memory_cost=memory, parallelism=lanes)
        self._parallel = parallel
        self._slots: dict[int, threading.Semaphore] = {}

    def hash(self, password: str, /) -> str:
        """A salted hash that names its scheme and parameters.

        Raises:
            InvalidInputError: the password has more than 4096 characters.
        """
        if len(password) > _LONGEST:
            message = f"must have at most {_LONGEST} characters"
            raise InvalidInputError([Violation("too_long", message, "password", {"limit": _LONGEST})])
        with self._slot():
            return self._hasher.hash(_encoded(password))

    def verify(self, password: str, hashed: str, /) -> bool:
        """Whether ``password`` made ``hashed``; ``False`` also for a hash of another scheme."""
        if _parsed(hashed) is None or len(password) > _LONGEST:
            return False
        try:
            with self._slot():
                return self._hasher.verify(hashed, _encoded(password))
        except (argon2.exceptions.InvalidHashError, argon2.exceptions.VerificationError):
            return False

    def outdated(self, hashed: str, /) -> bool:
        """Whether :meth:`hash` would use another scheme or other parameters today."""
        return _parsed(hashed) is None or self._hasher.check_needs_rehash(hashed)

    def _slot(self) -> threading.Semaphore:
        """The cap of this process: a forked child must not wait for threads that it does not have."""
        return self._slots.setdefault(os.getpid(), threading.Semaphore(self._parallel))


def _parsed(hashed: str) -> argon2.Parameters | None:
    if not hashed.isascii() or not hashed.startswith(_PREFIX):
        return None
    try:
        found = argon2.extract_parameters(hashed)
    except (argon2.exceptions.InvalidHashError, ValueError):
        return None
    return found if _is_bearable(found.time_cost, found.memory_cost, found.parallelism) else None


def _is_bearable(rounds: int, memory: int, lanes: int) -> bool:
    return 1 <= rounds <= _MOST_ROUNDS and 1 <= lanes <= _MOST_LANES and 8 * lanes <= memory <= _MOST_MEMORY


def _encoded(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")

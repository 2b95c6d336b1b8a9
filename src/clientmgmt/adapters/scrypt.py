"""Passwords hashed with scrypt of the standard library (RFC 7914)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import threading

import attrs

from clientmgmt.errors import ConfigurationError, InvalidInputError, Violation

__all__ = ["ScryptHasher"]

_SALT_SIZE = 16
_HASH_SIZE = 32
_LONGEST = 4096
_MOST_MEMORY = 256 * 2**20
_MOST = 16
_HASHED = re.compile(
    r"\$scrypt\$ln=(?P<ln>[1-9][0-9]?),r=(?P<r>[1-9][0-9]?),p=(?P<p>[1-9][0-9]?)"
    r"\$(?P<salt>[A-Za-z0-9+/]{22})\$(?P<hash>[A-Za-z0-9+/]{43})"
)


@attrs.frozen
class _Cost:
    """What one hash costs: ``n`` rounds over blocks of size ``r``, ``p`` times."""

    n: int
    r: int
    p: int

    def is_bearable(self) -> bool:
        """Whether it is a cost that scrypt knows and this process can bear."""
        powers = self.n >= 2 and self.n & (self.n - 1) == 0  # noqa: PLR2004 - the least power of two above one
        return powers and 1 <= self.r <= _MOST and 1 <= self.p <= _MOST and self.memory() <= _MOST_MEMORY

    def memory(self) -> int:
        """How many bytes one hash takes while it is made."""
        return 128 * self.r * (self.n + self.p + 2)


@attrs.frozen
class _Stored:
    cost: _Cost
    salt: bytes
    hash: bytes


class ScryptHasher:
    """Hashes with scrypt; its costs ``n`` (a power of two), ``r`` and ``p`` are by default those of OWASP.

    At most ``parallel`` hashes are made at the same time; each takes 128·n·r bytes, 32 MiB by default.
    Passwords are used as they are: not trimmed, not folded. More than 4096 characters are refused and never
    verified.

    Raises:
        ConfigurationError: the costs are not possible, or beyond 256 MiB, or ``r`` or ``p`` are beyond 16.

    >>> hasher = ScryptHasher(n=2**4)
    >>> hashed = hasher.hash("correct horse battery staple")
    >>> hashed[:21]
    '$scrypt$ln=4,r=8,p=3$'
    >>> hasher.verify("correct horse battery staple", hashed), hasher.verify("Correct", hashed)
    (True, False)
    """

    def __init__(self, n: int = 2**15, r: int = 8, p: int = 3, parallel: int = 4) -> None:
        self._cost = _Cost(n, r, p)
        self._parallel = parallel
        self._slots: dict[int, threading.Semaphore] = {}
        if parallel < 1 or not self._cost.is_bearable():
            message = "scrypt takes n (a power of two), r, p from 1 to 16, at most 256 MiB, and parallel from 1"
            raise ConfigurationError(message)

    def hash(self, password: str, /) -> str:
        """A salted hash that names its scheme and parameters.

        Raises:
            InvalidInputError: the password has more than 4096 characters.
        """
        if len(password) > _LONGEST:
            message = f"must have at most {_LONGEST} characters"
            raise InvalidInputError([Violation("too_long", message, "password", {"limit": _LONGEST})])
        cost, salt = self._cost, os.urandom(_SALT_SIZE)
        parameters = f"ln={cost.n.bit_length() - 1},r={cost.r},p={cost.p}"
        return f"$scrypt${parameters}${_encoded(salt)}${_encoded(self._derived(password, cost, salt))}"

    def verify(self, password: str, hashed: str, /) -> bool:
        """Whether ``password`` made ``hashed``; ``False`` also for a hash of another scheme."""
        stored = _parsed(hashed)
        if stored is None or len(password) > _LONGEST:
            return False
        return hmac.compare_digest(self._derived(password, stored.cost, stored.salt), stored.hash)

    def outdated(self, hashed: str, /) -> bool:
        """Whether :meth:`hash` would use another scheme or other parameters today."""
        stored = _parsed(hashed)
        return stored is None or stored.cost != self._cost

    def _derived(self, password: str, cost: _Cost, salt: bytes) -> bytes:
        text = password.encode("utf-8", "surrogatepass")
        with self._slot():
            return hashlib.scrypt(text, salt=salt, n=cost.n, r=cost.r, p=cost.p, maxmem=cost.memory(), dklen=_HASH_SIZE)

    def _slot(self) -> threading.Semaphore:
        """The cap of this process: a forked child must not wait for threads that it does not have."""
        return self._slots.setdefault(os.getpid(), threading.Semaphore(self._parallel))


def _parsed(hashed: str) -> _Stored | None:
    found = _HASHED.fullmatch(hashed)
    if found is None:
        return None
    cost = _Cost(1 << int(found["ln"]), int(found["r"]), int(found["p"]))
    return _Stored(cost, _decoded(found["salt"]), _decoded(found["hash"])) if cost.is_bearable() else None


def _encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))

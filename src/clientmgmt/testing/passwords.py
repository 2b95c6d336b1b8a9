"""A password hasher that costs nothing."""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest
from itertools import count

__all__ = ["FastHasher"]

SCHEME = "plain-test"


class FastHasher:
    """A :class:`~clientmgmt.ports.passwords.PasswordHasher` for tests: salted, named, far too fast.

    Args:
        rounds: only a parameter to be outdated by: hashes made with another number are.

    >>> hasher = FastHasher()
    >>> hasher.verify("secret", hasher.hash("secret")), hasher.verify("wrong", hasher.hash("secret"))
    (True, False)
    """

    def __init__(self, rounds: int = 1) -> None:
        self._rounds = rounds
        self._salts = count(1)

    def hash(self, password: str, /) -> str:
        """A hash of ``password`` with the next salt: the same in every run, never the same twice."""
        return _hashed(password, self._rounds, str(next(self._salts)))

    def verify(self, password: str, hashed: str, /) -> bool:
        """Whether ``password`` made ``hashed``."""
        scheme, _, rest = hashed.partition("$")
        rounds, _, rest = rest.partition("$")
        salt, _, _ = rest.partition("$")
        if scheme != SCHEME or not rounds.isdecimal():
            return False
        return compare_digest(_hashed(password, int(rounds), salt), hashed)

    def outdated(self, hashed: str, /) -> bool:
        """Whether ``hashed`` has another scheme or another number of rounds."""
        return not hashed.startswith(f"{SCHEME}${self._rounds}$")


def _hashed(password: str, rounds: int, salt: str) -> str:
    digest = sha256(f"{salt}${password}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"{SCHEME}${rounds}${salt}${digest}"

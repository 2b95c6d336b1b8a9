"""Keys that make a command safe to send again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import attrs

from clientmgmt.domain.value import Value
from clientmgmt.errors import InvalidInputError, Violation

__all__ = ["KeptAnswer", "check_key"]

_LONGEST = 200


@attrs.frozen(kw_only=True, repr=False, eq=False)
class KeptAnswer(Value):
    """What a command with this key answered, so that the same command again answers the same.

    ``fingerprint`` tells the same command from another one; ``answer`` is JSON, ``None`` until the command is
    through.
    """

    id: UUID
    key: str
    fingerprint: str
    answer: str | None = attrs.field(default=None, repr=False)
    at: datetime
    version: int = 1


def check_key(key: object) -> str:
    """The key, if it is one: 1 to 200 printable ASCII characters, else :class:`InvalidInputError`."""
    if isinstance(key, str) and 0 < len(key) <= _LONGEST and key.isascii() and key.isprintable():
        return key
    message = f"must be 1 to {_LONGEST} printable ASCII characters"
    raise InvalidInputError([Violation("invalid_key", message, "idempotency_key")])

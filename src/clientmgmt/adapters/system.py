"""Time and chance of the machine: the only place that asks it for either."""

from __future__ import annotations

import base64
import os
import struct
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Protocol, cast
from uuid import UUID, SafeUUID

__all__ = ["SystemClock", "Uuid7Source", "generate_key"]


class SystemClock:
    """The clock of the machine.

    >>> SystemClock().now().tzinfo
    datetime.timezone.utc
    """

    def now(self) -> datetime:
        """The time now, aware, in UTC."""
        return datetime.now(UTC)


def generate_key() -> str:
    """A new key for signing links: ``cmk1_``, its id in 8 hex digits, ``_`` and 32 random bytes in base64.

    Keep it where passwords of the application are kept; whoever has it can make links.

    >>> len(generate_key())
    57
    """
    material = base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
    return f"cmk1_{os.urandom(4).hex()}_{material}"


class _Slot(Protocol):
    def __set__(self, instance: UUID, value: object, /) -> None: ...


# UUID() spends most of its time on checking arguments; its two slots are set without that here.
_SET_INT = cast("_Slot", vars(UUID)["int"]).__set__
_SET_SAFE = cast("_Slot", vars(UUID)["is_safe"]).__set__
_new: Callable[[type[UUID]], UUID] = object.__new__

_LOW = 1 << 62
_FIXED = 7 << 76 | 2 << 62
_STEPS = struct.Struct("1024I")


class Uuid7Source:
    """UUIDs of version 7 (RFC 9562): they sort by the time at which they were made.

    Those of one source rise strictly, whichever thread takes them and however the clock is set; within one
    millisecond each is the one before plus a random step of up to 32 bits (RFC 9562, section 6.2, method 2).
    A forked child starts afresh.

    >>> ids = Uuid7Source()
    >>> first, second = ids.new(), ids.new()
    >>> first.version, first < second
    (7, True)
    """

    __slots__ = ("__weakref__", "_high", "_lock", "_low", "_millisecond", "_steps")

    _lock: threading.Lock
    _millisecond: int
    _high: int
    _low: int
    _steps: Iterator[int]

    def __init__(self) -> None:
        self._restart()
        if hasattr(os, "register_at_fork"):
            reference = weakref.ref(self)
            os.register_at_fork(after_in_child=lambda: _restart(reference))

    def new(self) -> UUID:
        """An id that was never given before."""
        now = time.time_ns() // 1_000_000
        with self._lock:
            if now > self._millisecond:
                self._begin(now)
            else:
                self._low += next(self._steps, 0) or self._refill()
                if self._low >= _LOW:
                    self._begin(self._millisecond + 1)
            value = self._high | self._low
        made = _new(UUID)
        _SET_INT(made, value)
        _SET_SAFE(made, SafeUUID.unknown)
        return made

    def _restart(self) -> None:
        self._lock = threading.Lock()
        self._steps = iter(())
        self._begin(0)

    def _begin(self, millisecond: int) -> None:
        """Draw the random bits of a millisecond; the highest of the lower 62 is kept free for steps."""
        drawn = int.from_bytes(os.urandom(10), "big")
        self._millisecond = millisecond
        self._high = millisecond << 80 | (drawn >> 68) << 64 | _FIXED
        self._low = drawn & (_LOW // 2 - 1)

    def _refill(self) -> int:
        self._steps = iter(_STEPS.unpack(os.urandom(_STEPS.size)))
        return 1 + next(self._steps)


def _restart(reference: weakref.ref[Uuid7Source]) -> None:
    source = reference()
    if source is not None:
        source._restart()  # noqa: SLF001 - called by the interpreter, not by a user

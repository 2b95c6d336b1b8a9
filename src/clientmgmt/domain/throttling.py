"""How often something was tried of late, as it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

import attrs

from clientmgmt.domain.value import Value

__all__ = ["Attempts"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNIT = timedelta(microseconds=1)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Attempts(Value):
    """When something was tried, oldest first, in microseconds since 1970. The id stands for what it was.

    From ``over_at`` on none of them counts any more.
    """

    id: UUID
    times: tuple[int, ...] = ()
    over_at: datetime
    version: int = 1

    def wait(self, limit: int, within: timedelta, *, at: datetime) -> timedelta | None:
        """How long until there may be another one; ``None`` if there may be one at once."""
        recent = self._recent(within, at)
        if len(recent) < limit:
            return None
        return min(_EPOCH + recent[-limit] * _UNIT + within - at, within)

    def note(self, limit: int, within: timedelta, *, at: datetime) -> Attempts:
        """With one more; no more are kept than ``limit``."""
        times = (*self._recent(within, at), _count(at))[-limit:]
        return attrs.evolve(self, times=tuple(sorted(times)), over_at=max(self.over_at, at + within))

    def forget(self, *, at: datetime) -> Attempts:
        """Without one of that time, if there is one."""
        times = list(self.times)
        with suppress(ValueError):
            times.remove(_count(at))
        return attrs.evolve(self, times=tuple(times))

    def _recent(self, within: timedelta, at: datetime) -> Sequence[int]:
        """Those that count: what is further ahead than they can be was noted by a clock that was wrong."""
        first, last = _count(at - within), _count(at + within)
        return [time for time in self.times if first < time <= last]


def _count(at: datetime) -> int:
    return (at - _EPOCH) // _UNIT

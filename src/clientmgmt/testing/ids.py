"""Ids that are the same in every run."""

from __future__ import annotations

from itertools import count
from uuid import UUID

__all__ = ["SequentialIds"]


class SequentialIds:
    """An :class:`~clientmgmt.ports.system.IdSource` that counts; ids sort in the order they were made.

    Safe to share by threads. Two sources with the same ``start`` make the same ids.

    >>> str(SequentialIds().new())
    '00000000-0000-4000-8000-000000000001'
    """

    def __init__(self, start: int = 1) -> None:
        self._numbers = count(start)

    def new(self) -> UUID:
        """The next id."""
        return UUID(int=next(self._numbers), version=4)

# Written by scripts/asyncify.py from _manager/group.py: change that one.
"""What the groups of a workspace have in common."""

from __future__ import annotations

from clientmgmt._manager_async.calls import Calls

__all__ = ["Group"]


class Group:
    """A part of a workspace; runs its use cases at the workspace's desk."""

    __slots__ = ("_calls",)

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

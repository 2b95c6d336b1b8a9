"""What the groups of a workspace have in common."""

from __future__ import annotations

from clientmgmt._usecases.desk import Desk

__all__ = ["Group"]


class Group:
    """A part of a workspace; runs its use cases at the workspace's desk."""

    __slots__ = ("_desk",)

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

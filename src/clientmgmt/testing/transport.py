"""The other side of a notifier, as its suite sees it: what arrived, and how it fails when it is told to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

import attrs

from clientmgmt.domain.mail import Mailbox

__all__ = ["WAIT", "Arrived", "Failure", "Transport"]

WAIT = timedelta(seconds=90)
"""What the other side asks for in :attr:`Failure.TEMPORARY_WITH_WAIT`."""


class Failure(StrEnum):
    """What can go wrong on the other side.

    ``temporary``: it says to try again later. ``temporary_with_wait``: it says to try again after :data:`WAIT` and
    not before. ``permanent``: it refuses the message for good. ``silence``: it takes the connection
    and never answers. ``lost``: it takes the whole message and closes the connection instead of answering.
    """

    TEMPORARY = "temporary"
    TEMPORARY_WITH_WAIT = "temporary_with_wait"
    PERMANENT = "permanent"
    SILENCE = "silence"
    LOST = "lost"


@attrs.frozen(kw_only=True)
class Arrived:
    """A message as it was understood on the other side, every encoding undone.

    ``key`` is what the other side tells repetitions by, ``None`` if it is told nothing. ``recipients`` are the
    addresses to which it will be delivered, whatever its text says. ``headers`` are the names of all fields that came
    along, in lower case. Line ends of ``text`` are ``\\n``; line ends at its end do not count.
    """  # noqa: D301 - shows an escape

    key: str | None
    sender: Mailbox
    to: Mailbox
    cc: tuple[Mailbox, ...] = ()
    reply_to: Mailbox | None = None
    subject: str
    text: str
    recipients: frozenset[str]
    headers: frozenset[str] = frozenset()


class Transport(Protocol):
    """What whoever tests a notifier provides: a real server in the test's process is best.

    When it refuses a message it should quote it, as the worst of servers do.
    """

    @property
    def arrived(self) -> Sequence[Arrived]:
        """The messages that were taken, in order; also those whose answer was lost."""

    def fail_next(self, failure: Failure) -> None:
        """Let the next message, and only that, meet ``failure``."""

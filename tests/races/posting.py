"""Writers and dispatchers of mail: what one process does while others do the same. Imported by processes of their own.

Writers have clocks of their own, up to half an hour wrong. Dispatchers have one that is ahead of them all, so that
whatever is written is due, and leases do not end.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

import attrs

from clientmgmt import ClientManager, ContactId, System
from clientmgmt._usecases.loading import load_person
from clientmgmt._usecases.mailing import queue_added
from clientmgmt._usecases.work import Work
from clientmgmt.adapters.sqlalchemy.unit import SQLUnitOfWork
from clientmgmt.adapters.system import SystemClock
from clientmgmt.domain import Message
from clientmgmt.ports.collections import OUTBOX
from clientmgmt.testing import FastHasher
from tests.box import KEY
from tests.races.workers import SETTINGS, Place, storage_at

__all__ = ["Post", "deliver", "write"]


@attrs.frozen
class Post:
    """A place, the folder that the processes share, how many write, and how long a letter takes."""

    place: Place
    folder: Path
    writers: int
    seconds: float = 0

    def note(self, name: str, line: str) -> None:
        with (self.folder / name).open("a") as file:
            file.write(f"{line}\n")

    def lines(self, pattern: str) -> Iterator[list[str]]:
        for path in self.folder.glob(pattern):
            yield from (line.split() for line in path.read_text().splitlines())


@attrs.frozen
class Skewed:
    """A clock that is wrong."""

    by: timedelta

    def now(self) -> datetime:
        return SystemClock().now() + self.by


LONGEST = 300.0
"""Seconds after which nobody waits for writers any more: one of them has died."""


@attrs.frozen
class Postman:
    """Notes each message when it has it, and dawdles, so that there is time for others to do wrong."""

    post: Post
    name: str

    def send(self, message: Message, /) -> None:
        self.post.note(f"sent-{self.name}", f"{time.monotonic_ns()} {message.id}")
        time.sleep(self.post.seconds)


def manager_at(post: Post, name: str, skew: timedelta) -> ClientManager:
    return ClientManager(
        storage_at(post.place.url, post.place.schema),
        secret_keys=[KEY],
        settings=SETTINGS,
        passwords=FastHasher(),
        notifier=Postman(post, name),
        clock=Skewed(skew),
    )


def write(hand: int, post: Post, contacts: Sequence[str], rounds: int) -> None:
    """Queue a notice for every contact, several times; note which came when among those about one contact.

    The number is given under the lock of the person, as real commands queue their mail.
    """
    manager = manager_at(post, "nobody", timedelta(minutes=(hand * 37) % 60 - 30))
    calls = manager._calls(post.place.tenant, System("writer"), None)  # noqa: SLF001 - no command queues a notice alone
    for number in range(rounds):
        turned = (hand * 7 + number) % len(contacts)
        for contact in (*contacts[turned:], *contacts[:turned]):
            mail, place = calls.write(_queue, ContactId(UUID(contact)))
            post.note(f"written-{hand}", f"{contact} {place} {mail}")
    post.note(f"done-{hand}", "done")


def _queue(work: Work, contact_id: ContactId) -> tuple[UUID, int]:
    person = load_person(work, contact_id, "contacts.add_many")
    number = work.uow.next_number(f"lane {contact_id}")
    (mail,) = queue_added(work, person.membership)
    return mail.id, number


def deliver(hand: int, post: Post, fault: str | None = None) -> None:
    """Send until all writers have ended and nothing is due any more."""
    manager = manager_at(post, str(hand), timedelta(hours=1))
    end = time.monotonic() + LONGEST
    with FAULTS[fault]():
        while time.monotonic() < end:
            over = len(list(post.folder.glob("done-*"))) == post.writers
            if not manager.deliver(limit=50).handled and over:
                return
    message = "the writers did not end"
    raise TimeoutError(message)


@contextmanager
def no_fault() -> Iterator[None]:
    yield


@contextmanager
def polls_after_the_last_seen() -> Iterator[None]:
    """A fault: what is claimed is what comes after the last one seen."""
    last: dict[str, Any] = {"seen": None}

    def claim(uow: SQLUnitOfWork, *_: object, limit: int, **__: object) -> tuple[Any, ...]:
        found = uow.find(OUTBOX, order=OUTBOX.created_at.asc(), after=last["seen"], limit=limit)
        if found:
            last["seen"] = (found[-1].created_at, found[-1].id)
        return found

    with patch.object(SQLUnitOfWork, "claim", claim):
        yield


@contextmanager
def claims_without_a_lease() -> Iterator[None]:
    """A fault: what is claimed looks as before, so that others claim it too."""

    def claim(uow: SQLUnitOfWork, *_: object, now: datetime, limit: int, **__: object) -> tuple[Any, ...]:
        heads: dict[str, Any] = {}
        for mail in uow.find(OUTBOX, order=OUTBOX.created_at.asc(), limit=limit):
            heads.setdefault(mail.lane, mail)
        return tuple(attrs.evolve(mail, due_at=now + timedelta(hours=1)) for mail in heads.values())

    with patch.object(SQLUnitOfWork, "claim", claim):
        yield


@contextmanager
def forgets_lanes() -> Iterator[None]:
    """A fault: whatever is due is claimed, also if an older mail about the same contact still waits."""

    def claim(uow: SQLUnitOfWork, *_: object, now: datetime, lease: timedelta, limit: int) -> tuple[Any, ...]:
        with uow.savepoint():
            rest = uow.find(OUTBOX, order=OUTBOX.created_at.desc(), limit=limit)
            due = [mail for mail in rest if mail.due_at <= now]
            held = [attrs.evolve(mail, due_at=now + lease, attempts=mail.attempts + 1) for mail in due]
            return tuple(uow.save(OUTBOX, mail) for mail in held)

    with patch.object(SQLUnitOfWork, "claim", claim):
        yield


FAULTS = {
    None: no_fault,
    "cursor polling": polls_after_the_last_seen,
    "no lease": claims_without_a_lease,
    "no lanes": forgets_lanes,
}

"""Processes that are killed, what they had said before, and what is found of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from random import random
from time import sleep
from typing import Any
from uuid import UUID

import attrs

from clientmgmt.ports import Storage
from tests.box import dump
from tests.processes import context

__all__ = ["Life", "Verdict", "begin", "judge", "lives"]

LONGEST = 0.006
"""Seconds: longer than a command takes here, so that a kill may hit any part of one."""


@attrs.define
class Life:
    """A process and what it has told."""

    process: BaseProcess
    wire: Connection
    told: list[str] = attrs.Factory(list)

    def hear(self, count: int) -> None:
        """Wait until it has told ``count`` things more, or has ended."""
        for _ in range(count):
            if not self._hear_one():
                return

    def kill(self) -> None:
        """Kill it at a random moment, and hear what it still had said."""
        sleep(LONGEST * random())  # noqa: S311 - the random moment is what is tried
        self.process.kill()
        self.end()

    def end(self) -> int:
        """Hear it out; its exit code."""
        while self._hear_one():
            pass
        self.process.join(timeout=120)
        self.wire.close()
        code = self.process.exitcode
        assert code is not None
        return code

    def _hear_one(self) -> bool:
        try:
            self.told.append(self.wire.recv_bytes().decode())
        except (EOFError, OSError):
            return False
        return True


def begin(work: Callable[..., None], *args: object, **options: object) -> Life:
    """A process that does ``work`` with the other end of the wire and these arguments."""
    ours, theirs = context().Pipe(duplex=False)
    process = context().Process(target=work, args=(theirs, *args), kwargs=options)
    process.start()
    theirs.close()
    return Life(process, ours)


@contextmanager
def lives(count: int, work: Callable[..., None], *args: object, **options: object) -> Iterator[list[Life]]:
    """``count`` processes that do the same; none is left afterwards."""
    found = [begin(work, *args, **options) for _ in range(count)]
    try:
        yield found
    finally:
        for life in found:
            if life.process.is_alive():
                life.process.kill()
            life.process.join()
            life.wire.close()


@attrs.frozen
class Verdict:
    """How many commands were acknowledged, how many of these are lost, how many are there by halves."""

    acknowledged: int = 0
    lost: int = 0
    torn: int = 0

    def __add__(self, other: Verdict) -> Verdict:
        return Verdict(self.acknowledged + other.acknowledged, self.lost + other.lost, self.torn + other.torn)


def judge(storage: Storage, tenant: str, told: list[str]) -> Verdict:
    """Look at everything in the tenant: each command left all of its rows or none."""
    stored: Mapping[str, tuple[Any, ...]] = dump(storage, tenant)
    audit: dict[str, set[object]] = {}
    for entry in stored["audit"]:
        audit.setdefault(entry.action, set()).add(entry.subject)
    clients = [{row.id for row in stored["clients"]}, audit.get("client_added", set())]
    users = {row.id for row in stored["users"]}
    contacts = [
        {row.id for row in stored["memberships"]},
        {row.id for row in stored["memberships"] if row.user_id in users},
        {row.contact_id for row in stored["invitations"]},
        {row.about for row in stored["outbox"]},
        audit.get("contact_added", set()),
        audit.get("contact_invited", set()),
    ]
    strays = users - {row.user_id for row in stored["memberships"]}
    there = set.intersection(*clients) | set.intersection(*contacts)
    acknowledged = {UUID(line.split()[1]) for line in told}
    torn = sum(len(set.union(*parts) - set.intersection(*parts)) for parts in (clients, contacts))
    return Verdict(len(acknowledged), len(acknowledged - there), torn + len(strays))

"""Runs use cases for one actor in one tenant, each in a unit of work of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Concatenate, ParamSpec, TypeVar

import attrs

from clientmgmt._usecases.authorize import OutOfSight
from clientmgmt._usecases.work import Recorded, Wiring, Work
from clientmgmt.domain.actors import Actor, ClientUser, Stranger
from clientmgmt.domain.audit import AuditEntry
from clientmgmt.domain.events import Event
from clientmgmt.domain.ids import AuditEntryId
from clientmgmt.errors import ClientMgmtError, ForbiddenError, NotFoundError, TransactionConflictError
from clientmgmt.ports.collections import AUDIT

__all__ = ["Desk"]

P = ParamSpec("P")
R = TypeVar("R")

_TRIES = 8
_FIRST_WAIT = 0.01


@attrs.frozen(repr=False, eq=False)
class Desk:
    """Where use cases run. A unit that loses against a concurrent one is run again, from its beginning.

    Waits between the tries grow and are random, so that two who met do not meet again; the number of tries is
    bounded. A denial is written to the audit trail in a unit of its own, outside the one that was refused.
    """

    wiring: Wiring
    tenant: str
    actor: Actor | Stranger

    def read(self, use_case: Callable[Concatenate[Work, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a use case that only reads."""
        return self._run(lambda work: use_case(work, *args, **kwargs), read_only=True)

    def write(self, use_case: Callable[Concatenate[Work, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a use case that may write; its events are audited with it and announced after the commit."""
        return self._run(lambda work: use_case(work, *args, **kwargs), read_only=False)

    def _run(self, use_case: Callable[[Work], R], *, read_only: bool) -> R:
        try:
            for attempt in range(_TRIES - 1):
                try:
                    return self._once(use_case, read_only=read_only)
                except TransactionConflictError:
                    _wait(attempt)
            return self._once(use_case, read_only=read_only)
        except ForbiddenError as error:
            self._audit_denial(error.permission)
            raise
        except OutOfSight as hidden:
            self._audit_denial(hidden.permission)
            raise NotFoundError(hidden.kind) from None

    def _once(self, use_case: Callable[[Work], R], *, read_only: bool) -> R:
        with self.wiring.storage.unit_of_work(self.tenant, read_only=read_only) as uow:
            work = Work(self.wiring, uow, tenant=self.tenant, actor=self.actor)
            try:
                result: R | ClientMgmtError = use_case(work)
            except Recorded as recorded:
                result = recorded.error
            work.write_audit()
        if self.wiring.on_commit is not None and work.events:
            _announce(self.wiring.on_commit, tuple(work.events))
        if isinstance(result, ClientMgmtError):
            raise result
        return result

    def _audit_denial(self, permission: str) -> None:
        impersonator = self.actor.impersonated_by if isinstance(self.actor, ClientUser) else None
        entry = AuditEntry(
            id=AuditEntryId(self.wiring.ids.new()),
            at=self.wiring.clock.now(),
            actor=str(self.actor if impersonator is None else impersonator),
            on_behalf_of=None if impersonator is None else str(self.actor),
            action="denied",
            client_id=None,
            subject=None,
            new={"permission": permission},
        )
        with self.wiring.storage.unit_of_work(self.tenant) as uow:
            uow.add(AUDIT, entry)


def _announce(listener: Callable[[Sequence[Event]], None], events: Sequence[Event]) -> None:
    """Tell the host; what is committed is not undone, and does not look undone, because its listener fails."""
    try:
        listener(events)
    except Exception:
        import logging  # noqa: PLC0415 - slow to load

        logging.getLogger("clientmgmt").exception("on_commit failed; the unit of work is committed")


def _wait(attempt: int) -> None:
    from random import random  # noqa: PLC0415 - seldom needed, and slow to load

    time.sleep(_FIRST_WAIT * 2**attempt * random())  # noqa: S311 - spreads, hides nothing

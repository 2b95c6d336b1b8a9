"""Runs use cases for one actor in one tenant, each in a unit of work of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

import attrs

from clientmgmt._usecases.idempotency import Once, fingerprint, once
from clientmgmt._usecases.reach import OutOfSight
from clientmgmt._usecases.steps import Announce, Pause, Steps, in_unit
from clientmgmt._usecases.telemetry import count
from clientmgmt._usecases.work import Recorded, Wiring, Work, named
from clientmgmt.domain.actors import Actor, Stranger
from clientmgmt.domain.audit import AuditEntry
from clientmgmt.domain.events import Event
from clientmgmt.domain.idempotency import check_key
from clientmgmt.domain.ids import AuditEntryId
from clientmgmt.errors import (
    ClientMgmtError,
    CommitUnknownError,
    ForbiddenError,
    NotFoundError,
    StorageError,
    TransactionConflictError,
)
from clientmgmt.ports.collections import AUDIT
from clientmgmt.ports.storage import ReferenceViolation, StaleVersion, UniqueViolation, UnitOfWork

__all__ = ["Desk"]

P = ParamSpec("P")
R = TypeVar("R")

_TRIES = 8
_FIRST_WAIT = 0.01
_FACTS = (UniqueViolation, ReferenceViolation, StaleVersion)
"""Conflicts that a look at what is committed now resolves, also inside a transaction that goes on."""


def _never() -> bool:
    return False


@attrs.frozen(repr=False, eq=False)
class Desk:
    """Where use cases run. A unit that loses against a concurrent one is run again, from its beginning.

    Waits between the tries grow and are random, so that two who met do not meet again; the number of tries is
    bounded. A denial is written to the audit trail in a unit of its own, outside the one that was refused.

    ``joined`` says whether units are part of a larger transaction now: then a conflict that has spoilt that whole
    transaction is for its owner to deal with, and so is telling listeners of a commit.
    """

    wiring: Wiring
    tenant: str
    actor: Actor | Stranger
    joined: Callable[[], bool] = _never

    def read(self, use_case: Callable[Concatenate[Work, P], R], /, *args: P.args, **kwargs: P.kwargs) -> Steps[R]:
        """Run a use case that only reads."""
        return self._run(_bound(use_case, args, kwargs), read_only=True)

    def write(self, use_case: Callable[Concatenate[Work, P], R], /, *args: P.args, **kwargs: P.kwargs) -> Steps[R]:
        """Run a use case that may write; its events are audited with it and announced after the commit."""
        return self._run(_bound(use_case, args, kwargs), read_only=False)

    def write_once(
        self,
        key: str | None,
        operation: str,
        kind: type[R],
        use_case: Callable[Concatenate[Work, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Steps[R]:
        """Run a use case that may write; with a key, run it once and answer the same from then on.

        ``operation`` is what an actor must be allowed who is answered the second time, ``kind`` the type of the answer.
        """
        run = _bound(use_case, args, kwargs)
        if key is None:
            return self._run(run, read_only=False)
        told_apart_by = fingerprint(use_case.__name__, self.actor, run.args, run.keywords)
        command = Once(key=check_key(key), fingerprint=told_apart_by, kind=kind, operation=operation)
        return self._run(lambda work: once(work, command, run), read_only=False, repeatable=True)

    def write_aside(
        self, use_case: Callable[Concatenate[Work, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Steps[R]:
        """Run a use case apart from any transaction that is open, because what it writes must outlive a refusal."""
        return self._run(_bound(use_case, args, kwargs), read_only=False, aside=True)

    def _run(
        self, use_case: Callable[[Work], R], *, read_only: bool, aside: bool = False, repeatable: bool = False
    ) -> Steps[R]:
        try:
            for attempt in range(_TRIES - 1):
                try:
                    return (yield from self._once(use_case, read_only=read_only, aside=aside))
                except (TransactionConflictError, CommitUnknownError) as conflict:
                    if not self._may_repeat(conflict, has_key=repeatable):
                        raise
                    count("clientmgmt.conflicts")
                yield Pause(_wait(attempt))
            return (yield from self._once(use_case, read_only=read_only, aside=aside))
        except ForbiddenError as error:
            yield from self._audit_denial(error.permission)
            raise
        except OutOfSight as hidden:
            yield from self._audit_denial(hidden.permission)
            raise NotFoundError(hidden.kind) from None

    def _may_repeat(self, conflict: StorageError, *, has_key: bool) -> bool:
        if isinstance(conflict, CommitUnknownError):
            return has_key
        return isinstance(conflict, _FACTS) or not self.joined()

    def _once(self, use_case: Callable[[Work], R], *, read_only: bool, aside: bool) -> Steps[R]:
        def unit(uow: UnitOfWork) -> tuple[R | ClientMgmtError, list[Event]]:
            work = Work(self.wiring, uow, tenant=self.tenant, actor=self.actor)
            try:
                result: R | ClientMgmtError = use_case(work)
            except Recorded as recorded:
                result = recorded.error
            work.write_down()
            return result, work.events

        result, events = yield from in_unit(self.tenant, unit, read_only=read_only, aside=aside)
        if events and self.wiring.on_commit is not None:
            yield Announce(events)
        if isinstance(result, ClientMgmtError):
            raise result
        return result

    def _audit_denial(self, permission: str) -> Steps[None]:
        actor, on_behalf_of = named(self.actor)
        entry = AuditEntry(
            id=AuditEntryId(self.wiring.ids.new()),
            at=self.wiring.clock.now(),
            actor=actor,
            on_behalf_of=on_behalf_of,
            action="denied",
            client_id=None,
            subject=None,
            new={"permission": permission},
        )
        yield from in_unit(self.tenant, lambda uow: uow.add(AUDIT, entry), aside=True)


@attrs.frozen(eq=False)
class _Bound(Generic[R]):
    """A use case with its arguments; iterators among them are read, because it may have to run again."""

    use_case: Callable[..., R]
    args: tuple[Any, ...]
    keywords: Mapping[str, Any]

    def __call__(self, work: Work) -> R:
        return self.use_case(work, *self.args, **self.keywords)


def _bound(use_case: Callable[..., R], args: tuple[Any, ...], keywords: Mapping[str, Any]) -> _Bound[R]:
    return _Bound(use_case, tuple(map(_read, args)), {name: _read(value) for name, value in keywords.items()})


def _read(value: object) -> object:
    return tuple(value) if isinstance(value, Iterator) else value


def _wait(attempt: int) -> float:
    from random import random  # noqa: PLC0415 - seldom needed, and slow to load

    return _FIRST_WAIT * (1 << attempt) * random()  # noqa: S311 - spreads, hides nothing

"""Performs use cases: step by step, each where it belongs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

import attrs

from clientmgmt._manager.driver import OpenUnit, ask, handle, open_unit, owner, pause, run_unit, send, slow
from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.steps import Announce, Ask, Handle, Send, Slow, Step, Steps, Unit
from clientmgmt._usecases.telemetry import observed
from clientmgmt._usecases.work import Work
from clientmgmt.domain.actors import Actor, Stranger
from clientmgmt.domain.events import Event
from clientmgmt.errors import TransactionError
from clientmgmt.ports.storage import Storage, UnitOfWork

__all__ = ["Calls", "Stores"]

P = ParamSpec("P")
R = TypeVar("R")


@attrs.frozen(repr=False, eq=False)
class Stores:
    """Where the units of a manager's calls run, and who is inside a transaction of several calls.

    ``storage`` is asked by use cases; ``own`` is the manager's, for what must outlive a refusal.
    """

    storage: Storage
    own: Storage
    inside: set[tuple[int, object]] = attrs.field(factory=set)

    def joined(self) -> bool:
        """Whether units are part of a transaction of the host now."""
        return self.storage.in_host_transaction

    def aside(self) -> Storage:
        """Where to write apart: in the host's transaction where it keeps all other writers out."""
        waits_for_itself = self.storage.in_host_transaction and self.storage.exclusive
        return self.storage if waits_for_itself else self.own


@attrs.define(repr=False, eq=False)
class Transaction:
    """A unit of work that several calls share, whose it is, and what is to be done when it has ended."""

    unit: OpenUnit
    owner: object
    events: list[Event] = attrs.field(factory=list)
    denials: list[Unit] = attrs.field(factory=list)
    has_ended: bool = False


class Calls:
    """The calls of one actor in one tenant: each a unit of work, or a part of an open one."""

    __slots__ = ("_stores", "_transaction", "desk")

    def __init__(self, desk: Desk, stores: Stores, transaction: Transaction | None = None) -> None:
        self.desk: Desk = desk
        self._stores = stores
        self._transaction = transaction

    def read(self, use_case: Callable[Concatenate[Work, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a use case that only reads."""
        return self.run(self.desk.read(use_case, *args, **kwargs), use_case.__name__)

    def write(self, use_case: Callable[Concatenate[Work, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a use case that may write."""
        return self.run(self.desk.write(use_case, *args, **kwargs), use_case.__name__)

    def write_once(
        self,
        key: str | None,
        operation: str,
        kind: type[R],
        use_case: Callable[Concatenate[Work, P], R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a use case that may write; with a key, once."""
        steps = self.desk.write_once(key, operation, kind, use_case, *args, **kwargs)
        return self.run(steps, use_case.__name__)

    def acting_as(self, actor: Actor | Stranger) -> Calls:
        """The same for another actor."""
        return Calls(attrs.evolve(self.desk, actor=actor), self._stores, self._transaction)

    def alone(self) -> Calls:
        """The same on the manager's own storage: never part of a transaction of the host."""
        stores = attrs.evolve(self._stores, storage=self._stores.own)
        return Calls(attrs.evolve(self.desk, joined=stores.joined), stores)

    def run(self, steps: Steps[R], name: str | None = None) -> R:
        """Perform one step after the other; errors go where the step was asked for."""
        steps = observed(name or str(getattr(steps, "__name__", "call")), self.desk.tenant, steps)
        try:
            step = next(steps)
            while True:
                try:
                    answer = self._do(step)
                except BaseException as error:  # noqa: BLE001 - whatever it is, the use case may have to tidy up
                    step = steps.throw(error)
                else:
                    step = steps.send(answer)
        except StopIteration as end:
            result: R = end.value
            return result

    @contextmanager
    def transaction(self) -> Iterator[Calls]:
        """Calls that share one unit of work; when it has ended, denials are written and listeners hear of it."""
        if self._transaction is not None:
            message = "this workspace is inside a transaction already: go on with it"
            raise TransactionError(message)
        here = self._outside()
        denials = list[Unit]()
        try:
            with open_unit(self._stores.storage, self.desk.tenant) as unit:
                transaction = Transaction(unit, owner(), denials=denials)
                self._stores.inside.add(here)
                try:
                    desk = attrs.evolve(self.desk, joined=lambda: True)
                    yield Calls(desk, self._stores, transaction)
                finally:
                    self._stores.inside.discard(here)
                    transaction.has_ended = True
            self._announce(transaction.events)
        finally:
            self._record(denials)

    def _do(self, step: Step) -> Any:  # noqa: ANN401 - each step has an answer of its own
        answer: Any = None
        match step:
            case Unit():
                answer = self._unit(step)
            case Slow(call):
                answer = slow(call)
            case Ask(call):
                answer = ask(self._stores.own, call)
            case Send(notifier, message):
                send(notifier, message)
            case Handle(handler, event):
                handle(handler, event)
            case Announce(events):
                self._announce(events)
            case _:
                pause(step.seconds)
        return answer

    def _unit(self, unit: Unit) -> Any:  # noqa: ANN401 - whatever its work answers
        if self._transaction is None:
            self._outside()
            return run_unit(self._stores.aside() if unit.aside else self._stores.storage, unit)
        self._transaction_is_ours(self._transaction)
        if unit.aside:
            self._transaction.denials.append(unit)
            return None
        return self._transaction.unit.run(unit.work if unit.read_only else _contained(unit.work))

    def _transaction_is_ours(self, transaction: Transaction) -> None:
        if transaction.has_ended:
            message = "this transaction has ended"
            raise TransactionError(message)
        if transaction.owner != owner():
            message = "a transaction belongs to the thread or task that began it"
            raise TransactionError(message)

    def _outside(self) -> tuple[int, object]:
        """Whose call this is; ``TransactionError`` if they have a transaction open, which it would slip out of."""
        here = (id(self._stores.storage), owner())
        if here in self._stores.inside:
            message = "a transaction is open here: call the workspace that `with … as` gave"
            raise TransactionError(message)
        return here

    def _record(self, denials: Sequence[Unit]) -> None:
        """Write denials down; what became of the transaction does not look different because that fails."""
        for denial in denials:
            try:
                run_unit(self._stores.aside(), denial)
            except Exception:
                import logging  # noqa: PLC0415 - slow to load

                logging.getLogger("clientmgmt").exception("a denial could not be written to the audit trail")

    def _announce(self, events: Sequence[Event]) -> None:
        """Tell the host; what is committed is not undone, and does not look undone, because its listener fails."""
        listener = self.desk.wiring.on_commit
        if self._transaction is not None:
            self._transaction.events.extend(events)
        elif listener is not None and events and not self._stores.joined():
            try:
                listener(tuple(events))
            except Exception:
                import logging  # noqa: PLC0415 - slow to load

                logging.getLogger("clientmgmt").exception("on_commit failed; the unit of work is committed")


def _contained(work: Callable[[UnitOfWork], R]) -> Callable[[UnitOfWork], R]:
    """A refused call leaves nothing behind, and the unit usable."""

    def contained(uow: UnitOfWork) -> R:
        with uow.savepoint():
            return work(uow)

    return contained

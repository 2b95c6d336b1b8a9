"""State machines as tables. Knows no client: only states, triggers and the steps between them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Generic, TypeVar

import attrs

from clientmgmt.errors import ConfigurationError, IllegalTransitionError

__all__ = ["Lifecycle", "Transition"]

S = TypeVar("S", bound=Enum)
T = TypeVar("T", bound=Enum)


@attrs.frozen(repr=False, eq=False)
class Transition(Generic[S, T]):
    """One row: in ``source``, ``trigger`` leads to ``target``."""

    source: S
    trigger: T
    target: S


class Lifecycle(Generic[S, T]):
    """A table of transitions; the pair (source, trigger) has one target.

    ``initial`` is where a thing starts. A pair that stands twice, or a state that cannot be reached, is refused
    when the table is built (``ConfigurationError``).
    """

    __slots__ = ("_targets", "initial", "name", "transitions")

    def __init__(self, name: str, initial: S, transitions: Iterable[Transition[S, T]]) -> None:
        self.name: str = name
        self.initial: S = initial
        self.transitions: tuple[Transition[S, T], ...] = tuple(transitions)
        self._targets = {(row.source, row.trigger): row.target for row in self.transitions}
        self._check()

    def target(self, state: S, trigger: T) -> S:
        """Where ``trigger`` leads from ``state``; :class:`IllegalTransitionError` names what would be legal."""
        try:
            return self._targets[state, trigger]
        except KeyError:
            legal = tuple(str(known.value) for known in self.legal(state))
            raise IllegalTransitionError(self.name, str(state.value), str(trigger.value), legal) from None

    def allows(self, state: S, trigger: T) -> bool:
        """Whether ``trigger`` leads anywhere from ``state``."""
        return (state, trigger) in self._targets

    def legal(self, state: S) -> tuple[T, ...]:
        """The triggers that ``state`` knows, in the order of the table."""
        return tuple(row.trigger for row in self.transitions if row.source is state)

    def to_mermaid(self) -> str:
        """The table as a mermaid state diagram, a line per transition."""
        rows = (f"    {row.source.value} --> {row.target.value}: {row.trigger.value}" for row in self.transitions)
        return "\n".join(["stateDiagram-v2", f"    [*] --> {self.initial.value}", *rows, ""])

    def _check(self) -> None:
        if len(self._targets) != len(self.transitions):
            message = f"lifecycle {self.name}: a pair of state and trigger stands twice"
            raise ConfigurationError(message)
        reached = {self.initial}
        while found := {row.target for row in self.transitions if row.source in reached} - reached:
            reached |= found
        if lost := set(type(self.initial)) - reached:
            message = f"lifecycle {self.name}: nothing leads to {sorted(str(state.value) for state in lost)}"
            raise ConfigurationError(message)

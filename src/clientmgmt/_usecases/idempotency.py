"""Commands that may be sent again: with the same key they have one effect and the same answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from hashlib import sha256
from typing import TypeVar

import attrs

from clientmgmt._usecases.texts import from_json, to_json
from clientmgmt._usecases.work import Work
from clientmgmt.domain.idempotency import KeptAnswer
from clientmgmt.errors import IdempotencyConflictError, TransactionConflictError, Violation
from clientmgmt.ports.collections import KEPT_ANSWERS

__all__ = ["fingerprint", "once"]

R = TypeVar("R")


def fingerprint(command: str, actor: object, args: tuple[object, ...], kwargs: Mapping[str, object]) -> str:
    """What tells a command from all others: its name, who gives it, and its arguments."""
    text = json.dumps([command, str(actor), args, kwargs], default=_plain, sort_keys=True, skipkeys=True)
    return sha256(text.encode()).hexdigest()


def once(work: Work, key: str, print_: str, kind: type[R], use_case: Callable[[Work], R]) -> R:
    """The kept answer if the command was through, else run it and keep its answer, in the same unit of work.

    The key is written first: whoever sends it at the same time waits, and finds the answer.
    """
    kept = _claimed(work, key, print_)
    if kept.answer is not None:
        return from_json(kind, kept.answer)
    result = use_case(work)
    work.uow.save(KEPT_ANSWERS, attrs.evolve(kept, answer=to_json(result)))
    return result


def _claimed(work: Work, key: str, print_: str) -> KeptAnswer:
    new = KeptAnswer(id=work.wiring.ids.new(), key=key, fingerprint=print_, at=work.now)
    if work.uow.add_if_absent(KEPT_ANSWERS, new):
        return new
    found = work.uow.find(KEPT_ANSWERS, KEPT_ANSWERS.key.eq(key))
    if not found:
        message = "the idempotency key was pruned meanwhile"
        raise TransactionConflictError(message)
    kept = found[0]
    if kept.at <= work.now - work.settings.rules.retention.idempotency_keys:
        return work.uow.save(KEPT_ANSWERS, attrs.evolve(kept, fingerprint=print_, answer=None, at=work.now))
    if kept.fingerprint != print_:
        message = "was used for another command, or with other arguments"
        raise IdempotencyConflictError([Violation("idempotency_conflict", message, "idempotency_key")])
    return kept


def _plain(value: object) -> object:
    """Arguments are compared before they are checked, so anything may be among them."""
    match value:
        case Mapping():
            return dict(value)
        case AbstractSet():
            return sorted(map(str, value))
        case Iterable():
            return list(value)
        case _:
            return f"{type(value).__name__} {value}"

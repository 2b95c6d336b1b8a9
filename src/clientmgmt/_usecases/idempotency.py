"""Commands that may be sent again: with the same key they have one effect and the same answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Generic, TypeVar

import attrs

from clientmgmt._usecases.authorize import authorize
from clientmgmt._usecases.texts import from_json, to_json
from clientmgmt._usecases.work import Recorded, Work
from clientmgmt.domain.actors import ClientUser
from clientmgmt.domain.idempotency import KeptAnswer
from clientmgmt.domain.ids import ClientId
from clientmgmt.domain.results import BulkResult
from clientmgmt.domain.value import Value
from clientmgmt.errors import IdempotencyConflictError, InvalidInputError, TransactionConflictError, Violation
from clientmgmt.ports.collections import KEPT_ANSWERS

__all__ = ["Once", "fingerprint", "once"]

R = TypeVar("R")


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Once(Generic[R]):
    """A command with a key: what tells it from others, what it answers, and which operation it is."""

    key: str
    fingerprint: str
    kind: type[R]
    operation: str


def fingerprint(command: str, actor: object, args: tuple[object, ...], kwargs: Mapping[str, object]) -> str:
    """What tells a command from all others: its name, who gives it, and its arguments.

    ``InvalidInputError`` for arguments that cannot be compared, such as a list that holds itself.
    """
    from hashlib import sha256  # noqa: PLC0415 - slow to load

    try:
        text = json.dumps([command, str(actor), _plain(args), _plain(kwargs)])
    except (RecursionError, TypeError, ValueError):
        message = "cannot be kept for arguments such as these"
        raise InvalidInputError([Violation("not_comparable", message, "idempotency_key")]) from None
    return sha256(text.encode()).hexdigest()


def once(work: Work, command: Once[R], use_case: Callable[[Work], R]) -> R:
    """The kept answer if the command was through, else run it and keep its answer, in the same unit of work.

    The key is written first: whoever sends it at the same time waits, and finds the answer. A refused command leaves
    its key free, whatever else it leaves behind.
    """
    kept = _claimed(work, command)
    if kept.answer is not None:
        answer = from_json(command.kind, kept.answer)
        client_id = _client_of(answer)
        authorize(work, command.operation, client_id, client_id=client_id)
        return answer
    try:
        result = use_case(work)
    except Recorded:
        work.uow.remove(KEPT_ANSWERS, kept.id)
        raise
    work.uow.save(KEPT_ANSWERS, attrs.evolve(kept, answer=to_json(result)))
    return result


def _client_of(answer: object) -> ClientId | None:
    """Whose an answer is, if it is about one client."""
    rows = answer.ok if isinstance(answer, BulkResult) else ()
    shown = rows[0].value if rows else answer
    found: ClientId | None = getattr(shown, "client_id", None)
    return found


def _name(work: Work, key: str) -> str:
    """What a key is kept by. Those of a client's user are its own: nobody learns of, or takes, another one's."""
    actor = work.actor
    return f"{actor} {actor.client_id or '-'} {key}" if isinstance(actor, ClientUser) else key


def _claimed(work: Work, command: Once[R]) -> KeptAnswer:
    name = _name(work, command.key)
    new = KeptAnswer(id=work.wiring.ids.new(), key=name, fingerprint=command.fingerprint, at=work.now)
    if work.uow.add_if_absent(KEPT_ANSWERS, new):
        return new
    found = work.uow.find(KEPT_ANSWERS, KEPT_ANSWERS.key.eq(name))
    if not found:
        message = "the idempotency key was pruned meanwhile"
        raise TransactionConflictError(message)
    kept = found[0]
    if kept.at <= work.now - work.settings.rules.retention.idempotency_keys:
        renewed = attrs.evolve(kept, fingerprint=command.fingerprint, answer=None, at=work.now)
        return work.uow.save(KEPT_ANSWERS, renewed)
    if kept.fingerprint != command.fingerprint:
        message = "was used for another command, with other arguments, or by somebody else"
        raise IdempotencyConflictError([Violation("idempotency_conflict", message, "idempotency_key")])
    return kept


def _plain(value: object) -> object:
    """Arguments are compared before they are checked, so anything may be among them."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {"items": _sorted([key, part] for key, part in value.items())}
        case AbstractSet():
            return _sorted(value)
        case Value():
            fields = {field.name: getattr(value, field.name) for field in value.__attrs_attrs__}
            return {type(value).__name__: _plain(fields)}
        case Iterable() if not isinstance(value, bytes):
            return [_plain(part) for part in value]
        case _:
            return {type(value).__name__: str(value)}


def _sorted(parts: Iterable[object]) -> list[object]:
    return sorted(map(_plain, parts), key=json.dumps)

"""How often strangers may try: counted before anything is read, and whether or not what they try succeeds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from hashlib import blake2b
from uuid import UUID

from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.steps import Steps, slowly
from clientmgmt._usecases.work import Work
from clientmgmt.domain.actors import Stranger
from clientmgmt.domain.throttling import Attempts
from clientmgmt.errors import RateLimitedError
from clientmgmt.ports.collections import ATTEMPTS
from clientmgmt.ports.throttle import Quota

__all__ = ["allow_password", "allow_reset", "give_back"]

Taken = tuple[tuple[Quota, ...], datetime]
"""What was counted, and when."""


def allow_reset(desk: Desk, email_key: str) -> Steps[None]:
    """Count a request to reset the password of an address; ``RateLimitedError`` if there were too many."""
    rules = desk.wiring.settings(desk.tenant).rules.throttle
    yield from _take(
        desk,
        Quota(key=f"reset address {email_key}", limit=rules.resets, within=rules.resets_within),
        Quota(key=f"reset origin {_origin(desk)}", limit=rules.resets_per_origin, within=rules.resets_within),
    )


def allow_password(desk: Desk, email_key: str) -> Steps[Taken]:
    """Count a password that is about to be checked; ``RateLimitedError`` if too many were wrong.

    Counted before, so that many who try at once are not all let through; one that is right is given back.
    """
    rules = desk.wiring.settings(desk.tenant).rules.throttle
    within = rules.failures_within
    return (
        yield from _take(
            desk,
            Quota(key=f"password address {email_key}", limit=rules.failures, within=within),
            Quota(key=f"password origin {_origin(desk)}", limit=rules.failures_per_origin, within=within),
        )
    )


def give_back(desk: Desk, taken: Taken) -> Steps[None]:
    """Forget a try that was none of those that are limited."""
    throttle = desk.wiring.throttle
    if throttle is None:
        yield from desk.write_aside(_forget, *taken)
    else:
        yield from slowly(partial(throttle.give_back, desk.tenant, *taken))


def _take(desk: Desk, *quotas: Quota) -> Steps[Taken]:
    throttle, at = desk.wiring.throttle, desk.wiring.clock.now()
    if throttle is None:
        wait = yield from desk.write_aside(_count, quotas, at)
    else:
        wait = yield from slowly(partial(throttle.take, desk.tenant, quotas, at))
    if wait is not None:
        raise RateLimitedError(wait)
    return quotas, at


def _count(work: Work, quotas: Sequence[Quota], at: datetime) -> timedelta | None:
    """Rows are locked in the order of their ids; a first try makes its row, and whoever else does so tries again."""
    ids = {quota.key: _id(quota) for quota in quotas}
    known = work.uow.get_many(ATTEMPTS, ids.values(), lock=True)
    attempts = {quota: known.get(ids[quota.key], Attempts(id=ids[quota.key], over_at=at)) for quota in quotas}
    waits = [attempts[quota].wait(quota.limit, quota.within, at=at) for quota in quotas]
    if too_many := [wait for wait in waits if wait is not None]:
        return max(too_many)
    for quota in sorted(quotas, key=_id):
        noted = attempts[quota].note(quota.limit, quota.within, at=at)
        if noted.id in known:
            work.uow.save(ATTEMPTS, noted)
        else:
            work.uow.add(ATTEMPTS, noted)
    return None


def _forget(work: Work, quotas: Sequence[Quota], at: datetime) -> None:
    for attempts in work.uow.get_many(ATTEMPTS, map(_id, quotas), lock=True).values():
        work.uow.save(ATTEMPTS, attempts.forget(at=at))


def _id(quota: Quota) -> UUID:
    """Made of the key, which is not stored: strangers type what they want."""
    return UUID(bytes=blake2b(quota.key.encode("utf-8", "surrogatepass"), digest_size=16).digest())


def _origin(desk: Desk) -> str:
    return desk.actor.origin if isinstance(desk.actor, Stranger) else str(desk.actor)

"""What has to be done from time to time: removing what was kept for long enough."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import attrs

from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.steps import Steps, tenants_of
from clientmgmt._usecases.work import Wiring, Work
from clientmgmt.domain.actors import System
from clientmgmt.domain.form import Form
from clientmgmt.domain.people import Invitation
from clientmgmt.domain.results import UpkeepReport
from clientmgmt.domain.rules import RetentionRules
from clientmgmt.errors import Violation
from clientmgmt.ports.collections import DELIVERIES, FEED, INVITATIONS, KEPT_ANSWERS, LOGINS, MEMBERSHIPS
from clientmgmt.ports.storage import Collection, Ordered

__all__ = ["JOBS", "upkeep"]

_BATCH = 500

Mark: TypeAlias = tuple[object, UUID]


@attrs.frozen(eq=False, repr=False)
class Job:
    """Removes entities that are older than a rule says: their time, the rule, and which of them may go."""

    collection: Collection[Any]
    at: Ordered[Any, datetime]
    rule: Callable[[RetentionRules], Any]
    removable: Callable[[Work, Sequence[Any]], Iterable[UUID]] = lambda _, found: (one.id for one in found)


def _dead_links(work: Work, invitations: Sequence[Invitation]) -> Iterable[UUID]:
    """The latest invitation of a contact says in which state the contact is, so that one stays."""
    contacts = work.uow.get_many(MEMBERSHIPS, {invitation.contact_id for invitation in invitations})
    latest = {contact.invitation_id for contact in contacts.values()}
    return (invitation.id for invitation in invitations if invitation.id not in latest)


JOBS: Mapping[str, Job] = {
    "idempotency_keys": Job(KEPT_ANSWERS, KEPT_ANSWERS.at, lambda rules: rules.idempotency_keys),
    "links": Job(INVITATIONS, INVITATIONS.expires_at, lambda rules: rules.links, _dead_links),
    "deliveries": Job(DELIVERIES, DELIVERIES.at, lambda rules: rules.deliveries),
    "logins": Job(LOGINS, LOGINS.at, lambda rules: rules.logins),
    "feed": Job(FEED, FEED.at, lambda rules: rules.feed),
}
"""By the name of the rule."""


def upkeep(wiring: Wiring, *, only: Iterable[str] | None, tenants: Iterable[str] | None) -> Steps[UpkeepReport]:
    """Do the named jobs, or all, for the named tenants, or all: some hundred entities in a unit of work each."""
    form = Form()
    names = tuple(JOBS) if only is None else tuple(map(str, form.items("only", only)))
    wanted = None if tenants is None else tuple(map(str, form.items("tenants", tenants)))
    unknown = [name for name in names if name not in JOBS]
    form.note(Violation("unknown_name", f"must be some of {', '.join(JOBS)}", "only") for _ in unknown[:1])
    form.check()
    removed = dict.fromkeys(names, 0)
    for name in names:
        found = (yield from tenants_of(JOBS[name].collection)) if wanted is None else wanted
        for tenant in found:
            removed[name] += yield from _all_batches(Desk(wiring, tenant, System("upkeep")), JOBS[name])
    return UpkeepReport(removed)


def _all_batches(desk: Desk, job: Job) -> Steps[int]:
    removed, mark = 0, None
    while True:
        count, mark = yield from desk.write(_batch, job, mark)
        removed += count
        if mark is None:
            return removed


def _batch(work: Work, job: Job, after: Mark | None) -> tuple[int, Mark | None]:
    """Remove some of what is old; how many, and where to go on if there may be more."""
    old = job.at.le(work.now - job.rule(work.settings.rules.retention))
    found = work.uow.find(job.collection, old, order=job.at.asc(), after=after, limit=_BATCH)
    count = work.uow.remove(job.collection, *job.removable(work, found)) if found else 0
    return count, (job.at.get(found[-1]), found[-1].id) if len(found) == _BATCH else None

"""What has to be done from time to time: removing what was kept for long enough, bringing in mail put off too far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

import attrs

from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.steps import Steps, tenants_of
from clientmgmt._usecases.work import Wiring, Work
from clientmgmt.domain.actors import System
from clientmgmt.domain.feed import LANE
from clientmgmt.domain.form import Form
from clientmgmt.domain.links import Invitation
from clientmgmt.domain.results import UpkeepReport
from clientmgmt.domain.rules import RetentionRules
from clientmgmt.errors import Violation
from clientmgmt.ports.collections import (
    ACCOUNT_LINKS,
    ATTEMPTS,
    DELIVERIES,
    FEED,
    INVITATIONS,
    KEPT_ANSWERS,
    LOGINS,
    MEMBERSHIPS,
    NEW_EVENTS,
    OUTBOX,
    SESSIONS,
)
from clientmgmt.ports.storage import Collection, Ordered

__all__ = ["JOBS", "upkeep"]

_BATCH = 500

Mark: TypeAlias = tuple[object, UUID]


@attrs.frozen(eq=False, repr=False)
class Job:
    """Removes entities that are older than a rule says, those that are ``removable``; ``at`` is their time."""

    collection: Collection[Any]
    at: Ordered[Any, datetime]
    rule: Callable[[RetentionRules], timedelta]
    removable: Callable[[Work, Sequence[Any]], Iterable[UUID]] = lambda _, found: (one.id for one in found)

    def batch(self, work: Work, after: Mark | None) -> tuple[int, Mark | None]:
        """Remove some of what is old; how many, and where to go on if there may be more."""
        old = self.at.le(work.now - self.rule(work.settings.rules.retention))
        found = work.uow.find(self.collection, old, order=self.at.asc(), after=after, limit=_BATCH)
        count = work.uow.remove(self.collection, *self.removable(work, found)) if found else 0
        return count, (self.at.get(found[-1]), found[-1].id) if len(found) == _BATCH else None


class Unread:
    """Removes events that nobody has read, and so have no number yet, in the order in which they came."""

    collection = NEW_EVENTS

    def batch(self, work: Work, _: Mark | None) -> tuple[int, Mark | None]:
        """The same for them."""
        limit = work.now - work.settings.rules.retention.feed
        waiting = work.uow.find(NEW_EVENTS, NEW_EVENTS.lane.eq(LANE), order=NEW_EVENTS.arrival.asc(), limit=_BATCH)
        old = [event for event in waiting if event.due_at <= limit]
        count = work.uow.remove(NEW_EVENTS, *(event.id for event in old)) if old else 0
        return count, (limit, old[-1].id) if len(old) == _BATCH else None


class PutOff:
    """Makes mail due that waits for longer than any wait can be: the clock was ahead when it was put off."""

    collection = OUTBOX

    def batch(self, work: Work, _: Mark | None) -> tuple[int, Mark | None]:
        """Bring in some of it."""
        far = OUTBOX.due_at.gt(work.now + work.settings.rules.delivery.longest)
        found = work.uow.find(OUTBOX, far, order=OUTBOX.due_at.asc(), limit=_BATCH)
        mails = work.uow.get_many(OUTBOX, [mail.id for mail in found], lock=True) if found else {}
        for mail in mails.values():
            work.uow.save(OUTBOX, mail.try_again(at=work.now, error=mail.error))
        return len(mails), (work.now, found[-1].id) if len(found) == _BATCH else None


def _dead_links(work: Work, invitations: Sequence[Invitation]) -> Iterable[UUID]:
    """The latest invitation of a contact says in which state the contact is, so that one stays."""
    contacts = work.uow.get_many(MEMBERSHIPS, {invitation.contact_id for invitation in invitations})
    latest = {contact.invitation_id for contact in contacts.values()}
    return (invitation.id for invitation in invitations if invitation.id not in latest)


Chore: TypeAlias = Job | Unread | PutOff

JOBS: Mapping[str, tuple[Chore, ...]] = {
    "idempotency_keys": (Job(KEPT_ANSWERS, KEPT_ANSWERS.at, lambda rules: rules.idempotency_keys),),
    "links": (
        Job(INVITATIONS, INVITATIONS.expires_at, lambda rules: rules.links, _dead_links),
        Job(ACCOUNT_LINKS, ACCOUNT_LINKS.expires_at, lambda rules: rules.links),
    ),
    "attempts": (Job(ATTEMPTS, ATTEMPTS.over_at, lambda _: timedelta(0)),),
    "deliveries": (Job(DELIVERIES, DELIVERIES.at, lambda rules: rules.deliveries),),
    "logins": (Job(LOGINS, LOGINS.at, lambda rules: rules.logins),),
    "sessions": (Job(SESSIONS, SESSIONS.expires_at, lambda _: timedelta(0)),),
    "feed": (Job(FEED, FEED.at, lambda rules: rules.feed), Unread()),
    "mail": (PutOff(),),
}
"""By the name of the rule, and those that need none."""


def upkeep(wiring: Wiring, *, only: Iterable[str] | None, tenants: Iterable[str] | None) -> Steps[UpkeepReport]:
    """Do the named jobs, or all, for the named tenants, or all: some hundred entities in a unit of work each.

    A tenant for which that fails (its settings, say) holds up no other; its error is raised in the end.
    """
    form = Form()
    names = tuple(JOBS) if only is None else _names(form, only)
    wanted = None if tenants is None else _tenants(form, tenants)
    form.check()
    done, failures = dict.fromkeys(names, 0), list[Exception]()
    for name in names:
        for job in JOBS[name]:
            found = (yield from tenants_of(job.collection)) if wanted is None else wanted
            for tenant in found:
                try:
                    done[name] += yield from _all_batches(Desk(wiring, tenant, System("upkeep")), job)
                except Exception as error:  # noqa: BLE001 - whatever a host's settings or a store raise
                    failures.append(error)
    for failure in failures:
        raise failure
    return UpkeepReport(done)


def _names(form: Form, only: object) -> tuple[str, ...]:
    names = form.items("only", only)
    known = tuple(name for name in JOBS if name in names)
    if any(name not in known for name in names):
        form.note([Violation("unknown_name", f"must be some of {', '.join(JOBS)}", "only")])
    return known


def _tenants(form: Form, tenants: object) -> tuple[str, ...]:
    return tuple(dict.fromkeys(form.tenant("tenants", name) for name in form.items("tenants", tenants)))


def _all_batches(desk: Desk, job: Chore) -> Steps[int]:
    done, mark = 0, None
    while True:
        count, mark = yield from desk.write(_batch, job, mark)
        done += count
        if mark is None:
            return done


def _batch(work: Work, job: Chore, after: Mark | None) -> tuple[int, Mark | None]:
    return job.batch(work, after)

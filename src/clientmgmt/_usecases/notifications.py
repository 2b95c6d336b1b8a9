"""Mail as staff see it: what waits, what became of the rest, and what can still be changed about it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from clientmgmt._usecases.authorize import authorize
from clientmgmt._usecases.loading import is_id, load_client
from clientmgmt._usecases.paging import find_merged
from clientmgmt._usecases.reach import require_reach, within_reach
from clientmgmt._usecases.work import Work
from clientmgmt.domain.events import MailCancelled, MailRetried
from clientmgmt.domain.form import Form
from clientmgmt.domain.ids import ClientId, MailId
from clientmgmt.domain.mail import Delivery, Mail, MailState, MailType, OutboxMail, require_mail
from clientmgmt.domain.operations import OPERATIONS
from clientmgmt.domain.results import Page
from clientmgmt.errors import NotFoundError, StateError, Violation
from clientmgmt.ports.collections import DELIVERIES, OUTBOX
from clientmgmt.ports.storage import Condition

__all__ = ["cancel_mail", "get_mail", "list_mails", "retry_mail"]

_WAITING: dict[MailState, tuple[Condition[OutboxMail], ...]] = {
    MailState.QUEUED: (OUTBOX.cancelled_at.eq(None), OUTBOX.error.eq(None)),
    MailState.RETRYING: (OUTBOX.cancelled_at.eq(None), OUTBOX.error.present()),
    MailState.CANCELLING: (OUTBOX.cancelled_at.present(),),
}
"""How the states of waiting mail are found; all others are those of finished mail."""


def get_mail(work: Work, mail_id: MailId) -> Mail:
    """One mail, waiting or not."""
    return Mail.of(_load(work, mail_id, "notifications.get"))


def list_mails(
    work: Work,
    *,
    client_id: ClientId | None,
    type: str | None,  # noqa: A002 - what it is called for everybody else
    about: UUID | None,
    state: str | None,
    limit: int,
    cursor: str | None,
) -> Page[Mail]:
    """A page of mail, newest first; every filter that is given must fit."""
    if client_id is None:
        authorize(work, "notifications.list")
    else:
        load_client(work, client_id, "notifications.list")
    if not (about is None or is_id(about)):
        raise NotFoundError
    form = Form()
    wanted = {
        "client_id": client_id,
        "type": None if type is None else form.choice("type", type, MailType),
        "about": about,
    }
    known = None if state is None else form.choice("state", state, MailState)
    form.check()
    equal = {name: value for name, value in wanted.items() if value is not None}
    parts = [
        (
            source,
            [
                *(getattr(source, name).eq(value) for name, value in equal.items()),
                *where,
                *within_reach(work, source.client_id),
            ],
        )
        for source, where in _sources(known)
    ]
    ordered = [(source, where, source.created_at.desc()) for source, where in parts]
    rows, following = find_merged(work, *ordered, limit=limit, cursor=cursor)
    return Page(tuple(map(Mail.of, rows)), following)


def _sources(state: MailState | None) -> list[tuple[Any, tuple[Condition[Any], ...]]]:
    """Where mail in this state is found, and how."""
    if state is None:
        return [(OUTBOX, ()), (DELIVERIES, ())]
    if state in _WAITING:
        return [(OUTBOX, _WAITING[state])]
    return [(DELIVERIES, (DELIVERIES.state.eq(state),))]


def retry_mail(work: Work, mail_id: MailId) -> Mail:
    """Make a waiting or dead mail due at once, its attempts counted anew. What a worker has in hand stays as it is."""
    mail = _load(work, mail_id, "notifications.retry", lock=True)
    require_mail(mail, "retry")
    if mail.too_late(work.now):
        raise StateError([Violation("too_late", "must not be sent any more: its time is over", "mail")])
    if isinstance(mail, Delivery):
        anew = mail.reopen(at=work.now)
        work.uow.remove(DELIVERIES, mail.id)
        work.uow.add(OUTBOX, anew)
    elif mail.in_hand(work.now):
        return Mail.of(mail)
    else:
        anew = work.uow.save(OUTBOX, mail.start_anew(at=work.now))
    work.record(
        MailRetried(stamp=work.stamp(), subject=mail.id, client_id=mail.client_id, type=mail.type, about=mail.about)
    )
    return Mail.of(anew)


def cancel_mail(work: Work, mail_id: MailId) -> Mail:
    """Take a waiting mail out of the outbox; leave word for the worker who has it in hand."""
    mail = _load(work, mail_id, "notifications.cancel", lock=True)
    require_mail(mail, "cancel")
    if isinstance(mail, Delivery) or mail.cancelled_at is not None:
        return Mail.of(mail)
    cancelled: OutboxMail | Delivery
    if mail.in_hand(work.now):
        cancelled = work.uow.save(OUTBOX, mail.cancel(at=work.now))
    else:
        cancelled = mail.end(MailState.CANCELLED, at=work.now, error=mail.error)
        work.uow.remove(OUTBOX, mail.id)
        work.uow.add(DELIVERIES, cancelled)
    work.record(
        MailCancelled(stamp=work.stamp(), subject=mail.id, client_id=mail.client_id, type=mail.type, about=mail.about)
    )
    return Mail.of(cancelled)


def _load(work: Work, mail_id: MailId, operation: str, *, lock: bool = False) -> OutboxMail | Delivery:
    """The mail, if the actor may do this ``operation`` with it.

    It may move while it is looked for, from the outbox to the log or back: so the outbox is looked into twice.
    """
    if not is_id(mail_id):
        raise NotFoundError("mail")
    for collection in (OUTBOX, DELIVERIES, OUTBOX):
        found: dict[UUID, OutboxMail | Delivery] = work.uow.get_many(collection, [mail_id], lock=lock)  # type: ignore[arg-type]
        if found:
            mail = found[mail_id]
            require_reach(work, mail.client_id, kind="mail", permission=OPERATIONS[operation].staff)
            authorize(work, operation, mail_id, kind="mail")
            return mail
    raise NotFoundError("mail")

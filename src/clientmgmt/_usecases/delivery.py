"""Sending what the outbox holds: claim, look again, send outside of any unit of work, write down what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import attrs

from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.steps import Send, Steps, tenants_of
from clientmgmt._usecases.work import Wiring, Work
from clientmgmt.domain.actors import System
from clientmgmt.domain.client import Client
from clientmgmt.domain.letters import Letter, added_letter, invitation_letter
from clientmgmt.domain.mail import Delivery, Mailbox, MailState, MailType, Message, OutboxMail
from clientmgmt.domain.people import Invitation, User
from clientmgmt.domain.results import DeliveryReport
from clientmgmt.domain.settings import Settings
from clientmgmt.errors import ConfigurationError, NotFoundError, PermanentDeliveryError, TemporaryDeliveryError
from clientmgmt.ports.collections import CLIENTS, DELIVERIES, INVITATIONS, MEMBERSHIPS, OUTBOX, USERS
from clientmgmt.ports.links import LinkClaims
from clientmgmt.ports.notifier import Notifier

__all__ = ["deliver"]

_BATCH = 20
_LONGEST_ERROR = 300


@attrs.frozen(repr=False, eq=False)
class Subject:
    """What a mail is about, as it was found just before sending; the invitation is ``None`` for other mails."""

    client: Client
    user: User
    invitation: Invitation | None


@attrs.frozen(repr=False, eq=False)
class Outcome:
    """What became of one attempt; ``wait`` is set if there will be another."""

    mail: OutboxMail
    state: MailState
    error: str | None = None
    wait: timedelta | None = None


def deliver(wiring: Wiring, *, limit: int) -> Steps[DeliveryReport]:
    """Send up to ``limit`` due mails: some of every tenant in turns, beginning with another one each time.

    A tenant whose mail cannot be looked at (its settings fail, say) holds up nobody else; its error is raised when
    all others have had their turn.
    """
    if wiring.notifier is None:
        message = "no notifier: pass ClientManager(notifier=…)"
        raise ConfigurationError(message)
    report, failures = DeliveryReport(), list[Exception]()
    waiting = yield from _tenants(wiring)
    while waiting and report.handled < limit:
        share = max(1, min(_BATCH, (limit - report.handled) // len(waiting)))
        for tenant in tuple(waiting)[: limit - report.handled]:
            try:
                done = yield from _round(Desk(wiring, tenant, System("delivery")), wiring.notifier, share)
            except Exception as error:  # noqa: BLE001 - whatever a host's settings or a store raise
                failures.append(error)
                done = DeliveryReport()
            report += done
            if not done.handled:
                waiting.remove(tenant)
    for failure in failures:
        raise failure
    return report


def _tenants(wiring: Wiring) -> Steps[list[str]]:
    """Who has mail waiting; the first is another one each time, so that nobody is always last."""
    found = yield from tenants_of(OUTBOX)
    first = wiring.clock.now().microsecond % len(found) if found else 0
    return [*found[first:], *found[:first]]


def _round(desk: Desk, notifier: Notifier, limit: int) -> Steps[DeliveryReport]:
    """Claim some mails of one tenant, attempt each, and write down what became of them, also when interrupted.

    That is done together at the end, or before half of the lease has passed: what takes longer than its lease is
    sent by another worker, who must not find what is through already.
    """
    half = desk.wiring.settings(desk.tenant).rules.delivery.lease / 2
    report, outcomes = DeliveryReport(), list[Outcome]()
    claimed = yield from desk.write(_claim, limit)
    try:
        for mail in claimed:
            if desk.wiring.clock.now() >= mail.due_at:
                break
            outcomes.append((yield from _attempt(desk, notifier, mail)))
            if desk.wiring.clock.now() >= mail.due_at - half:
                report += yield from desk.write(_finish, tuple(outcomes))
                outcomes.clear()
    finally:
        if outcomes:
            report += yield from desk.write(_finish, outcomes)
    return report


def _claim(work: Work, limit: int) -> tuple[OutboxMail, ...]:
    return work.uow.claim(OUTBOX, now=work.now, lease=work.settings.rules.delivery.lease, limit=limit)


def _look_again(work: Work, mail: OutboxMail) -> Subject | str:
    """What the mail is about, or why there is no reason for it any more; nothing is sent after its link has died."""
    try:
        client = work.uow.get(CLIENTS, mail.client_id)
        user = work.uow.get(USERS, mail.user_id)
        membership = work.uow.get(MEMBERSHIPS, mail.about)
        invitation = work.uow.get(INVITATIONS, mail.id) if mail.type is MailType.INVITATION else None
    except NotFoundError:
        return "the contact was removed"
    if user.deactivated_at is not None or membership.suspended_at is not None:
        return "the contact is inactive"
    if not client.status.may_sign_in:
        return "the client is closed"
    refusal = None if invitation is None else invitation.refusal(work.now, email_key=user.email.key)
    return Subject(client, user, invitation) if refusal is None else f"the link is dead: {refusal.reason}"


def _attempt(desk: Desk, notifier: Notifier, mail: OutboxMail) -> Steps[Outcome]:
    try:
        subject = yield from desk.read(_look_again, mail)
        if isinstance(subject, str):
            return Outcome(mail, MailState.OBSOLETE, subject)
        yield Send(notifier, _render(desk, mail, subject))
    except PermanentDeliveryError as error:
        return Outcome(mail, MailState.FAILED, _plain(error))
    except TemporaryDeliveryError as error:
        return _again(desk, mail, _plain(error), error.retry_after)
    except Exception as error:  # noqa: BLE001 - whatever a notifier raises, the other mails go on
        return _again(desk, mail, f"failed with {type(error).__name__}", None)
    return Outcome(mail, MailState.DELIVERED)


def _plain(error: Exception) -> str:
    """What a notifier says, as text that every store takes and a list can show."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(error))
    return text[:_LONGEST_ERROR].strip() or type(error).__name__


def _again(desk: Desk, mail: OutboxMail, error: str, wanted: timedelta | None) -> Outcome:
    rules = desk.wiring.settings(desk.tenant).rules.delivery
    if mail.attempts >= rules.attempts:
        return Outcome(mail, MailState.FAILED, error)
    wait = rules.wait(mail.attempts)
    return Outcome(mail, MailState.RETRYING, error, wait if wanted is None else max(wait, wanted))


def _render(desk: Desk, mail: OutboxMail, subject: Subject) -> Message:
    settings = desk.wiring.settings(desk.tenant)
    letter = _letter(desk, settings, subject)
    return Message(
        id=str(mail.id),
        date=mail.created_at,
        tenant=desk.tenant,
        type=mail.type,
        sender=settings.require_sender(),
        reply_to=settings.reply_to,
        to=Mailbox.of(subject.user.name, subject.user.email),
        subject=letter.subject,
        text=letter.text,
    )


def _letter(desk: Desk, settings: Settings, subject: Subject) -> Letter:
    client, user, invitation = subject.client, subject.user, subject.invitation
    if invitation is None:
        return added_letter(user, client, settings=settings)
    claims = LinkClaims(purpose="invite", tenant=desk.tenant, subject=invitation.id)
    try:
        token = desk.wiring.signer.sign(claims, key_id=invitation.key_id)
    except LookupError:
        message = "the key that signs this link was removed"
        raise PermanentDeliveryError(message) from None
    url = settings.links.url("invite", token=token, tenant=desk.tenant, client_id=str(client.id))
    return invitation_letter(user, client, invitation, url=url, settings=settings)


def _finish(work: Work, outcomes: Sequence[Outcome]) -> DeliveryReport:
    """Write down what became of the mails that are still this worker's; others have gone on with the rest."""
    stored = work.uow.get_many(OUTBOX, [outcome.mail.id for outcome in outcomes], lock=True)
    ours = [outcome for outcome in outcomes if stored.get(outcome.mail.id) == outcome.mail]
    done = [outcome for outcome in ours if outcome.wait is None]
    for outcome in ours:
        if outcome.wait is not None:
            due = work.now + outcome.wait
            work.uow.save(OUTBOX, attrs.evolve(outcome.mail, due_at=due, error=outcome.error))
    if done:
        work.uow.remove(OUTBOX, *(outcome.mail.id for outcome in done))
        work.uow.add(DELIVERIES, *(_delivery(outcome, work.now) for outcome in done))
    states = [outcome.state for outcome in outcomes]
    return DeliveryReport(
        sent=states.count(MailState.DELIVERED),
        retried=states.count(MailState.RETRYING),
        dead=states.count(MailState.FAILED),
        obsolete=states.count(MailState.OBSOLETE),
    )


def _delivery(outcome: Outcome, now: datetime) -> Delivery:
    mail = outcome.mail
    return Delivery(
        id=mail.id,
        type=mail.type,
        client_id=mail.client_id,
        user_id=mail.user_id,
        about=mail.about,
        state=outcome.state,
        at=now,
        attempts=mail.attempts,
        error=outcome.error,
    )

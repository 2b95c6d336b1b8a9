"""Sending what the outbox holds: claim, look again, send outside of any unit of work, write down what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import attrs

from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.work import Wiring, Work
from clientmgmt.domain.actors import System
from clientmgmt.domain.client import Client
from clientmgmt.domain.letters import Letter, added_letter, invitation_letter
from clientmgmt.domain.mail import Delivery, Mailbox, MailState, Message, OutboxMail
from clientmgmt.domain.people import Invitation, Membership, User
from clientmgmt.domain.results import DeliveryReport
from clientmgmt.domain.settings import Settings
from clientmgmt.errors import ConfigurationError, PermanentDeliveryError, TemporaryDeliveryError
from clientmgmt.ports.collections import CLIENTS, DELIVERIES, INVITATIONS, MEMBERSHIPS, OUTBOX, USERS
from clientmgmt.ports.links import LinkClaims
from clientmgmt.ports.notifier import Notifier

__all__ = ["deliver"]

_BATCH = 50


@attrs.frozen(repr=False, eq=False)
class Subject:
    """What a claimed mail is about, as it was found at the claim; the invitation is ``None`` for other mails."""

    client: Client
    user: User
    invitation: Invitation | None


@attrs.frozen(repr=False, eq=False)
class Claimed:
    """A mail that this worker has to itself; without a ``subject`` it is ``obsolete``, for that reason."""

    mail: OutboxMail
    subject: Subject | None
    obsolete: str | None


@attrs.frozen(repr=False, eq=False)
class Outcome:
    """What became of one attempt; ``wait`` is set if there will be another."""

    mail: OutboxMail
    state: MailState
    error: str | None = None
    wait: timedelta | None = None


def deliver(wiring: Wiring, *, limit: int) -> DeliveryReport:
    """Send up to ``limit`` due mails, tenant by tenant."""
    notifier = wiring.notifier
    if notifier is None:
        message = "no notifier: pass ClientManager(notifier=…)"
        raise ConfigurationError(message)
    report, tenant = DeliveryReport(), ""
    while tenants := wiring.storage.tenants(OUTBOX, after=tenant):
        for tenant in tenants:
            desk = Desk(wiring, tenant, System("delivery"), wiring.storage)
            while limit > 0 and (batch := desk.write(_claim, min(limit, _BATCH))):
                report += desk.write(_finish, [_attempt(desk, notifier, claimed) for claimed in batch])
                limit -= len(batch)
    return report


def _claim(work: Work, limit: int) -> tuple[Claimed, ...]:
    lease = work.settings.rules.delivery.lease
    mails = work.uow.claim(OUTBOX, now=work.now, lease=lease, limit=limit)
    if not mails:
        return ()
    clients = work.uow.get_many(CLIENTS, {mail.client_id for mail in mails})
    users = work.uow.get_many(USERS, {mail.user_id for mail in mails})
    memberships = work.uow.get_many(MEMBERSHIPS, {mail.about for mail in mails})
    invitations = work.uow.get_many(INVITATIONS, [mail.id for mail in mails])
    return tuple(
        _look_again(
            mail,
            clients.get(mail.client_id),
            users.get(mail.user_id),
            memberships.get(mail.about),
            invitations.get(mail.id),
            now=work.now,
        )
        for mail in mails
    )


def _look_again(
    mail: OutboxMail,
    client: Client | None,
    user: User | None,
    membership: Membership | None,
    invitation: Invitation | None,
    *,
    now: datetime,
) -> Claimed:
    """Whether there still is a reason for the mail; nothing is sent after its link has died."""
    if client is None or user is None or membership is None:
        return Claimed(mail, None, "the contact was removed")
    if user.deactivated_at is not None or membership.suspended_at is not None:
        return Claimed(mail, None, "the contact is inactive")
    if not client.status.may_sign_in:
        return Claimed(mail, None, "the client is closed")
    refusal = None if invitation is None else invitation.refusal(now, email_key=user.email.key)
    if refusal is not None:
        return Claimed(mail, None, f"the link is dead: {refusal.reason}")
    return Claimed(mail, Subject(client, user, invitation), None)


def _attempt(desk: Desk, notifier: Notifier, claimed: Claimed) -> Outcome:
    mail = claimed.mail
    if claimed.subject is None:
        return Outcome(mail, MailState.OBSOLETE, claimed.obsolete)
    try:
        notifier.send(_render(desk, mail, claimed.subject))
    except PermanentDeliveryError as error:
        return Outcome(mail, MailState.FAILED, str(error))
    except TemporaryDeliveryError as error:
        return _again(desk, mail, str(error), error.retry_after)
    except Exception as error:  # noqa: BLE001 - whatever a notifier raises, the other mails go on
        return _again(desk, mail, f"failed with {type(error).__name__}", None)
    return Outcome(mail, MailState.DELIVERED)


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

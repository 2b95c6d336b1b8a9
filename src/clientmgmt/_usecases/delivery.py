"""Sending what the outbox holds: claim, look again, send outside of any unit of work, write down what became of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import attrs

from clientmgmt._usecases.circuit import Turn
from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.rendering import Reason, look_again, render
from clientmgmt._usecases.resetting import look_up_resets
from clientmgmt._usecases.steps import Send, Steps, tenants_of
from clientmgmt._usecases.telemetry import count
from clientmgmt._usecases.work import Wiring, Work
from clientmgmt.domain.actors import System
from clientmgmt.domain.mail import Delivery, MailState, Message, OutboxMail
from clientmgmt.domain.results import DeliveryReport
from clientmgmt.domain.rules import DeliveryRules
from clientmgmt.errors import (
    AccountDeliveryError,
    ConfigurationError,
    PermanentDeliveryError,
    TemporaryDeliveryError,
)
from clientmgmt.ports.collections import DELIVERIES, OUTBOX, QUEUED_RESETS
from clientmgmt.ports.notifier import Notifier

__all__ = ["deliver"]

_BATCH = 20
_LONGEST_ERROR = 300


@attrs.frozen(repr=False, eq=False)
class Worker:
    """What sends: ``notifier`` transports, ``turn`` says whether the account is accepted, ``stop`` whether to end."""

    notifier: Notifier
    turn: Turn
    stop: Callable[[], bool]

    @property
    def done(self) -> bool:
        """Whether no further mail may be tried."""
        return self.turn.until is not None or self.stop()


@attrs.frozen(repr=False, eq=False)
class Outcome:
    """What became of a claimed mail.

    ``end`` is the state in which it waits no longer; else there will be another attempt after ``wait``, or it was not
    tried and is given back.
    """

    mail: OutboxMail
    end: MailState | None
    error: str | None = None
    wait: timedelta | None = None


@attrs.frozen(repr=False, eq=False)
class Settled:
    """What was written down: what becomes of each mail now, and those that wait no longer."""

    states: tuple[MailState | None, ...]
    ended: tuple[Delivery, ...]


def deliver(wiring: Wiring, *, limit: int, stop: Callable[[], bool] | None) -> Steps[DeliveryReport]:
    """Send up to ``limit`` due mails: some of every tenant in turns, beginning with another one each time.

    A tenant whose mail cannot be looked at (its settings fail, say) holds up nobody else; its error is raised when
    all others have had their turn. Once the account is refused nothing more is tried; after a pause, one mail is.
    """
    if wiring.notifier is None:
        message = "no notifier: pass ClientManager(notifier=…)"
        raise ConfigurationError(message)
    worker = Worker(wiring.notifier, wiring.circuit.enter(wiring.clock.now()), stop or _never)
    failures = list[Exception]()
    try:
        yield from _look_up_resets(wiring, failures)
        report = yield from _in_turns(wiring, worker, limit, failures)
    finally:
        worker.turn.leave(wiring.clock.now())
    for failure in failures:
        raise failure
    return report


def _never() -> bool:
    return False


def _look_up_resets(wiring: Wiring, failures: list[Exception]) -> Steps[None]:
    """Find out whose passwords strangers want to reset, so that there is mail for them."""
    for tenant in (yield from tenants_of(QUEUED_RESETS)):
        try:
            yield from look_up_resets(Desk(wiring, tenant, System("delivery")))
        except Exception as error:  # noqa: BLE001 - whatever a host's settings or a store raise
            failures.append(error)


def _in_turns(wiring: Wiring, worker: Worker, limit: int, failures: list[Exception]) -> Steps[DeliveryReport]:
    report = DeliveryReport()
    waiting = [] if worker.done else (yield from _tenants(wiring))
    while waiting and report.handled < limit:
        share = max(1, min(_BATCH, (limit - report.handled) // len(waiting)))
        for tenant in tuple(waiting)[: limit - report.handled]:
            if worker.done:
                waiting.clear()
                break
            try:
                done = yield from _round(wiring, tenant, worker, 1 if worker.turn.first else share)
            except Exception as error:  # noqa: BLE001 - whatever a host's settings or a store raise
                failures.append(error)
                done = DeliveryReport()
            report += done
            if not done.handled:
                waiting.remove(tenant)
    return attrs.evolve(report, suspended_until=worker.turn.until)


def _tenants(wiring: Wiring) -> Steps[list[str]]:
    """Who has mail waiting; the first is another one each time, so that nobody is always last."""
    found = yield from tenants_of(OUTBOX)
    first = wiring.clock.now().microsecond % len(found) if found else 0
    return [*found[first:], *found[:first]]


def _round(wiring: Wiring, tenant: str, worker: Worker, limit: int) -> Steps[DeliveryReport]:
    """Claim some mails of one tenant, attempt each, and write down what became of them, also when interrupted.

    That is done for as many ``together`` as the rules say, and before half of the lease has passed: what takes longer
    than its lease is sent by another worker, who must not find what is through already. What was claimed and not
    tried is given back. The tenant's settings are asked for once: should they fail, nothing has been claimed.
    """
    settings = wiring.settings(tenant)
    desk = Desk(attrs.evolve(wiring, settings=lambda _: settings), tenant, System("delivery"))
    rules = settings.rules.delivery
    report, outcomes = DeliveryReport(), list[Outcome]()
    untried = list((yield from desk.write(_claim, limit)))
    try:
        while untried and not worker.done and wiring.clock.now() < untried[0].due_at:
            mail = untried.pop(0)
            outcomes.append((yield from _attempt(desk, worker, mail)))
            if len(outcomes) >= rules.together or wiring.clock.now() >= mail.due_at - rules.lease / 2:
                report += yield from _write_down(desk, outcomes)
                outcomes = []
    finally:
        outcomes += [Outcome(mail, None) for mail in untried]
        if outcomes:
            report += yield from _write_down(desk, outcomes)
    return report


def _claim(work: Work, limit: int) -> tuple[OutboxMail, ...]:
    return work.uow.claim(OUTBOX, now=work.now, lease=work.settings.rules.delivery.lease, limit=limit)


def _attempt(desk: Desk, worker: Worker, mail: OutboxMail) -> Steps[Outcome]:
    message: Message | None = None
    rules = desk.wiring.settings(desk.tenant).rules.delivery
    try:
        subject = yield from desk.read(look_again, mail)
        if isinstance(subject, Reason):
            return Outcome(mail, subject.state, subject.text)
        message = render(desk, mail, subject)
        yield Send(worker.notifier, message)
    except AccountDeliveryError as error:
        worker.turn.refused(desk.wiring.clock.now(), rules, error.retry_after)
        return Outcome(mail, None, _plain(error))
    except PermanentDeliveryError as error:
        if message is not None:
            worker.turn.accepted()
        return Outcome(mail, MailState.FAILED, _plain(error))
    except TemporaryDeliveryError as error:
        return _again(desk, rules, mail, _plain(error), error.retry_after)
    except Exception as error:  # noqa: BLE001 - whatever a notifier raises, the other mails go on
        return _again(desk, rules, mail, f"failed with {type(error).__name__}", None)
    worker.turn.accepted()
    return Outcome(mail, MailState.DELIVERED)


def _plain(error: Exception) -> str:
    """What a notifier says, as text that every store takes and a list can show."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(error))
    return text[:_LONGEST_ERROR].strip() or type(error).__name__


def _again(desk: Desk, rules: DeliveryRules, mail: OutboxMail, error: str, wanted: timedelta | None) -> Outcome:
    """Another attempt later, if there may be one: in time for a mail that has an end, and never just for its end."""
    if mail.attempts >= rules.attempts:
        return Outcome(mail, MailState.FAILED, error)
    wait = rules.wait(mail.attempts)
    if mail.not_after is not None:
        left = mail.not_after - desk.wiring.clock.now()
        wait = min(wait, max(left / 2, rules.back_off))
        if max(wait, wanted or wait) >= left:
            return Outcome(mail, MailState.OBSOLETE, f"too late for another attempt: {error}"[:_LONGEST_ERROR])
    return Outcome(mail, None, error, max(wait, rules.asked(wanted)))


def _write_down(desk: Desk, outcomes: Sequence[Outcome]) -> Steps[DeliveryReport]:
    settled = yield from desk.write(_settle, tuple(outcomes))
    states = settled.states
    report = DeliveryReport(
        sent=states.count(MailState.DELIVERED),
        retried=states.count(MailState.RETRYING),
        dead=states.count(MailState.FAILED),
        obsolete=states.count(MailState.OBSOLETE) + states.count(MailState.CANCELLED),
    )
    _tell(settled, report)
    return report


def _settle(work: Work, outcomes: Sequence[Outcome]) -> Settled:
    """Write down what became of the mails that are still this worker's; others have gone on with the rest.

    A mail that would wait and was cancelled meanwhile waits no longer.
    """
    stored = work.uow.get_many(OUTBOX, [outcome.mail.id for outcome in outcomes], lock=True)
    states, ended = list[MailState | None](), list[Delivery]()
    for outcome in outcomes:
        mail, end = stored.get(outcome.mail.id), outcome.end
        if mail is not None and outcome.mail.same_claim(mail):
            if end is None:
                mail = _kept(outcome, mail, work.now)
            if end is None and mail.cancelled_at is not None:
                end = MailState.CANCELLED
            if end is None:
                work.uow.save(OUTBOX, mail)
            else:
                ended.append(mail.end(end, at=work.now, error=outcome.error))
        states.append(end or (MailState.RETRYING if outcome.wait else None))
    if ended:
        work.uow.remove(OUTBOX, *(delivery.id for delivery in ended))
        work.uow.add(DELIVERIES, *ended)
    return Settled(tuple(states), tuple(ended))


def _kept(outcome: Outcome, mail: OutboxMail, now: datetime) -> OutboxMail:
    if outcome.wait is None:
        return mail.give_back(at=now, error=outcome.error)
    return mail.try_again(at=now + outcome.wait, error=outcome.error)


def _tell(settled: Settled, report: DeliveryReport) -> None:
    """Log what was not sent, by id and type; count everything."""
    unsent = [delivery for delivery in settled.ended if delivery.state is not MailState.DELIVERED]
    if unsent:
        import logging  # noqa: PLC0415 - slow to load

        log = logging.getLogger("clientmgmt")
        for mail in unsent:
            level = logging.WARNING if mail.state is MailState.FAILED else logging.INFO
            log.log(level, "mail %s (%s) is not sent: %s", mail.id, mail.type, mail.state)
    for outcome in ("sent", "retried", "dead", "obsolete"):
        count("clientmgmt.mails", getattr(report, outcome), outcome=outcome)

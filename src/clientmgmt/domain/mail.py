"""Mail: what waits to be sent, what became of it, and the message that a notifier is given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import attrs

from clientmgmt.domain.email import Email, parse_email
from clientmgmt.domain.ids import ClientId, MailId, UserId
from clientmgmt.domain.text import clean_text
from clientmgmt.domain.value import Value
from clientmgmt.errors import ConfigurationError, IllegalTransitionError

__all__ = ["Delivery", "Mail", "MailState", "MailStatus", "MailType", "Mailbox", "Message", "OutboxMail"]


class MailType(StrEnum):
    """The kinds of mail that the package sends.

    *Email left* tells the old address of a user that there is a new one, *email changed* the new one.
    """

    INVITATION = "invitation"
    CONTACT_ADDED = "contact_added"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a name
    PASSWORD_GENERATED = "password_generated"  # noqa: S105 - a name
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a name
    EMAIL_CONFIRMATION = "email_confirmation"
    EMAIL_CHANGED = "email_changed"
    EMAIL_LEFT = "email_left"

    def lane(self, mail_id: MailId, about: UUID) -> str:
        """Among which mails the order is kept: those about the same thing.

        Mail that carries a link, and whatever tells of a change to a way in, has a lane of its own and waits for
        nobody: an older one that cannot be sent must not keep it from its user.
        """
        return f"about:{about}" if self is MailType.CONTACT_ADDED else f"mail:{mail_id}"


class MailState(StrEnum):
    """What became of a mail.

    *Obsolete*: its reason was gone, or its time over, before it was sent, so it was not. *Cancelling*: it was
    cancelled while a worker had it in hand, who will find that out or has sent it already.
    """

    QUEUED = "queued"
    RETRYING = "retrying"
    CANCELLING = "cancelling"
    DELIVERED = "delivered"
    FAILED = "failed"
    OBSOLETE = "obsolete"
    CANCELLED = "cancelled"


@attrs.frozen(kw_only=True, repr=False, eq=False)
class OutboxMail(Value):
    """A mail that waits: committed together with what it tells about, sent after.

    Mails of one ``lane`` go out in the order in which they were committed. It holds ids only: recipients, text
    and link are made at the moment of sending. ``error`` says why the last attempt failed. From ``not_after`` on
    it is never sent. ``settled`` is how many attempts have come to an end that was written down: while a worker has
    the mail in hand there is one more.
    """

    id: MailId
    lane: str
    due_at: datetime
    attempts: int = 0
    type: MailType
    client_id: ClientId | None
    user_id: UserId
    about: UUID
    created_at: datetime
    error: str | None = None
    not_after: datetime | None = None
    settled: int = 0
    cancelled_at: datetime | None = None
    version: int = 1

    @property
    def state(self) -> MailState:
        """Cancelling, else retrying once something went wrong, else queued."""
        if self.cancelled_at is not None:
            return MailState.CANCELLING
        return MailState.QUEUED if self.error is None else MailState.RETRYING

    def in_hand(self, now: datetime) -> bool:
        """Whether a worker may be sending it: it was claimed, and the lease is not over."""
        return self.attempts > self.settled and now < self.due_at

    def too_late(self, now: datetime) -> bool:
        """Whether it must not be sent any more."""
        return self.not_after is not None and now >= self.not_after

    def try_again(self, *, at: datetime, error: str | None) -> OutboxMail:
        """The mail after an attempt that failed for now."""
        return attrs.evolve(self, due_at=at, settled=self.attempts, error=error)

    def give_back(self, *, at: datetime, error: str | None = None) -> OutboxMail:
        """The mail that was claimed and not tried after all: the attempt does not count."""
        return attrs.evolve(self, due_at=at, attempts=self.attempts - 1, error=error or self.error)

    def start_anew(self, *, at: datetime) -> OutboxMail:
        """The mail as if it had just been queued."""
        return attrs.evolve(self, due_at=at, attempts=0, settled=0, error=None)

    def cancel(self, *, at: datetime) -> OutboxMail:
        """The mail that the worker who has it in hand will not send, unless it has done so."""
        return attrs.evolve(self, cancelled_at=at)

    def same_claim(self, stored: OutboxMail) -> bool:
        """Whether ``stored`` is still this claim of the mail; being cancelled meanwhile does not change that."""
        cancelled = stored.cancelled_at is not None and self.cancelled_at is None
        return stored.version == self.version + cancelled

    def end(self, state: MailState, *, at: datetime, error: str | None = None) -> Delivery:
        """The mail that waits no longer."""
        return Delivery(
            id=self.id,
            type=self.type,
            client_id=self.client_id,
            user_id=self.user_id,
            about=self.about,
            created_at=self.created_at,
            not_after=self.not_after,
            state=state,
            at=at,
            attempts=self.attempts,
            error=error,
        )


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Delivery(Value):
    """A mail that waits no longer; it has the id that it had in the outbox."""

    id: MailId
    type: MailType
    client_id: ClientId | None
    user_id: UserId
    about: UUID
    created_at: datetime
    not_after: datetime | None = None
    state: MailState
    at: datetime
    attempts: int
    error: str | None

    def too_late(self, now: datetime) -> bool:
        """Whether it must not be sent any more."""
        return self.not_after is not None and now >= self.not_after

    def reopen(self, *, at: datetime) -> OutboxMail:
        """The mail back in the outbox, at the end of its lane, as if it had just been queued."""
        return OutboxMail(
            id=self.id,
            lane=self.type.lane(self.id, self.about),
            due_at=at,
            type=self.type,
            client_id=self.client_id,
            user_id=self.user_id,
            about=self.about,
            created_at=self.created_at,
            not_after=self.not_after,
        )


_ALLOWED: Mapping[str, frozenset[MailState]] = {
    "retry": frozenset({MailState.QUEUED, MailState.RETRYING, MailState.FAILED}),
    "cancel": frozenset({MailState.QUEUED, MailState.RETRYING, MailState.CANCELLING, MailState.CANCELLED}),
}


def require_mail(mail: OutboxMail | Delivery, command: str) -> None:
    """Raise :class:`~clientmgmt.errors.IllegalTransitionError` if the state of ``mail`` does not allow ``command``."""
    if mail.state not in _ALLOWED[command]:
        legal = tuple(name for name, states in _ALLOWED.items() if mail.state in states)
        raise IllegalTransitionError("mail", mail.state, command, legal)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Mail(Value):
    """A mail, waiting or not. It names no recipient and no text: those are made when it is sent.

    ``about`` is the id of what it is about, of a contact for instance; ``client_id`` is missing where that is a user of
    several clients or none. ``created_at`` is when it was committed, ``at`` since when it waits no longer, ``due_at``
    when it is tried next if it waits; one of them is ``None``. ``error`` says why it was not sent, or not yet. From
    ``not_after`` on it is never sent.
    """

    id: MailId
    type: MailType
    state: MailState
    client_id: ClientId | None
    user_id: UserId
    about: UUID
    attempts: int
    created_at: datetime
    due_at: datetime | None
    at: datetime | None
    not_after: datetime | None
    error: str | None

    @classmethod
    def of(cls, mail: OutboxMail | Delivery) -> Mail:
        """The view of a waiting or a finished mail."""
        return cls(
            id=mail.id,
            type=mail.type,
            state=mail.state,
            client_id=mail.client_id,
            user_id=mail.user_id,
            about=mail.about,
            attempts=mail.attempts,
            created_at=mail.created_at,
            due_at=None if isinstance(mail, Delivery) else mail.due_at,
            at=mail.at if isinstance(mail, Delivery) else None,
            not_after=mail.not_after,
            error=mail.error,
        )


@attrs.frozen(repr=False, eq=False)
class MailStatus(Value):
    """What became of a mail, since when, after how many attempts, and why it is not through if it is not."""

    state: MailState
    at: datetime
    attempts: int
    error: str | None = None

    @classmethod
    def of(cls, mail: OutboxMail | Delivery) -> MailStatus:
        """The status of a waiting or a finished mail."""
        at = mail.at if isinstance(mail, Delivery) else mail.created_at
        return cls(mail.state, at, mail.attempts, mail.error)


_NAMED = re.compile(r"(?P<name>[^<>]*)<(?P<email>[^<>]+)>")


@attrs.frozen(repr=False, eq=False)
class Mailbox(Value):
    """A name and an address, as a mail's header shows them.

    >>> Mailbox.parse("Northwind <hello@northwind.example>", field="sender")
    Mailbox(name='Northwind', email='hello@northwind.example')
    """

    name: str
    email: str

    @classmethod
    def parse(cls, text: str, *, field: str) -> Mailbox:
        """Read ``Name <address>`` or a bare address; :class:`ConfigurationError` if it is neither."""
        named = _NAMED.fullmatch(text.strip())
        name, address = (named["name"].strip(), named["email"]) if named else ("", text)
        email, wrong = parse_email(address, field=field)
        _, strange = clean_text(name, field=field, limit=200, required=False)
        if wrong or strange:
            message = f"{field} must look like 'Name <name@host>'"
            raise ConfigurationError(message)
        return cls(name, email.address)

    @classmethod
    def of(cls, name: str, email: Email) -> Mailbox:
        """The mailbox of a person."""
        return cls(name, email.address)


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Message(Value):
    """A mail ready to be handed over.

    ``id`` and ``date`` (when the mail was committed) stay the same when the mail is tried again; notifiers use the
    id as the idempotency key. ``text`` may carry a link, so it is kept out of ``repr``; it is never stored.
    """

    id: str
    date: datetime
    tenant: str
    type: MailType
    sender: Mailbox
    to: Mailbox
    cc: tuple[Mailbox, ...] = ()
    reply_to: Mailbox | None = None
    subject: str
    text: str = attrs.field(repr=False)

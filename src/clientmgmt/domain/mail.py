"""Mail: what waits to be sent, what became of it, and the message that a notifier is given."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import attrs

from clientmgmt.domain.email import Email, parse_email
from clientmgmt.domain.ids import ClientId, MailId, UserId
from clientmgmt.domain.text import clean_text
from clientmgmt.domain.value import Value
from clientmgmt.errors import ConfigurationError

__all__ = ["Delivery", "MailState", "MailStatus", "MailType", "Mailbox", "Message", "OutboxMail"]


class MailType(StrEnum):
    """The kinds of mail that the package sends."""

    INVITATION = "invitation"
    CONTACT_ADDED = "contact_added"


class MailState(StrEnum):
    """What became of a mail. *Obsolete*: its reason was gone before it was sent, so it was not."""

    QUEUED = "queued"
    RETRYING = "retrying"
    DELIVERED = "delivered"
    FAILED = "failed"
    OBSOLETE = "obsolete"


@attrs.frozen(kw_only=True, repr=False, eq=False)
class OutboxMail(Value):
    """A mail that waits: committed together with what it tells about, sent after.

    Mails of one ``lane`` go out in the order in which they were committed. It holds ids only: recipients, text
    and link are made at the moment of sending. ``error`` says why the last attempt failed.
    """

    id: MailId
    lane: str
    due_at: datetime
    attempts: int = 0
    type: MailType
    client_id: ClientId
    user_id: UserId
    about: UUID
    created_at: datetime
    error: str | None = None
    version: int = 1


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Delivery(Value):
    """A mail that waits no longer; it has the id that it had in the outbox."""

    id: MailId
    type: MailType
    client_id: ClientId
    user_id: UserId
    about: UUID
    state: MailState
    at: datetime
    attempts: int
    error: str | None


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
        if isinstance(mail, Delivery):
            return cls(mail.state, mail.at, mail.attempts, mail.error)
        state = MailState.QUEUED if mail.error is None else MailState.RETRYING
        return cls(state, mail.created_at, mail.attempts, mail.error)


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

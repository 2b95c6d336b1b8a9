"""A notifier that hands mail to a service with an HTTP interface, by the standard library alone.

``ClientManager(notifier="mailapi://KEY@api.mail.example/v1/messages")`` uses it once this project is installed.
"""

from __future__ import annotations

import http.client
import json
import re
import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import NoReturn
from urllib.parse import quote, unquote, urlsplit

from clientmgmt import Secret
from clientmgmt.domain import Mailbox, Message
from clientmgmt.errors import ConfigurationError, DeliveryError, PermanentDeliveryError, TemporaryDeliveryError

__all__ = ["HttpNotifier", "open_url"]

ADDRESS = re.compile(r"[^\s@<>(),;:\"\\]+@[^\s@<>(),;:\"\\]+")
UNSAFE = frozenset({"Cc", "Cs", "Zl", "Zp"})
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
ACCOUNT = frozenset({401, 403})
LATER = frozenset({408, 425, 429})


class HttpNotifier:
    """Posts each message to ``url``, with its id as the idempotency key; safe to use from many threads.

    ``key`` is the service's, ``timeout`` is in seconds, for each answer. Without https the service must be on this
    machine (``ConfigurationError``).
    """

    def __init__(self, url: str, *, key: Secret | str, timeout: float = 10) -> None:
        parts = urlsplit(url)
        if not parts.hostname or (parts.scheme != "https" and parts.hostname not in LOOPBACK):
            message = "the service has an https URL"
            raise ConfigurationError(message)
        self._connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host, self._port, self._path, self._timeout = parts.hostname, parts.port, parts.path or "/", timeout
        self._key = key if isinstance(key, Secret) else Secret(key)

    def __repr__(self) -> str:
        return f"HttpNotifier({self._host!r})"

    def send(self, message: Message, /) -> str | None:
        """Post ``message``; answer the service's name for it.

        Raises:
            TemporaryDeliveryError: the service cannot be reached, is overloaded, or does not know the account.
            PermanentDeliveryError: the service refuses the message, or the message cannot be written.
        """
        body = json.dumps(body_of(message)).encode()
        connection = self._connect(self._host, self._port, timeout=self._timeout)
        try:
            connection.request("POST", self._path, body, self._headers(message))
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            reason = f"the mail service cannot be reached ({type(error).__name__})"
        else:
            if response.status // 100 == 2:
                return name_in(answer)
            raise refusal(response)
        finally:
            connection.close()
        raise TemporaryDeliveryError(reason)  # outside of the handler: the failure may quote what was sent

    def _headers(self, message: Message) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._key.reveal()}",
            "Content-Type": "application/json",
            "Idempotency-Key": quote(message.id, safe="", errors="surrogatepass"),
        }


def body_of(message: Message) -> dict[str, object]:
    """What the service is told; ``PermanentDeliveryError`` if it could mistake something for something else."""
    for text in (message.subject, *(mailbox.name for mailbox in mailboxes_of(message))):
        if any(unicodedata.category(character) in UNSAFE for character in text):
            refuse("a name or the subject contains a control character")
    if any(unicodedata.category(character) == "Cs" or character == "\0" for character in message.text):
        refuse("the text contains a character that no mail can carry")
    return {
        "from": address_of(message.sender),
        "to": address_of(message.to),
        "cc": [address_of(mailbox) for mailbox in message.cc],
        "reply_to": None if message.reply_to is None else address_of(message.reply_to),
        "subject": message.subject,
        "text": message.text,
    }


def mailboxes_of(message: Message) -> Iterator[Mailbox]:
    """Everybody who is named in the head of a mail."""
    yield from (message.sender, message.to, *message.cc)
    if message.reply_to is not None:
        yield message.reply_to


def address_of(mailbox: Mailbox) -> dict[str, str]:
    """One mailbox: exactly one address."""
    if ADDRESS.fullmatch(mailbox.email) is None:
        refuse("an address is none")
    return {"name": mailbox.name, "email": mailbox.email}


def refuse(reason: str) -> NoReturn:
    """Give a message up, for this reason."""
    raise PermanentDeliveryError(reason)


def refusal(response: http.client.HTTPResponse) -> DeliveryError:
    """What an answer means. Its body is not repeated: it may quote the mail, and thereby a link."""
    status = response.status
    if status in ACCOUNT:
        return TemporaryDeliveryError(f"the mail service does not accept the key ({status})")
    if status in LATER or status // 100 != 4:
        return TemporaryDeliveryError(f"the mail service asks to wait ({status})", retry_after=wait_of(response))
    return PermanentDeliveryError(f"the mail service refuses the message ({status})")


def wait_of(response: http.client.HTTPResponse) -> timedelta | None:
    """What ``Retry-After`` says, in seconds or as a time by the service's own clock."""
    wanted = response.getheader("Retry-After", "").strip()
    if wanted.isdecimal() and len(wanted) < 7:
        return timedelta(seconds=int(wanted))
    try:
        wait = parsedate_to_datetime(wanted) - parsedate_to_datetime(response.getheader("Date", ""))
    except (TypeError, ValueError):
        return None
    return max(wait, timedelta(0))


def name_in(answer: bytes) -> str | None:
    """The service's name for the message, if it gives one: the message is taken, whatever the answer looks like."""
    try:
        name = json.loads(answer)["id"]
    except (ValueError, LookupError, TypeError):
        return None
    return "".join(filter(str.isprintable, str(name)))[:200]


def open_url(url: str) -> HttpNotifier:
    """What ``ClientManager(notifier="mailapi://KEY@api.mail.example/v1/messages")`` uses."""
    parts = urlsplit(url)
    if not parts.username or not parts.hostname:
        message = "the URL of the mail service looks like mailapi://KEY@api.mail.example/v1/messages"
        raise ConfigurationError(message)
    scheme = "http" if parts.hostname in LOOPBACK else "https"
    return HttpNotifier(f"{scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}", key=unquote(parts.username))

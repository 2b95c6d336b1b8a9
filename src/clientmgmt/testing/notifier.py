"""A notifier that sends nothing and remembers everything."""

from __future__ import annotations

import re
from collections import deque
from threading import Lock
from urllib.parse import unquote

from clientmgmt.domain.mail import Message
from clientmgmt.errors import DeliveryError

__all__ = ["RecordingNotifier"]

LINK = re.compile(r"https?://\S+")
TOKEN = re.compile(r"[?&#]t=([^&#\s]+)")


class RecordingNotifier:
    """A :class:`~clientmgmt.ports.notifier.Notifier` that remembers what it is given.

    ``messages`` are those that it took, in order. It answers each with a name of its own.

    Args:
        token: how the token is found in a link; its first group is the token.
    """

    def __init__(self, *, token: re.Pattern[str] = TOKEN) -> None:
        self.messages: list[Message] = []
        self._token = token
        self._failures: deque[DeliveryError] = deque()
        self._lock = Lock()

    def send(self, message: Message, /) -> str:
        """Take ``message``, or raise the next planned failure."""
        with self._lock:
            if self._failures:
                raise self._failures.popleft()
            self.messages.append(message)
            return f"recorded-{len(self.messages)}"

    def fail_next(self, error: DeliveryError) -> None:
        """Let the next message fail with ``error``; planned failures come in the order of these calls."""
        self._failures.append(error)

    def to(self, email: str) -> tuple[Message, ...]:
        """The messages to this address, in order; the case of its letters does not matter."""
        return tuple(message for message in self.messages if message.to.email.lower() == email.lower())

    def link(self, email: str) -> str:
        """The last link of the last message to this address; ``LookupError`` if there is none."""
        links = [link for message in self.to(email)[-1:] for link in LINK.findall(message.text)]
        if not links:
            message = f"no link was sent to {email}"
            raise LookupError(message)
        return str(links[-1]).rstrip(".,;:!?)>\"'")

    def token(self, email: str) -> str:
        """The token in that link: its parameter ``t``, else its last part; ``LookupError`` without a link.

        >>> from datetime import UTC, datetime
        >>> from datetime import UTC, datetime
        >>> from clientmgmt.domain.mail import Mailbox, MailType
        >>> notifier = RecordingNotifier()
        >>> ada = Mailbox("Ada", "ada@a.example")
        >>> text = "Welcome: https://shop.example/join?t=s3cr3t"
        >>> mail = dict(id="1", date=datetime(2026, 1, 5, tzinfo=UTC), tenant="acme", type=MailType.INVITATION)
        >>> (
        ...     notifier.send(Message(sender=ada, to=ada, subject="Welcome", text=text, **mail)),
        ...     notifier.token("ada@a.example"),
        ... )
        ('recorded-1', 's3cr3t')
        """
        link = self.link(email)
        found = self._token.search(link)
        return unquote(found[1] if found else re.split(r"[/=]", link)[-1])

"""Mail on the screen, for development."""

from __future__ import annotations

import sys
import threading
import unicodedata
from collections.abc import Iterator
from typing import TextIO

from clientmgmt.domain.mail import Mailbox, Message
from clientmgmt.errors import TemporaryDeliveryError

__all__ = ["ConsoleNotifier"]

_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_KEPT = "\t\u200c\u200d"
_RULE = "-" * 72


class ConsoleNotifier:
    """Prints messages to ``stream``, by default to what is standard output at that moment.

    Links are printed as well: it is for development. Control characters are shown as escapes, so that no text
    can move the cursor, colour the screen or turn the direction of what follows.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, message: Message, /) -> str | None:
        """Print ``message``; nobody gives it another name.

        Raises:
            TemporaryDeliveryError: the stream cannot be written to.
        """
        stream = sys.stdout if self._stream is None else self._stream
        encoding = getattr(stream, "encoding", None) or "utf-8"
        text = "".join(f"{line}\n" for line in _lines(message))
        try:
            with self._lock:
                stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
                stream.flush()
        except (OSError, ValueError):
            error = "the console cannot be written to"
            raise TemporaryDeliveryError(error) from None
        return None


def _lines(message: Message) -> Iterator[str]:
    yield _RULE
    yield f"From:     {_mailbox(message.sender)}"
    yield f"To:       {_mailbox(message.to)}"
    yield from (f"Cc:       {_mailbox(copied)}" for copied in message.cc)
    if message.reply_to is not None:
        yield f"Reply-To: {_mailbox(message.reply_to)}"
    yield f"Subject:  {_visible(message.subject)}"
    yield ""
    yield from (_visible(line) for line in message.text.split("\n"))
    yield _RULE


def _mailbox(mailbox: Mailbox) -> str:
    return _visible(f"{mailbox.name} <{mailbox.email}>" if mailbox.name else mailbox.email)


def _visible(text: str) -> str:
    return "".join(map(_neutral, text))


def _neutral(character: str) -> str:
    if character in _KEPT or unicodedata.category(character) not in _ESCAPED:
        return character
    return character.encode("ascii", "backslashreplace").decode() if character > "\x7f" else f"\\x{ord(character):02x}"

"""The notifier port: hands one message over to whoever transports it."""

from __future__ import annotations

from typing import Protocol

from clientmgmt.domain.mail import Message

__all__ = ["Notifier"]


class Notifier(Protocol):
    """Sends messages. Called outside of any unit of work, from any thread."""

    def send(self, message: Message, /) -> str | None:
        """Hand ``message`` over; answer what the other side called it, if it did.

        Returning means that the other side has taken responsibility for it. ``message.id`` is the idempotency
        key: after a crash the same message may come again with the same id.

        Raises:
            TemporaryDeliveryError: it may work later; ``retry_after`` says when, if the other side did.
            PermanentDeliveryError: this message will never be taken.
        """

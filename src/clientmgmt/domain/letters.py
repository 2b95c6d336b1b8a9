"""The words of the mails that the package sends, as plain text."""

from __future__ import annotations

from datetime import datetime

import attrs

from clientmgmt.domain.client import Client
from clientmgmt.domain.people import Invitation, User
from clientmgmt.domain.secret import Secret
from clientmgmt.domain.settings import Settings
from clientmgmt.domain.value import Value

__all__ = ["Letter", "added_letter", "invitation_letter", "password_changed_letter"]


@attrs.frozen(repr=False, eq=False)
class Letter(Value):
    """Subject and body; the body may carry a link and is kept out of ``repr``."""

    subject: str
    text: str = attrs.field(repr=False)


def invitation_letter(user: User, client: Client, invitation: Invitation, *, url: Secret, settings: Settings) -> Letter:
    """Asks ``user`` to come in: greets by name, says for whom and until when the link works.

    Who has no password yet chooses one behind the link; who has one confirms with it.
    """
    brand = settings.brand_name
    task = "Choose your password here" if user.credential_at is None else "Confirm it with your password here"
    text = f"""Hello {user.name},

{brand} has opened an account for you, to act for {client.name}.

{task}:

{url.reveal()}

The link works once, until {_moment(invitation.expires_at)}.
If you did not expect this mail, you can ignore it.

{brand}
"""
    return Letter(f"{brand}: your account for {client.name}", text)


def added_letter(user: User, client: Client, *, settings: Settings) -> Letter:
    """Tells a user who has a password already that one more client is open to it."""
    brand = settings.brand_name
    text = f"""Hello {user.name},

you can now act for {client.name} as well. Sign in as before; your password stays the same.

{brand}
"""
    return Letter(f"{brand}: {client.name} was added to your account", text)


def password_changed_letter(user: User, *, settings: Settings) -> Letter:
    """Tells a user that its password is another one now, so that nobody changes it unnoticed."""
    brand = settings.brand_name
    text = f"""Hello {user.name},

the password of your account was changed. You were signed out everywhere.

If this was not your wish, tell us at once.

{brand}
"""
    return Letter(f"{brand}: your password was changed", text)


def _moment(at: datetime) -> str:
    return f"{at:%d %B %Y, %H:%M} UTC"

"""The words of the mails that the package sends, as plain text."""

from __future__ import annotations

from datetime import datetime

import attrs

from clientmgmt.domain.client import Client
from clientmgmt.domain.links import AccountLink, Invitation
from clientmgmt.domain.people import User
from clientmgmt.domain.rules import ResetMode
from clientmgmt.domain.secret import Secret
from clientmgmt.domain.settings import Settings
from clientmgmt.domain.value import Value

__all__ = [
    "Letter",
    "added_letter",
    "email_changed_letter",
    "email_confirmation_letter",
    "email_left_letter",
    "generated_letter",
    "invitation_letter",
    "password_changed_letter",
    "reset_letter",
]


@attrs.frozen(repr=False, eq=False)
class Letter(Value):
    """Subject and body; the body may carry a link and is kept out of ``repr``."""

    subject: str
    text: str = attrs.field(repr=False)


def invitation_letter(user: User, client: Client, invitation: Invitation, *, url: Secret, settings: Settings) -> Letter:
    """Asks ``user`` to come in: greets by name, says for whom and until when the link works.

    Who cannot sign in yet chooses a password behind the link; everybody else signs in to confirm.
    """
    brand = settings.brand_name
    task = "Choose your password here" if user.credential_at is None else "Sign in to confirm it here"
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

you can now act for {client.name} as well. Sign in as before.

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


def reset_letter(user: User, link: AccountLink, *, url: Secret, settings: Settings) -> Letter:
    """Carries the link to another password; who did not ask for it may ignore it."""
    brand = settings.brand_name
    task = "Choose a new password here"
    if settings.rules.resets.mode is ResetMode.GENERATE_AND_MAIL:
        task = "Confirm here that it was you, and a new password is mailed to you"
    text = f"""Hello {user.name},

somebody, probably you, asked for a new password for your account.

{task}:

{url.reveal()}

The link works once, until {_moment(link.expires_at)}.
If it was not you, you can ignore this mail: your password stays as it is.

{brand}
"""
    return Letter(f"{brand}: a new password", text)


def generated_letter(user: User, password: Secret, *, until: datetime, settings: Settings) -> Letter:
    """Carries a generated password, which is to be replaced at the first sign-in."""
    brand = settings.brand_name
    text = f"""Hello {user.name},

your password is now:

{password.reveal()}

It is good for one sign-in, until {_moment(until)}. You will be asked to choose one of your own then.
You were signed out everywhere.

{brand}
"""
    return Letter(f"{brand}: your new password", text)


def email_confirmation_letter(user: User, link: AccountLink, *, url: Secret, settings: Settings) -> Letter:
    """Asks whoever reads a new address to confirm that it is the user's."""
    brand = settings.brand_name
    text = f"""Hello {user.name},

you want to use this address for your account. Confirm it here:

{url.reveal()}

The link works once, until {_moment(link.expires_at)}.
If it was not you, you can ignore this mail: nothing changes.

{brand}
"""
    return Letter(f"{brand}: confirm your new address", text)


def email_changed_letter(user: User, *, settings: Settings) -> Letter:
    """Tells a user at its new address that this is the one to sign in with."""
    brand = settings.brand_name
    text = f"""Hello {user.name},

this is the address of your account now. Nothing else has changed.

{brand}
"""
    return Letter(f"{brand}: your address was changed", text)


def email_left_letter(user: User, *, settings: Settings) -> Letter:
    """Tells a user at its old address that there is another one, so that nobody takes an account unnoticed."""
    brand = settings.brand_name
    text = f"""Hello {user.name},

your account has another address now, and no longer this one. You were signed out everywhere.

If this was not your wish, tell us at once.

{brand}
"""
    return Letter(f"{brand}: your address was changed", text)


def _moment(at: datetime) -> str:
    return f"{at:%d %B %Y, %H:%M} UTC"

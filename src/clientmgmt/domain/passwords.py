"""Which passwords are taken."""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from collections.abc import Callable

from clientmgmt.domain.people import User
from clientmgmt.domain.rules import PasswordRules
from clientmgmt.domain.secret import Secret
from clientmgmt.errors import Violation

__all__ = ["password_violations", "readable_password"]


_GROUP = 5


def password_violations(
    password: object, user: User, *, rules: PasswordRules, is_common: Callable[[str], bool]
) -> tuple[Violation, ...]:
    """Why ``user`` cannot take this password: too short or long, common, or its own e-mail or name.

    The password is not trimmed, folded or repeated in a message. What cannot be typed (a lone surrogate) cannot
    be a password.
    """
    if not isinstance(password, str) or any(unicodedata.category(character) == "Cs" for character in password):
        return (Violation("not_text", "must be text", "password"),)
    found = []
    if len(password) < rules.shortest:
        message = f"must have at least {rules.shortest} characters"
        found.append(Violation("too_short", message, "password", {"limit": rules.shortest}))
    if len(password) > rules.longest:
        message = f"must have at most {rules.longest} characters"
        return (Violation("too_long", message, "password", {"limit": rules.longest}),)
    if rules.refuse_common and is_common(password):
        found.append(Violation("too_common", "is one of the most common passwords", "password"))
    if password.casefold() in _own_words(user):
        found.append(Violation("too_personal", "must not be the e-mail address or the name", "password"))
    return tuple(found)


def readable_password(secret: Secret) -> Secret:
    """A password of 100 bits that can be typed, made of ``secret``: always the same one.

    >>> readable_password(Secret("an example")).reveal()
    'omyaq-4pujq-li47e-utxrm'
    """
    digest = hashlib.sha256(secret.reveal().encode()).digest()
    letters = base64.b32encode(digest).decode().lower()[: 4 * _GROUP]
    return Secret("-".join(letters[start : start + _GROUP] for start in range(0, len(letters), _GROUP)))


def _own_words(user: User) -> frozenset[str]:
    local = user.email.key.partition("@")[0]
    words = (user.name, user.first_name + user.last_name, user.email.address, user.email.key, local)
    return frozenset(word.casefold() for word in words)

"""External identities: who a user is for an identity provider that the host trusts."""

from __future__ import annotations

from datetime import datetime

import attrs

from clientmgmt.domain.form import Form
from clientmgmt.domain.ids import UserId
from clientmgmt.domain.value import Value
from clientmgmt.errors import Violation

_LONGEST = 255

__all__ = ["Identity", "LinkedIdentity", "read_identity"]


@attrs.frozen(repr=False, eq=False)
class Identity(Value):
    """Who somebody is for an identity provider: ``subject``, as ``issuer`` calls it. The host vouches for it.

    >>> Identity("https://login.example.com", "248289761001")
    Identity(issuer='https://login.example.com', subject='248289761001')
    """

    issuer: str
    subject: str


@attrs.frozen(kw_only=True, repr=False, eq=False)
class LinkedIdentity(Value):
    """The external identity of a user, who has no password then; it has the user's id."""

    id: UserId
    issuer: str
    subject: str
    set_at: datetime


def read_identity(form: Form, identity: object) -> Identity | None:
    """The identity, exactly as it is; what is wrong with it is noted in ``form``."""
    if isinstance(identity, Identity) and all(map(_is_name, (identity.issuer, identity.subject))):
        return identity
    message = f"must be an Identity of two texts of 1 to {_LONGEST} printable characters"
    form.note([Violation("not_an_identity", message, "identity")])
    return None


def _is_name(text: object) -> bool:
    return isinstance(text, str) and 0 < len(text) <= _LONGEST and text.isprintable()

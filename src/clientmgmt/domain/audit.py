"""The audit trail: one entry per event and per denial, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import attrs

from clientmgmt.domain.events import Event
from clientmgmt.domain.ids import AuditEntryId, ClientId
from clientmgmt.domain.value import Value

__all__ = ["AuditEntry"]


@attrs.frozen(kw_only=True, repr=False, eq=False)
class AuditEntry(Value):
    """Who did what to which object, when, and how it was before and after. Never a secret.

    ``on_behalf_of`` is set when a staff user acts as a client's user. A refused command leaves an entry whose
    ``action`` is ``denied``.
    """

    id: AuditEntryId
    at: datetime
    actor: str
    on_behalf_of: str | None = None
    action: str
    client_id: ClientId | None
    subject: UUID | None
    old: Mapping[str, str] = attrs.field(factory=dict)
    new: Mapping[str, str] = attrs.field(factory=dict)

    @classmethod
    def of(cls, event: Event) -> AuditEntry:
        """The entry that records ``event``: the fact ``old`` goes to the one side, the rest to the other."""
        stamp = event.stamp
        facts = {name: _plain(getattr(event, name)) for name in event.facts}
        old = {event.aspect: facts.pop("old")} if "old" in facts else {}
        new = {event.aspect if name == "new" else name: value for name, value in facts.items()}
        return cls(
            id=AuditEntryId(stamp.id),
            at=stamp.at,
            actor=stamp.actor,
            on_behalf_of=stamp.on_behalf_of,
            action=event.name,
            client_id=event.client_id,
            subject=event.subject,
            old=old,
            new=new,
        )


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ", ".join(str(part) for part in value)
    return value.isoformat() if isinstance(value, datetime) else str(value)

"""Clients: the organisations and persons that own contacts and everything below them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import attrs

from clientmgmt.domain.email import Email
from clientmgmt.domain.events import ClientStatusChanged, Stamp
from clientmgmt.domain.ids import ClientId
from clientmgmt.domain.states import CLIENT_LIFECYCLE, ClientStatus, ClientTrigger
from clientmgmt.errors import IllegalTransitionError, Violation

__all__ = ["Client", "ClientKind", "ClientReference", "ExternalReference", "closed_violations"]


class ClientKind(StrEnum):
    """What a client is."""

    COMPANY = "company"
    PERSON = "person"


@attrs.frozen
class ExternalReference:
    """The id that another ``system`` gave to a client; unique per tenant.

    >>> ExternalReference("crm", "C-1001")
    ExternalReference(system='crm', value='C-1001')
    """

    system: str
    value: str


@attrs.frozen(kw_only=True)
class Client:
    """A client as it is stored.

    ``name_key`` is what the name is ordered and recognised by; ``version`` grows with every change.
    """

    id: ClientId
    kind: ClientKind
    name: str
    name_key: str
    email: Email
    status: ClientStatus
    status_since: datetime
    language: str | None
    created_at: datetime
    created_by: str
    version: int = 1

    def set_status(self, status: ClientStatus, *, reason: str, stamp: Stamp) -> tuple[Client, ClientStatusChanged]:
        """The client in ``status``, and the fact; :class:`IllegalTransitionError` if the table has no such step."""
        trigger = ClientTrigger.to(status)
        if trigger is None:
            legal = tuple(str(known) for known in CLIENT_LIFECYCLE.legal(self.status))
            raise IllegalTransitionError(CLIENT_LIFECYCLE.name, self.status, f"return to {status}", legal)
        target = CLIENT_LIFECYCLE.target(self.status, trigger)
        fact = ClientStatusChanged(
            stamp=stamp,
            subject=self.id,
            client_id=self.id,
            old=self.status,
            new=target,
            reason=reason,
            suspends_downstream=target.suspends_downstream,
        )
        return attrs.evolve(self, status=target, status_since=stamp.at), fact


@attrs.frozen(kw_only=True)
class ClientReference:
    """One external reference of one client, as it is stored: (system, value) is unique per tenant."""

    id: UUID
    client_id: ClientId
    system: str
    value: str


def closed_violations(client: Client) -> tuple[Violation, ...]:
    """Why nobody can be invited to ``client``, or sign in for it."""
    if client.status.may_sign_in:
        return ()
    return (Violation("client_closed", "is closed: nobody is invited to it and nobody signs in for it", "client"),)

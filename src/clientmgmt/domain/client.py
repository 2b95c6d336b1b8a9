"""Clients: the organisations and persons that own contacts and everything below them."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import attrs

from clientmgmt.domain.email import Email
from clientmgmt.domain.events import ClientAdded, ClientStatusChanged, Stamp
from clientmgmt.domain.form import Form
from clientmgmt.domain.ids import ClientId
from clientmgmt.domain.states import CLIENT_LIFECYCLE, ClientStatus, ClientTrigger
from clientmgmt.domain.text import name_key
from clientmgmt.domain.value import Value
from clientmgmt.errors import IllegalTransitionError, Violation

__all__ = [
    "Client",
    "ClientKind",
    "ClientReference",
    "ExternalReference",
    "client_added",
    "closed_violations",
    "read_client",
]

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


class ClientKind(StrEnum):
    """What a client is."""

    COMPANY = "company"
    PERSON = "person"


@attrs.frozen(repr=False, eq=False)
class ExternalReference(Value):
    """The id that another ``system`` gave to a client; unique per tenant.

    >>> ExternalReference("crm", "C-1001")
    ExternalReference(system='crm', value='C-1001')
    """

    system: str
    value: str


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Client(Value):
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
        return self._in_status(target, since=stamp.at), fact

    def _in_status(self, status: ClientStatus, *, since: datetime) -> Client:
        """Built directly: ``attrs.evolve`` takes twice as long, and a status is what changes most."""
        return Client(
            id=self.id,
            kind=self.kind,
            name=self.name,
            name_key=self.name_key,
            email=self.email,
            status=status,
            status_since=since,
            language=self.language,
            created_at=self.created_at,
            created_by=self.created_by,
            version=self.version,
        )


@attrs.frozen(kw_only=True, repr=False, eq=False)
class ClientReference(Value):
    """One external reference of one client, as it is stored: (system, value) is unique per tenant."""

    id: UUID
    client_id: ClientId
    system: str
    value: str


_FIRST = frozenset({ClientStatus.ACTIVE, ClientStatus.PROSPECT})


def read_client(
    form: Form, stamp: Stamp, *, name: object, email: object, kind: object, status: object, language: object
) -> Client:
    """The new client that these fields describe; what is wrong with them is noted in ``form``.

    A client begins active, or as a prospect if that is asked for. ``language`` is a tag such as ``en`` or
    ``pt-BR``.
    """
    title = form.text("name", name)
    first = form.choice("status", status, ClientStatus)
    tag = form.optional("language", language, limit=35)
    if first not in _FIRST:
        form.note([Violation("unknown_name", "must be active or prospect when a client is added", "status")])
    if tag is not None and _LANGUAGE.fullmatch(tag) is None:
        form.note([Violation("invalid_language", "must be a language tag such as en or pt-BR", "language")])
    return Client(
        id=ClientId(stamp.id),
        kind=form.choice("kind", kind, ClientKind),
        name=title,
        name_key=name_key(title),
        email=form.email("email", email),
        status=first,
        status_since=stamp.at,
        language=tag,
        created_at=stamp.at,
        created_by=stamp.actor,
    )


def client_added(client: Client, stamp: Stamp) -> ClientAdded:
    """The fact that ``client`` is there."""
    return ClientAdded(
        stamp=stamp,
        subject=client.id,
        client_id=client.id,
        title=client.name,
        email=client.email.address,
        status=client.status,
    )


def closed_violations(client: Client) -> tuple[Violation, ...]:
    """Why nobody can be invited to ``client``, or sign in for it."""
    if client.status.may_sign_in:
        return ()
    return (Violation("client_closed", "is closed: nobody is invited to it and nobody signs in for it", "client"),)

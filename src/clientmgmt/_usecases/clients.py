"""Clients: adding, finding, listing, and setting their status."""

from __future__ import annotations

from collections.abc import Iterable

from clientmgmt._usecases.authorize import authorize
from clientmgmt._usecases.joining import join
from clientmgmt._usecases.loading import load_client
from clientmgmt._usecases.owners import begin_ownership
from clientmgmt._usecases.paging import find_page
from clientmgmt._usecases.reach import within_reach
from clientmgmt._usecases.sight import clients_in_sight
from clientmgmt._usecases.work import Work
from clientmgmt.domain.client import Client, ClientReference, ExternalReference, client_added, read_client
from clientmgmt.domain.email import parse_email
from clientmgmt.domain.form import Form
from clientmgmt.domain.ids import ClientId
from clientmgmt.domain.joining import NewContact, NewPerson, joining_violations, read_contact
from clientmgmt.domain.people import UserKind
from clientmgmt.domain.results import Page, StatusChange
from clientmgmt.domain.states import ClientStatus
from clientmgmt.errors import Violation
from clientmgmt.ports.collections import CLIENT_REFERENCES, CLIENTS, USERS
from clientmgmt.ports.storage import Condition

__all__ = ["add_client", "find_client", "get_client", "list_clients", "list_references", "set_status"]

_OWNERS_ROLE = "client_admin"
"""The role of an owner that is added with its client: what it has left if the ownership goes to somebody else."""


def add_client(
    work: Work,
    *,
    name: str,
    email: str,
    kind: str,
    status: str,
    language: str | None,
    references: Iterable[ExternalReference | tuple[str, str]],
    owner: NewContact | None,
) -> Client:
    """Write a new client and its external references, and the person that owns it if one is given."""
    authorize(work, "clients.add")
    if owner is not None:
        authorize(work, "contacts.add")
    form, stamp = Form(), work.stamp()
    client = read_client(form, stamp, name=name, email=email, kind=kind, status=status, language=language)
    links = _read_references(form, work, client.id, references)
    form.note(_taken(work, links))
    person = None if owner is None else _read_owner(form, work, owner)
    form.check()
    work.uow.add(CLIENTS, client)
    if links:
        work.uow.add(CLIENT_REFERENCES, *links)
    work.record(client_added(client, stamp))
    if person is not None:
        begin_ownership(work, client, join(work, client, person, Form(), field="owner.email"))
    return client


def get_client(work: Work, client_id: ClientId) -> Client:
    """One client."""
    return load_client(work, client_id, "clients.get")


def find_client(work: Work, *, reference: ExternalReference | tuple[str, str]) -> Client | None:
    """The client with this external reference."""
    authorize(work, "clients.find")
    form = Form()
    system, value = _read_reference(form, reference)
    form.check()
    links = work.uow.find(CLIENT_REFERENCES, *_is(system, value), *within_reach(work, CLIENT_REFERENCES.client_id))
    return work.uow.get(CLIENTS, links[0].client_id) if links else None


def list_references(work: Work, client_id: ClientId) -> tuple[ExternalReference, ...]:
    """The external references of a client, in the order of their systems."""
    client = load_client(work, client_id, "clients.references")
    links = work.uow.find(CLIENT_REFERENCES, CLIENT_REFERENCES.client_id.eq(client.id))
    found = sorted((link.system, link.value) for link in links)
    return tuple(ExternalReference(system, value) for system, value in found)


def list_clients(work: Work, *, status: str | None, email: str | None, limit: int, cursor: str | None) -> Page[Client]:
    """A page of clients in the order of their names."""
    authorize(work, "clients.list")
    form = Form()
    where: list[Condition[Client]] = [*clients_in_sight(work)]
    if status is not None:
        where.append(CLIENTS.status.eq(form.choice("status", status, ClientStatus)))
    if email is not None:
        where.append(CLIENTS.email_key.eq(parse_email(email, field="email")[0].key))
    form.check()
    rows, following = find_page(work, CLIENTS, *where, order=CLIENTS.name_key.asc(), limit=limit, cursor=cursor)
    return Page(rows, following)


def set_status(work: Work, client_id: ClientId, status: str, *, reason: str) -> StatusChange:
    """Write a client's status if the table has the step; the same status again changes nothing."""
    client = load_client(work, client_id, "clients.set_status", lock=True)
    form = Form()
    target = form.choice("status", status, ClientStatus)
    why = form.optional("reason", reason, limit=1000) or ""
    form.check()
    if target is client.status:
        return StatusChange(client=client, old=target, new=target, changed=False)
    changed, fact = client.set_status(target, reason=why, stamp=work.stamp())
    work.record(fact)
    saved = work.uow.save(CLIENTS, changed)
    return StatusChange(client=saved, old=client.status, new=saved.status, changed=True)


def _read_owner(form: Form, work: Work, owner: object) -> NewPerson | None:
    """The person that is to own a new client. A known one is looked at here, so that all problems come together.

    It is locked only after the client is written, as by whoever adds a contact to a client.
    """
    person = read_contact(form, "owner", owner, role=_OWNERS_ROLE, catalog=work.catalog)
    if person is not None and person.email.key:
        for known in work.uow.find(USERS, USERS.email_key.eq(person.email.key)):
            form.note(joining_violations(known, is_member=False, strict=False, field="owner.email"))
            if known.deactivated_at is not None and known.kind is UserKind.CLIENT_USER:
                form.note([Violation("not_eligible", "belongs to a user who is deactivated", "owner.email")])
    return person


def _read_references(
    form: Form, work: Work, client_id: ClientId, references: Iterable[ExternalReference | tuple[str, str]]
) -> tuple[ClientReference, ...]:
    named = sorted({_read_reference(form, reference) for reference in form.items("references", references)})
    return tuple(
        ClientReference(id=work.wiring.ids.new(), client_id=client_id, system=system, value=value)
        for system, value in named
    )


def _read_reference(form: Form, reference: object) -> tuple[str, str]:
    match reference:
        case ExternalReference(system, value) | (system, value):
            return form.text("references", system, limit=64), form.text("references", value)
        case _:
            form.note([Violation("not_a_reference", "must be pairs of system and id", "references")])
            return "", ""


def _taken(work: Work, links: tuple[ClientReference, ...]) -> tuple[Violation, ...]:
    message = "belongs to another client"
    return tuple(
        Violation("duplicate_reference", message, "references")
        for link in links
        if work.uow.find(CLIENT_REFERENCES, *_is(link.system, link.value))
    )


def _is(system: str, value: str) -> tuple[Condition[ClientReference], ...]:
    return CLIENT_REFERENCES.system.eq(system), CLIENT_REFERENCES.value.eq(value)

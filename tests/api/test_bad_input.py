"""What is malformed is refused by name, completely, and without a trace; by every store alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import attrs
import pytest

from clientmgmt import (
    Client,
    ClientId,
    Contact,
    EmergencyContact,
    InvalidInputError,
    NewContact,
    NotFoundError,
    RefusedError,
    SignInRefusedError,
    Site,
)
from clientmgmt.domain import ClientAdded, Event
from clientmgmt.errors import InvalidLinkError
from tests.box import PASSWORD, Box
from tests.stories.operations import ADDRESS, NOON

NOT_TEXT: dict[str, object] = {
    "a number": 5,
    "bytes": b"Jane",
    "a bool": True,
    "a list": ["Jane"],
    "an object": object(),
}
TEXT: dict[str, object] = {
    "NUL": "a\x00b",
    "CR/LF": "a\r\nb",
    "line separator": "a\u2028b",
    "bidi control": "a\u202eb",
    "lone surrogate": "a\ud800b",
    "zero width": "a\u200bb",
    "a million": "x" * 10**6,
}
OPTIONAL = NOT_TEXT | TEXT
REQUIRED: dict[str, object] = OPTIONAL | {
    "nothing": None,
    "empty": "",
    "spaces": "  ",
    "joiners only": "\u200c\u200d",
    "zero width only": "\u200b",
}
EMAIL: dict[str, object] = REQUIRED | {
    "no at-sign": "jane",
    "two": "a@b.example,c@d.example",
    "a header": "a@b.example\r\nBcc: eve@evil.example",
    "no domain": "jane@",
    "local": "jane@localhost",
    "over-long local part": "x" * 65 + "@b.example",
}
CHOICE: dict[str, object] = REQUIRED | {"wrong case": "ACTIVE", "padded": " active", "unknown": "archived"}
ROLE: dict[str, object] = REQUIRED | {
    "wrong case": "Client_Admin",
    "of staff": "administrator",
    "unknown": "owner",
    "padded": "client_admin ",
}
FLAG: dict[str, object] = {"text": "true", "yes": "yes", "one": 1, "zero": 0, "nothing": None, "empty": "", "list": [1]}
MODE: dict[str, object] = NOT_TEXT | {"unknown": "merge", "wrong case": "LINK", "empty": "", "nothing": None}
LANGUAGE: dict[str, object] = OPTIONAL | {"words": "english please", "one letter": "e", "underscore": "pt_BR"}
REFERENCES: dict[str, object] = {
    "nothing": None,
    "a number": 5,
    "text": "crm",
    "one text each": ["crm"],
    "one part": [("crm",)],
    "three parts": [("crm", "1", "2")],
    "a number in it": [5],
    "empty system": [("", "1")],
    "empty value": [("crm", "")],
    "a number as value": [("crm", 1)],
    "NUL": [("crm", "a\x00")],
    "lone surrogate": [("crm", "\ud800")],
    "a million": [("crm", "x" * 10**6)],
    "over-long system": [("x" * 65, "1")],
}
PERMISSION: dict[str, object] = {
    "unknown": "no.such.permission",
    "empty": "",
    "other case": "Invoices",
    "nothing": None,
    "a number": 5,
    "a list": ["invoices"],
    "bytes": b"invoices",
}
PERMISSIONS: dict[str, object] = {
    "one as text": "invoices",
    "nothing": None,
    "a number": 5,
    "unknown": ["invoices", "no.such.permission"],
    "of staff": ["users.staff"],
    "no names": [5, None],
    "a list in it": [["invoices"]],
}
VERSION: dict[str, object] = {"text": "1", "a bool": True, "a float": 1.0, "bytes": b"1"}
ROLES: dict[str, object] = {
    "nothing": None,
    "a number": 5,
    "text": "editor",
    "of clients": ["client_admin"],
    "wrong case": ["Editor"],
    "a number in it": ["editor", 5],
    "a list in it": [["editor"]],
    "unknown": ["editor", "owner"],
}
REFERENCE = {name: value[0] if isinstance(value, list) else value for name, value in REFERENCES.items()}
TIME: dict[str, object] = {
    "naive": datetime(2026, 1, 5),  # noqa: DTZ001 - that is the point
    "text": "2026-01-05T09:00:00+00:00",
    "a number": 1_700_000_000,
    "a bool": True,
}
KEY: dict[str, object] = NOT_TEXT | {
    "empty": "",
    "over-long": "x" * 201,
    "a million": "x" * 10**6,
    "NUL": "a\x00b",
    "line break": "a\nb",
    "not ASCII": "schl\u00fcssel",
    "lone surrogate": "\ud800",
}
CONSUMER: dict[str, object] = REQUIRED | {"over-long": "x" * 65}
KINDS: dict[str, object] = {
    "text": "client_added",
    "a number": 5,
    "none at all": [],
    "names": ["client_added"],
    "the kind of all kinds": [Event],
    "no event": [ClientAdded, int],
    "an unhashable": [ClientAdded, []],
}
START: dict[str, object] = NOT_TEXT | {"unknown": "end", "wrong case": "Now", "empty": "", "nothing": None}
LIMIT: dict[str, object] = {
    "zero": 0,
    "negative": -1,
    "too many": 1001,
    "text": "5",
    "a bool": True,
    "a fraction": 1.0,
    "nothing": None,
}
EVENTS: dict[str, object] = {"nothing": None, "a number": 5, "text": "abc", "ids": [UUID(int=1)], "none": [None]}
JOBS: dict[str, object] = {
    "text": "links",
    "a number": 5,
    "unknown": ["links", "audit"],
    "wrong case": ["Links"],
    "a number in it": [5],
    "an unhashable": [["links"]],
}
TENANTS: dict[str, object] = {
    "text": "northwind",
    "a number": 5,
    "empty": [""],
    "with a space": ["north wind"],
    "over-long": ["x" * 65],
    "a number in it": [5],
    "an unhashable": [["northwind"]],
    "not ASCII": ["nordw\u00efnd"],
}
FILTER: dict[str, object] = {"NUL": "a\x00b", "lone surrogate": "\ud800", "a number": 5, "bytes": b"x"}


@attrs.frozen
class Case:
    """A command with one field that is left open."""

    values: Mapping[str, object]
    command: Callable[[Box, Client, Contact, object], object]
    kind: type[RefusedError] = InvalidInputError


def add_client(field: str) -> Callable[[Box, Client, Contact, object], object]:
    good = {"name": "Bolt", "email": "b@bolt.example"}
    return lambda box, _, __, value: box.ws.clients.add(**(good | {field: value}))  # type: ignore[arg-type]


def add_owner(field: str) -> Callable[[Box, Client, Contact, object], object]:
    def command(box: Box, _: Client, __: Contact, value: object) -> object:
        owner = NewContact(**({"first_name": "Bob", "last_name": "Roe", "email": "bob@bolt.example"} | {field: value}))  # type: ignore[arg-type]
        return box.ws.clients.add(name="Bolt", email="b@bolt.example", owner=owner)

    return command


def add_contact(field: str) -> Callable[[Box, Client, Contact, object], object]:
    good = {"first_name": "Bob", "last_name": "Roe", "email": "bob@acme.example"}
    return lambda box, client, _, value: box.ws.contacts.add(client.id, **(good | {field: value}))  # type: ignore[arg-type]


def add_staff(field: str) -> Callable[[Box, Client, Contact, object], object]:
    good = {"first_name": "Ada", "last_name": "Byron", "email": "ada@northwind.example", "roles": ["editor"]}
    return lambda box, _, __, value: box.ws.staff.add(**(good | {field: value}))  # type: ignore[arg-type]


def set_rights(field: str) -> Callable[[Box, Client, Contact, object], object]:
    def command(box: Box, _: Client, contact: Contact, value: object) -> object:
        box.ws.access.rights(contact.id)
        return box.ws.access.set_rights(contact.id, **{field: value})  # type: ignore[arg-type]

    return command


def preview_rights(field: str) -> Callable[[Box, Client, Contact, object], object]:
    return lambda box, _, contact, value: box.ws.access.preview_rights(contact.id, **{field: value})  # type: ignore[arg-type]


def update_contact(field: str) -> Callable[[Box, Client, Contact, object], object]:
    return lambda box, _, contact, value: box.ws.contacts.update(contact.id, **{field: value})  # type: ignore[arg-type]


def update_staff(field: str) -> Callable[[Box, Client, Contact, object], object]:
    def command(box: Box, _: Client, __: Contact, value: object) -> object:
        bea = box.ws.staff.find(reference="bea")
        assert bea is not None
        if field == "roles":
            return box.ws.staff.set_roles(bea.id, value)  # type: ignore[arg-type]
        return box.ws.staff.update(bea.id, **{field: value})  # type: ignore[arg-type]

    return command


def audit(field: str) -> Callable[[Box, Client, Contact, object], object]:
    return lambda box, _, __, value: box.ws.audit.list(**{field: value})  # type: ignore[arg-type]


def add_site(field: str) -> Callable[[Box, Client, Contact, object], object]:
    good = {"name": "Roof", "address": ADDRESS, "timezone": "UTC"}
    return lambda box, client, _, value: box.ws.sites.add(client.id, **(good | {field: value}))  # type: ignore[arg-type]


def add_site_at(field: str) -> Callable[[Box, Client, Contact, object], object]:
    def command(box: Box, client: Client, _: Contact, value: object) -> object:
        address = attrs.evolve(ADDRESS, **{field: value})  # type: ignore[arg-type]
        return box.ws.sites.add(client.id, name="Roof", address=address, timezone="UTC")

    return command


def with_site(call: Callable[[Box, Site, Any], object]) -> Callable[[Box, Client, Contact, object], object]:
    return lambda box, client, _, value: call(box, box.ws.sites.list(client.id).items[0], value)


WORDS: dict[str, object] = {
    "text": "Dock",
    "a number": 5,
    "a list": ["Dock"],
    "an empty name": {"": "x"},
    "an empty text": {"Dock": ""},
    "a number in it": {"Dock": 5},
    "NUL": {"Do\x00ck": "x"},
    "too many": {str(number): "x" for number in range(201)},
}
SITE_ADDRESS: dict[str, object] = {"nothing": None, "text": "1 Main Street", "a mapping": {"street": "1 Main Street"}}
COUNTRY: dict[str, object] = {"small": "us", "a name": "United States", "three letters": "USA", "digits": "12"}
ZONE: dict[str, object] = {"unknown": "Mars/Olympus", "a path": "../UTC", "an offset": "+01:00", "other case": "utc"}
SCOPE: dict[str, object] = {"nothing": None, "text": "everything", "a list": [UUID(int=1)], "an id": UUID(int=1)}
CONTACTS: dict[str, object] = {
    "nothing": None,
    "text": "Eve",
    "texts": ["Eve"],
    "no name": [EmergencyContact(name="", phone="1")],
    "no phone": [EmergencyContact(name="Eve", phone=" ")],
    "no address": [EmergencyContact(name="Eve", phone="1", email="nowhere")],
    "too many": [EmergencyContact(name="Eve", phone="1")] * 101,
}

CASES: dict[tuple[str, str], Case] = {
    ("sites.add", "name"): Case(REQUIRED | {"over-long": "x" * 201}, add_site("name")),
    ("sites.add", "address"): Case(SITE_ADDRESS, add_site("address")),
    ("sites.add", "address.street"): Case(REQUIRED, add_site_at("street")),
    ("sites.add", "address.country"): Case(REQUIRED | COUNTRY, add_site_at("country")),
    ("sites.add", "address.postal_code"): Case(OPTIONAL | {"over-long": "1" * 21}, add_site_at("postal_code")),
    ("sites.add", "timezone"): Case(REQUIRED | ZONE, add_site("timezone")),
    ("sites.add", "reference"): Case(OPTIONAL, add_site("reference")),
    ("sites.add", "post_map"): Case(WORDS, add_site("post_map")),
    ("sites.add", "details"): Case(WORDS, add_site("details")),
    ("sites.update", "details"): Case(
        WORDS | {"nothing": None},
        with_site(lambda box, site, value: box.ws.sites.update(site.id, details=value)),
    ),
    ("sites.update", "expected_version"): Case(
        VERSION,
        with_site(lambda box, site, value: box.ws.sites.update(site.id, expected_version=value)),
    ),
    ("sites.set_status", "status"): Case(
        CHOICE, with_site(lambda box, site, value: box.ws.sites.set_status(site.id, value))
    ),
    ("sites.set_contacts", "contacts"): Case(
        {"nothing": None, "text": "Eve", "a number": 5, "too many": CONTACTS["too many"]},
        with_site(lambda box, site, value: box.ws.sites.set_contacts(site.id, value)),
    ),
    ("sites.set_contacts", "contacts.0"): Case(
        {"text": ["Eve"], "nothing": [None]},
        with_site(lambda box, site, value: box.ws.sites.set_contacts(site.id, value)),
    ),
    ("sites.list", "archived"): Case(
        {name: value for name, value in FLAG.items() if value is not None},
        lambda box, client, _, value: box.ws.sites.list(client.id, archived=value),  # type: ignore[arg-type]
    ),
    ("sites.may_schedule", "at"): Case(
        TIME, with_site(lambda box, site, value: box.ws.sites.may_schedule(site.id, value))
    ),
    ("sites.may_schedule", "override_limited"): Case(
        FLAG,
        with_site(lambda box, site, value: box.ws.sites.may_schedule(site.id, NOON, override_limited=value)),
    ),
    ("sites.to_local", "instant"): Case(
        TIME, with_site(lambda box, site, value: box.ws.sites.to_local(site.id, value))
    ),
    ("sites.find", "reference"): Case(
        REQUIRED,
        lambda box, _, __, value: box.ws.sites.find(reference=value),  # type: ignore[arg-type]
    ),
    ("contacts.add", "scope"): Case(SCOPE, add_contact("scope")),
    ("access.set_password", "password"): Case(
        NOT_TEXT
        | {"nothing": None, "short": "x" * 11, "long": "x" * 1025, "common": "123qweasdzxc", "own": "Jane Doe "},
        lambda box, _, contact, value: box.ws.access.set_password(contact.user_id, value),  # type: ignore[arg-type]
    ),
    ("access.record_login", "at"): Case(
        TIME,
        lambda box, _, contact, value: box.ws.access.record_login(contact.user_id, value),  # type: ignore[arg-type]
    ),
    ("contacts.update", "email"): Case(
        EMAIL,
        lambda box, _, contact, value: box.ws.contacts.update(contact.id, email=value),  # type: ignore[arg-type]
    ),
    ("entrance.request_reset", "email"): Case(
        EMAIL,
        lambda box, _, __, value: box.door.request_reset(value),  # type: ignore[arg-type]
    ),
    ("access.set_rights", "scope"): Case(SCOPE, set_rights("scope")),
    ("clients.add", "name"): Case(REQUIRED, add_client("name")),
    ("clients.add", "email"): Case(EMAIL, add_client("email")),
    ("clients.add", "kind"): Case(CHOICE, add_client("kind")),
    ("clients.add", "status"): Case(CHOICE | {"closed": "closed"}, add_client("status")),
    ("clients.add", "language"): Case(LANGUAGE, add_client("language")),
    ("clients.add", "references"): Case(REFERENCES, add_client("references")),
    ("clients.add", "owner"): Case(
        {"text": "Jane", "a number": 5, "a mapping": {"first_name": "J"}}, add_client("owner")
    ),
    ("clients.add", "owner.first_name"): Case(REQUIRED, add_owner("first_name")),
    ("clients.add", "owner.last_name"): Case(REQUIRED | {"over-long": "x" * 101}, add_owner("last_name")),
    ("clients.add", "owner.email"): Case(EMAIL, add_owner("email")),
    ("clients.add", "owner.phone"): Case(OPTIONAL, add_owner("phone")),
    ("clients.add", "owner.job_title"): Case(OPTIONAL, add_owner("job_title")),
    ("clients.list", "status"): Case(
        {name: value for name, value in CHOICE.items() if value is not None},
        lambda box, _, __, value: box.ws.clients.list(status=value),  # type: ignore[arg-type]
    ),
    ("clients.set_status", "status"): Case(
        CHOICE,
        lambda box, client, _, value: box.ws.clients.set_status(client.id, value),  # type: ignore[arg-type]
    ),
    ("clients.set_status", "reason"): Case(
        OPTIONAL | {"over-long": "x" * 1001},
        lambda box, client, _, value: box.ws.clients.set_status(client.id, "paused", reason=value),  # type: ignore[arg-type]
    ),
    ("contacts.add", "first_name"): Case(REQUIRED | {"over-long": "x" * 101}, add_contact("first_name")),
    ("contacts.add", "last_name"): Case(REQUIRED | {"over-long": "x" * 101}, add_contact("last_name")),
    ("contacts.add", "email"): Case(EMAIL, add_contact("email")),
    ("contacts.add", "phone"): Case(OPTIONAL | {"over-long": "1" * 51}, add_contact("phone")),
    ("contacts.add", "job_title"): Case(OPTIONAL | {"over-long": "x" * 101}, add_contact("job_title")),
    ("contacts.add", "role"): Case(ROLE, add_contact("role")),
    ("contacts.add", "invite"): Case(FLAG, add_contact("invite")),
    ("contacts.add", "on_existing"): Case(MODE, add_contact("on_existing")),
    ("contacts.update", "first_name"): Case(REQUIRED | {"over-long": "x" * 101}, update_contact("first_name")),
    ("contacts.update", "last_name"): Case(REQUIRED | {"over-long": "x" * 101}, update_contact("last_name")),
    ("contacts.update", "phone"): Case(OPTIONAL | {"over-long": "1" * 51}, update_contact("phone")),
    ("contacts.update", "job_title"): Case(OPTIONAL | {"over-long": "x" * 101}, update_contact("job_title")),
    ("contacts.update", "expected_version"): Case(VERSION, update_contact("expected_version")),
    ("contacts.suspend", "reason"): Case(
        OPTIONAL | {"over-long": "x" * 501},
        lambda box, _, contact, value: box.ws.contacts.suspend(contact.id, reason=value),  # type: ignore[arg-type]
    ),
    ("access.set_rights", "role"): Case(ROLE, set_rights("role")),
    ("access.set_rights", "grants"): Case(PERMISSIONS, set_rights("grants")),
    ("access.set_rights", "denies"): Case(PERMISSIONS, set_rights("denies")),
    ("access.preview_rights", "role"): Case(ROLE, preview_rights("role")),
    ("access.preview_rights", "grants"): Case(PERMISSIONS, preview_rights("grants")),
    ("access.preview_rights", "denies"): Case(PERMISSIONS, preview_rights("denies")),
    ("access.may", "permission"): Case(
        PERMISSION,
        lambda box, client, _, value: box.ws.access.may(value, client.id),  # type: ignore[arg-type]
    ),
    ("access.explain", "permission"): Case(
        PERMISSION,
        lambda box, client, contact, value: box.ws.access.explain(contact.user_id, value, client.id),  # type: ignore[arg-type]
    ),
    ("contacts.list", "state"): Case(
        {name: value for name, value in CHOICE.items() if value is not None},
        lambda box, _, __, value: box.ws.contacts.list(state=value),  # type: ignore[arg-type]
    ),
    ("notifications.list", "type"): Case(
        {name: value for name, value in CHOICE.items() if value is not None},
        lambda box, _, __, value: box.ws.notifications.list(type=value),  # type: ignore[arg-type]
    ),
    ("notifications.list", "state"): Case(
        {name: value for name, value in CHOICE.items() if value is not None},
        lambda box, _, __, value: box.ws.notifications.list(state=value),  # type: ignore[arg-type]
    ),
    ("staff.add", "first_name"): Case(REQUIRED, add_staff("first_name")),
    ("staff.add", "last_name"): Case(REQUIRED, add_staff("last_name")),
    ("staff.add", "email"): Case(EMAIL, add_staff("email")),
    ("staff.add", "roles"): Case(ROLES, add_staff("roles")),
    ("staff.add", "reference"): Case(OPTIONAL, add_staff("reference")),
    ("staff.update", "first_name"): Case(REQUIRED, update_staff("first_name")),
    ("staff.update", "last_name"): Case(REQUIRED, update_staff("last_name")),
    ("staff.update", "email"): Case(EMAIL, update_staff("email")),
    ("staff.update", "expected_version"): Case(VERSION, update_staff("expected_version")),
    ("staff.set_roles", "roles"): Case(ROLES, update_staff("roles")),
    ("audit.list", "since"): Case(TIME, audit("since")),
    ("audit.list", "until"): Case(TIME, audit("until")),
    ("clients.add", "idempotency_key"): Case(KEY, add_client("idempotency_key")),
    ("contacts.add", "idempotency_key"): Case(KEY, add_contact("idempotency_key")),
    ("contacts.send_invite", "idempotency_key"): Case(
        KEY,
        lambda box, _, contact, value: box.ws.contacts.send_invite(contact.id, idempotency_key=value),  # type: ignore[arg-type]
    ),
    ("staff.add", "idempotency_key"): Case(KEY, add_staff("idempotency_key")),
    ("feed", "consumer"): Case(CONSUMER, lambda box, _, __, value: box.manager.feed(value)),  # type: ignore[arg-type]
    ("feed", "types"): Case(KINDS, lambda box, _, __, value: box.manager.feed("reader", types=value)),  # type: ignore[arg-type]
    ("feed", "start"): Case(START, lambda box, _, __, value: box.manager.feed("reader", start=value)),  # type: ignore[arg-type]
    ("feed.pull", "limit"): Case(
        LIMIT,
        lambda box, _, __, value: box.manager.feed("reader").pull(limit=value),  # type: ignore[arg-type]
    ),
    ("feed.run", "limit"): Case(
        LIMIT,
        lambda box, _, __, value: box.manager.feed("reader").run(print, limit=value),  # type: ignore[arg-type]
    ),
    ("feed.ack", "events"): Case(EVENTS, lambda box, _, __, value: box.manager.feed("reader").ack(value)),  # type: ignore[arg-type]
    ("upkeep", "only"): Case(JOBS, lambda box, _, __, value: box.manager.upkeep(only=value)),  # type: ignore[arg-type]
    ("upkeep", "tenants"): Case(TENANTS, lambda box, _, __, value: box.manager.upkeep(tenants=value)),  # type: ignore[arg-type]
    ("accept_invite", "password"): Case(
        {name: value for name, value in REQUIRED.items() if isinstance(value, str) is False}
        | {"short": "x" * 11, "huge": "x" * 10**6, "common": "1q2w3e4r5t6y", "lone surrogate": "x" * 12 + "\ud800"},
        lambda box, _, contact, value: box.door.accept_invite(box.token(contact), password=value),  # type: ignore[call-overload]
    ),
    ("accept_invite", "sign_in"): Case(
        FLAG,
        lambda box, _, contact, value: box.door.accept_invite(  # type: ignore[call-overload]
            box.token(contact), password=PASSWORD, sign_in=value
        ),
    ),
}


@pytest.mark.parametrize(("command", "field"), CASES, ids=[".".join(key) for key in CASES])
def test_a_malformed_field_is_named_and_nothing_is_written(box: Box, command: str, field: str) -> None:
    case = CASES[command, field]
    acme = box.client()
    jane, _ = box.invited(acme)
    box.ws.sites.add(acme.id, name="Lobby", address=ADDRESS, timezone="UTC")
    box.ws.staff.add(first_name="B", last_name="C", email="bea@northwind.example", roles=["editor"], reference="bea")
    before = box.dump()
    wrong = {}
    for name, value in case.values.items():
        try:
            case.command(box, acme, jane, value)
        except case.kind as refused:
            fields = set(refused.by_field())
            echoed = isinstance(value, str) and len(value.strip()) > 8 and value in str(refused)
            if fields != {field} or echoed or len(str(refused)) > 2000:
                wrong[name] = f"names {fields}, {len(str(refused))} characters"
        except Exception as error:  # noqa: BLE001 - whatever else comes is listed
            wrong[name] = f"{type(error).__name__}: {str(error)[:80]}"
        else:
            wrong[name] = "was taken"
    assert wrong == {}
    assert box.dump() == before


NO_IDS: dict[str, object] = {
    "text": "acme",
    "an id as text": "00000000-0000-4000-8000-000000000001",
    "empty": "",
    "nothing": None,
    "a number": 5,
    "a huge number": 10**50,
    "bytes": b"\x00" * 16,
    "a list": [],
    "a bool": True,
    "nil": UUID(int=0),
    "all ones": UUID(int=2**128 - 1),
}


def _acme(box: Box) -> ClientId:
    return box.ws.clients.list().items[0].id


BY_ID: dict[str, tuple[type[Exception], Callable[[Box, object], object]]] = {
    "clients.get": (NotFoundError, lambda box, key: box.ws.clients.get(key)),  # type: ignore[arg-type]
    "clients.references": (NotFoundError, lambda box, key: box.ws.clients.references(key)),  # type: ignore[arg-type]
    "clients.set_status": (NotFoundError, lambda box, key: box.ws.clients.set_status(key, "paused")),  # type: ignore[arg-type]
    "contacts.add": (
        NotFoundError,
        lambda box, key: box.ws.contacts.add(key, first_name="A", last_name="B", email="a@b.example"),  # type: ignore[arg-type]
    ),
    "contacts.add_many": (NotFoundError, lambda box, key: box.ws.contacts.add_many(key, [])),  # type: ignore[arg-type]
    "contacts.get": (NotFoundError, lambda box, key: box.ws.contacts.get(key)),  # type: ignore[arg-type]
    "contacts.find": (NotFoundError, lambda box, key: box.ws.contacts.find(key, email="a@b.example")),  # type: ignore[arg-type]
    "contacts.update": (NotFoundError, lambda box, key: box.ws.contacts.update(key, phone=None)),  # type: ignore[arg-type]
    "contacts.remove": (NotFoundError, lambda box, key: box.ws.contacts.remove(key)),  # type: ignore[arg-type]
    "contacts.suspend": (NotFoundError, lambda box, key: box.ws.contacts.suspend(key)),  # type: ignore[arg-type]
    "contacts.resume": (NotFoundError, lambda box, key: box.ws.contacts.resume(key)),  # type: ignore[arg-type]
    "contacts.send_invite": (NotFoundError, lambda box, key: box.ws.contacts.send_invite(key)),  # type: ignore[arg-type]
    "contacts.send_invites": (NotFoundError, lambda box, key: box.ws.contacts.send_invites(key)),  # type: ignore[arg-type]
    "contacts.revoke_invite": (NotFoundError, lambda box, key: box.ws.contacts.revoke_invite(key)),  # type: ignore[arg-type]
    "contacts.most_recent": (NotFoundError, lambda box, key: box.ws.contacts.most_recent(key)),  # type: ignore[arg-type]
    "access.invitations": (NotFoundError, lambda box, key: box.ws.access.invitations(key)),  # type: ignore[arg-type]
    "access.invite_link": (NotFoundError, lambda box, key: box.ws.access.invite_link(key)),  # type: ignore[arg-type]
    "access.deactivate": (NotFoundError, lambda box, key: box.ws.access.deactivate(key)),  # type: ignore[arg-type]
    "access.may": (NotFoundError, lambda box, key: box.ws.access.may("export", key)),  # type: ignore[arg-type]
    "access.explain": (
        NotFoundError,
        lambda box, key: box.ws.access.explain(box.ws.contacts.list().items[0].user_id, "export", key),  # type: ignore[arg-type]
    ),
    "access.explain of a user": (
        NotFoundError,
        lambda box, key: box.ws.access.explain(key, "export", box.ws.clients.list().items[0].id),  # type: ignore[arg-type]
    ),
    "access.rights": (NotFoundError, lambda box, key: box.ws.access.rights(key)),  # type: ignore[arg-type]
    "access.set_rights": (NotFoundError, lambda box, key: box.ws.access.set_rights(key, grants=["invoices"])),  # type: ignore[arg-type]
    "access.preview_rights": (NotFoundError, lambda box, key: box.ws.access.preview_rights(key)),  # type: ignore[arg-type]
    "access.set_password": (NotFoundError, lambda box, key: box.ws.access.set_password(key, "a quite different one")),  # type: ignore[arg-type]
    "access.start_reset": (NotFoundError, lambda box, key: box.ws.access.start_reset(key)),  # type: ignore[arg-type]
    "access.links": (NotFoundError, lambda box, key: box.ws.access.links(key)),  # type: ignore[arg-type]
    "access.record_login": (
        NotFoundError,
        lambda box, key: box.ws.access.record_login(key, NOON - timedelta(days=1)),  # type: ignore[arg-type]
    ),
    "access.reactivate": (NotFoundError, lambda box, key: box.ws.access.reactivate(key)),  # type: ignore[arg-type]
    "access.logins": (NotFoundError, lambda box, key: box.ws.access.logins(key)),  # type: ignore[arg-type]
    "notifications.get": (NotFoundError, lambda box, key: box.ws.notifications.get(key)),  # type: ignore[arg-type]
    "notifications.retry": (NotFoundError, lambda box, key: box.ws.notifications.retry(key)),  # type: ignore[arg-type]
    "notifications.cancel": (NotFoundError, lambda box, key: box.ws.notifications.cancel(key)),  # type: ignore[arg-type]
    "staff.get": (NotFoundError, lambda box, key: box.ws.staff.get(key)),  # type: ignore[arg-type]
    "staff.update": (NotFoundError, lambda box, key: box.ws.staff.update(key, first_name="A")),  # type: ignore[arg-type]
    "staff.set_roles": (NotFoundError, lambda box, key: box.ws.staff.set_roles(key, ["editor"])),  # type: ignore[arg-type]
    "managers.add": (NotFoundError, lambda box, key: box.ws.managers.add(key, key)),  # type: ignore[arg-type]
    "managers.add of a user": (NotFoundError, lambda box, key: box.ws.managers.add(_acme(box), key)),  # type: ignore[arg-type]
    "managers.remove": (NotFoundError, lambda box, key: box.ws.managers.remove(key, key)),  # type: ignore[arg-type]
    "managers.remove of a user": (NotFoundError, lambda box, key: box.ws.managers.remove(_acme(box), key)),  # type: ignore[arg-type]
    "managers.set_primary": (NotFoundError, lambda box, key: box.ws.managers.set_primary(key, key)),  # type: ignore[arg-type]
    "managers.list": (NotFoundError, lambda box, key: box.ws.managers.list(key)),  # type: ignore[arg-type]
    "managers.clients_of": (NotFoundError, lambda box, key: box.ws.managers.clients_of(key)),  # type: ignore[arg-type]
    "managers.choices": (NotFoundError, lambda box, key: box.ws.managers.choices(key)),  # type: ignore[arg-type]
    "managers.assignable": (NotFoundError, lambda box, key: box.ws.managers.assignable(key)),  # type: ignore[arg-type]
    "sites.add": (NotFoundError, lambda box, key: box.ws.sites.add(key, name="A", address=ADDRESS, timezone="UTC")),  # type: ignore[arg-type]
    "sites.get": (NotFoundError, lambda box, key: box.ws.sites.get(key)),  # type: ignore[arg-type]
    "sites.list": (NotFoundError, lambda box, key: box.ws.sites.list(key)),  # type: ignore[arg-type]
    "sites.update": (NotFoundError, lambda box, key: box.ws.sites.update(key, name="A")),  # type: ignore[arg-type]
    "sites.set_status": (NotFoundError, lambda box, key: box.ws.sites.set_status(key, "closed")),  # type: ignore[arg-type]
    "sites.archive": (NotFoundError, lambda box, key: box.ws.sites.archive(key)),  # type: ignore[arg-type]
    "sites.restore": (NotFoundError, lambda box, key: box.ws.sites.restore(key)),  # type: ignore[arg-type]
    "sites.remove": (NotFoundError, lambda box, key: box.ws.sites.remove(key)),  # type: ignore[arg-type]
    "sites.set_contacts": (NotFoundError, lambda box, key: box.ws.sites.set_contacts(key, [])),  # type: ignore[arg-type]
    "sites.may_schedule": (NotFoundError, lambda box, key: box.ws.sites.may_schedule(key, NOON)),  # type: ignore[arg-type]
    "sites.to_local": (NotFoundError, lambda box, key: box.ws.sites.to_local(key, NOON)),  # type: ignore[arg-type]
    "access.visible_sites": (NotFoundError, lambda box, key: box.ws.access.visible_sites(key, "reports", _acme(box))),  # type: ignore[arg-type]
    "access.set_owner": (NotFoundError, lambda box, key: box.ws.access.set_owner(key, None)),  # type: ignore[arg-type]
    "sign_in_trusted": (SignInRefusedError, lambda box, key: box.door.sign_in_trusted(key)),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("command", BY_ID)
def test_what_is_no_id_answers_like_an_id_that_never_was(box: Box, command: str) -> None:
    kind, call = BY_ID[command]
    box.active(box.client())
    before = box.dump()
    wrong = {}
    for name, key in NO_IDS.items():
        try:
            call(box, key)
        except kind:
            pass
        except Exception as error:  # noqa: BLE001 - whatever else comes is listed
            wrong[name] = f"{type(error).__name__}: {str(error)[:80]}"
        else:
            wrong[name] = "was taken"
    assert wrong == {}
    assert box.dump() == before


def test_filters_by_what_is_no_id_find_nothing_or_refuse_alike(box: Box) -> None:
    box.active(box.client())
    wrong = {}
    for name, key in NO_IDS.items():
        if key is None:
            continue
        for label, call in (
            ("audit.list", lambda key=key: box.ws.audit.list(client_id=key).items),
            ("audit.list of a subject", lambda key=key: box.ws.audit.list(subject=key).items),
            ("contacts.list", lambda key=key: box.ws.contacts.list(key).items),
            ("notifications.list", lambda key=key: box.ws.notifications.list(client_id=key).items),
            ("notifications.list about", lambda key=key: box.ws.notifications.list(about=key).items),
            ("contacts.list of a user", lambda key=key: box.ws.contacts.list(user_id=key).items),
        ):
            try:
                answer = call()
            except NotFoundError:
                continue
            except Exception as error:  # noqa: BLE001 - whatever else comes is listed
                wrong[label, name] = f"{type(error).__name__}: {str(error)[:80]}"
            else:
                if answer != ():
                    wrong[label, name] = "found something"
    assert wrong == {}


@pytest.mark.parametrize(
    "field", ["audit.actor", "audit.action", "clients.reference", "staff.reference", "staff.email"]
)
def test_filters_by_what_cannot_be_stored_find_nothing_or_refuse_alike(box: Box, field: str) -> None:
    ask: dict[str, Callable[[object], object]] = {
        "audit.actor": lambda value: box.ws.audit.list(actor=value).items,  # type: ignore[arg-type]
        "audit.action": lambda value: box.ws.audit.list(action=value).items,  # type: ignore[arg-type]
        "clients.reference": lambda value: box.ws.clients.find(reference=value),  # type: ignore[arg-type]
        "staff.reference": lambda value: box.ws.staff.find(reference=value),  # type: ignore[arg-type]
        "staff.email": lambda value: box.ws.staff.find(email=value),  # type: ignore[arg-type]
    }
    values = REFERENCE if field == "clients.reference" else FILTER
    wrong = {}
    for name, value in values.items():
        if value is None and field != "clients.reference":
            continue
        try:
            answer = ask[field](value)
        except InvalidInputError:
            continue
        except Exception as error:  # noqa: BLE001 - whatever else comes is listed
            wrong[name] = f"{type(error).__name__}: {str(error)[:80]}"
        else:
            if answer not in {None, ()}:
                wrong[name] = "found something"
    assert wrong == {}


def test_signing_in_with_anything_else_is_refused_like_a_wrong_password(box: Box) -> None:
    box.active(box.client())
    before = untouched(box)
    wrong = {}
    for name, value in (NOT_TEXT | TEXT | {"nothing": None, "empty": ""}).items():
        box.later(minutes=5)
        for label, typed in (("email", (value, PASSWORD)), ("password", ("jane@acme.example", value))):
            try:
                box.door.sign_in(*typed)
            except SignInRefusedError:
                continue
            except Exception as error:  # noqa: BLE001 - whatever else comes is listed
                wrong[label, name] = f"{type(error).__name__}: {str(error)[:80]}"
            else:
                wrong[label, name] = "was taken"
    assert wrong == {}
    assert untouched(box) == before


def test_signing_in_to_what_is_no_client_is_refused_like_a_wrong_password(box: Box) -> None:
    box.active(box.client())
    before = untouched(box)
    wrong = {}
    for name, key in NO_IDS.items():
        if key is None:
            continue
        box.later(minutes=5)
        try:
            box.door.sign_in("jane@acme.example", PASSWORD, client_id=key)  # type: ignore[arg-type]
        except SignInRefusedError:
            continue
        except Exception as error:  # noqa: BLE001 - whatever else comes is listed
            wrong[name] = f"{type(error).__name__}: {str(error)[:80]}"
        else:
            wrong[name] = "was taken"
    assert wrong == {}
    assert untouched(box) == before


def untouched(box: Box) -> dict[str, tuple[object, ...]]:
    """What is stored, but for the record of those who were refused."""
    return {name: rows for name, rows in box.dump().items() if name not in {"audit", "attempts"}}


def test_in_a_list_of_contacts_what_is_no_id_is_a_refused_row(box: Box) -> None:
    acme = box.client()
    bob = box.contact(acme, "Bob")
    ids = [key for name, key in NO_IDS.items() if name != "a list"]
    result = box.ws.contacts.send_invites(acme.id, [*ids, bob.id])  # type: ignore[list-item]
    assert [violation.code for row in result.failed for violation in row.violations] == ["not_found"] * len(
        result.failed
    )
    assert [row.value.id for row in result.ok if row.value] == [bob.id]


@pytest.mark.parametrize("ids", ["abc", 5, [[]], [{}]], ids=["text", "a number", "lists", "dicts"])
def test_what_is_no_list_of_contacts_is_refused(box: Box, ids: object) -> None:
    acme = box.client()
    box.contact(acme)
    before = box.dump()
    try:
        result = box.ws.contacts.send_invites(acme.id, ids)  # type: ignore[arg-type]
    except InvalidInputError:
        pass
    else:
        assert result.ok == ()
    assert box.dump() == before


def test_all_that_is_wrong_with_a_client_is_said_at_once(box: Box) -> None:
    box.client(references=[("crm", "1")])
    before = box.dump()
    with pytest.raises(RefusedError) as refused:
        box.ws.clients.add(
            name="", email="x", kind="club", status="closed", language="?", references=[("crm", "1"), ("", "2")]
        )
    assert set(refused.value.by_field()) == {"name", "email", "kind", "status", "language", "references"}
    assert {"duplicate_reference", "required"} <= {violation.code for violation in refused.value.violations}
    assert box.dump() == before


def test_names_that_grow_when_they_are_compared_can_be_stored(box: Box) -> None:
    growing = "".join(chr(0x3300 + number % 0x58) for number in range(200))
    longest = "\ufdfa" * 200
    for number, name in enumerate((growing, longest, "\U0001d4b3" * 200, "日" * 200)):
        client = box.ws.clients.add(name=name, email="a@b.example", references=[("s" * 64, f"{number}{name}"[:200])])
        contact = box.contact(client, name[:100], last_name=name[100:], email=f"u{number}@b.example")
        assert box.ws.clients.get(client.id) == client
        assert box.now_of(contact) == contact
    assert len(box.ws.clients.list()) == 4
    first = box.ws.clients.list(limit=1)
    assert len(box.ws.clients.list(cursor=first.next_cursor)) == 3


def test_what_is_no_link_says_so(box: Box) -> None:
    for value in NOT_TEXT.values():
        with pytest.raises(InvalidLinkError):
            box.door.inspect(value)  # type: ignore[arg-type]

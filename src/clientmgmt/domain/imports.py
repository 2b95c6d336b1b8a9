"""What one row of a table says: a client, one of its people, or both in one line."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from clientmgmt.domain.catalog import Catalog
from clientmgmt.domain.client import Client, ClientKind, read_client
from clientmgmt.domain.events import Stamp
from clientmgmt.domain.form import Form
from clientmgmt.domain.joining import NewPerson, read_person
from clientmgmt.domain.roles import DEFAULT_CLIENT_ROLE
from clientmgmt.domain.states import ClientStatus
from clientmgmt.domain.value import Value
from clientmgmt.errors import Violation

__all__ = ["CONTACT_COLUMNS", "IMPORT_COLUMNS", "ContactRow", "ImportRow", "read_contact_row", "read_row"]

IMPORT_COLUMNS: Mapping[str, str] = {
    "client": "name of the client (required)",
    "client_email": "primary e-mail of the client (required)",
    "kind": "company or person; company if empty",
    "status": "active or prospect; active if empty",
    "language": "language tag, such as en or pt-BR",
    "system": "whose reference it is; import if empty",
    "reference": "the client's id in that system: what it is recognised by, else by e-mail and name",
    "first_name": "of a person of the client; leave all five empty for a client without one",
    "last_name": "of the person",
    "email": "of the person, who signs in with it",
    "phone": "of the person",
    "job_title": "of the person",
    "role": "role of the person; client_standard if empty",
}
"""The columns of an import and what they hold; the order in a file does not matter."""

CONTACT_COLUMNS: Mapping[str, str] = {
    "first_name": "first name (required)",
    "last_name": "last name (required)",
    "email": "what the contact signs in with (required)",
    "phone": "phone number",
    "job_title": "job title",
    "role": "what the contact may do; client_standard if empty",
}
"""The columns of rows that become contacts of one client, and what they hold."""

_PERSON = ("first_name", "last_name", "email", "phone", "job_title")


@attrs.frozen(repr=False, eq=False)
class ImportRow(Value):
    """One row, checked and cleaned: a client as it would be added, its reference, and a person if it names one."""

    stamp: Stamp
    client: Client
    reference: tuple[str, str] | None
    person: NewPerson | None
    violations: tuple[Violation, ...]


@attrs.frozen(repr=False, eq=False)
class ContactRow(Value):
    """One row, checked and cleaned: a person who is to become a contact. ``number`` counts from 1."""

    number: int
    person: NewPerson
    violations: tuple[Violation, ...]


def read_row(row: object, stamp: Stamp, catalog: Catalog) -> ImportRow:
    """The row that these columns describe, with everything that is wrong with it.

    Empty cells count as missing; columns that are not in :data:`IMPORT_COLUMNS` are a violation.
    """
    form = Form()
    given = _cells(form, row, IMPORT_COLUMNS)
    own = Form()
    client = read_client(
        own,
        stamp,
        name=given.get("client"),
        email=given.get("client_email"),
        kind=given.get("kind", ClientKind.COMPANY),
        status=given.get("status", ClientStatus.ACTIVE),
        language=given.get("language"),
    )
    form.note(attrs.evolve(violation, field=_column(violation.field)) for violation in own.violations)
    return ImportRow(stamp, client, _reference(form, given), _person(form, given, catalog), tuple(form.violations))


def read_contact_row(row: object, number: int, catalog: Catalog) -> ContactRow:
    """The row that these columns describe, with everything that is wrong with it.

    Empty cells count as missing; columns that are not in :data:`CONTACT_COLUMNS` are a violation.
    """
    form = Form()
    person = _read_person(form, _cells(form, row, CONTACT_COLUMNS), catalog)
    return ContactRow(number, person, tuple(form.violations))


def _cells(form: Form, row: object, columns: Mapping[str, str]) -> dict[str, object]:
    """The cells that are not empty; ``csv.DictReader`` puts those beyond the header under ``None``."""
    if not isinstance(row, Mapping):
        form.note([Violation("not_a_row", "must be a row with named columns")])
        return {}
    given: dict[str, object] = {}
    for name, value in row.items():
        if name is None:
            form.note([Violation("too_many_cells", "has more cells than there are columns")])
        elif name not in columns:
            shown = name if isinstance(name, str) else None
            form.note([Violation("unknown_name", "is no known column", shown)])
        elif value is not None and not (isinstance(value, str) and not value.strip()):
            given[name] = value
    return given


def _column(field: str | None) -> str | None:
    return {"name": "client", "email": "client_email"}.get(field or "", field)


def _reference(form: Form, given: Mapping[str, object]) -> tuple[str, str] | None:
    value = form.optional("reference", given.get("reference"))
    return None if value is None else (form.text("system", given.get("system", "import"), limit=64), value)


def _person(form: Form, given: Mapping[str, object], catalog: Catalog) -> NewPerson | None:
    if not any(name in given for name in _PERSON):
        return None
    return _read_person(form, given, catalog)


def _read_person(form: Form, given: Mapping[str, object], catalog: Catalog) -> NewPerson:
    fields = {name: given.get(name) for name in _PERSON}
    return read_person(form, **fields, role=given.get("role", DEFAULT_CLIENT_ROLE), catalog=catalog)

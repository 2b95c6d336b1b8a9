"""Bringing in clients and their people. Source: people model, the record of a client; glossary: import."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

import pytest

from clientmgmt import BulkRules, ContactState, ForbiddenError, Rules
from clientmgmt.domain import BulkResult, Imported
from tests.box import Box

Row = Mapping[str, object]
ACME = {"client": "Acme Retail", "client_email": "ap@acme.example"}
JANE = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
BOB = {"first_name": "Bob", "last_name": "Roe", "email": "bob@acme.example"}


def told(result: BulkResult[Imported]) -> list[tuple[int, bool, list[str], tuple[bool, bool] | None]]:
    """All of a result but ids."""
    return [
        (
            row.number,
            row.changed,
            [violation.code for violation in row.violations],
            None if row.value is None else (row.value.client_added, row.value.contact_added),
        )
        for row in result
    ]


def imported(box: Box, rows: Sequence[Row]) -> BulkResult[Imported]:
    """Import after a preview that must have said the same."""
    before = box.dump()
    preview = box.ws.clients.preview_import(rows)
    assert box.dump() == before
    result = box.ws.clients.import_rows(rows)
    assert told(preview) == told(result)
    return result


def test_rows_become_clients_and_staged_contacts(box: Box) -> None:
    row = {
        **ACME,
        **JANE,
        "kind": "company",
        "status": "prospect",
        "language": "en",
        "system": "crm",
        "reference": "C-1",
        "phone": "1",
        "job_title": "Buyer",
        "role": "client_admin",
    }
    result = imported(box, [row, {**ACME, "reference": "C-1", "system": "crm", **BOB}])
    acme = box.ws.clients.list().items[0]
    assert (acme.name, str(acme.email), acme.status, acme.language) == (
        "Acme Retail",
        "ap@acme.example",
        "prospect",
        "en",
    )
    assert box.ws.clients.find(reference=("crm", "C-1")) == acme
    bob, jane = sorted(box.ws.contacts.list(acme.id), key=lambda contact: contact.first_name)
    assert (jane.phone, jane.job_title, jane.role) == ("1", "Buyer", "client_admin")
    assert (bob.role, bob.state) == ("client_standard", ContactState.PENDING_INVITE)
    values = [row.value for row in result if row.value]
    assert [(value.client_id, value.contact_id) for value in values] == [(acme.id, jane.id), (acme.id, bob.id)]
    assert box.deliver().sent == 0


def test_a_client_may_come_without_a_person(box: Box) -> None:
    result = imported(box, [{**ACME, "first_name": "", "email": None, "role": "client_admin"}])
    assert result.rows[0].value is not None
    assert result.rows[0].value.contact_id is None


def test_the_same_rows_again_change_nothing(box: Box) -> None:
    rows = [{**ACME, **JANE, "reference": "1"}, {**ACME, **BOB, "reference": "1"}, {**ACME, "client": "Bolt"}]
    first = imported(box, rows)
    before = box.dump()
    second = imported(box, rows)
    assert box.dump() == before
    assert [row.changed for row in second] == [False, False, False]
    assert [row.value and row.value.client_id for row in second] == [row.value and row.value.client_id for row in first]
    assert [row.value and row.value.contact_id for row in second] == [
        row.value and row.value.contact_id for row in first
    ]


def test_what_is_there_stays_as_it_is(box: Box) -> None:
    acme = box.client(references=[("import", "1")])
    jane = box.active(acme, phone="1", role="client_admin")
    row = {"client": "New name", "client_email": "new@acme.example", "reference": "1", **JANE, "phone": "2"}
    assert told(imported(box, [row])) == [(1, False, [], (False, False))]
    assert box.ws.clients.get(acme.id) == acme
    assert box.now_of(jane) == jane


def test_a_client_is_recognised_by_its_reference_first(box: Box) -> None:
    one = box.client(references=[("import", "1")])
    two = box.client()
    result = imported(box, [{**ACME, "reference": "1", **JANE}])
    assert result.rows[0].value is not None
    assert result.rows[0].value.client_id == one.id
    assert one.id != two.id


def test_else_by_address_and_name_in_any_spelling(box: Box) -> None:
    acme = box.client()
    result = imported(box, [{"client": "ACME   retail", "client_email": "AP@acme.example", **JANE}])
    assert result.rows[0].value is not None
    assert (result.rows[0].value.client_id, result.rows[0].value.client_added) == (acme.id, False)
    others = [{**ACME, "client": "Acme Wholesale"}, {**ACME, "client_email": "other@acme.example"}]
    assert [row.value and row.value.client_added for row in imported(box, others)] == [True, True]


def test_a_row_that_fits_two_clients_names_both(box: Box) -> None:
    one, two = box.client(), box.client()
    before = box.dump()
    row = imported(box, [{**ACME, **JANE}]).rows[0]
    assert [violation.code for violation in row.violations] == ["ambiguous_client"]
    assert {str(one.id), str(two.id)} <= set(row.violations[0].message.replace(",", " ").split())
    assert box.dump() == before


def test_a_known_client_takes_the_reference_of_the_row(box: Box) -> None:
    acme = box.client()
    imported(box, [{**ACME, "reference": "1"}])
    found = box.ws.clients.find(reference=("import", "1"))
    assert found == acme
    imported(box, [{**ACME, "reference": "2"}])
    second = box.ws.clients.find(reference=("import", "2"))
    assert second is not None
    assert second.id != acme.id
    assert [(link.system, link.value) for link in box.ws.clients.references(acme.id)] == [("import", "1")]


def test_taking_a_reference_is_a_change(box: Box) -> None:
    box.client()
    assert imported(box, [{**ACME, "reference": "1"}]).rows[0].changed


def test_one_reference_after_another_tells_two_clients_apart(box: Box) -> None:
    rows = [{**ACME, "reference": "1", **JANE}, {**ACME, "reference": "2", **BOB}, {**ACME, "reference": "1", **BOB}]
    result = imported(box, rows)
    assert [row.value and row.value.client_added for row in result] == [True, True, False]
    assert len(box.ws.clients.list()) == 2
    assert len(box.ws.contacts.list()) == 3


def test_duplicates_within_the_rows_are_one(box: Box) -> None:
    rows = [{**ACME, **JANE}, {**ACME, **JANE, "email": "JANE@acme.example"}, ACME]
    assert told(imported(box, rows)) == [
        (1, True, [], (True, True)),
        (2, False, [], (False, False)),
        (3, False, [], (False, False)),
    ]


def test_a_user_of_another_client_is_linked(box: Box) -> None:
    jane = box.active(box.client("Bolt Ltd"), phone="1")
    result = imported(box, [{**ACME, **JANE, "phone": "2", "first_name": "Janet"}])
    assert result.rows[0].value is not None
    contact = box.ws.contacts.get(result.rows[0].value.contact_id)  # type: ignore[arg-type]
    assert (contact.user_id, contact.name, contact.phone) == (jane.user_id, "Jane Doe", "1")


def test_a_staff_address_is_refused_and_its_client_is_not_added(box: Box) -> None:
    box.ws.staff.add(first_name="A", last_name="B", email="jane@acme.example", roles=["editor"])
    before = box.dump()
    row = imported(box, [{**ACME, **JANE}]).rows[0]
    assert [(violation.code, violation.field) for violation in row.violations] == [
        ("staff_cannot_be_client_user", "email")
    ]
    assert box.dump() == before


def test_a_refused_row_names_all_its_fields_and_stops_no_other(box: Box) -> None:
    bad = {
        "client": "",
        "client_email": "nobody",
        "kind": "club",
        "status": "closed",
        "language": "english please",
        "reference": "a\nb",
        "first_name": "\x00",
        "email": "x",
        "role": "owner",
        "colour": "red",
    }
    result = imported(box, [{**ACME, **JANE}, bad, {**ACME, **BOB}])
    assert [bool(row.violations) for row in result] == [False, True, False]
    assert [row.number for row in result.failed] == [2]
    assert sorted(violation.code for violation in result.failed[0].violations) == [
        "forbidden_character",
        "forbidden_character",
        "invalid_email",
        "invalid_email",
        "invalid_language",
        "required",
        "required",
        "unknown_name",
        "unknown_name",
        "unknown_name",
        "unknown_name",
    ]


def test_a_refused_cell_is_named_by_its_column(box: Box) -> None:
    row = imported(box, [{"client": "", "client_email": "nobody"}]).rows[0]
    assert {violation.field for violation in row.violations} == {"client", "client_email"}


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_parts_do_not_show(box: Box, size: int) -> None:
    parts = box.again(rules=Rules(bulk=BulkRules(rows=size)))
    rows: list[Row] = [
        {**ACME, **JANE, "reference": "1"},
        {**ACME, **BOB, "reference": "1"},
        {"client": "", "client_email": "x"},
        {**ACME, "client": "Bolt", **JANE},
        {**ACME, "client": "bolt", **BOB},
        {**ACME, "reference": "2"},
        {**ACME, "reference": "1", **JANE},
    ]
    result = imported(parts, rows)
    assert told(result) == [
        (1, True, [], (True, True)),
        (2, True, [], (False, True)),
        (3, False, ["required", "invalid_email"], None),
        (4, True, [], (True, True)),
        (5, True, [], (False, True)),
        (6, True, [], (True, False)),
        (7, False, [], (False, False)),
    ]
    assert (len(parts.ws.clients.list()), len(parts.ws.contacts.list())) == (3, 4)


def test_a_file_of_commas_can_be_handed_in_as_it_is_read(box: Box) -> None:
    text = "client,client_email,first_name,last_name,email\nAcme,ap@acme.example,Jane,Doe,jane@acme.example\n"
    result = box.ws.clients.import_rows(csv.DictReader(io.StringIO(text)))
    assert told(result) == [(1, True, [], (True, True))]


def test_a_line_with_too_many_cells_is_a_refused_row(box: Box) -> None:
    text = "client,client_email\nAcme,ap@acme.example,one more\nBolt,ap@bolt.example\n"
    result = box.ws.clients.import_rows(csv.DictReader(io.StringIO(text)))
    assert [bool(row.violations) for row in result] == [True, False]


def test_a_row_that_is_none_is_refused_and_stops_no_other(box: Box) -> None:
    odd: dict[object, object] = {5: "x"}
    odd.update(ACME)
    rows: list[object] = [["Acme"], ACME, None, "Acme", {**ACME, "client": ["Acme"]}, odd]
    result = box.ws.clients.import_rows(rows)  # type: ignore[arg-type]
    assert [bool(row.violations) for row in result] == [True, False, True, True, True, True]


def test_no_rows_are_no_rows(box: Box) -> None:
    before = box.dump()
    assert len(imported(box, [])) == 0
    assert box.dump() == before


def test_an_import_takes_two_rights(box: Box) -> None:
    for role in ("account_manager", "representative"):
        with pytest.raises(ForbiddenError):
            box.staff(role).clients.import_rows([{**ACME, **JANE}])
        with pytest.raises(ForbiddenError):
            box.staff(role).clients.preview_import([{**ACME, **JANE}])
    assert box.ws.clients.list().items == ()


def test_every_addition_is_audited(box: Box) -> None:
    imported(box, [{**ACME, **JANE}, {**ACME, **BOB}, {**ACME, **BOB}])
    assert sorted(box.actions()) == ["client_added", "contact_added", "contact_added"]

"""Adding many contacts to one client. Source: glossary, import; people model, adding a contact."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

import pytest

from clientmgmt import (
    BulkRules,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    Rules,
    Settings,
)
from clientmgmt.domain import AuditEntry, BulkResult, ClientId, Contact, MailType
from clientmgmt.errors import ConfigurationError, IdempotencyConflictError
from tests.box import Box

Row = Mapping[str, object]
JANE = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
BOB = {"first_name": "Bob", "last_name": "Roe", "email": "bob@acme.example"}
DUPLICATE = ["duplicate_contact"]
SMALL = Rules(bulk=BulkRules(rows=2))


def people(size: int) -> list[Row]:
    return [{"first_name": "P", "last_name": str(n), "email": f"p{n}@acme.example"} for n in range(size)]


def codes(result: BulkResult[Contact]) -> dict[int, list[str]]:
    return {row.number: [violation.code for violation in row.violations] for row in result.failed}


def names(box: Box) -> list[str]:
    return [contact.first_name for contact in box.ws.contacts.list()]


@pytest.fixture
def small(box: Box) -> Box:
    """Two rows in a unit of work."""
    return box.again(rules=SMALL)


def test_rows_become_staged_contacts(box: Box) -> None:
    acme = box.client()
    rows = csv.DictReader(
        io.StringIO(
            "first_name,last_name,email,phone,job_title,role\n"
            "Jane,Doe,Jane@acme.example,1,Buyer,client_admin\n"
            "Bob,Roe,bob@acme.example,,, \n"
        )
    )
    result = box.ws.contacts.add_many(acme.id, rows)
    jane, bob = (row.value for row in result.ok)
    assert jane
    assert bob
    assert [box.now_of(jane), box.now_of(bob)] == [jane, bob]
    assert (jane.role, jane.phone, jane.job_title, jane.state) == ("client_admin", "1", "Buyer", "pending_invite")
    assert (bob.role, bob.phone, bob.job_title) == ("client_standard", None, None)
    assert [(row.number, row.changed) for row in result] == [(1, True), (2, True)]
    assert box.deliver().sent == 0
    added = [entry.subject for entry in box.ws.audit.list(action="contact_added")]
    assert sorted(added, key=str) == sorted([jane.id, bob.id])


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"first_name": " "}, ["required"]),
        ({"first_name": 5}, ["not_text"]),
        ({"last_name": None}, ["required"]),
        ({"last_name": "x" * 101}, ["too_long"]),
        ({"email": "nobody"}, ["invalid_email"]),
        ({"email": ""}, ["required"]),
        ({"phone": "1" * 51, "job_title": "x" * 101}, ["too_long", "too_long"]),
        ({"role": "administrator"}, ["unknown_name"]),
        ({"role": ["client_admin"]}, ["unknown_name"]),
        ({"status": "active"}, ["unknown_name"]),
        ({None: ["more"]}, ["too_many_cells"]),
        ({"first_name": "Ja\nne", "email": "x", "role": "x"}, ["forbidden_character", "invalid_email", "unknown_name"]),
    ],
)
def test_a_bad_row_is_numbered_and_stops_no_other(memory_box: Box, wrong: dict[str, Any], expected: list[str]) -> None:
    acme = memory_box.client()
    result = memory_box.ws.contacts.add_many(acme.id, [BOB, {**JANE, **wrong}])
    assert codes(result) == {2: expected}
    assert (result.rows[1].value, result.rows[1].changed) == (None, False)
    assert names(memory_box) == ["Bob"]


@pytest.mark.parametrize("row", [None, 5, "Jane", ["Jane"]])
def test_what_is_no_row_is_refused_in_its_place(memory_box: Box, row: Any) -> None:  # noqa: ANN401 - anything
    result = memory_box.ws.contacts.add_many(memory_box.client().id, [row, BOB])
    assert codes(result)[1][0] == "not_a_row"
    assert names(memory_box) == ["Bob"]


def test_who_is_there_already_is_a_duplicate(small: Box) -> None:
    acme = small.client()
    small.contact(acme)
    again = {**BOB, "email": "BOB@ACME.example"}
    result = small.ws.contacts.add_many(acme.id, [JANE, BOB, again, *people(2), again])
    assert codes(result) == {1: DUPLICATE, 3: DUPLICATE, 6: DUPLICATE}
    assert [violation.field for row in result.failed for violation in row.violations] == ["email"] * 3
    assert len(names(small)) == 4


def test_a_known_user_joins_and_is_told(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    jane = box.active(acme, phone="1")
    staged = box.contact(acme, "Bob")
    result = box.ws.contacts.add_many(bolt.id, [{**JANE, "first_name": "J", "role": "client_admin"}, BOB, *people(1)])
    joined = [row.value for row in result.ok if row.value]
    assert [contact.user_id for contact in joined[:2]] == [jane.user_id, staged.user_id]
    assert (joined[0].first_name, joined[0].phone, joined[0].state) == ("Jane", "1", "active")
    assert (joined[0].role, box.now_of(jane).role) == ("client_admin", "client_standard")
    assert box.deliver().sent == 1
    assert (box.mails.messages[-1].type, str(box.mails.messages[-1].to.email)) == (
        MailType.CONTACT_ADDED,
        "jane@acme.example",
    )


def test_a_staff_user_is_refused(box: Box) -> None:
    box.system.staff.add(first_name="Jane", last_name="Doe", email="jane@acme.example", roles=["representative"])
    result = box.ws.contacts.add_many(box.client().id, [JANE, BOB])
    assert codes(result) == {1: ["staff_cannot_be_client_user"]}


def test_mail_that_cannot_be_sent_stops_it(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    box.active(acme)
    before = box.dump()
    with pytest.raises(ConfigurationError):
        box.again(settings=Settings()).ws.contacts.add_many(bolt.id, [BOB, JANE])
    assert box.dump() == before


def test_parts_are_written_one_by_one(small: Box) -> None:
    acme = small.client()

    def rows() -> Any:  # noqa: ANN401 - a generator that breaks
        yield from people(3)
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - it has no message
        small.ws.contacts.add_many(acme.id, rows())
    assert len(names(small)) == 2
    result = small.ws.contacts.add_many(acme.id, people(5))
    assert list(codes(result)) == [1, 2]
    assert [row.number for row in result.ok] == [3, 4, 5]


def test_abort_writes_nothing_if_a_row_is_refused(small: Box) -> None:
    acme = small.client()
    small.contact(acme)
    before = small.dump()
    rows = [*people(2), {**BOB, "email": "x"}, JANE, *people(1)]
    result = small.ws.contacts.add_many(acme.id, rows, on_error="abort")
    assert small.dump() == before
    assert not result.ok
    assert codes(result) == {
        1: ["not_written"],
        2: ["not_written"],
        3: ["invalid_email"],
        4: ["duplicate_contact"],
        5: ["duplicate_contact"],
    }
    assert all(row.value is None and not row.changed for row in result)


def test_abort_writes_all_good_rows_together(small: Box) -> None:
    acme = small.client()
    result = small.ws.contacts.add_many(acme.id, people(5), on_error="abort")
    assert [row.number for row in result.ok] == [1, 2, 3, 4, 5]
    assert len(names(small)) == 5

    def broken() -> Any:  # noqa: ANN401 - a generator that breaks
        yield from [JANE, BOB, *people(9)]
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - it has no message
        small.ws.contacts.add_many(acme.id, broken(), on_error="abort")
    assert len(names(small)) == 5


def test_the_same_key_has_one_effect_and_one_answer(small: Box) -> None:
    acme = small.client()
    rows = [*people(3), {**JANE, "email": "x"}, {**JANE, None: ["more"]}]
    first = small.ws.contacts.add_many(acme.id, iter(rows), idempotency_key="form 1")
    before = small.dump()
    assert small.ws.contacts.add_many(acme.id, rows, idempotency_key="form 1") == first
    assert small.dump() == before
    assert list(codes(first)) == [4, 5]
    with pytest.raises(IdempotencyConflictError):
        small.ws.contacts.add_many(acme.id, rows[:-1], idempotency_key="form 1")
    with pytest.raises(IdempotencyConflictError):
        small.ws.contacts.add_many(acme.id, rows, on_error="abort", idempotency_key="form 1")
    assert small.dump() == before


def test_an_aborted_call_leaves_its_key_free(box: Box) -> None:
    acme = box.client()
    assert box.ws.contacts.add_many(acme.id, [{}], on_error="abort", idempotency_key="form 1").failed
    assert box.ws.contacts.add_many(acme.id, [JANE], on_error="abort", idempotency_key="form 1").ok


def test_a_larger_unit_goes_on_after_an_aborted_call(box: Box) -> None:
    with box.ws.transaction() as tx:
        acme = tx.clients.add(name="Acme", email="ap@acme.example")
        assert not tx.contacts.add_many(acme.id, [BOB, {}], on_error="abort").ok
        assert tx.contacts.add_many(acme.id, [JANE, {}]).ok
    assert names(box) == ["Jane"]


def test_no_rows_are_no_error_but_still_need_the_permission(box: Box) -> None:
    acme = box.client()
    assert not len(box.ws.contacts.add_many(acme.id, []))
    assert not len(box.ws.contacts.add_many(acme.id, [], on_error="abort"))
    with pytest.raises(ForbiddenError):
        box.staff("operations_lead").contacts.add_many(acme.id, [])
    with pytest.raises(NotFoundError):
        box.neighbour().ws.contacts.add_many(acme.id, [])


@pytest.mark.parametrize("rows", [None, 5, "Jane", b"Jane"])
def test_what_is_no_list_of_rows(memory_box: Box, rows: Any) -> None:  # noqa: ANN401 - anything
    with pytest.raises(InvalidInputError) as caught:
        memory_box.ws.contacts.add_many(memory_box.client().id, rows)
    assert [(found.code, found.field) for found in caught.value.violations] == [("not_a_list", "rows")]


def test_an_unknown_way_to_deal_with_errors(memory_box: Box) -> None:
    with pytest.raises(InvalidInputError) as caught:
        memory_box.ws.contacts.add_many(memory_box.client().id, [JANE], on_error="ignore")  # type: ignore[arg-type]
    assert caught.value.violations[0].field == "on_error"
    assert not names(memory_box)


def test_bulk_writes_what_one_by_one_does(box: Box) -> None:
    other = box.neighbour()
    for each in (box, other):
        each.active(each.client(), "Zed")
        each.client("Bolt")
    known = {"first_name": "Zed", "last_name": "Doe", "email": "zed@acme.example"}
    rows: list[dict[str, Any]] = [{**JANE, "phone": "1", "job_title": "Buyer", "role": "client_admin"}, known, BOB]
    for row in rows:
        box.ws.contacts.add(bolt(box), **row)
    other.ws.contacts.add_many(bolt(other), rows)
    assert {name: len(found) for name, found in box.dump().items()} == {
        name: len(found) for name, found in other.dump().items()
    }
    assert [facts(entry) for entry in box.ws.audit.list()] == [facts(entry) for entry in other.ws.audit.list()]


def bolt(box: Box) -> ClientId:
    return next(client.id for client in box.ws.clients.list() if client.name == "Bolt")


def facts(entry: AuditEntry) -> tuple[str, object, list[str]]:
    return entry.action, entry.new.get("role"), sorted(entry.new)

"""Editing contacts. Source: contacts page, editing a contact; people model, contact lifecycle, edit."""

from __future__ import annotations

from typing import Any

import pytest

from clientmgmt import Client, Contact, ForbiddenError, Workspace
from clientmgmt.errors import EscalationError, SharedProfileError, StaleVersionError
from tests.box import Box


def admin(box: Box, client: Client) -> Workspace:
    return box.as_user(box.active(client, "Ann", role="client_admin").user_id)


def test_staff_edit_all_of_it_and_the_person_shows_in_every_client(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    jane = box.active(acme, job_title="Clerk")
    there = box.contact(bolt, job_title="Boss")
    zoe = box.contact(bolt, "Zoe", email="zoe@acme.example")
    edited = box.ws.contacts.update(jane.id, first_name="Janet", last_name="Zymt", phone="1", job_title=None)
    assert edited == box.now_of(jane)
    assert (edited.name, edited.phone, edited.job_title, edited.version) == ("Janet Zymt", "1", None, jane.version + 1)
    elsewhere = box.now_of(there)
    assert (elsewhere.name, elsewhere.job_title, elsewhere.version) == ("Janet Zymt", "Boss", there.version + 1)
    assert [contact.id for contact in box.ws.contacts.list(bolt.id)] == [zoe.id, there.id]
    entry = box.audit()[-1]
    assert (entry.action, entry.subject, entry.client_id) == ("contact_updated", jane.id, acme.id)
    assert entry.new == {
        "user_id": str(jane.user_id), "changed": "first_name, last_name, phone, job_title", "title": "Janet Zymt",
    }  # fmt: skip


def test_what_is_not_given_stays_and_nothing_is_written_for_nothing(box: Box) -> None:
    jane = box.contact(box.client(), phone="1", job_title="Clerk")
    edited = box.ws.contacts.update(jane.id, job_title="Boss")
    assert (edited.name, edited.phone, edited.job_title) == (jane.name, "1", "Boss")
    before = box.dump()
    assert box.ws.contacts.update(jane.id, first_name="Jane", phone="1") == edited
    assert box.ws.contacts.update(jane.id) == edited
    assert box.dump() == before


def test_who_was_slower_is_told(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    jane, there = box.contact(acme), box.contact(bolt)
    box.ws.contacts.update(jane.id, last_name="Roe", expected_version=jane.version)
    before = box.dump()
    for seen in (jane, there):
        with pytest.raises(StaleVersionError):
            box.ws.contacts.update(seen.id, last_name="Moe", expected_version=seen.version)
    assert box.dump() == before


def test_everybody_edits_its_own_name_and_phone_and_not_its_own_title(box: Box) -> None:
    jane = box.active(box.client(), role="client_basic")
    ws = box.as_user(jane.user_id)
    assert ws.contacts.update(jane.id, first_name="Janet", phone="2").name == "Janet Doe"
    with pytest.raises(ForbiddenError):
        ws.contacts.update(jane.id, job_title="Boss")
    assert box.now_of(jane).job_title is None


def shared_with_another_client(box: Box, acme: Client) -> Contact:
    box.contact(box.client("Bolt"), "Bob")
    return box.contact(acme, "Bob")


def come_in_already(box: Box, acme: Client) -> Contact:
    return box.active(acme, "Bob")


@pytest.mark.parametrize("known", [shared_with_another_client, come_in_already])
def test_a_client_does_not_rename_whom_others_know(box: Box, known: Any) -> None:  # noqa: ANN401 - see above
    acme = box.client()
    ws, bob = admin(box, acme), known(box, acme)
    before = box.dump()
    changes: list[dict[str, Any]] = [{"first_name": "Rob"}, {"last_name": "R"}, {"phone": "1", "job_title": "X"}]
    for change in changes:
        with pytest.raises(SharedProfileError):
            ws.contacts.update(bob.id, **change)
    assert {key for key, rows in box.dump().items() if rows != before[key]} == {"audit"}
    assert ws.contacts.update(bob.id, job_title="Clerk").job_title == "Clerk"


def test_it_renames_its_own_people_until_they_come_in(box: Box) -> None:
    acme = box.client()
    ws = admin(box, acme)
    bob = box.contact(acme, "Bob")
    assert ws.contacts.update(bob.id, first_name="Rob", phone="1").name == "Rob Doe"
    typed = ws.contacts.add(acme.id, first_name="Cid", last_name="Roe", email="cid@acme.example")
    assert ws.contacts.update(typed.id, last_name="Moe").name == "Cid Moe"


def test_what_it_types_of_a_known_person_stays_with_it(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    box.active(bolt, "Bob")
    ws = admin(box, acme)
    typed = ws.contacts.add(acme.id, first_name="Bobby", last_name="X", email="bob@acme.example")
    assert ws.contacts.update(typed.id, first_name="Rob", phone="9").name == "Rob X"
    assert [contact.name for contact in box.ws.contacts.list(bolt.id)] == ["Bob Doe"]


def test_it_changes_nobody_who_has_more(box: Box) -> None:
    acme = box.client()
    ws = admin(box, acme)
    pat = box.contact(acme, "Pat", role="client_billing")
    with pytest.raises(EscalationError):
        ws.contacts.update(pat.id, job_title="Clerk")

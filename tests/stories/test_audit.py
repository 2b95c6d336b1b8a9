"""Who did what, when. Source: people model, audit trail; glossary: audit entry, denial."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta, timezone
from functools import partial
from typing import Any

import pytest

from clientmgmt import ForbiddenError, InvalidLinkError, SignInRefusedError, Staff, iter_all
from clientmgmt.domain import ClientUser, Event
from tests.box import PASSWORD, Box


def test_the_whole_story_is_on_record(box: Box) -> None:
    acme = box.client()
    box.later(minutes=1)
    jane = box.contact(acme)
    box.later(minutes=1)
    box.ws.contacts.send_invite(jane.id)
    first = box.token(jane)
    box.resend(jane)
    box.later(seconds=1)
    box.ws.contacts.revoke_invite(jane.id)
    box.resend(jane)
    late = box.token(jane)
    box.later(days=7)
    with pytest.raises(InvalidLinkError):
        box.door.accept_invite(late, password=PASSWORD)
    box.later(minutes=1)
    box.ws.contacts.send_invite(jane.id)
    box.later(minutes=1)
    box.door.accept_invite(box.token(jane), password=PASSWORD)
    box.later(minutes=1)
    box.door.sign_in("jane@acme.example", PASSWORD)
    box.later(minutes=1)
    box.ws.access.deactivate(jane.user_id)
    box.later(minutes=1)
    box.ws.access.reactivate(jane.user_id)
    box.later(minutes=1)
    box.ws.clients.set_status(acme.id, "paused", reason="unpaid")
    box.later(minutes=1)
    box.ws.contacts.remove(jane.id)
    box.later(minutes=1)
    box.ws.staff.add(first_name="A", last_name="B", email="a@northwind.example", roles=["editor"])
    user = f"user:{jane.user_id}"
    told = sorted((entry.at, entry.actor, entry.action) for entry in box.audit())
    assert [(actor, action) for _, actor, action in told] == [
        ("staff:ada", "client_added"),
        ("staff:ada", "contact_added"),
        ("staff:ada", "contact_invited"),
        ("staff:ada", "contact_invited"),
        ("staff:ada", "invitation_revoked"),
        ("staff:ada", "contact_invited"),
        ("entrance", "invitation_expired"),
        ("staff:ada", "contact_invited"),
        (user, "invitation_accepted"),
        (user, "user_signed_in"),
        (user, "user_signed_in"),
        ("staff:ada", "user_deactivated"),
        ("staff:ada", "user_reactivated"),
        ("staff:ada", "client_status_changed"),
        ("staff:ada", "contact_removed"),
        ("staff:ada", "staff_added"),
    ]
    assert first not in repr(box.audit())
    assert PASSWORD not in repr(box.audit())


def test_an_entry_says_what_about_whom_for_which_client(box: Box) -> None:
    acme = box.client()
    at = box.later(hours=1)
    jane = box.contact(acme, role="client_admin")
    entry = box.audit()[-1]
    assert (entry.at, entry.subject, entry.client_id, entry.old) == (at, jane.id, acme.id, {})
    assert entry.new == {
        "user_id": str(jane.user_id),
        "title": "Jane Doe",
        "email": "jane@acme.example",
        "role": "client_admin",
    }
    assert entry.on_behalf_of is None


def test_the_first_login_is_told_from_later_ones(box: Box) -> None:
    box.active(box.client())
    box.sign_in()
    first = [entry.new["first"] for entry in box.audit() if entry.action == "user_signed_in"]
    assert sorted(first) == ["False", "True"]


def test_a_denial_is_on_record_with_the_permission_that_was_missing(box: Box) -> None:
    acme = box.client()
    at = box.later(hours=1)
    with pytest.raises(ForbiddenError) as refused:
        box.staff("operations_lead", reference="eve").clients.set_status(acme.id, "paused")
    assert refused.value.permission == "clients.status"
    entry = box.audit()[-1]
    assert (entry.actor, entry.action, entry.at) == ("staff:eve", "denied", at)
    assert entry.new == {"permission": "clients.status"}


def test_a_denial_names_who_stands_behind_an_impersonated_user(box: Box) -> None:
    jane = box.active(box.client())
    actor = ClientUser(jane.user_id, impersonated_by=Staff("grace", roles={"editor"}))
    with pytest.raises(ForbiddenError):
        box.manager.workspace(box.tenant, actor=actor).staff.list()
    entry = box.audit()[-1]
    assert (entry.actor, entry.on_behalf_of) == ("staff:grace", f"user:{jane.user_id}")


def test_what_is_done_on_behalf_of_a_client_user_names_both(box: Box) -> None:
    acme = box.client()
    jane = box.active(acme, role="client_admin")
    actor = ClientUser(jane.user_id, impersonated_by=Staff("grace", roles={"editor"}))
    ws = box.manager.workspace(box.tenant, actor=actor)
    ws.contacts.add(acme.id, first_name="Bob", last_name="Roe", email="bob@acme.example")
    entry = box.audit()[-1]
    assert (entry.action, entry.actor, entry.on_behalf_of) == ("contact_added", "staff:grace", f"user:{jane.user_id}")


def test_a_refused_command_leaves_no_other_trace(box: Box) -> None:
    before = box.dump()
    with pytest.raises(ForbiddenError):
        box.staff("representative").clients.add(name="Bolt", email="b@bolt.example")
    after = box.dump()
    assert {name for name, rows in after.items() if rows != before[name]} == {"audit"}


def test_a_refused_sign_in_is_put_on_record_with_whoever_it_claimed_to_be(box: Box) -> None:
    jane = box.active(box.client())
    began = box.later(minutes=1)
    for email in ("jane@acme.example", "nobody@acme.example"):
        with pytest.raises(SignInRefusedError):
            box.sign_in(email, password="wrong")
    seen = [(entry.action, entry.subject, entry.new) for entry in box.audit(after=began)]
    assert seen == [("sign_in_refused", subject, {"origin": "192.0.2.1"}) for subject in (jane.user_id, None)]


def test_the_trail_can_be_narrowed_down(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt Ltd")
    began = box.later(hours=1)
    jane = box.contact(acme)
    box.later(hours=1)
    box.staff("editor", reference="grace").contacts.send_invite(jane.id)
    listing = box.ws.audit.list
    assert [entry.action for entry in listing(client_id=acme.id)] == [
        "contact_invited",
        "contact_added",
        "client_added",
    ]
    assert [entry.action for entry in listing(client_id=bolt.id)] == ["client_added"]
    assert [entry.action for entry in listing(actor="staff:grace")] == ["contact_invited"]
    assert len(listing(action="client_added")) == 2
    assert [entry.action for entry in listing(since=began)] == ["contact_invited", "contact_added"]
    assert [entry.action for entry in listing(since=began, until=box.clock.now())] == ["contact_added"]
    assert len(listing(until=began)) == 2
    assert len(listing(actor="staff:grace", action="client_added")) == 0
    assert len(listing(since=began.astimezone(timezone(timedelta(hours=5))))) == 2


def test_the_trail_of_one_thing_comes_in_pages(box: Box) -> None:
    acme = box.client()
    jane, bob = box.contact(acme), box.contact(acme, "Bob")
    for contact in (jane, bob):
        for title in ("Clerk", "Buyer", "Chief"):
            box.later(minutes=1)
            box.ws.contacts.update(contact.id, job_title=title)
    began = box.clock.now() - timedelta(minutes=4)
    every: list[dict[str, Any]] = [
        {"client_id": acme.id},
        {"actor": "staff:ada"},
        {"action": "contact_updated"},
        {"subject": jane.id},
        {"since": began},
        {"until": box.clock.now()},
        {"client_id": acme.id, "subject": bob.id, "since": began, "until": box.clock.now()},
    ]
    counts = []
    for filters in every:
        pages = list(iter_all(partial(box.ws.audit.list, **filters), limit=2))
        assert pages == list(box.ws.audit.list(**filters))
        counts.append(len(pages))
    assert counts == [9, 9, 6, 4, 5, 8, 2]
    assert {entry.subject for entry in box.ws.audit.list(subject=jane.id)} == {jane.id}
    assert box.ws.audit.list(subject=jane.user_id, client_id=acme.id).items == ()


def test_reading_the_trail_needs_a_permission(box: Box) -> None:
    with pytest.raises(ForbiddenError):
        box.staff("representative").audit.list()


def test_whoever_listens_hears_what_was_committed_and_nothing_else(box: Box) -> None:
    heard: list[str] = []

    def listen(events: Sequence[Event]) -> None:
        heard.extend(event.name for event in events)

    listening = box.again(on_commit=listen)
    acme = listening.client()
    jane = listening.contact(acme, invite=True)
    with pytest.raises(Exception, match="contact of this client"):
        listening.contact(acme)
    listening.ws.contacts.get(jane.id)
    listening.ws.clients.preview_import([{"client": "Bolt", "client_email": "b@bolt.example"}])
    assert heard == ["client_added", "contact_added", "contact_invited"]
    assert [entry.action for entry in box.audit()].count("contact_added") == 1

"""Staff that reaches only the clients that it looks after. Source: people model, roles, permissions and scope."""

from __future__ import annotations

import secrets
from uuid import UUID

import attrs
import pytest

from clientmgmt import (
    Catalog,
    Client,
    ClientId,
    ClientMgmtError,
    Contact,
    ContactId,
    NotFoundError,
    Role,
    Settings,
    SiteId,
    Staff,
    UserId,
    Workspace,
    iter_all,
)
from clientmgmt.domain import OPERATIONS, STAFF_PERMISSIONS, StaffReach, User
from clientmgmt.errors import ConfigurationError, SharedProfileError
from tests.box import SETTINGS, Box
from tests.stories.operations import ADDRESS, COMMANDS, prepare
from tests.stories.test_tenants import QUESTIONS, Ids, answer

CATALOG = Catalog().extend(
    roles=[Role("keeper", "staff", STAFF_PERMISSIONS - {"users.staff"}, may_manage=True), Role("looker", "staff", ())]
)
ASSIGNED = attrs.evolve(SETTINGS, staff_reach="assigned")


def limited(box: Box) -> Box:
    return box.again(settings=ASSIGNED, catalog=CATALOG)


def keeper(box: Box, reference: str = "bob") -> User:
    """A staff user who may everything but change roles."""
    named = {"first_name": reference, "last_name": "Roe", "email": f"{reference}@northwind.example"}
    return box.ws.staff.add(**named, roles=["keeper"], reference=reference)


def unknown(client: Client, contact: Contact) -> tuple[Client, Contact]:
    """The same with ids that never were."""
    ids = [UUID(int=secrets.randbits(128), version=4) for _ in range(3)]
    nobody = attrs.evolve(contact, id=ContactId(ids[1]), user_id=UserId(ids[2]))
    return attrs.evolve(client, id=ClientId(ids[0])), nobody


def came_of(name: str, ws: Workspace, client: Client, contact: Contact) -> object:
    """The answer to an operation, or its refusal."""
    try:
        return COMMANDS[name][1](ws, client, contact)
    except ClientMgmtError as refused:
        return f"{type(refused).__name__}: {refused} {refused.violations}"


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_out_of_reach_answers_like_what_never_was(memory_box: Box, name: str) -> None:
    box = limited(memory_box)
    acme = box.client(references=[("crm", "1")])
    jane = box.contact(acme, invite=True)
    lobby = box.ws.sites.add(acme.id, name="Lobby", address=ADDRESS, timezone="UTC", reference="S-1")
    bob = keeper(box)
    prepare(box.ws, acme, jane)
    hidden = {str(key) for key in (acme.id, jane.id, jane.user_id, lobby.id, box.ws.access.invitations(jane.id)[0].id)}
    need = OPERATIONS[name.split(" ", maxsplit=1)[0]].staff
    before = box.dump()
    for ws in (box.staff("looker"), box.stored_staff("bob")):
        denials = box.actions().count("denied")
        came = came_of(name, ws, acme, jane)
        entry, denied = box.audit()[-1], box.actions().count("denied") - denials
        never = came_of(name, ws, *unknown(acme, jane))
        if isinstance(never, str):
            assert came == never
            assert (denied, entry.new) == (1, {"permission": need})
        assert type(came) is type(never)
        assert not any(key in repr(came) for key in hidden)
    after = box.dump()
    assert all(row in after[kind] for kind, rows in before.items() for row in rows)
    box.ws.managers.add(acme.id, bob.id)
    came = came_of(name, box.stored_staff("bob"), acme, jane)
    refusal = came if isinstance(came, str) else ""
    assert refusal.startswith("ForbiddenError") is (need == "users.staff")
    assert not refusal.startswith("NotFoundError")


def test_questions_about_what_is_out_of_reach_answer_so_from_every_store(box: Box) -> None:
    box = limited(box)
    acme = box.client(references=[("crm", "1")])
    jane = box.active(acme)
    lobby = box.ws.sites.add(acme.id, name="Lobby", address=ADDRESS, timezone="UTC")
    keeper(box)
    ws = box.stored_staff("bob")
    stored = {name: rows for name, rows in box.dump().items() if name != "audit"}
    for name, question in QUESTIONS.items():
        random = tuple(UUID(int=secrets.randbits(128), version=4) for _ in range(4))
        never: Ids = ClientId(random[0]), ContactId(random[1]), UserId(random[2]), SiteId(random[3])
        assert answer(question, ws, (acme.id, jane.id, jane.user_id, lobby.id)) == answer(question, ws, never), name
    assert {name: rows for name, rows in box.dump().items() if name != "audit"} == stored


def test_lists_have_what_somebody_manages_and_what_it_has_added(box: Box) -> None:
    box = limited(box)
    acme, bolt, cora = box.client(references=[("crm", "1")]), box.client("Bolt"), box.client("Cora")
    bob, ws = keeper(box), box.stored_staff("bob")
    assert (ws.clients.list().items, ws.contacts.list().items, ws.notifications.list().items) == ((), (), ())
    people = [box.contact(client, name, invite=True) for client, name in ((acme, "Jane"), (bolt, "Bo"), (cora, "Cy"))]
    site = box.ws.sites.add(acme.id, name="Lobby", address=ADDRESS, timezone="UTC", reference="S-1")
    box.ws.managers.add(acme.id, bob.id)
    box.ws.managers.add(
        bolt.id, box.ws.staff.add(first_name="A", last_name="B", email="a@b.example", roles=["editor"]).id
    )
    own = ws.clients.add(name="Dora", email="d@dora.example")
    box.again(settings=ASSIGNED, catalog=CATALOG).staff("keeper", reference="bo").clients.add(
        name="E", email="e@e.example"
    )
    assert [client.id for client in iter_all(ws.clients.list, limit=1)] == [acme.id, own.id]
    assert [contact.id for contact in ws.contacts.list()] == [people[0].id]
    assert ws.clients.find(reference=("crm", "1")) == acme
    assert ws.sites.find(reference="S-1") == site
    assert [mail.client_id for mail in ws.notifications.list()] == [acme.id]
    assert ws.managers.clients_of(bob.id).items == (acme,)
    assert {entry.client_id for entry in iter_all(ws.audit.list, limit=2)} == {acme.id, own.id}
    assert ws.access.may("export", acme.id)
    box.ws.managers.remove(acme.id, bob.id)
    assert [client.id for client in ws.clients.list()] == [own.id]
    with pytest.raises(NotFoundError):
        ws.contacts.get(people[0].id)


def test_staff_whose_roles_the_host_hands_in_is_known_by_its_reference(box: Box) -> None:
    box = limited(box)
    acme, bob = box.client(), keeper(box)
    box.ws.managers.add(acme.id, bob.id)
    assert box.staff("keeper", reference="bob").clients.get(acme.id) == acme
    with pytest.raises(NotFoundError):
        box.staff("looker", reference="bob").clients.get(acme.id)
    with pytest.raises(NotFoundError):
        box.staff("keeper", reference="eve").clients.get(acme.id)
    box.ws.access.deactivate(bob.id)
    with pytest.raises(NotFoundError):
        box.staff("keeper", reference="bob").clients.get(acme.id)


def test_whoever_may_change_roles_and_the_system_reach_everything(box: Box) -> None:
    acme = limited(box).client()
    chief = Catalog().extend(roles=[Role("chief", "staff", {"users.staff"})])
    hosted = box.again(settings=ASSIGNED, catalog=chief)
    named = {"first_name": "A", "last_name": "B", "email": "a@northwind.example"}
    hosted.ws.staff.add(**named, roles=["chief"], reference="al")
    for ws in (hosted.staff("administrator", reference="eve"), hosted.stored_staff("al"), hosted.system):
        assert ws.clients.list().items == (acme,)
        assert ws.clients.get(acme.id) == acme
    assert hosted.staff("editor", reference="eve").clients.list().items == ()
    assert box.staff("editor", reference="eve").clients.list().items == (acme,)


def test_of_a_user_of_several_clients_only_the_own_part_is_told(box: Box) -> None:
    box = limited(box)
    acme, bolt, bob = box.client(), box.client("Bolt"), keeper(box)
    box.ws.managers.add(acme.id, bob.id)
    jane = box.active(acme)
    there = box.contact(bolt)
    for client_id in (acme.id, bolt.id, None):
        box.later(minutes=1)
        box.door.sign_in("jane@acme.example", "correct horse battery staple", client_id=client_id)
    box.ws.access.set_owner(acme.id, jane.user_id)
    box.ws.access.set_owner(bolt.id, jane.user_id)
    ws = box.stored_staff("bob")
    assert [contact.id for contact in ws.contacts.list(user_id=jane.user_id)] == [jane.id]
    assert [login.client_id for login in ws.access.logins(jane.user_id)] == [None, acme.id, acme.id]
    assert len(box.ws.access.logins(jane.user_id)) == 4
    with pytest.raises(NotFoundError):
        ws.contacts.get(there.id)


def test_nobody_takes_over_a_user_of_a_client_out_of_reach_by_adding_it_to_one_within(box: Box) -> None:
    box = limited(box)
    acme, bolt, bob = box.client(), box.client("Bolt"), keeper(box)
    box.ws.managers.add(acme.id, bob.id)
    vera = box.active(bolt, "Vera", role="client_admin")
    ws = box.stored_staff("bob")
    added = ws.contacts.add(acme.id, first_name="X", last_name="Y", email="vera@acme.example")
    before = box.dump()
    for change in ({"email": "mine@evil.example"}, {"first_name": "X"}, {"phone": "1"}):
        with pytest.raises(SharedProfileError):
            ws.contacts.update(added.id, **change)  # type: ignore[arg-type]
    for command in (ws.access.deactivate, ws.access.reactivate):
        with pytest.raises(SharedProfileError):
            command(vera.user_id)
    with pytest.raises(NotFoundError):
        ws.access.record_login(vera.user_id, box.clock.now(), client_id=bolt.id)
    assert {name for name, rows in box.dump().items() if rows != before[name]} == {"audit"}
    assert ws.contacts.update(added.id, job_title="Clerk").job_title == "Clerk"
    box.ws.managers.add(bolt.id, bob.id)
    assert ws.contacts.update(added.id, phone="1").phone == "1"
    assert set(ws.access.deactivate(vera.user_id).clients) == {acme.id, bolt.id}


def test_who_was_only_typed_in_by_a_client_is_not_reached_as_a_user(box: Box) -> None:
    box = limited(box)
    acme, bolt, bob = box.client(), box.client("Bolt"), keeper(box)
    box.ws.managers.add(acme.id, bob.id)
    jane = box.active(acme, role="client_admin")
    pat = box.active(bolt, "Pat")
    box.as_user(jane.user_id).contacts.add(acme.id, first_name="P", last_name="Q", email="pat@acme.example")
    ws = box.stored_staff("bob")
    (typed,) = [contact for contact in ws.contacts.list(acme.id) if contact.first_name == "P"]
    assert typed.user_id == pat.user_id
    for ask in (ws.access.logins, ws.access.deactivate):
        with pytest.raises(NotFoundError):
            ask(pat.user_id)
    assert ws.contacts.suspend(typed.id).contact.id == typed.id


def test_what_is_said_of_other_staff_keeps_to_their_reach(box: Box) -> None:
    box = limited(box)
    acme, bolt, bob = box.client(), box.client("Bolt"), keeper(box)
    ann = box.ws.staff.add(first_name="Ann", last_name="B", email="ann@northwind.example", roles=["keeper"])
    for user in (bob, ann):
        box.ws.managers.add(acme.id, user.id)
    site = box.ws.sites.add(bolt.id, name="Lobby", address=ADDRESS, timezone="UTC")
    for user in (bob, ann):
        assert box.ws.access.explain(user.id, "export", acme.id).rule == "role"
        assert box.ws.access.explain(user.id, "export", bolt.id).rule == "out_of_reach"
        assert box.ws.access.explain(user.id, "users.staff", bolt.id).rule == "not_given"
        assert box.ws.access.visible_sites(user.id, "export", bolt.id) == ()
    own = box.stored_staff("bob").clients.add(name="Dora", email="d@dora.example")
    assert [box.ws.access.explain(user.id, "export", own.id).allowed for user in (bob, ann)] == [True, False]
    everything = box.again(settings=SETTINGS, catalog=CATALOG)
    assert everything.ws.access.visible_sites(bob.id, "export", bolt.id) == (site,)


def test_an_import_touches_nothing_that_is_out_of_reach(box: Box) -> None:
    box = limited(box)
    acme = box.client(references=[("import", "1")])
    bolt, bob = box.client("Bolt"), keeper(box)
    ws = box.stored_staff("bob")
    jane = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
    rows = [
        {"client": "Else", "client_email": "e@else.example", "reference": "1", **jane},
        {"client": "Bolt", "client_email": "ap@bolt.example", "reference": "2", **jane},
    ]
    before = box.dump()
    for result in (ws.clients.preview_import(rows), ws.clients.import_rows(rows)):
        codes = [violation.code for row in result.failed for violation in row.violations]
        assert codes == ["duplicate_reference", "not_allowed"]
        assert not any(str(client.id) in repr(result) for client in (acme, bolt))
    changed = {name for name, stored in box.dump().items() if stored != before[name]}
    assert changed <= {"numbers"}
    box.ws.managers.add(bolt.id, bob.id)
    fresh = {"client": "Cora", "client_email": "c@cora.example", "reference": "3"}
    result = ws.clients.import_rows([*rows, fresh, fresh | jane])
    assert [row.value and row.value.client_id for row in result][1] == bolt.id
    assert len(result.ok) == 3
    assert ws.clients.import_rows([fresh | jane]).rows[0].changed is False


def test_among_several_clients_that_fit_a_row_only_those_within_reach_are_named(box: Box) -> None:
    box = limited(box)
    one, two, three = box.client(), box.client(), box.client()
    bob = keeper(box)
    row = {"client": "Acme Retail", "client_email": "ap@acme.example"}
    box.ws.managers.add(one.id, bob.id)
    (placed,) = box.stored_staff("bob").clients.preview_import([row]).ok
    assert placed.value is not None
    assert placed.value.client_id == one.id
    box.ws.managers.add(two.id, bob.id)
    (refused,) = box.stored_staff("bob").clients.preview_import([row]).failed
    message = refused.violations[0].message
    assert [str(client.id) in message for client in (one, two, three)] == [True, True, False]


def test_a_kept_answer_is_not_given_to_whom_the_client_was_taken_from(memory_box: Box) -> None:
    box = limited(memory_box)
    acme, bob = box.client(), keeper(box)
    box.ws.managers.add(acme.id, bob.id)
    jane = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example", "idempotency_key": "k"}
    ws = box.stored_staff("bob")
    assert ws.contacts.add(acme.id, **jane) == ws.contacts.add(acme.id, **jane)  # type: ignore[arg-type]
    box.ws.managers.remove(acme.id, bob.id)
    with pytest.raises(NotFoundError, match="client"):
        ws.contacts.add(acme.id, **jane)  # type: ignore[arg-type]


def test_tenants_differ_in_it(memory_box: Box) -> None:
    acme = memory_box.client()
    ws = memory_box.again(settings=lambda tenant: ASSIGNED if tenant == memory_box.tenant else SETTINGS)
    other = ws.again(tenant="elsewhere")
    bolt = other.client("Bolt")
    assert ws.manager.workspace(memory_box.tenant, actor=Staff("eve", roles={"editor"})).clients.list().items == ()
    assert other.staff("editor", reference="eve").clients.list().items == (bolt,)
    assert memory_box.staff("editor", reference="eve").clients.list().items == (acme,)


def test_the_setting_is_one_of_two_words() -> None:
    assert Settings().staff_reach is StaffReach.EVERYTHING
    assert Settings(staff_reach="assigned").staff_reach is StaffReach.ASSIGNED
    wrong: list[object] = ["", "Assigned", "own", None, 1, ["assigned"], b"assigned"]
    for word in wrong:
        with pytest.raises(ConfigurationError, match="everything, assigned"):
            Settings(staff_reach=word)  # type: ignore[arg-type]

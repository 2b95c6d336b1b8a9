"""Eight processes at once: one winner, no double, no false refusal."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, cast
from uuid import UUID

import attrs
import pytest

from clientmgmt import Client, ContactId, ContactState, Staff, Workspace, iter_all
from clientmgmt.adapters.system import Uuid7Source
from clientmgmt.domain import ClientStatusChanged, Event, InvitationState
from clientmgmt.testing import RecordingNotifier
from clientmgmt.testing.kit import BOOKS, SHELVES, Shelf
from tests.box import PASSWORD, dump, new_tenant
from tests.races.conftest import Race
from tests.races.shelves import SEATS, kit_at
from tests.races.workers import HANDS, Place, SkewedIds, manager_of, storage_at
from tests.stories.operations import ADDRESS

sizes = pytest.mark.parametrize("size", [5, pytest.param(200, marks=pytest.mark.slow)])

rosters = pytest.mark.parametrize(
    "size", [5, pytest.param(200, marks=pytest.mark.slow), pytest.param(2000, marks=pytest.mark.faults_long)]
)


@attrs.frozen
class Stage:
    """What a race begins with: a client, invited contacts as (token, contact id, user id)."""

    ws: Workspace
    client: Client
    invited: tuple[tuple[str, str, str], ...]


def staged(place: Place, size: int) -> Stage:
    mails = RecordingNotifier()
    manager = manager_of(place, mails)
    ws = manager.workspace(place.tenant, actor=Staff("ada", roles={"administrator"}))
    acme = ws.clients.add(name="Acme", email="ap@acme.example")
    rows = [
        {"client": "Acme", "client_email": "ap@acme.example", "first_name": "P", "last_name": "X", "email": email}
        for email in emails(size)
    ]
    ws.clients.import_rows(rows)
    manager.deliver(limit=100_000)  # what other races left behind
    mails.messages.clear()
    ws.contacts.send_invites(acme.id)
    manager.deliver(limit=100_000)
    contacts = iter_all(ws.contacts.list, acme.id, limit=1000)
    return Stage(
        ws,
        acme,
        tuple((mails.token(each.email.address), str(each.id), str(each.user_id)) for each in contacts),
    )


def emails(size: int) -> Iterator[str]:
    return (f"p{number}@acme.example" for number in range(size))


def won(outcomes: Counter[str]) -> dict[str, int]:
    return {name.removeprefix("won "): times for name, times in outcomes.items() if name.startswith("won ")}


@sizes
def test_eight_who_open_the_same_link_and_one_who_gets_in(run: Race, place: Place, size: int) -> None:
    stage = staged(place, size)
    outcomes = run("accept", place, stage.invited)
    assert set(won(outcomes).values()) == {1}
    assert len(won(outcomes)) == size
    assert {name: times for name, times in outcomes.items() if not name.startswith("won ")} == {
        "InvalidLinkError:used": size * (HANDS - 1)
    }
    stored = dump(storage_at(place.url, place.schema), place.tenant)
    assert len(stored["credentials"]) == len(stored["logins"]) == size


@sizes
def test_a_link_that_is_sent_again_while_it_is_opened(run: Race, place: Place, size: int) -> None:
    stage = staged(place, size)
    outcomes = run(["accept", "resend"], place, stage.invited)
    winners = won(outcomes)
    # A sender that waited for another may find that one's send later than its own time: too soon.
    refusals = {"AlreadyActiveError:", "InvalidLinkError:used", "InvalidLinkError:superseded", "LimitError:"}
    assert {name for name in outcomes if not name.startswith("won ")} <= refusals | {"sent"}
    for contact in iter_all(stage.ws.contacts.list, stage.client.id, limit=1000):
        history = stage.ws.access.invitations(contact.id)
        states = Counter(invitation.state for invitation in history)
        assert states[InvitationState.OPEN] + states[InvitationState.ACCEPTED] == 1
        accepted = states[InvitationState.ACCEPTED] == 1
        assert accepted is (winners.get(str(contact.id)) == 1)
        assert contact.state is (ContactState.ACTIVE if accepted else ContactState.INVITE_SENT)


@sizes
def test_one_address_added_to_eight_clients_is_one_user(run: Race, place: Place, size: int) -> None:
    ws = manager_of(place).workspace(place.tenant, actor=Staff("ada", roles={"administrator"}))
    clients = [str(ws.clients.add(name=f"C{number}", email="c@c.example").id) for number in range(HANDS)]
    outcomes = run("add", place, [(email, clients) for email in emails(size)])
    assert outcomes == Counter({f"added {email}": HANDS for email in emails(size)})
    contacts = list(iter_all(ws.contacts.list, limit=1000))
    assert len(contacts) == size * HANDS
    assert set(Counter(contact.user_id for contact in contacts).values()) == {HANDS}
    assert len({contact.user_id for contact in contacts}) == size


@sizes
def test_one_address_added_to_one_client_is_one_contact(run: Race, place: Place, size: int) -> None:
    ws = manager_of(place).workspace(place.tenant, actor=Staff("ada", roles={"administrator"}))
    acme = ws.clients.add(name="Acme", email="ap@acme.example")
    outcomes = run("add", place, [(email, [str(acme.id)]) for email in emails(size)])
    expected = Counter({f"added {email}": 1 for email in emails(size)})
    assert outcomes == expected + Counter({"DuplicateContactError:": size * (HANDS - 1)})
    assert len(list(iter_all(ws.contacts.list, acme.id, limit=1000))) == size


@sizes
def test_a_client_has_each_manager_once_and_one_of_them_is_primary(run: Race, place: Place, size: int) -> None:
    ws = manager_of(place).workspace(place.tenant, actor=Staff("ada", roles={"administrator"}))
    users = [
        str(ws.staff.add(first_name=name, last_name="X", email=f"{name}@northwind.example", roles=["editor"]).id)
        for name in ("ann", "bo", "cy")
    ]
    clients = [ws.clients.add(name=f"C{number}", email="c@c.example") for number in range(size)]
    outcomes = run("look after", place, [(str(client.id), users) for client in clients])
    assert outcomes == {"looked after": size * HANDS}
    for client in clients:
        managers = ws.managers.list(client.id)
        assert sorted(str(manager.user_id) for manager in managers) == sorted(users)
        assert [manager.is_primary for manager in managers] == [True, False, False]


@pytest.mark.parametrize("size", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_owners_scopes_and_sites_fit_together_whoever_was_faster(run: Race, place: Place, size: int) -> None:
    stage = staged(place, 2 * size)
    manager, ws = manager_of(place), stage.ws
    for token, _, _ in stage.invited:
        manager.entrance(place.tenant, origin="x").accept_invite(token, password=PASSWORD)
    things = []
    for number in range(size):
        client = ws.clients.add(name=f"C{number}", email="c@c.example")
        pair = stage.invited[2 * number : 2 * number + 2]
        contacts = [
            ws.contacts.add(
                client.id, first_name="A", last_name="B", email=ws.contacts.get(ContactId(UUID(one))).email.address
            )
            for _, one, _ in pair
        ]
        site = ws.sites.add(client.id, name="Lobby", address=ADDRESS, timezone="UTC")
        things.append((str(client.id), [user for _, _, user in pair], [str(one.id) for one in contacts], str(site.id)))
    outcomes = run("own", place, things)
    assert outcomes.total() == size * HANDS
    refused = {"NotFoundError:", "NotEligibleError:", "SiteHasHistoryError:", "InvalidInputError:"}
    assert set(outcomes) <= refused | {"done"}
    stored = dump(storage_at(place.url, place.schema), place.tenant)
    members: Any = {membership.id: membership for membership in cast("Any", stored["memberships"])}
    for owner in cast("Any", stored["owners"]):
        assert members[owner.contact_id].client_id == owner.id
    scoped = {membership.id for membership in members.values() if membership.has_scope}
    assert {access.contact_id for access in cast("Any", stored["site_access"])} == scoped


@sizes
def test_whoever_is_deactivated_while_it_accepts_is_out(run: Race, place: Place, size: int) -> None:
    stage = staged(place, size)
    outcomes = run(["accept", "deactivate"], place, stage.invited)
    winners = won(outcomes)
    refusals = {f"InvalidLinkError:{reason}" for reason in ("used", "revoked", "inactive")}
    assert {name for name in outcomes if not name.startswith("won ")} <= refusals | {"deactivated"}
    for contact in iter_all(stage.ws.contacts.list, stage.client.id, limit=1000):
        (invitation,) = stage.ws.access.invitations(contact.id)
        assert contact.state is ContactState.INACTIVE
        accepted = winners.get(str(contact.id), 0)
        assert accepted in {0, 1}
        assert invitation.state is (InvitationState.ACCEPTED if accepted else InvitationState.REVOKED)
        assert (contact.last_login is not None) is bool(accepted)


def rows(size: int) -> list[dict[str, object]]:
    """Clients without references, which no unique key tells apart, and a few with."""
    return [
        {
            "client": f"C{number // 3}",
            "client_email": "c@c.example",
            "reference": str(number // 3) if number // 3 % 2 else "",
            "first_name": "P",
            "last_name": "X",
            "email": f"p{number}@c.example",
        }
        for number in range(size * 3)
    ]


def bare(size: int) -> list[dict[str, object]]:
    """Clients alone: nothing but the order of imports keeps them from being doubled."""
    return [{"client": f"B{number}", "client_email": "b@b.example"} for number in range(size)]


@sizes
def test_the_same_rows_imported_by_eight_are_there_once(run: Race, place: Place, size: int) -> None:
    ws = manager_of(place).workspace(place.tenant, actor=Staff("ada", roles={"administrator"}))
    outcomes = run("import", place, [bare(size), rows(size), rows(size)])
    assert outcomes == Counter({"imported": HANDS * 3})
    names = Counter(client.name for client in iter_all(ws.clients.list, limit=1000))
    assert names == Counter({f"{letter}{number}": 1 for letter in "BC" for number in range(size)})
    assert len(list(iter_all(ws.contacts.list, limit=1000))) == size * 3


def test_imports_that_do_not_wait_for_each_other_are_caught(run: Race, postgresql_place: Place) -> None:
    """The fault that the race above is there for."""
    for attempt in range(10):
        place = attrs.evolve(postgresql_place, tenant=f"fault-{postgresql_place.schema}-{attempt}")
        run("import at will", place, [bare(20)])
        ws = manager_of(place).workspace(place.tenant, actor=Staff("ada", roles={"administrator"}))
        if max(Counter(client.name for client in ws.clients.list()).values()) > 1:
            return
    pytest.fail("nothing was doubled: the race above would not notice either")


TRIES = 3
IDS = Uuid7Source()


def shelves(place: Place, size: int) -> list[str]:
    """The ids of shelves without books."""
    storage = kit_at(place.url, place.schema)
    storage.upgrade()
    new = [Shelf(id=IDS.new(), code=str(number)) for number in range(size)]
    with storage.unit_of_work(place.tenant) as uow:
        uow.add(SHELVES, *new)
    return [str(shelf.id) for shelf in new]


def books(place: Place) -> Counter[str]:
    """How many books stand on each shelf."""
    with kit_at(place.url, place.schema).unit_of_work(place.tenant, read_only=True) as uow:
        return Counter(str(book.shelf_id) for book in uow.find(BOOKS))


@rosters
def test_a_shelf_for_ten_that_eight_fill_holds_exactly_ten(run: Race, place: Place, size: int) -> None:
    new = shelves(place, size)
    outcomes = run("shelves.put", place, new * TRIES)
    assert books(place) == Counter(dict.fromkeys(new, SEATS))
    assert {name: outcomes[name] for name in outcomes if name.startswith("put ")} == {
        f"put {shelf}": SEATS for shelf in new
    }
    assert outcomes["full"] == size * (HANDS * TRIES - SEATS)
    assert outcomes.total() == size * HANDS * TRIES, "nobody was refused for another reason"


def test_shelves_that_are_not_locked_get_too_full(run: Race, place: Place) -> None:
    """The fault that the race above is there for."""
    for _ in range(10):
        new = shelves(attrs.evolve(place, tenant=(tenant := new_tenant())), 20)
        run("shelves.put unlocked", attrs.evolve(place, tenant=tenant), new * TRIES)
        if max(books(attrs.evolve(place, tenant=tenant)).values()) > SEATS:
            return
    pytest.fail("no shelf got too full: the race above would not notice either")


@sizes
def test_one_key_sent_by_eight_has_one_effect_and_one_answer(run: Race, place: Place, size: int) -> None:
    outcomes = run("order", place, [f"order-{number}" for number in range(size)])
    assert set(outcomes.values()) == {HANDS}
    assert len(outcomes) == size
    stored = dump(storage_at(place.url, place.schema), place.tenant)
    assert len(stored["clients"]) == len(stored["audit"]) == len(stored["idempotency_keys"]) == size


@sizes
def test_eight_with_blocks_of_several_calls(run: Race, place: Place, size: int) -> None:
    outcomes = run("block", place, [f"n{number}" for number in range(size)])
    assert outcomes == Counter(done=size * (HANDS - 1), undone=size)
    stored = dump(storage_at(place.url, place.schema), place.tenant)
    assert len(stored["users"]) == size
    assert len(stored["clients"]) == len(stored["memberships"]) == size * (HANDS - 1)
    assert len(stored["audit"]) == len(stored["new_events"]) == 2 * size * (HANDS - 1)


def read_by(outcomes: Counter[str]) -> dict[int, list[UUID]]:
    """What each hand has read, in its order."""
    lines = [line for words in outcomes for line in json.loads(words.removeprefix("read ")) if words != "changed"]
    found: dict[int, list[UUID]] = {}
    for _, hand, key in sorted(lines):
        found.setdefault(hand, []).append(UUID(key))
    return found


def in_order(events: Sequence[Event]) -> bool:
    """Whether each change of a client begins where the one before has ended."""
    last: dict[UUID, str] = {}
    for event in events:
        assert isinstance(event, ClientStatusChanged)
        if last.get(event.subject, event.old) != event.old:
            return False
        last[event.subject] = event.new
    return True


@pytest.mark.parametrize("size", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_readers_of_the_feed_skip_nothing_and_double_nothing(run: Race, place: Place, size: int) -> None:
    """Six write by clocks that differ, two read meanwhile; in the end everybody has read everything, in order."""
    manager = manager_of(place)
    ws = manager.workspace(place.tenant, actor=Staff("ada", roles={"administrator"}))
    clients = [str(ws.clients.add(name=f"C{number}", email="c@c.example").id) for number in range(4)]
    feeds = {hand: manager.feed(f"hand {hand}", start="now") for hand in (3, 7)}
    for feed in feeds.values():
        while events := feed.pull(limit=1000):
            feed.ack(events)
    witness = manager.feed(f"witness of {place.tenant}", start="now")
    assert witness.pull() == ()
    outcomes = run(["change", "change", "change", "follow"], place, clients * size)
    written = {entry.id for entry in iter_all(ws.audit.list, action="client_status_changed", limit=1000)}
    assert outcomes.pop("changed") == 6 * 4 * size
    told: list[Event] = []
    while events := witness.pull(limit=1000):
        told += events
        witness.ack(events)
    assert in_order(told)
    for hand, feed in feeds.items():
        rest: list[UUID] = []
        while events := feed.pull(limit=1000):
            rest += [event.id for event in events]
            feed.ack(events)
        read = read_by(outcomes).get(hand, []) + rest
        assert len(read) == len(set(read)) == len(written)
        assert read == [event.id for event in told]


def test_the_order_of_ids_is_not_that_of_the_feed(place: Place) -> None:
    """The fault that the race above is there for: whoever has the slower clock came first."""
    ahead, behind = (
        manager_of(place, ids=SkewedIds(skew)).workspace(place.tenant, actor=Staff("ada", roles={"administrator"}))
        for skew in (60_000, -60_000)
    )
    acme = ahead.clients.add(name="Acme", email="ap@acme.example")
    feed = manager_of(place).feed(f"witness of {place.tenant}", start="now")
    assert feed.pull() == ()
    ahead.clients.set_status(acme.id, "paused")
    behind.clients.set_status(acme.id, "inactive")
    told = feed.pull()
    assert in_order(told)
    assert not in_order(sorted(told, key=lambda event: event.id))


def test_asking_for_what_is_later_than_the_latest_is_caught(run: Race, place: Place) -> None:
    """The fault that the race above is there for."""
    ws = manager_of(place).workspace(place.tenant, actor=Staff("ada", roles={"administrator"}))
    clients = [str(ws.clients.add(name=f"C{number}", email="c@c.example").id) for number in range(4)]
    outcomes = run(["change", "change", "change", "poll"], place, clients * 5)
    outcomes.pop("changed")
    everything = {entry.id for entry in iter_all(ws.audit.list, limit=1000)}
    assert min(len(read) for read in read_by(outcomes).values()) < len(everything)
    assert all(set(read) < everything for read in read_by(outcomes).values())

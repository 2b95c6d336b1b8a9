"""Eight processes at the entrance: a link works once, an address has one user, and nobody tries more often than ten."""

from __future__ import annotations

from collections import Counter

import pytest

from clientmgmt import Contact, SignInRefusedError, Staff, iter_all
from clientmgmt.domain import InvitationState
from clientmgmt.testing import RecordingNotifier
from tests.box import PASSWORD, dump
from tests.races.conftest import Race
from tests.races.doors import NEW
from tests.races.workers import HANDS, Place, manager_of, storage_at

sizes = pytest.mark.parametrize("size", [3, pytest.param(200, marks=pytest.mark.slow)])
fewer = pytest.mark.parametrize("size", [3, pytest.param(50, marks=pytest.mark.slow)])

ADA = Staff("ada", roles={"administrator"})


class Crowd:
    """A client with many contacts who have come in, and the mail that they get."""

    def __init__(self, place: Place, size: int, *, accept: bool = True) -> None:
        self.mails = RecordingNotifier()
        self.manager = manager_of(place, self.mails)
        self.place = place
        self.ws = self.manager.workspace(place.tenant, actor=ADA)
        self.door = self.manager.entrance(place.tenant, origin="crowd")
        self.acme = self.ws.clients.add(name="Acme", email="ap@acme.example")
        people = ({"first_name": "P", "last_name": "X", "email": f"p{number}@acme.example"} for number in range(size))
        self.ws.contacts.add_many(self.acme.id, people)
        self.ws.contacts.send_invites(self.acme.id)
        self.deliver()
        if accept:
            for contact in self.contacts():
                self.door.accept_invite(self.token(contact), password=PASSWORD)

    def contacts(self) -> list[Contact]:
        return list(iter_all(self.ws.contacts.list, self.acme.id, limit=1000))

    def deliver(self) -> None:
        while self.manager.deliver(limit=100_000).handled:
            pass

    def token(self, contact: Contact) -> str:
        return self.mails.token(contact.email.address)

    def resets(self) -> list[tuple[str, str, str]]:
        """A link to another password for each: token, contact, address."""
        people = self.contacts()
        for contact in people:
            self.ws.access.start_reset(contact.user_id)
        self.deliver()
        return [(self.token(contact), str(contact.id), contact.email.address) for contact in people]

    def stored(self) -> dict[str, tuple[object, ...]]:
        return dict(dump(storage_at(self.place.url, self.place.schema), self.place.tenant))


def won(outcomes: Counter[str]) -> Counter[str]:
    return Counter({name.removeprefix("won "): times for name, times in outcomes.items() if name.startswith("won ")})


@sizes
def test_eight_who_use_the_same_reset_and_one_whose_password_counts(run: Race, place: Place, size: int) -> None:
    crowd = Crowd(place, size)
    links = crowd.resets()
    outcomes = run("doors.reset", place, links)
    assert won(outcomes) == Counter({contact: 1 for _, contact, _ in links})
    assert outcomes["InvalidLinkError:used"] == size * (HANDS - 1)
    works = 0
    for hand in range(HANDS):
        try:
            crowd.door.sign_in(links[0][2], f"{NEW} {hand}")
        except SignInRefusedError:
            continue
        works += 1
    assert works == 1
    assert {user.epoch for user in crowd.stored()["users"]} == {1}  # type: ignore[attr-defined]


@sizes
def test_a_reset_and_a_change_of_address_at_once(run: Race, place: Place, size: int) -> None:
    crowd = Crowd(place, size)
    links = crowd.resets()
    outcomes = run(["doors.reset", "doors.move"], place, links)
    reasons = {"InvalidLinkError:used", "InvalidLinkError:revoked", "InvalidLinkError:email_changed"}
    assert {name for name in outcomes if not name.startswith("won ")} <= reasons | {"moved"}
    assert outcomes["moved"] == size * HANDS / 2
    for contact in crowd.contacts():
        reset = next(link for link in crowd.ws.access.links(contact.user_id) if link.purpose == "reset")
        expected = InvitationState.ACCEPTED if won(outcomes)[str(contact.id)] else InvitationState.REVOKED
        assert reset.state is expected
        assert contact.email.address.startswith("moved-")


def test_an_address_that_eight_confirm_is_one_users(run: Race, place: Place) -> None:
    crowd = Crowd(place, HANDS)
    for wanted in ("one@acme.example", "two@acme.example", "three@acme.example"):
        tokens = []
        for contact in crowd.contacts():
            actor = crowd.door.sign_in_trusted(contact.user_id).actor
            crowd.manager.workspace(place.tenant, actor=actor).contacts.update(contact.id, email=wanted)
            crowd.deliver()
            tokens.append(crowd.mails.token(wanted))
        outcomes = run("doors.confirm", place, [(wanted, tokens)])
        assert won(outcomes) == Counter({wanted: 1})
        assert outcomes["InvalidLinkError:email_in_use"] == HANDS - 1


@fewer
def test_an_identity_that_eight_come_with_is_one_users(run: Race, place: Place, size: int) -> None:
    crowd = Crowd(place, HANDS * size, accept=False)
    tokens = [crowd.token(contact) for contact in crowd.contacts()]
    things = [(f"subject {number}", tokens[number * HANDS : (number + 1) * HANDS]) for number in range(size)]
    outcomes = run("doors.identify", place, things)
    assert won(outcomes) == Counter({subject: 1 for subject, _ in things})
    assert outcomes["DuplicateIdentityError:"] == size * (HANDS - 1)


def counted(outcomes: Counter[str]) -> Counter[str]:
    """How many of all hands got through, by address."""
    through: Counter[str] = Counter()
    for name, times in outcomes.items():
        address, number = name.split(" ")
        through[address] += int(number) * times
    return through


@fewer
def test_of_twenty_four_guesses_ten_are_read(run: Race, place: Place, size: int) -> None:
    manager_of(place).upgrade()
    addresses = [f"p{number}@acme.example" for number in range(size)]
    assert counted(run("doors.guess", place, addresses)) == Counter(dict.fromkeys(addresses, 10))


@sizes
def test_of_eight_who_ask_for_a_reset_three_are_heard(run: Race, place: Place, size: int) -> None:
    addresses = [f"p{number}@acme.example" for number in range(size)]
    assert counted(run("doors.ask", place, addresses)) == Counter(dict.fromkeys(addresses, 3))
    stored = dump(storage_at(place.url, place.schema), place.tenant)
    assert Counter(reset.email_key for reset in stored["queued_resets"]) == Counter(  # type: ignore[attr-defined]
        dict.fromkeys(addresses, 3)
    )

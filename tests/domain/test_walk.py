"""Whatever happens to a contact, its state only ever takes the steps of the table; every event is told alike."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, get_type_hints
from uuid import UUID

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clientmgmt import domain
from clientmgmt.domain import (
    CONTACT_LIFECYCLE,
    AuditEntry,
    ClientId,
    ContactId,
    ContactState,
    ContactTrigger,
    Event,
    Invitation,
    InvitationState,
    InvitationTrigger,
    InviteRules,
    Membership,
    Stamp,
    User,
    UserId,
    UserKind,
)
from clientmgmt.domain.contacts import Contact, contact_state_of, send_invite
from clientmgmt.domain.email import parse_email
from clientmgmt.domain.scope import Scope
from clientmgmt.errors import IllegalTransitionError

START = datetime(2026, 1, 5, 9, tzinfo=UTC)


class Walk:
    """One contact, to which things happen as they may."""

    def __init__(self) -> None:
        self.now = START
        self.numbers = count(1)
        self.user = User(
            id=UserId(UUID(int=1)),
            kind=UserKind.CLIENT_USER,
            first_name="Jane",
            last_name="Doe",
            name_key="doe jane",
            email=parse_email("jane@acme.example", field="email")[0],
            created_at=START,
        )
        self.membership = Membership(
            id=ContactId(UUID(int=2)),
            user_id=self.user.id,
            client_id=ClientId(UUID(int=3)),
            role="client_basic",
            job_title=None,
            name_key="doe jane",
            created_at=START,
            created_by="staff:ada",
        )
        self.invitation: Invitation | None = None

    @property
    def state(self) -> ContactState:
        return contact_state_of(self.membership, self.user)

    def stamp(self) -> Stamp:
        return Stamp(UUID(int=next(self.numbers)), "t", self.now, "staff:ada")

    def do(self, operation: str) -> ContactTrigger | None:
        """The trigger of what was done, ``None`` if it was refused or concerns no state."""
        match operation:
            case "send":
                return self.send()
            case "accept" if self.user.credential_at is None and self.state is not ContactState.INACTIVE:
                self.user = self.user.set_credential(at=self.now)
                return ContactTrigger.SET_CREDENTIAL
            case "sign in" if self.user.credential_at is not None and self.state is not ContactState.INACTIVE:
                first = self.user.first_login_at is None
                self.user, fact = self.user.record_login(self.stamp(), client_id=None, origin="door")
                assert fact.first is first
                return ContactTrigger.SIGN_IN
            case "deactivate":
                self.user, _ = self.user.deactivate(self.stamp(), clients=(self.membership.client_id,))
                return ContactTrigger.DEACTIVATE
            case "reactivate" if self.user.deactivated_at is not None:
                return self.reactivate()
            case _:
                return None

    def send(self) -> ContactTrigger | None:
        options = {"stamp": self.stamp(), "key_id": "k", "rules": InviteRules()}
        try:
            sent = send_invite(self.membership, self.user, self.invitation, **options)  # type: ignore[arg-type]
        except IllegalTransitionError:
            assert self.state in {ContactState.ACTIVE, ContactState.INACTIVE}
            return None
        if self.invitation is not None and self.invitation.state is InvitationState.OPEN:
            self.invitation = self.invitation.close(InvitationTrigger.SUPERSEDE, at=self.now)
        self.membership, self.invitation, _ = sent
        return ContactTrigger.SEND_INVITE

    def reactivate(self) -> ContactTrigger:
        self.user, _ = self.user.reactivate(self.stamp())
        self.membership = attrs.evolve(self.membership, invitation_id=None)
        if self.user.credential_at is None:
            return ContactTrigger.REACTIVATE_STAGED
        known = self.user.first_login_at is not None
        return ContactTrigger.REACTIVATE_KNOWN if known else ContactTrigger.REACTIVATE_WAITING

    def shown(self) -> Contact:
        current = self.invitation if self.membership.invitation_id is not None else None
        return Contact.of(
            self.membership, self.user, now=self.now, scope=Scope.everything(), invitation=current, mail=None
        )


OPERATIONS = ("send", "accept", "sign in", "deactivate", "reactivate")
steps = st.lists(st.tuples(st.sampled_from(OPERATIONS), st.integers(0, 10)), max_size=25)


@settings(max_examples=400)
@given(steps)
def test_every_change_of_state_is_a_row_of_the_table(walked: list[tuple[str, int]]) -> None:
    walk = Walk()
    assert walk.state is CONTACT_LIFECYCLE.initial
    for operation, hours in walked:
        walk.now += timedelta(hours=hours)
        before, shown = walk.state, walk.shown()
        trigger = walk.do(operation)
        if trigger is None:
            assert walk.state is before
        else:
            assert CONTACT_LIFECYCLE.target(before, trigger) is walk.state
        after = walk.shown()
        assert START <= after.state_since <= walk.now
        if after.state is not shown.state:
            assert after.state_since == walk.now
        elif trigger is not ContactTrigger.DEACTIVATE:
            assert after.state_since == shown.state_since


def test_the_walk_takes_every_row_of_the_table() -> None:
    """The operations are enough to show each row; a row that nothing takes would be dead."""
    paths = {
        (): {"send", "accept", "deactivate"},
        ("send",): {"send", "accept", "deactivate"},
        ("accept",): {"sign in", "deactivate", "send"},
        ("accept", "sign in"): {"sign in", "deactivate"},
        ("deactivate",): {"deactivate", "reactivate"},
        ("accept", "deactivate"): {"reactivate"},
        ("accept", "sign in", "deactivate"): {"reactivate"},
    }
    taken = set()
    for path, lasts in paths.items():
        for last in lasts:
            walk = Walk()
            for operation in path:
                walk.do(operation)
            before = walk.state
            trigger = walk.do(last)
            taken.add((before, trigger, walk.state))
    assert taken == {(row.source, row.trigger, row.target) for row in CONTACT_LIFECYCLE.transitions}


def kinds() -> list[type[Event]]:
    known = (getattr(domain, name) for name in domain.__all__)
    return [kind for kind in known if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event]


def sample(hint: Any) -> Any:  # noqa: ANN401 - any type of a fact
    if hint is bool:
        return True
    if hint is datetime:
        return START
    if isinstance(hint, type) and issubclass(hint, str):
        return "words" if hint is str else next(iter(hint))  # type: ignore[call-overload]
    if getattr(hint, "__origin__", None) is tuple:
        inner = hint.__args__[0]
        return ("one", "two") if inner is str else (UUID(int=8), UUID(int=9))
    return UUID(int=7)


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.name)
def test_every_event_makes_an_entry_that_says_all_of_it(kind: type[Event]) -> None:
    hints = get_type_hints(kind)
    facts = {name: sample(hints[name]) for name in kind.facts}
    stamp = Stamp(UUID(int=1), "t", START, "staff:ada")
    event = kind(stamp=stamp, subject=UUID(int=2), client_id=ClientId(UUID(int=3)), **facts)
    entry = AuditEntry.of(event)
    assert (entry.id, entry.at, entry.actor) == (event.id, event.at, event.actor)
    assert (entry.subject, entry.client_id, entry.on_behalf_of) == (event.subject, event.client_id, None)
    assert entry.action == kind.name == re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
    assert event.tenant == "t"
    told = {**entry.old, **entry.new}
    assert all(isinstance(value, str) for value in told.values())
    names = {kind.aspect if name in {"old", "new"} else name for name in kind.facts}
    assert set(told) == names
    assert bool(entry.old) is ("old" in kind.facts)


def test_there_are_as_many_actions_as_events() -> None:
    assert len({kind.name for kind in kinds()}) == len(kinds()) >= 11

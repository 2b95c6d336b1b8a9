"""How often strangers may try. Source: people model, invitations and resets, numbers; reliability, enumeration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from clientmgmt import (
    ClientManager,
    InvalidLinkError,
    RateLimitedError,
    Rules,
    SignInRefusedError,
    ThrottleRules,
    problem,
)
from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.errors import ConfigurationError
from clientmgmt.ports import Quota
from tests.box import KEY, PASSWORD, Box
from tests.postgres import new_schema

JANE = "jane@acme.example"
HOUR = timedelta(hours=1)


def wrong(box: Box, email: str = JANE) -> None:
    with pytest.raises(SignInRefusedError):
        box.door.sign_in(email, "wrong")


def too_often(box: Box, do: Callable[[], object]) -> timedelta:
    """Doing it is refused, and nothing is written; how long to wait."""
    before = box.dump()
    with pytest.raises(RateLimitedError) as refused:
        do()
    assert box.dump() == before
    return refused.value.retry_after


def test_three_resets_an_hour_for_one_address_in_any_spelling_whoever_has_it(box: Box) -> None:
    box.active(box.client())
    for email in (JANE, "nobody@acme.example"):
        for _ in range(3):
            box.later(minutes=10)
            box.door.request_reset(email)
        assert too_often(box, lambda: box.door.request_reset(email.upper())) == timedelta(minutes=40)  # noqa: B023
        box.later(minutes=40)
        box.door.request_reset(email)
        assert too_often(box, lambda: box.door.request_reset(email)) == timedelta(minutes=10)  # noqa: B023


def test_twenty_resets_an_hour_from_one_origin(box: Box) -> None:
    for number in range(20):
        box.door.request_reset(f"p{number}@acme.example")
    assert too_often(box, lambda: box.door.request_reset("p20@acme.example")) == HOUR
    box.manager.entrance(box.tenant, origin="198.51.100.9").request_reset("p20@acme.example")
    box.neighbour().door.request_reset("p20@acme.example")
    assert len(box.dump()["queued_resets"]) == 21


def test_after_ten_wrong_passwords_the_right_one_is_not_even_read(box: Box) -> None:
    box.active(box.client())
    for _ in range(10):
        wrong(box)
        box.later(minutes=1)
    assert too_often(box, box.sign_in) == timedelta(minutes=5)
    assert too_often(box, lambda: box.door.check_password(JANE, PASSWORD)) == timedelta(minutes=5)
    box.later(minutes=5)
    box.sign_in()


def test_an_address_that_nobody_has_is_limited_as_well(box: Box) -> None:
    for _ in range(10):
        wrong(box, "nobody@acme.example")
    assert too_often(box, lambda: box.sign_in("nobody@acme.example")) == timedelta(minutes=15)


def test_a_hundred_wrong_passwords_from_one_origin(memory_box: Box) -> None:
    box = memory_box
    box.active(box.client())
    for number in range(100):
        wrong(box, f"p{number}@acme.example")
    assert too_often(box, box.sign_in) == timedelta(minutes=15)
    box.manager.entrance(box.tenant, origin="198.51.100.9").sign_in(JANE, PASSWORD)


def test_who_signs_in_counts_for_nothing(box: Box) -> None:
    box.active(box.client())
    for _ in range(12):
        box.sign_in()
    for _ in range(9):
        wrong(box)
    box.sign_in()
    wrong(box)
    too_often(box, box.sign_in)


def test_guessing_behind_a_link_is_limited_too(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    box.active(acme)
    admin = box.active(bolt, "Bob", role="client_admin")
    added = box.as_user(admin.user_id).contacts.add(bolt.id, first_name="J", last_name="D", email=JANE, invite=True)
    token = box.token(added)
    for _ in range(10):
        with pytest.raises(SignInRefusedError):
            box.door.accept_invite(token, password="wrong")
    too_often(box, lambda: box.door.accept_invite(token, password=PASSWORD))
    box.later(minutes=15)
    box.door.accept_invite(token, password=PASSWORD)


def test_a_refused_try_does_not_lengthen_the_wait(box: Box) -> None:
    for _ in range(3):
        box.door.request_reset(JANE)
    for _ in range(5):
        box.later(minutes=10)
        too_often(box, lambda: box.door.request_reset(JANE))
    box.later(minutes=10)
    box.door.request_reset(JANE)


@pytest.mark.parametrize("ahead", [timedelta(minutes=30), timedelta(hours=1), timedelta(days=365)])
def test_a_clock_that_was_ahead_makes_nobody_wait_longer_than_the_rule(box: Box, ahead: timedelta) -> None:
    box.clock.advance(ahead)
    for _ in range(3):
        box.door.request_reset(JANE)
    box.clock.advance(-ahead)
    if ahead <= HOUR:
        assert too_often(box, lambda: box.door.request_reset(JANE)) == HOUR
        box.clock.advance(ahead + HOUR)
    box.door.request_reset(JANE)


def test_the_numbers_are_rules(box: Box) -> None:
    strict = box.again(rules=Rules(throttle=ThrottleRules(resets=1, failures=1, failures_within=HOUR)))
    strict.door.request_reset(JANE)
    too_often(strict, lambda: strict.door.request_reset(JANE))
    wrong(strict)
    assert too_often(strict, strict.sign_in) == HOUR


def test_what_was_typed_is_not_kept_and_what_is_over_is_removed(box: Box) -> None:
    wrong(box, "secret-typed-here@acme.example")
    assert "secret-typed-here" not in repr(box.dump()["attempts"])
    assert box.manager.upkeep(only=["attempts"], tenants=[box.tenant]).total == 0
    box.later(minutes=15)
    assert box.manager.upkeep(only=["attempts"], tenants=[box.tenant]).done == {"attempts": 2}


def test_the_answer_over_http_says_how_long_to_wait() -> None:
    error = RateLimitedError(timedelta(seconds=59, microseconds=1))
    body = {"type": "about:blank", "title": "rate limited", "status": 429, "code": "rate_limited", "retry_after": 60}
    assert problem(error) == body


class Counting:
    """A throttle of the host's."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, tuple[str, ...]]] = []
        self.answer: timedelta | None = None

    def take(self, tenant: str, quotas: Sequence[Quota], at: datetime, /) -> timedelta | None:
        self.calls.append(("take", tenant, tuple(f"{quota.key} {quota.limit}" for quota in quotas)))
        assert at.tzinfo is not None
        return self.answer

    def give_back(self, tenant: str, quotas: Sequence[Quota], at: datetime, /) -> None:
        self.calls.append(("give back", tenant, tuple(quota.key for quota in quotas)))
        assert at.tzinfo is not None


def test_a_host_counts_elsewhere(box: Box) -> None:
    box.active(box.client())
    throttle = Counting()
    manager = box.make(
        box.storage, secret_keys=[KEY], settings=box.settings, passwords=box.hasher, clock=box.clock, throttle=throttle
    )
    door = manager.entrance(box.tenant, origin="192.0.2.1")
    before = box.dump()["attempts"]
    door.sign_in(JANE, PASSWORD)
    door.request_reset(JANE)
    keys = ("password address jane@acme.example", "password origin 192.0.2.1")
    assert throttle.calls == [
        ("take", box.tenant, (f"{keys[0]} 10", f"{keys[1]} 100")),
        ("give back", box.tenant, keys),
        ("take", box.tenant, ("reset address jane@acme.example 3", "reset origin 192.0.2.1 20")),
    ]
    assert box.dump()["attempts"] == before
    throttle.answer = timedelta(seconds=7)
    assert too_often(box, lambda: door.sign_in(JANE, PASSWORD)) == timedelta(seconds=7)


def test_what_is_no_throttle_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="throttle must be a Throttle"):
        ClientManager("memory:", throttle=object())  # type: ignore[arg-type]


@pytest.fixture(params=["sqlite", "postgresql"])
def hosted(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[sa.Engine, SQLStorage]]:
    """An engine of a host, and a store on it."""
    if request.param == "sqlite":
        engine = sa.create_engine(f"sqlite:///{tmp_path / 'host.db'}")
        sa.event.listen(engine, "connect", lambda driver, _: driver.execute("PRAGMA foreign_keys = ON"))
        storage = SQLStorage(f"sqlite:///{tmp_path / 'host.db'}")
        storage.upgrade()
        yield engine, storage
        storage.close()
        engine.dispose()
        return
    engine = sa.create_engine(request.getfixturevalue("postgres_url"), isolation_level="READ COMMITTED")
    with new_schema(engine) as schema:
        storage = SQLStorage(engine, schema=schema)
        storage.upgrade()
        yield engine, storage
    engine.dispose()


def test_what_was_counted_and_put_on_record_outlives_a_rollback_of_the_host(
    hosted: tuple[sa.Engine, SQLStorage],
) -> None:
    engine, store = hosted
    box = Box(store)
    acme, bolt = box.client(), box.client("Bolt")
    box.active(acme)
    ws = box.as_user(box.active(bolt, "Bob", role="client_admin").user_id)
    token = box.token(ws.contacts.add(bolt.id, first_name="J", last_name="D", email=JANE, invite=True))
    for _ in range(10):
        with engine.connect() as connection, connection.begin() as transaction:
            door = box.manager.entrance(box.tenant, origin="192.0.2.1", storage=store.joined(connection))
            with pytest.raises(SignInRefusedError):
                door.accept_invite(token, password="a guess")
            transaction.rollback()
    too_often(box, lambda: box.door.accept_invite(token, password=PASSWORD))
    assert box.actions().count("sign_in_refused") == 10


def test_a_link_that_came_too_late_waits_for_nothing_that_the_host_has_locked(
    hosted: tuple[sa.Engine, SQLStorage],
) -> None:
    engine, store = hosted
    box = Box(store)
    jane = box.active(box.client())
    box.door.request_reset(JANE)
    box.deliver()
    token = box.mails.token(JANE)
    box.later(hours=3)
    with engine.connect() as connection, connection.begin():
        joined = store.joined(connection)
        box.manager.workspace(box.tenant, actor=box.ws.actor, storage=joined).contacts.update(jane.id, phone="1")
        door = box.manager.entrance(box.tenant, origin="192.0.2.1", storage=joined)
        with pytest.raises(InvalidLinkError):
            door.complete_reset(token, password="a quite different one")
    assert [link.state.value for link in box.ws.access.links(jane.user_id)] == ["expired"]

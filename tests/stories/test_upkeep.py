"""What was kept for long enough is removed, and nothing that is still needed. Source: glossary: upkeep; rules."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clientmgmt import ClientManager, ContactState, InviteRules, RetentionRules, Rules, SessionRules, Settings
from clientmgmt._usecases import upkeep as keeping
from clientmgmt.domain import InvitationState, UpkeepReport
from clientmgmt.ports import Storage
from clientmgmt.ports.collections import INVITATIONS
from tests.box import KEY, SETTINGS, Box

JOBS = ("idempotency_keys", "links", "deliveries", "logins", "sessions", "feed")
RULES = Rules(
    sessions=SessionRules(valid=timedelta(days=2)),
    invites=InviteRules(pause=timedelta(0)),
    retention=RetentionRules(
        idempotency_keys=timedelta(days=30),
        links=timedelta(days=90),
        deliveries=timedelta(days=200),
        logins=timedelta(days=300),
        feed=timedelta(days=40),
    ),
)
DAYS = {"idempotency_keys": 30, "links": 97, "deliveries": 200, "logins": 300, "sessions": 2, "feed": 40}
TABLES = {"links": "invitations", "deliveries": "deliveries", "logins": "logins", "feed": "new_events"}


@pytest.fixture
def told(box: Box) -> Box:
    return tell(box)


def tell(box: Box) -> Box:
    """A tenant with one thing of each kind that can go: three events at most, and one that stays."""
    box = box.again(rules=RULES)
    jane = box.contact(box.client(), idempotency_key="jane", invite=True)
    box.ws.contacts.send_invite(jane.id)
    box.door.accept_invite(box.token(jane), password="correct horse battery staple")
    return box


def keep(box: Box, **options: object) -> UpkeepReport:
    return box.manager.upkeep(tenants=[box.tenant], **options)  # type: ignore[arg-type]


def test_nothing_is_removed_before_its_time(told: Box) -> None:
    before = told.dump()
    assert keep(told) == UpkeepReport(dict.fromkeys([*JOBS, "attempts", "mail"], 0))
    assert keep(told).total == 0
    assert told.dump() == before


@pytest.mark.parametrize("job", JOBS)
def test_each_job_removes_what_its_rule_says_at_that_moment(told: Box, job: str) -> None:
    told.later(days=DAYS[job], microseconds=-1)
    assert keep(told, only=[job]).done == {job: 0}
    told.later(microseconds=1)
    before = told.dump()
    report = keep(told, only=[job])
    assert report.done[job] == report.total > 0
    gone = {name: len(rows) - len(told.dump()[name]) for name, rows in before.items() if rows != told.dump()[name]}
    assert gone == {TABLES.get(job, job): report.total}
    assert keep(told, only=[job]).total == 0


def test_a_contacts_latest_invitation_stays_for_ever(told: Box) -> None:
    acme = told.ws.clients.list().items[0]
    waiting = told.contact(acme, "Bob", invite=True)
    told.later(days=3650)
    jane = told.ws.contacts.find(acme.id, email="jane@acme.example")
    assert jane is not None
    states = told.now_of(jane).state, told.now_of(waiting).state
    assert keep(told).done["links"] == 1
    assert [invitation.state for invitation in told.ws.access.invitations(jane.id)] == [InvitationState.ACCEPTED]
    assert [invitation.state for invitation in told.ws.access.invitations(waiting.id)] == [InvitationState.EXPIRED]
    assert states == (told.now_of(jane).state, told.now_of(waiting).state)
    assert states == (ContactState.ACTIVE, ContactState.INVITE_SENT)
    told.ws.contacts.send_invite(waiting.id)


def test_nothing_is_kept_for_a_contact_that_is_gone(told: Box) -> None:
    (jane,) = told.ws.contacts.list()
    told.ws.contacts.remove(jane.id)
    told.later(days=97)
    assert keep(told, only=["links"]).done == {"links": 2}
    assert told.dump()["invitations"] == ()


def test_who_signed_in_last_is_known_when_the_login_is_gone(told: Box) -> None:
    (jane,) = told.ws.contacts.list()
    before = told.ws.contacts.most_recent(jane.client_id)
    told.later(days=300)
    keep(told)
    after = told.ws.contacts.most_recent(jane.client_id)
    assert before is not None
    assert after is not None
    assert (after.user_id, after.name, after.at) == (before.user_id, before.name, before.at)
    assert after.ago == "300 days ago"
    assert told.ws.access.logins(jane.user_id).items == ()


def test_the_audit_trail_is_never_pruned(told: Box) -> None:
    before = told.audit()
    told.later(days=36_500)
    keep(told)
    assert told.audit() == before


@pytest.mark.parametrize("size", [1, 2, 3])
def test_many_are_removed_in_parts(told: Box, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(keeping, "_BATCH", size)
    (jane,) = told.ws.contacts.list()
    for number in range(4):
        told.sign_in()
        told.client(f"C{number}", idempotency_key=str(number))
    bob = told.contact(told.ws.clients.get(jane.client_id), "Bob", invite=True)
    for _ in range(4):
        told.ws.contacts.send_invite(bob.id)
    told.manager.feed("reader").pull(limit=1)
    told.client("Dora")
    events = len(told.audit())
    told.later(days=400)
    report = keep(told)
    kept = {"idempotency_keys": 5, "links": 5, "deliveries": 2, "logins": 5, "sessions": 5, "feed": events}
    assert report.done == kept | {"attempts": 2, "mail": 0}
    assert len(told.dump()["invitations"]) == 2


def test_only_the_named_jobs_and_tenants_have_their_turn(told: Box) -> None:
    other = told.neighbour()
    other.client(idempotency_key="x")
    told.later(days=400)
    assert keep(told, only={"feed", "logins"}).done.keys() == {"feed", "logins"}
    assert keep(told, only=[]).done == {}
    assert told.manager.upkeep(tenants=[]).total == 0
    assert len(other.dump()["idempotency_keys"]) == len(told.dump()["idempotency_keys"]) == 1
    report = told.manager.upkeep(only=["idempotency_keys", "idempotency_keys"])
    assert report.done["idempotency_keys"] >= 2
    assert other.dump()["idempotency_keys"] == told.dump()["idempotency_keys"] == ()


def test_a_tenant_whose_settings_fail_holds_up_no_other(storage: Storage) -> None:
    box = Box(storage)
    first, second = sorted([box, box.neighbour()], key=lambda each: each.tenant)
    for each in (first, second):
        each.client(idempotency_key="x")

    def settings(tenant: str) -> Settings:
        if tenant == first.tenant:
            raise KeyError(tenant)
        return SETTINGS

    box.later(days=400)
    manager = ClientManager(storage, secret_keys=[KEY], settings=settings, clock=box.clock)
    with pytest.raises(KeyError):
        manager.upkeep(tenants=[first.tenant, second.tenant])
    assert len(first.dump()["idempotency_keys"]) == 1
    assert second.dump()["idempotency_keys"] == ()


def test_what_another_has_removed_first_is_not_counted(told: Box) -> None:
    told.later(days=97)
    with told.storage.unit_of_work(told.tenant) as uow:
        old = [each.id for each in uow.find(INVITATIONS)]
        assert uow.remove(INVITATIONS, *old[:1]) == 1
    assert keep(told, only=["links"]).total == 0
    assert keep(told.again(), only=["links"]).total == 0

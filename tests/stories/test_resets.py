"""Passwords that were forgotten. Source: people model, invitations and resets; client page, password."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from clientmgmt import (
    Client,
    Contact,
    ContactState,
    InvalidInputError,
    InvalidLinkError,
    Links,
    NotFoundError,
    ResetRules,
    Rules,
    Settings,
    SignInRefusedError,
)
from clientmgmt.adapters.system import generate_key
from clientmgmt.domain import LinkPassword, LinkPurpose, MailState, MailType
from clientmgmt.errors import (
    ClientClosedError,
    ConfigurationError,
    IllegalTransitionError,
    LimitError,
    PasswordChangeRequiredError,
    UserInactiveError,
)
from tests.box import KEY, PASSWORD, Box

NEW = "a quite different one"
JANE = "jane@acme.example"
MAILED = Rules(resets=ResetRules(mode="generate_and_mail"))


def asked(box: Box, email: str = JANE) -> str:
    """The token of the link that a reset of this address leads to."""
    box.door.request_reset(email)
    box.deliver()
    assert box.mails.messages[-1].type == MailType.PASSWORD_RESET
    return box.mails.token(JANE)


def dead(box: Box, token: object, reason: str) -> None:
    """The link cannot be used, and looking at it says so too."""
    for use in (lambda: box.door.inspect(token), lambda: box.door.complete_reset(token, password=NEW)):  # type: ignore[arg-type]
        with pytest.raises(InvalidLinkError, match="this link is not valid or no longer valid") as refused:
            use()
        assert refused.value.reason == reason


def mailed_password(box: Box) -> str:
    """The password in the last mail to Jane."""
    message = box.mails.to(JANE)[-1]
    assert message.type == MailType.PASSWORD_GENERATED
    return next(line for line in message.text.splitlines() if line.count("-") == 3)


def test_a_user_chooses_another_password_behind_a_link(box: Box) -> None:
    jane = box.active(box.client())
    token = asked(box, "  JANE@acme.example ")
    view = box.door.inspect(token)
    assert (view.purpose, view.client_name, view.user_name) == (LinkPurpose.RESET, None, "Jane Doe")
    assert (view.email.address, view.password) == (JANE, LinkPassword.CHOOSE)
    box.door.complete_reset(token, password=NEW)
    with pytest.raises(SignInRefusedError):
        box.sign_in()
    assert box.sign_in(password=NEW).actor.user_id == jane.user_id
    dead(box, token, "used")


def test_the_mail_greets_says_until_when_and_that_it_may_be_ignored(box: Box) -> None:
    box.active(box.client())
    asked(box)
    message = box.mails.messages[-1]
    assert (message.to.email, message.cc, message.subject) == (JANE, (), "Northwind: a new password")
    for words in ("Hello Jane Doe,", "until 05 January 2026, 11:00 UTC", "you can ignore this mail"):
        assert words in message.text


def test_success_ends_all_sessions_kills_every_other_link_and_tells_the_user(box: Box) -> None:
    box.active(box.client())
    session = box.sign_in()
    token = asked(box)
    box.door.complete_reset(token, password=NEW)
    with pytest.raises(SignInRefusedError):
        box.door.identify(session.token.reveal())
    box.deliver()
    assert box.mails.to(JANE)[-1].type == MailType.PASSWORD_CHANGED
    bob, one = box.invited(box.client("Bolt"), "Bob")
    two = box.token(box.contact(box.client("Cora"), "Bob", invite=True))
    box.ws.access.start_reset(bob.user_id)
    box.door.complete_reset(box.token(bob), password=NEW)
    for invitation in (one, two):
        with pytest.raises(InvalidLinkError) as refused:
            box.door.accept_invite(invitation, password=NEW)
        assert refused.value.reason == "revoked"


def test_a_client_whose_invitation_waits_does_not_see_that_somebody_was_there(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    box.active(acme)
    ws = box.as_user(box.active(bolt, "Bob", role="client_admin").user_id)
    waiting = ws.contacts.add(bolt.id, first_name="J", last_name="D", email=JANE, invite=True)
    invitation = box.token(waiting)
    seen = ws.contacts.get(waiting.id)
    box.door.complete_reset(asked(box), password=NEW)
    assert ws.contacts.get(waiting.id) == seen
    with pytest.raises(SignInRefusedError):
        box.door.accept_invite(invitation, password=PASSWORD)
    box.door.accept_invite(invitation, password=NEW)


def test_it_is_on_record_who_asked_and_who_did_it(box: Box) -> None:
    jane = box.active(box.client())
    began = box.later(minutes=1)
    token = asked(box)
    box.door.complete_reset(token, password=NEW)
    seen = [(entry.action, entry.actor, entry.subject) for entry in box.audit(after=began)]
    assert seen == [
        ("reset_requested", "entrance", jane.user_id),
        ("password_changed", f"user:{jane.user_id}", jane.user_id),
    ]
    assert not any(token in repr(entry) or NEW in repr(entry) for entry in box.audit())


@pytest.mark.parametrize("who", ["nobody", "staged", "invited", "inactive", "suspended", "closed", "removed", "staff"])
def test_for_whoever_has_nothing_to_reset_the_answer_is_the_same_and_no_mail_goes_out(box: Box, who: str) -> None:
    acme = box.client()
    makers: dict[str, Callable[[Client], Contact]] = {
        "staged": box.contact,
        "invited": lambda client: box.invited(client)[0],
    }
    jane = makers.get(who, box.active)(acme)
    changes: dict[str, Callable[[], object]] = {
        "inactive": lambda: box.ws.access.deactivate(jane.user_id),
        "suspended": lambda: box.ws.contacts.suspend(jane.id),
        "closed": lambda: box.ws.clients.set_status(acme.id, "closed"),
        "removed": lambda: box.ws.contacts.remove(jane.id),
    }
    changes.get(who, lambda: None)()
    box.ws.staff.add(first_name="Ada", last_name="B", email="ada@northwind.example", roles=["editor"])
    email = {"nobody": "nobody@acme.example", "staff": "ada@northwind.example"}.get(who, JANE)
    box.deliver()
    before, sent = box.dump(), len(box.mails.messages)
    assert box.door.request_reset(email) is None  # type: ignore[func-returns-value]
    changed = {name for name, stored in box.dump().items() if stored != before[name]}
    assert changed == {"queued_resets", "attempts"}
    box.deliver()
    assert len(box.mails.messages) == sent
    assert {**box.dump(), "attempts": ()} == {**before, "attempts": ()}


def test_asking_does_the_same_for_every_address(box: Box) -> None:
    box.active(box.client())
    for email in (JANE, "nobody@acme.example"):
        box.door.request_reset(email)
    jane, nobody = box.dump()["queued_resets"]
    assert {name for name in ("lane", "email_key", "id") if getattr(jane, name) == getattr(nobody, name)} == set()
    assert (jane.asked_at, jane.asked_by) == (nobody.asked_at, nobody.asked_by)  # type: ignore[attr-defined]


def test_a_newer_request_kills_the_older_link(box: Box) -> None:
    box.active(box.client())
    first, second = asked(box), asked(box)
    dead(box, first, "superseded")
    box.door.complete_reset(second, password=NEW)


def test_a_newer_request_leaves_the_link_to_another_address_alone(box: Box) -> None:
    jane = box.active(box.client())
    box.as_user(jane.user_id).contacts.update(jane.id, email="doe@acme.example")
    box.deliver()
    token = box.mails.token("doe@acme.example")
    asked(box)
    assert box.door.inspect(token).purpose is LinkPurpose.EMAIL


def test_a_link_that_upkeep_has_removed_is_dead_and_what_it_would_have_told_is_not_sent(box: Box) -> None:
    jane = box.active(box.client())
    token = asked(box)
    box.ws.contacts.update(jane.id, email="doe@acme.example")
    box.later(days=91)
    assert box.manager.upkeep(only=["links"], tenants=[box.tenant]).total == 2
    dead(box, token, "removed")
    assert box.deliver().obsolete == 2


def test_of_twenty_requests_and_more_each_is_looked_up(memory_box: Box) -> None:
    box = memory_box
    acme = box.client()
    for number in range(3):
        box.active(acme, f"P{number}")
    sent = len(box.mails.messages)
    for number in range(40):
        box.manager.entrance(box.tenant, origin=str(number)).request_reset(f"p{number}@acme.example")
    assert box.deliver().sent == 3
    assert len(box.mails.messages) == sent + 3
    assert box.dump()["queued_resets"] == ()


def test_two_requests_before_anybody_looks_make_one_link(box: Box) -> None:
    jane = box.active(box.client())
    box.door.request_reset(JANE)
    asked(box)
    assert len(box.ws.access.links(jane.user_id)) == 1


def test_a_link_works_for_two_hours_and_an_expiry_stays(box: Box) -> None:
    jane = box.active(box.client())
    token = asked(box)
    box.later(hours=2, microseconds=-1)
    box.door.inspect(token)
    box.later(microseconds=1)
    dead(box, token, "expired")
    box.clock.advance(timedelta(hours=-1))
    dead(box, token, "expired")
    assert [link.state.value for link in box.ws.access.links(jane.user_id)] == ["expired"]


def test_a_request_that_nobody_has_looked_at_for_too_long_comes_to_nothing(box: Box) -> None:
    box.active(box.client())
    box.door.request_reset(JANE)
    box.later(hours=2)
    sent = len(box.mails.messages)
    box.deliver()
    assert len(box.mails.messages) == sent
    assert box.dump()["queued_resets"] == ()


def test_looking_at_a_link_and_a_refused_password_burn_nothing(box: Box) -> None:
    box.active(box.client())
    token = asked(box)
    before = box.dump()
    for password in ("short", "1q2w3e4r5t6y", JANE, None, 5):
        with pytest.raises(InvalidInputError):
            box.door.complete_reset(token, password=password)  # type: ignore[arg-type]
    box.door.inspect(token)
    assert box.dump() == before
    box.door.complete_reset(token, password=NEW)


@pytest.mark.parametrize("change", ["password", "email", "deactivated", "closed", "suspended"])
def test_whatever_changes_the_way_in_kills_the_link(box: Box, change: str) -> None:
    acme = box.client()
    jane = box.active(acme)
    token = asked(box)
    changes: dict[str, tuple[Callable[[], object], str]] = {
        "password": (lambda: box.ws.access.set_password(jane.user_id, NEW), "revoked"),
        "email": (lambda: box.ws.contacts.update(jane.id, email="doe@acme.example"), "revoked"),
        "deactivated": (lambda: box.ws.access.deactivate(jane.user_id), "revoked"),
        "closed": (lambda: box.ws.clients.set_status(acme.id, "closed"), "client_closed"),
        "suspended": (lambda: box.ws.contacts.suspend(jane.id), "client_closed"),
    }
    do, reason = changes[change]
    do()
    dead(box, token, reason)


def test_a_mail_whose_link_has_died_is_not_sent(box: Box) -> None:
    jane = box.active(box.client())
    box.ws.access.start_reset(jane.user_id)
    box.ws.access.start_reset(jane.user_id)
    assert box.deliver().obsolete == 1
    (first, second) = box.ws.notifications.list(type="password_reset", limit=2).items[::-1]
    assert (first.state, first.error, second.state) == (
        MailState.OBSOLETE, "the link is dead: superseded", MailState.DELIVERED,
    )  # fmt: skip


def test_a_token_is_good_for_its_purpose_and_tenant_only(box: Box) -> None:
    box.active(box.client())
    token, session = asked(box), box.sign_in().token.reveal()
    other = box.neighbour()
    other.active(other.client())
    for box_, wrong in ((other, token), (box, session), (box, token[:-1]), (box, token.swapcase()), (box, 5)):
        dead(box_, wrong, "unknown")
    with pytest.raises(InvalidLinkError):
        box.door.accept_invite(token, password=NEW)
    with pytest.raises(InvalidLinkError):
        box.door.confirm_email(token)


def test_staff_start_one_for_whoever_was_invited(box: Box) -> None:
    acme = box.client()
    jane, _ = box.invited(acme)
    box.staff("editor").access.start_reset(jane.user_id)
    token = box.token(jane)
    box.door.complete_reset(token, password=NEW)
    assert box.now_of(jane).state is ContactState.INVITE_SENT
    box.sign_in(password=NEW)
    assert box.now_of(jane).state is ContactState.ACTIVE


def test_staff_start_none_for_the_staged_the_deactivated_and_those_of_no_open_client(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    staged, gone, closed = box.contact(acme), box.active(acme, "Gone"), box.active(bolt, "Closed")
    ada = box.ws.staff.add(first_name="Ada", last_name="B", email="ada@northwind.example", roles=["editor"])
    box.ws.access.deactivate(gone.user_id)
    box.ws.clients.set_status(bolt.id, "closed")
    before = box.dump()
    for user_id, error in (
        (staged.user_id, IllegalTransitionError),
        (gone.user_id, UserInactiveError),
        (closed.user_id, ClientClosedError),
        (ada.id, NotFoundError),
    ):
        with pytest.raises(error):
            box.ws.access.start_reset(user_id)
    assert box.dump() == before


def test_staff_starts_three_an_hour(box: Box) -> None:
    jane = box.active(box.client())
    for _ in range(3):
        box.ws.access.start_reset(jane.user_id)
    before = box.dump()
    with pytest.raises(LimitError):
        box.ws.access.start_reset(jane.user_id)
    assert box.dump() == before
    box.later(hours=1)
    box.ws.access.start_reset(jane.user_id)


def test_staff_reads_what_became_of_each_link_and_who_had_it_sent(box: Box) -> None:
    jane = box.active(box.client())
    asked(box)
    box.later(minutes=1)
    box.ws.access.start_reset(jane.user_id)
    box.later(minutes=1)
    box.door.complete_reset(asked(box), password=NEW)
    box.later(minutes=1)
    asked(box)
    box.ws.access.set_password(jane.user_id, PASSWORD)
    seen = [(link.state.value, link.sent_by) for link in box.ws.access.links(jane.user_id)]
    expected = [
        ("revoked", "entrance"),
        ("accepted", "entrance"),
        ("superseded", "staff:ada"),
        ("superseded", "entrance"),
    ]
    assert seen == expected


def test_a_template_that_was_removed_since_is_missed_before_a_link_is_made(box: Box) -> None:
    box.active(box.client())
    box.door.request_reset(JANE)
    bare = box.again(settings=Settings(sender="Northwind <hello@northwind.example>"))
    before = bare.dump()
    with pytest.raises(ConfigurationError, match="reset="):
        bare.deliver()
    assert bare.dump() == before
    sent = len(box.mails.messages)
    assert box.deliver().sent == 1
    assert len(box.mails.messages) == sent + 1


@pytest.mark.parametrize("password", ["short", "x" * 1025, "1q2w3e4r5t6y", "Jane Doe    ", JANE])
def test_the_same_passwords_are_refused_wherever_one_is_chosen(memory_box: Box, password: str) -> None:
    box = memory_box
    jane = box.active(box.client())
    token, session = asked(box), box.sign_in().token.reveal()
    for choose in (
        lambda: box.door.complete_reset(token, password=password.strip()),
        lambda: box.ws.access.set_password(jane.user_id, password.strip()),
        lambda: box.door.change_password(session, password=password.strip(), current=PASSWORD),
    ):
        with pytest.raises(InvalidInputError):
            choose()


def test_each_tenant_has_templates_of_its_own(box: Box) -> None:
    links = {
        tenant: Links(invite=f"https://{name}.example/a?t={{token}}", reset=f"https://{name}.example/r?t={{token}}")
        for tenant, name in ((box.tenant, "north"), (f"{box.tenant}-2", "south"))
    }
    for tenant, name in ((box.tenant, "north"), (f"{box.tenant}-2", "south")):
        one = box.again(tenant=tenant, settings=lambda tenant: Settings(sender="N <n@n.example>", links=links[tenant]))
        jane = one.contact(one.client(), invite=True)
        one.deliver()
        assert f"https://{name}.example/a?t=" in one.mails.to(JANE)[-1].text
        one.ws.access.start_reset(jane.user_id)
        one.deliver()
        assert f"https://{name}.example/r?t=" in one.mails.to(JANE)[-1].text


def test_without_a_template_or_a_sender_nothing_is_asked_for(box: Box) -> None:
    jane = box.active(box.client())
    for settings in (Settings(links=box.settings.links), Settings(sender="Northwind <hello@northwind.example>")):
        bare = box.again(settings=settings)
        before = bare.dump()
        with pytest.raises(ConfigurationError):
            bare.door.request_reset(JANE)
        with pytest.raises(ConfigurationError):
            bare.ws.access.start_reset(jane.user_id)
        assert bare.dump() == before


def test_what_is_no_address_is_refused(box: Box) -> None:
    for wrong in ("", "no address", None, 5, "x" * 10_000 + "@acme.example"):
        with pytest.raises(InvalidInputError) as refused:
            box.door.request_reset(wrong)  # type: ignore[arg-type]
        assert list(refused.value.by_field()) == ["email"]


class TestAGeneratedPassword:
    """The compatibility mode: the link confirms, and a password is mailed."""

    def made(self, box: Box) -> tuple[Box, Contact, str]:
        """A box in that mode, with Jane, who was mailed a password."""
        mailed = box.again(rules=MAILED)
        jane = mailed.active(mailed.client())
        token = asked(mailed)
        assert mailed.door.inspect(token).password is LinkPassword.NONE
        mailed.door.complete_reset(token)
        mailed.deliver()
        return mailed, jane, mailed_password(mailed)

    def test_is_good_for_one_sign_in_and_must_be_changed_then(self, box: Box) -> None:
        mailed, jane, password = self.made(box)
        with pytest.raises(SignInRefusedError):
            mailed.sign_in()
        session = mailed.sign_in(password=password)
        assert session.must_change
        with pytest.raises(SignInRefusedError):
            mailed.sign_in(password=password)
        token = session.token.reveal()
        with pytest.raises(PasswordChangeRequiredError):
            mailed.door.identify(token)
        ws = mailed.manager.workspace(mailed.tenant, actor=session.actor)
        with pytest.raises(NotFoundError):
            ws.contacts.get(jane.id)
        decision = mailed.ws.access.explain(jane.user_id, "files", jane.client_id)
        assert (bool(decision), decision.rule) == (False, "must_change")
        with pytest.raises(InvalidInputError):
            mailed.door.change_password(token, password=password)
        changed = mailed.door.change_password(token, password=NEW)
        assert mailed.door.identify(changed.token.reveal()) == changed.actor
        assert not mailed.sign_in(password=NEW).must_change

    def test_is_used_up_whatever_the_clock_says(self, box: Box) -> None:
        mailed, _, password = self.made(box)
        mailed.sign_in(password=password)
        mailed.later(hours=-1)
        with pytest.raises(SignInRefusedError):
            mailed.sign_in(password=password)

    def test_is_over_for_good_once_it_was_refused(self, box: Box) -> None:
        mailed, _, password = self.made(box)
        mailed.later(hours=2)
        for _ in range(2):
            with pytest.raises(SignInRefusedError):
                mailed.sign_in(password=password)
            mailed.later(hours=-1)

    def test_is_over_after_two_hours(self, box: Box) -> None:
        mailed, _, password = self.made(box)
        mailed.later(hours=2)
        with pytest.raises(SignInRefusedError):
            mailed.sign_in(password=password)

    def test_stands_nowhere_and_a_mail_that_is_tried_again_has_the_same(self, box: Box) -> None:
        mailed, _, password = self.made(box)
        assert password not in repr(mailed.dump())
        assert len(password) == 23
        (mail,) = mailed.ws.notifications.list(type="password_generated")
        assert mail.not_after == mailed.clock.now() + timedelta(hours=2)
        assert mailed_password(mailed) == password
        other = mailed.again(rules=MAILED)
        assert asked(other) != ""

    def test_is_not_sent_once_it_was_replaced_nor_without_its_key(self, box: Box) -> None:
        mailed = box.again(rules=MAILED)
        jane = mailed.active(mailed.client())
        mailed.door.complete_reset(asked(mailed))
        other = box.again(rules=MAILED, keys=[generate_key()])
        assert other.deliver().dead == 1
        (mail,) = mailed.ws.notifications.list(type="password_generated")
        assert mail.error == "the key that signs this link was removed"
        mailed.ws.notifications.retry(mail.id)
        mailed.ws.access.set_password(jane.user_id, NEW)
        mailed.deliver()
        (mail,) = mailed.ws.notifications.list(type="password_generated")
        assert (mail.state, mail.error) == (MailState.OBSOLETE, "the password was used or replaced")

    def test_none_is_chosen_then(self, box: Box) -> None:
        mailed = box.again(rules=MAILED)
        mailed.active(mailed.client())
        token = asked(mailed)
        with pytest.raises(InvalidInputError) as refused:
            mailed.door.complete_reset(token, password=NEW)
        assert [violation.code for violation in refused.value.violations] == ["not_wanted"]

    def test_confirms_no_invitation(self, box: Box) -> None:
        mailed, _, password = self.made(box)
        bolt = mailed.client("Bolt")
        admin = mailed.active(bolt, "Bob", role="client_admin")
        ws = mailed.as_user(admin.user_id)
        added = ws.contacts.add(bolt.id, first_name="J", last_name="D", email=JANE, invite=True)
        invitation = mailed.token(added)
        with pytest.raises(SignInRefusedError):
            mailed.door.accept_invite(invitation, password=password)


def test_there_is_no_third_mode() -> None:
    with pytest.raises(ConfigurationError, match="choose, generate_and_mail"):
        ResetRules(mode="mail")


def test_a_template_for_a_reset_names_no_client() -> None:
    with pytest.raises(ConfigurationError, match="client_id"):
        Links(reset="https://portal.northwind.example/{client_id}/reset?t={token}")


def test_removing_a_key_kills_the_links_that_it_signed_and_the_check_counts_them(box: Box) -> None:
    box.active(box.client())
    token = asked(box)
    other = box.again(keys=[generate_key()])
    dead(other, token, "unknown")
    messages = [note.message for note in other.manager.check() if box.tenant in note.message]
    wanted = f"1 open links about accounts of {box.tenant} were signed by a key that is gone; send them again"
    assert wanted in messages
    assert PASSWORD not in str(messages)
    assert KEY not in str(messages)

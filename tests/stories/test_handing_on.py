"""An invitation as a link that staff hands on, without mail. Source: people model, invitations and resets."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest

from clientmgmt import Contact, ContactState, ForbiddenError, InvalidLinkError, Link, Links, LinkState, Settings
from clientmgmt.domain import InvitationState
from clientmgmt.errors import (
    AlreadyActiveError,
    ClientClosedError,
    ConfigurationError,
    LimitError,
    UserInactiveError,
)
from tests.box import PASSWORD, SETTINGS, Box

TEMPLATE = "https://portal.northwind.example/accept?t="


def token_of(link: Link) -> str:
    url = link.url.reveal()
    assert url.startswith(TEMPLATE)
    return url.removeprefix(TEMPLATE)


def reason(box: Box, token: str) -> str:
    """Why a link is dead."""
    with pytest.raises(InvalidLinkError) as refused:
        box.door.inspect(token)
    return refused.value.reason


def test_the_link_works_and_no_mail_goes_out(box: Box) -> None:
    jane = box.contact(box.client())
    sent = box.later(days=1)
    link = box.ws.access.invite_link(jane.id)
    assert link.expires_at == sent + timedelta(days=7)
    assert box.deliver().handled == 0
    assert box.ws.notifications.list().items == ()
    now = box.now_of(jane)
    assert (now.state, now.link.state, now.mail) == (ContactState.INVITE_SENT, LinkState.OPEN, None)
    assert box.door.inspect(token_of(link)).expires_at == link.expires_at
    box.door.accept_invite(token_of(link), password=PASSWORD)
    assert (box.now_of(jane).state, box.now_of(jane).mail) == (ContactState.ACTIVE, None)
    assert reason(box, token_of(link)) == "used"


def test_it_is_on_record_like_a_sent_one_and_shown_nowhere(box: Box) -> None:
    jane = box.contact(box.client())
    link = box.ws.access.invite_link(jane.id)
    (invitation,) = box.ws.access.invitations(jane.id)
    assert (invitation.state, invitation.sent_by) == (InvitationState.OPEN, "staff:ada")
    entry = box.audit()[-1]
    assert (entry.action, entry.subject, entry.new["invitation_id"]) == (
        "contact_invited", jane.id, str(invitation.id),
    )  # fmt: skip
    shown = repr([link, str(link), box.now_of(jane), invitation, box.audit(), *box.dump().values()])
    assert token_of(link) not in shown
    assert "Link(url=Secret('***'), " in shown


def test_every_earlier_link_is_dead_and_mail_that_waits_for_it_is_not_sent(box: Box) -> None:
    jane, first = box.invited(box.client())
    box.resend(jane)
    box.later(minutes=1)
    link = token_of(box.ws.access.invite_link(jane.id))
    report = box.deliver()
    assert (report.sent, report.obsolete) == (0, 1)
    box.later(minutes=1)
    last = token_of(box.ws.access.invite_link(jane.id))
    assert [reason(box, token) for token in (first, link)] == ["superseded", "superseded"]
    box.resend(jane)
    assert reason(box, last) == "superseded"
    assert box.door.inspect(box.token(jane)).user_name == "Jane Doe"


def test_what_refuses_a_mail_refuses_the_link(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    active, gone, out = box.active(acme), box.contact(acme, "Gone"), box.contact(acme, "Out")
    closed, soon = box.contact(bolt, "Cleo"), box.contact(acme, "Sue", invite=True)
    box.ws.access.deactivate(gone.user_id)
    box.ws.contacts.suspend(out.id)
    box.ws.clients.set_status(bolt.id, "closed")
    refusals: list[tuple[Contact, type[Exception]]] = [
        (active, AlreadyActiveError),
        (gone, UserInactiveError),
        (out, UserInactiveError),
        (closed, ClientClosedError),
        (soon, LimitError),
    ]
    before = box.dump()
    for contact, kind in refusals:
        with pytest.raises(kind):
            box.ws.access.invite_link(contact.id)
    assert box.dump() == before
    for _ in range(9):
        box.later(minutes=1)
        box.ws.access.invite_link(soon.id)
    box.later(minutes=1)
    with pytest.raises(LimitError):
        box.ws.access.invite_link(soon.id)


def test_it_takes_a_template_and_no_sender(box: Box) -> None:
    jane = box.contact(box.client())
    before = box.dump()
    with pytest.raises(ConfigurationError, match="no link template"):
        box.again(settings=attrs.evolve(SETTINGS, links=Links())).ws.access.invite_link(jane.id)
    assert box.dump() == before
    silent = box.again(settings=Settings(links=SETTINGS.links))
    with pytest.raises(ConfigurationError, match="no sender"):
        silent.ws.contacts.send_invite(jane.id)
    assert box.door.inspect(token_of(silent.ws.access.invite_link(jane.id))).user_name == "Jane Doe"


def test_no_user_of_a_client_gets_one(box: Box) -> None:
    acme = box.client()
    olga, sam = box.active(acme, "Olga"), box.contact(acme, "Sam")
    box.ws.access.set_owner(acme.id, olga.user_id)
    before = box.dump()
    with pytest.raises(ForbiddenError) as refused:
        box.as_user(olga.user_id).access.invite_link(sam.id)
    assert refused.value.permission == "clients.invite"
    assert {name for name, rows in box.dump().items() if rows != before[name]} == {"audit"}


def test_who_has_a_password_confirms_with_it(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    olga = box.active(acme, "Olga", role="client_admin")
    box.active(bolt, "Pat")
    typed = box.as_user(olga.user_id).contacts.add(
        acme.id, first_name="P", last_name="Q", email="pat@acme.example", role="client_basic"
    )
    token = token_of(box.ws.access.invite_link(typed.id))
    assert box.door.inspect(token).password == "confirm"
    box.door.accept_invite(token, password=PASSWORD)
    assert box.now_of(typed).is_accepted


def test_in_a_transaction_that_is_undone_the_link_never_was(box: Box) -> None:
    jane = box.contact(box.client())
    links: list[Link] = []

    def undone() -> None:
        with box.ws.transaction() as ws:
            links.append(ws.access.invite_link(jane.id))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        undone()
    assert reason(box, token_of(links[0])) == "removed"

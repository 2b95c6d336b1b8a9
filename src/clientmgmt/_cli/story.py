"""What happens in the demo: a week of some clients and their people, through the public interface only."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta

from clientmgmt import (
    Client,
    ClientManager,
    ClientMgmtError,
    ClientUser,
    Contact,
    InvalidLinkError,
    Links,
    RefusedError,
    Session,
    Settings,
    Staff,
    System,
    generate_key,
)
from clientmgmt._cli.teller import Teller, badge
from clientmgmt.ports import Storage
from clientmgmt.testing import ManualClock, RecordingNotifier

__all__ = ["Story"]

_TENANT = "northwind"
_SETTINGS = Settings(
    sender="Northwind <hello@northwind.example>",
    links=Links(invite="https://portal.northwind.example/accept?t={token}"),
)
_WEEK = timedelta(days=7)
_SECOND = timedelta(seconds=1)
_JANE = "jane@acme.example"
_SAM = "sam@acme.example"
_ZOE = "zoe@acme.example"
_LEE = "lee@bolt.example"


class Story:
    """A week in January: each chapter does something and tells what came of it."""

    def __init__(self, storage: Storage, teller: Teller) -> None:
        self.clock = ManualClock()
        self.mails = RecordingNotifier()
        self.manager = ClientManager(
            storage, secret_keys=[generate_key()], settings=_SETTINGS, notifier=self.mails, clock=self.clock
        )
        self.workspace = self.manager.workspace(_TENANT, actor=Staff("ada"))
        self._door = self.manager.entrance(_TENANT, origin="192.0.2.7")
        self._teller = teller
        self._password = secrets.token_urlsafe()

    def tell(self) -> None:
        """All of it, in order."""
        self._teller.say("A week of three clients and their people. Its clock is moved by hand.")
        acme, bolt = self._clients()
        jane, sam, zoe, lee = self._contacts(acme, bolt)
        self._mistakes(acme)
        self._invite_all(acme, sam, zoe)
        self._invite_again(jane)
        self._accept(jane)
        self._refuse(jane)
        self._expire(sam)
        self._deactivate(zoe)
        self._remove(lee)
        self._last_login(acme)

    def _chapter(self, title: str, *, after: timedelta = timedelta()) -> None:
        self._teller.chapter(title, self.clock.advance(after))

    def _clients(self) -> tuple[Client, Client]:
        self._chapter("Staff and clients")
        self.manager.upgrade()
        setup = self.manager.workspace(_TENANT, actor=System("setup"))
        ada = setup.staff.add(
            first_name="Ada",
            last_name="Byron",
            email="ada@northwind.example",
            roles=["administrator"],
            reference="ada",
        )
        add = self.workspace.clients.add
        acme = add(name="Acme Retail", email="ap@acme.example", references=[("crm", "C-1001")])
        bolt = add(name="Bolt Bikes", email="office@bolt.example")
        cora = add(name="Cora Design", email="hi@cora.example", status="prospect")
        self._teller.say(f"{ada.name} joins the staff as {ada.roles[0]}, and adds three clients:")
        reference = self.workspace.clients.references(acme.id)[0]
        self._teller.items(
            (acme.name, acme.status, f"{reference.value} in the {reference.system}"),
            (bolt.name, bolt.status),
            (cora.name, cora.status),
        )
        return acme, bolt

    def _contacts(self, acme: Client, bolt: Client) -> tuple[Contact, Contact, Contact, Contact]:
        self._chapter("Contacts, staged or invited at once", after=timedelta(minutes=5))
        add = self.workspace.contacts.add
        jane = add(acme.id, first_name="Jane", last_name="Doe", email=_JANE, job_title="Buyer", invite=True)
        sam = add(acme.id, first_name="Sam", last_name="Cole", email=_SAM)
        zoe = add(acme.id, first_name="Zoë", last_name="Lind", email=_ZOE, role="client_billing")
        lee = add(bolt.id, first_name="Lee", last_name="Park", email=_LEE)
        self._people((jane, acme.name), (sam, acme.name), (zoe, acme.name), (lee, bolt.name))
        return jane, sam, zoe, lee

    def _mistakes(self, acme: Client) -> None:
        self._chapter("A form full of mistakes is refused once, with all of them")
        try:
            self.workspace.contacts.add(
                acme.id, first_name=" ", last_name="D\u202eoe", email=_JANE, role="administrator"
            )
        except RefusedError as error:
            self._teller.items(*((reason.field or "", reason.message) for reason in error.violations))

    def _invite_all(self, acme: Client, *staged: Contact) -> None:
        self._chapter("Everybody who is staged is invited", after=timedelta(minutes=5))
        first = self.workspace.contacts.send_invites(acme.id)
        again = self.workspace.contacts.send_invites(acme.id, [contact.id for contact in staged])
        sent = [sum(row.changed for row in result.ok) for result in (first, again)]
        self._teller.say(f"{sent[0]} invitations for {acme.name}; the same call again: {sent[1]}, nobody gets two.")
        self._deliver()

    def _invite_again(self, jane: Contact) -> None:
        self._chapter("Jane asks again: the new link kills the first", after=timedelta(minutes=20))
        lost = self.mails.token(_JANE)
        self.workspace.contacts.send_invite(jane.id)
        self._deliver()
        self._teller.items(
            ("second link", self._link(self.mails.token(_JANE))),
            ("first link", self._link(lost)),
            ("she reads", self._answer(lambda: self._door.inspect(lost))),
        )

    def _accept(self, jane: Contact) -> None:
        self._chapter("Jane accepts, and is signed in", after=timedelta(minutes=10))
        token = self.mails.token(_JANE)
        self._teller.items(
            ("password 'letmein'", self._answer(lambda: self._accepted(token, "letmein"))),
            ("a better one", self._answer(lambda: self._accepted(token, self._password))),
            ("the link now", self._link(token)),
            ("Jane", self._badge(jane)),
        )

    def _refuse(self, jane: Contact) -> None:
        self._chapter("Whoever is refused learns nothing", after=timedelta(minutes=5))
        as_jane = self.manager.workspace(_TENANT, actor=ClientUser(jane.user_id, client_id=jane.client_id))
        mine = self._answer(lambda: as_jane.clients.add(name="Mine", email=_JANE))
        self._teller.items(
            ("bad password", self._answer(lambda: self._door.sign_in(_JANE, self._password[::-1]))),
            ("unknown user", self._answer(lambda: self._door.sign_in("who@acme.example", self._password))),
        )
        self._teller.say(f"Jane tries to add a client of her own: {mine}.")

    def _expire(self, sam: Contact) -> None:
        self._chapter("A link works for seven days, to the second", after=_WEEK - timedelta(minutes=35) - _SECOND)
        sams, zoes = self.mails.token(_SAM), self.mails.token(_ZOE)
        self._teller.say("Sam and Zoë were invited seven days ago, but for one second.")
        self._teller.items(
            ("Sam's link", self._link(sams)),
            ("Zoë accepts", self._answer(lambda: self._accepted(zoes, self._password))),
        )
        self.clock.advance(_SECOND)
        self._teller.say("One second later:")
        self._teller.items(("Sam's link", self._link(sams)), ("Sam", self._badge(sam)))

    def _deactivate(self, zoe: Contact) -> None:
        self._chapter("Zoë is deactivated, and reactivated", after=timedelta(hours=1))
        access = self.workspace.access
        for change in (access.deactivate, access.reactivate):
            change(zoe.user_id)
            signs_in = self._answer(lambda: self._door.sign_in(_ZOE, self._password))
            self._teller.items(("Zoë", self._badge(zoe)), ("signs in", signs_in))

    def _remove(self, lee: Contact) -> None:
        self._chapter("Lee is invited, removed, and added again", after=timedelta(hours=1))
        contacts = self.workspace.contacts
        contacts.send_invite(lee.id)
        self._deliver()
        contacts.remove(lee.id)
        again = contacts.add(lee.client_id, first_name="Lee", last_name="Park", email=_LEE)
        self._teller.items(
            ("Lee's link", self._link(self.mails.token(_LEE))),
            ("old contact", self._answer(lambda: contacts.get(lee.id))),
            ("new contact", self._badge(again)),
        )

    def _last_login(self, acme: Client) -> None:
        self._chapter("Who signed in last?", after=timedelta(hours=1))
        login = self.workspace.contacts.most_recent(acme.id)
        self._teller.say(f"At {acme.name}: {'nobody' if login is None else f'{login.name}, {login.ago}'}.")

    def _deliver(self) -> None:
        self._teller.say(f"Mails sent: {self.manager.deliver().sent}.")

    def _people(self, *contacts: tuple[Contact, str]) -> None:
        self._teller.items(
            *((contact.name, client, contact.email.address, badge(contact.state)) for contact, client in contacts)
        )

    def _accepted(self, token: str, password: str) -> Session:
        return self._door.accept_invite(token, password=password)

    def _badge(self, contact: Contact) -> str:
        """The badge of a contact as it is now."""
        return badge(self.workspace.contacts.get(contact.id).state)

    def _link(self, token: str) -> str:
        """Whether a link works, and why not if it does not: staff see that, whoever opens it does not."""
        try:
            self._door.inspect(token)
        except InvalidLinkError as error:
            return f"dead: {error.reason}"
        return "works"

    @staticmethod
    def _answer(step: Callable[[], object]) -> str:
        """What somebody is told who does this."""
        try:
            step()
        except ClientMgmtError as error:
            return str(error)
        return "works"

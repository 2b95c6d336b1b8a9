"""No password, link or key is found anywhere it does not belong: a whole story, then a search for canaries."""

from __future__ import annotations

import base64
import contextlib
import gc
import logging
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from clientmgmt import (
    ClientManager,
    ClientMgmtError,
    ClientUser,
    Contact,
    Entrance,
    ResetRules,
    Staff,
    System,
    Workspace,
    generate_key,
    problem,
)
from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.errors import TemporaryDeliveryError
from clientmgmt.testing import ManualClock, RecordingNotifier
from tests.box import SETTINGS, dump

PASSWORD = "Canary-Password-4711-Zebra"
REFUSED = "canary-refused-4712"
WRONG = "canary-wrong-password-4713"
VISIBLE = "Canary Visible 4714"


def forms(text: str) -> set[bytes]:
    """How a text might lie in a file."""
    data = text.encode()
    found = {data, data[::-1], base64.b64encode(data).rstrip(b"="), data.hex().encode(), text.encode("utf-16-le")}
    with contextlib.suppress(ValueError):
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        if len(raw) > 30:
            found |= {raw[-20:], raw[-20:].hex().encode(), base64.b64encode(raw[-20:]).rstrip(b"=")[2:-2]}
    return found


def found_in(haystack: bytes, secrets: dict[str, str]) -> set[str]:
    return {name for name, text in secrets.items() if any(form in haystack for form in forms(text))}


OTHER = "moth-lantern-9917-quartz"


class Story:
    """Everything a secret passes through, and all that can be seen of it afterwards."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.key = generate_key()
        self.clock = ManualClock()
        self.mails = RecordingNotifier()
        self.storage = SQLStorage(f"sqlite:///{path}")
        self.storage.upgrade()
        self.seen: list[object] = []
        self.errors: list[ClientMgmtError] = []
        self.tokens: dict[str, str] = {}
        self.manager = ClientManager(
            self.storage,
            secret_keys=[self.key],
            settings=SETTINGS,
            notifier=self.mails,
            clock=self.clock,
            on_commit=self.seen.append,
        )

    def tell(self) -> None:
        ws = self.manager.workspace("northwind", actor=Staff("ada", roles={"administrator"}))
        door = self.manager.entrance("northwind", origin="192.0.2.1")
        acme = ws.clients.add(name=VISIBLE, email="ap@acme.example")
        jane = ws.contacts.add(
            acme.id, first_name="Jane", last_name="Doe", email="jane@acme.example", invite=True, idempotency_key="jane"
        )
        self.mails.fail_next(TemporaryDeliveryError("busy"))
        self.sent(jane, "first")
        self.seen += [ws, door, self.manager, acme, jane, self.storage, System("x")]
        self.refuse(lambda: door.accept_invite(self.tokens["first"], password=REFUSED[:9]))
        self.refuse(lambda: door.accept_invite(self.tokens["first"][:-1], password=PASSWORD))
        self.refuse(lambda: door.accept_invite(self.tokens["first"], password="x" * 1030 + REFUSED))
        ws.contacts.send_invite(jane.id, idempotency_key="again")
        self.sent(jane, "second")
        self.refuse(lambda: door.accept_invite(self.tokens["first"], password=PASSWORD))
        self.seen += [door.inspect(self.tokens["second"])]
        sam = ws.contacts.add(acme.id, first_name="Sam", last_name="Lee", email="sam@acme.example")
        link = ws.access.invite_link(sam.id)
        self.tokens["link"] = link.url.reveal().rpartition("=")[2]
        self.seen += [link, ws.access.invitations(sam.id), door.inspect(self.tokens["link"])]
        session = door.accept_invite(self.tokens["second"], password=PASSWORD)
        self.tokens["session"] = session.token.reveal()
        self.seen += [session, door.identify(self.tokens["session"])]
        self.refuse(lambda: door.identify(self.tokens["session"][:-1]))
        self.refuse(lambda: door.accept_invite(self.tokens["second"], password=PASSWORD))
        self.seen += [door.sign_in("jane@acme.example", PASSWORD)]
        self.refuse(lambda: door.sign_in("jane@acme.example", WRONG))
        self.refuse(lambda: door.sign_in(WRONG + "@acme.example", WRONG))
        self.refuse(lambda: door.sign_in("nobody@acme.example", WRONG))
        bolt = ws.clients.add(name="Bolt", email="b@bolt.example")
        ws.contacts.add(bolt.id, first_name="J", last_name="D", email="jane@acme.example")
        self.seen += [ws.access.set_password(jane.user_id, OTHER)]
        self.refuse(lambda: ws.access.set_password(jane.user_id, REFUSED[:9]))
        self.reset(ws, door, jane)
        ws.access.deactivate(jane.user_id)
        self.refuse(lambda: door.sign_in("jane@acme.example", PASSWORD))
        self.seen += [*ws.audit.list(limit=1000), *ws.contacts.list(), *ws.access.invitations(jane.id)]
        self.seen += [ws.contacts.send_invite(jane.id, idempotency_key="again"), *self.manager.feed("reader").pull()]
        self.seen += [dump(self.storage, "northwind"), self.manager.check(), self.mails]

    def reset(self, ws: Workspace, door: Entrance, jane: Contact) -> None:
        """Forget a password, and have one made instead; move to another address and back."""
        mailed = ResetRules(mode="generate_and_mail")
        made = ClientManager(
            self.storage,
            secret_keys=[self.key],
            settings=attrs.evolve(SETTINGS, rules=attrs.evolve(SETTINGS.rules, resets=mailed)),
            notifier=self.mails,
            clock=self.clock,
            on_commit=self.seen.append,
        )
        door.request_reset("jane@acme.example")
        self.sent(jane, "reset")
        self.seen += [door.inspect(self.tokens["reset"])]
        self.refuse(lambda: door.complete_reset(self.tokens["reset"], password=REFUSED[:9]))
        made.entrance("northwind", origin="192.0.2.1").complete_reset(self.tokens["reset"])
        made.deliver()
        text = self.mails.to("jane@acme.example")[-1].text
        self.tokens["generated"] = next(line for line in text.splitlines() if line.count("-") == 3)
        session = door.sign_in("jane@acme.example", self.tokens["generated"])
        self.tokens["must change"] = session.token.reveal()
        self.refuse(lambda: door.identify(self.tokens["must change"]))
        self.refuse(lambda: door.change_password(self.tokens["must change"], password=REFUSED[:9]))
        self.seen += [session, door.change_password(self.tokens["must change"], password=OTHER)]
        actor = ClientUser(jane.user_id)
        self.manager.workspace("northwind", actor=actor).contacts.update(jane.id, email="doe@acme.example")
        self.manager.deliver()
        self.tokens["email"] = self.mails.token("doe@acme.example")
        self.seen += [door.inspect(self.tokens["email"]), *ws.access.links(jane.user_id)]
        door.confirm_email(self.tokens["email"])
        ws.contacts.update(jane.id, email="jane@acme.example")

    def sent(self, contact: Contact, name: str) -> None:
        """Send, at least once, keep the token, and let the next mail wait in the outbox."""
        for _ in range(3):
            self.manager.deliver()
            self.clock.advance(SETTINGS.rules.delivery.back_off)
        self.tokens[name] = self.mails.token(contact.email.address)

    def refuse(self, command: object) -> None:
        assert callable(command)
        with pytest.raises(ClientMgmtError) as refused:
            command()
        self.errors.append(refused.value)

    def secrets(self) -> dict[str, str]:
        """All that must not be found. Of tokens and keys the part that cannot be guessed."""
        parts = {f"{name} token": token for name, token in self.tokens.items()}
        return {"password": PASSWORD, "other": OTHER, "refused": REFUSED, "wrong": WRONG, "key": self.key[14:], **parts}

    def files(self) -> bytes:
        """The database, its log and its index, while it is open and after it was closed."""
        parts = [path.read_bytes() for path in sorted(self.path.parent.glob(f"{self.path.name}*"))]
        assert len(parts) > 1
        self.storage.close()
        gc.collect()
        return b"".join((*parts, *(path.read_bytes() for path in self.path.parent.glob(f"{self.path.name}*"))))

    def words(self) -> str:
        """What is printed of objects, errors and their traces."""
        told = [repr(self.seen), str(self.seen)]
        for error in self.errors:
            told += [repr(error), str(error), repr(error.args), repr(vars(error)), repr(error.violations)]
            told += [repr(problem(error)), repr(problem(error, detailed=True))]
            told += traceback.format_exception(error)
            told.append(repr(error.__cause__) + repr(error.__suppress_context__ or error.__context__))
        return "\n".join(told)


class Kept(logging.Handler):
    """All that is logged, in memory."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.getMessage()} {record.args!r}")


@pytest.fixture(scope="module")
def log() -> Iterator[Kept]:
    """The log of everything, at its most talkative."""
    handler, root, loud = Kept(), logging.getLogger(), logging.getLogger("sqlalchemy")
    levels = root.level, loud.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    loud.setLevel(logging.DEBUG)
    try:
        yield handler
    finally:
        root.removeHandler(handler)
        root.setLevel(levels[0])
        loud.setLevel(levels[1])


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, log: Kept) -> Story:
    told = Story(tmp_path_factory.mktemp("secrets") / "clients.db")
    told.tell()
    assert log.lines
    return told


def test_no_secret_lies_in_the_files_of_the_database(story: Story) -> None:
    files = story.files()
    assert found_in(files, story.secrets()) == set()
    assert found_in(files, {"control": VISIBLE}) == {"control"}


def test_no_secret_is_printed_by_objects_and_errors(story: Story) -> None:
    words = story.words().encode()
    assert len(story.errors) >= 9
    assert found_in(words, story.secrets()) == set()
    assert found_in(words, {"control": VISIBLE}) == {"control"}


def test_no_secret_is_logged(story: Story, log: Kept, capfd: pytest.CaptureFixture[str]) -> None:
    told = "\n".join(log.lines) + "".join(capfd.readouterr())
    assert "INSERT INTO" in told
    assert found_in(told.encode(), story.secrets()) == set()
    logging.getLogger("sqlalchemy.engine").warning("a control: %s", story.tokens["first"])
    assert found_in("\n".join(log.lines).encode(), story.secrets()) == {"first token"}


def test_no_secret_is_in_a_pickle_of_what_was_answered_or_raised(story: Story) -> None:
    pickled = b""
    for thing in [*story.seen, *story.errors]:
        with contextlib.suppress(Exception):  # what refuses to be pickled shows nothing
            pickled += pickle.dumps(thing, 0) + pickle.dumps(thing)
    sent = pickle.dumps(story.mails.messages)
    kept = pickled.replace(sent, b"")
    assert found_in(kept, {key: text for key, text in story.secrets().items() if "token" not in key}) == set()
    assert len(pickled) > 10_000


def test_the_search_would_find_what_is_there(story: Story) -> None:
    """The link is in the mail, because it has to be, and the search sees it there in every form."""
    texts = [message.text for message in story.mails.messages]
    assert found_in("".join(texts).encode(), story.secrets()) == {
        f"{name} token" for name in ("first", "second", "reset", "generated", "email")
    }
    for name, text in story.secrets().items():
        for form in forms(text):
            assert name in found_in(b"..." + form + b"...", story.secrets())

"""The suite for notifiers can fail: notifiers with one planted bug each do not pass it."""

from __future__ import annotations

import inspect
import logging
import os
import re
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import attrs
import pytest

from clientmgmt.domain import Mailbox, Message
from clientmgmt.errors import PermanentDeliveryError, TemporaryDeliveryError
from clientmgmt.testing import WAIT, Arrived, Failure, NotifierConformance
from clientmgmt.testing.conformance import _base

CREDENTIAL = "pa55word"


class Wire:
    """A plain other side, in this process: it raises what a socket would, and quotes what it refuses."""

    def __init__(self) -> None:
        self.arrived: list[Arrived] = []
        self._failure: Failure | None = None

    def fail_next(self, failure: Failure) -> None:
        self._failure = failure

    def post(self, arrived: Arrived) -> tuple[int, str]:
        failure, self._failure = self._failure, None
        if failure is Failure.SILENCE:
            raise TimeoutError(arrived.text)
        if failure in {Failure.TEMPORARY, Failure.TEMPORARY_WITH_WAIT}:
            wait = int(WAIT.total_seconds()) if failure is Failure.TEMPORARY_WITH_WAIT else 0
            return 400 + wait, arrived.text
        if failure is Failure.PERMANENT:
            return 500, arrived.text
        self.arrived.append(arrived)
        if failure is Failure.LOST:
            raise ConnectionResetError(arrived.text)
        return 200, "taken"


class Right:
    """The notifier that the bugs are planted in. Each of its steps can be replaced."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.password = CREDENTIAL

    def send(self, message: Message, /) -> str | None:
        for text in (message.subject, *(box.name for box in self.boxes(message))):
            if not text.isprintable():
                raise PermanentDeliveryError(self.said("a header breaks", message))
        if any("@" not in box.email or not box.email.isprintable() or "," in box.email for box in self.boxes(message)):
            raise PermanentDeliveryError(self.said("no address", message))
        if any("\ud800" <= letter <= "\udfff" for letter in message.text):
            raise PermanentDeliveryError(self.said("no text", message))
        try:
            code, answer = self.wire.post(self.written(message))
        except OSError as error:
            self.lost(error)
        else:
            return self.judged(code, answer, message)
        raise TemporaryDeliveryError(self.said("lost", message))

    def lost(self, error: OSError) -> None:
        """What it does with a connection that failed."""

    def judged(self, code: int, answer: str, message: Message) -> str | None:
        if code == 200:
            return answer
        if code == 500:
            raise PermanentDeliveryError(self.said("refused", message))
        wait = WAIT if code > 400 else None
        raise TemporaryDeliveryError(self.said("later", message), retry_after=wait)

    def boxes(self, message: Message) -> tuple[Mailbox, ...]:
        reply_to = () if message.reply_to is None else (message.reply_to,)
        return (message.sender, message.to, *message.cc, *reply_to)

    def written(self, message: Message) -> Arrived:
        return Arrived(
            key=self.key(message),
            sender=message.sender,
            to=message.to,
            cc=message.cc,
            reply_to=message.reply_to,
            subject=message.subject,
            text=message.text,
            recipients=frozenset(box.email for box in (message.to, *message.cc)),
        )

    def key(self, message: Message) -> str:
        return message.id

    def said(self, reason: str, message: Message) -> str:  # noqa: ARG002 - what bugs repeat
        return reason


class MakesNewIds(Right):
    numbers = count(1)

    def key(self, message: Message) -> str:
        return f"{message.id}-{next(self.numbers)}"


class NumbersItsMessages(MakesNewIds):
    def key(self, message: Message) -> str:
        return super().key(message).rpartition("-")[2]


class MakesIdsOfTheText(Right):
    def key(self, message: Message) -> str:
        return f"{message.id}-{hash(message.text)}"


class PassesNoId(Right):
    def written(self, message: Message) -> Arrived:
        return attrs.evolve(super().written(message), key=None)


class DropsCopies(Right):
    def written(self, message: Message) -> Arrived:
        return attrs.evolve(super().written(message), cc=(), recipients=frozenset({message.to.email}))


class ForgetsWhereToReply(Right):
    def written(self, message: Message) -> Arrived:
        return attrs.evolve(super().written(message), reply_to=None)


class WritesAscii(Right):
    def written(self, message: Message) -> Arrived:
        return attrs.evolve(super().written(message), subject=message.subject.encode("ascii", "replace").decode())


class CutsSubjects(Right):
    def written(self, message: Message) -> Arrived:
        return attrs.evolve(super().written(message), subject=message.subject[:78])


class BreaksLines(Right):
    def written(self, message: Message) -> Arrived:
        broken = re.sub(r"(.{998})", r"\1\n", message.text)
        return attrs.evolve(super().written(message), text=broken)


class DropsDots(Right):
    def written(self, message: Message) -> Arrived:
        return attrs.evolve(super().written(message), text=message.text.replace("\n.\n", "\n\n"))


class WritesWhatItIsGiven(Right):
    """The classic: a line end in a name or a subject begins a header of its own."""

    def boxes(self, message: Message) -> tuple[Mailbox, ...]:  # noqa: ARG002 - looks at none
        return ()

    def send(self, message: Message, /) -> str | None:
        written = super().written(message)
        head = f"{message.subject}\n{message.to.name}".replace("\r", "\n")
        if any(line.startswith("Bcc:") for line in head.split("\n")):
            written = attrs.evolve(written, recipients=written.recipients | {"eve@evil.example"})
        return self.judged(*self.wire.post(written), message)


class DecodesEncodedWords(Right):
    def written(self, message: Message) -> Arrived:
        injected = "=?utf-8?" in message.subject
        headers = frozenset({"subject", "bcc"} if injected else {"subject"})
        return attrs.evolve(super().written(message), headers=headers)


class WritesIdsIntoHeaders(Right):
    def written(self, message: Message) -> Arrived:
        names = {line.partition(":")[0].lower() for line in f"X-Key: {message.id}".split("\r\n")}
        return attrs.evolve(super().written(message), headers=frozenset(names))


class TakesSeveralAddresses(Right):
    def send(self, message: Message, /) -> str | None:
        written = super().written(message)
        several = frozenset(one.strip() for box in (message.to, *message.cc) for one in box.email.split(","))
        return self.judged(*self.wire.post(attrs.evolve(written, recipients=several)), message)


class SwallowsFailures(Right):
    def judged(self, code: int, answer: str, message: Message) -> str | None:
        try:
            return super().judged(code, answer, message)
        except TemporaryDeliveryError:
            return None


class GivesUpTooSoon(Right):
    def judged(self, code: int, answer: str, message: Message) -> str | None:
        if code != 200:
            raise PermanentDeliveryError(self.said("refused", message))
        return answer


class NeverGivesUp(Right):
    def judged(self, code: int, answer: str, message: Message) -> str | None:
        if code != 200:
            raise TemporaryDeliveryError(self.said("later", message))
        return answer


class LetsErrorsThrough(Right):
    def lost(self, error: OSError) -> None:
        raise error


class TakesALostMessageForSent(Right):
    def send(self, message: Message, /) -> str | None:
        try:
            return super().send(message)
        except TemporaryDeliveryError as error:
            if "lost" in str(error):
                return None
            raise


class WaitsForEver(Right):
    def lost(self, error: OSError) -> None:
        if isinstance(error, TimeoutError):
            threading.Event().wait()


class NeverConnectsAgain(Right):
    dead = False

    def lost(self, error: OSError) -> None:  # noqa: ARG002 - any
        self.dead = True

    def written(self, message: Message) -> Arrived:
        if self.dead:
            raise TemporaryDeliveryError("lost")
        return super().written(message)


class SendsTwice(Right):
    def written(self, message: Message) -> Arrived:
        written = super().written(message)
        self.wire.arrived.append(written)
        return written


class QuotesTheMail(Right):
    def said(self, reason: str, message: Message) -> str:
        return f"{reason}: {message.text}"


class QuotesTheAnswer(Right):
    def lost(self, error: OSError) -> None:
        message = "lost"
        raise TemporaryDeliveryError(message) from error


class ShowsItsPassword(Right):
    def __repr__(self) -> str:
        return f"Notifier({self.password})"


class LogsTheMail(Right):
    def written(self, message: Message) -> Arrived:
        logging.getLogger("mail").debug("sending %s", message.text)
        return super().written(message)


class PrintsTheMail(Right):
    def written(self, message: Message) -> Arrived:
        print(message.text)  # noqa: T201 - this is the bug
        return super().written(message)


class AnswersTheText(Right):
    def judged(self, code: int, answer: str, message: Message) -> str | None:
        return super().judged(code, answer + message.text, message)


class SharesItsDraft(Right):
    """One draft for all threads: two that meet send the same one."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self.barrier = threading.Barrier(8)

    def written(self, message: Message) -> Arrived:
        self.draft = super().written(message)
        if threading.current_thread() is not threading.main_thread():
            self.barrier.wait(10)
        return self.draft


class LeavesThreadsBehind(Right):
    over = threading.Event()

    def written(self, message: Message) -> Arrived:
        threading.Thread(target=self.over.wait, args=(60,), daemon=True).start()
        return super().written(message)


class LeavesFilesOpen(Right):
    files: list[Any] = []  # noqa: RUF012 - that it is shared is part of the bug

    def written(self, message: Message) -> Arrived:
        self.files.append(open("/dev/null"))  # noqa: SIM115, PTH123 - this is the bug
        return super().written(message)


class Reorders(Right):
    held: Arrived | None = None

    def written(self, message: Message) -> Arrived:
        held, self.held = self.held, super().written(message)
        return held or self.held


BUGS: tuple[tuple[type[Right], str], ...] = (
    (MakesNewIds, "test_a_message_that_comes_again_is_the_same"),
    (NumbersItsMessages, "test_the_id_is_passed_on"),
    (MakesIdsOfTheText, "test_a_message_that_comes_again_is_the_same"),
    (PassesNoId, "test_the_id_is_passed_on"),
    (DropsCopies, "test_copies_and_where_to_reply_arrive"),
    (ForgetsWhereToReply, "test_copies_and_where_to_reply_arrive"),
    (WritesAscii, "test_unicode_arrives_unchanged"),
    (CutsSubjects, "test_long_subjects_and_texts_arrive"),
    (BreaksLines, "test_long_subjects_and_texts_arrive"),
    (DropsDots, "test_unicode_arrives_unchanged"),
    (WritesWhatItIsGiven, "test_nothing_becomes_a_header_of_its_own"),
    (DecodesEncodedWords, "test_nothing_becomes_a_header_of_its_own"),
    (WritesIdsIntoHeaders, "test_an_odd_id_does_no_harm"),
    (TakesSeveralAddresses, "test_what_is_no_address_is_no_second_one"),
    (SwallowsFailures, "test_a_temporary_failure_is_temporary"),
    (GivesUpTooSoon, "test_a_temporary_failure_is_temporary"),
    (NeverGivesUp, "test_a_permanent_failure_is_permanent"),
    (NeverGivesUp, "test_a_wait_that_is_asked_for_is_passed_on"),
    (LetsErrorsThrough, "test_silence_is_temporary"),
    (LetsErrorsThrough, "test_a_lost_connection_is_temporary"),
    (TakesALostMessageForSent, "test_a_lost_connection_is_temporary"),
    (WaitsForEver, "test_silence_is_temporary"),
    (NeverConnectsAgain, "test_a_lost_connection_is_temporary"),
    (SendsTwice, "test_a_message_arrives_as_it_is"),
    (QuotesTheMail, "test_failures_tell_no_secret"),
    (QuotesTheAnswer, "test_failures_tell_no_secret"),
    (ShowsItsPassword, "test_it_shows_no_secret"),
    (LogsTheMail, "test_it_shows_no_secret"),
    (PrintsTheMail, "test_it_shows_no_secret"),
    (AnswersTheText, "test_it_answers_a_name_or_nothing"),
    (SharesItsDraft, "test_threads_share_it"),
    (LeavesThreadsBehind, "test_many_messages_go_through"),
    (LeavesFilesOpen, "test_many_messages_go_through"),
    (Reorders, "test_many_messages_go_through"),
)


class TestRight(NotifierConformance):
    """Without a bug it passes as a whole."""

    @pytest.fixture
    def transport(self) -> Wire:
        return Wire()

    @pytest.fixture
    def notifier(self, transport: Wire) -> Right:
        return Right(transport)

    @pytest.fixture
    def credentials(self) -> tuple[str, ...]:
        return (CREDENTIAL,)


def call(name: str, notifier: type[Right], request: pytest.FixtureRequest) -> None:
    """One promise, with the fixtures that it asks for."""
    promise: Callable[..., None] = getattr(TestRight(), name)
    wire = Wire()
    own = {"notifier": notifier(wire), "transport": wire, "credentials": (CREDENTIAL,), "request": request}
    asked = inspect.signature(promise).parameters
    promise(**{name: own[name] if name in own else request.getfixturevalue(name) for name in asked})


@pytest.mark.parametrize(("bug", "name"), BUGS, ids=lambda value: getattr(value, "__name__", "as"))
def test_the_suite_finds_it(
    bug: type[Right], name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_base, "PATIENCE", 0.2)
    LeavesThreadsBehind.over.clear()
    try:
        with pytest.raises((Exception, pytest.fail.Exception)):
            call(name, bug, request)
    finally:
        LeavesThreadsBehind.over.set()
        while LeavesFilesOpen.files:
            LeavesFilesOpen.files.pop().close()


class RefusesOddIds(Right):
    def written(self, message: Message) -> Arrived:
        if not re.fullmatch(r"[0-9a-f-]{36}", message.id):
            raise PermanentDeliveryError(self.said("an odd id", message))
        return super().written(message)


def test_odd_ids_may_be_refused(request: pytest.FixtureRequest) -> None:
    call("test_an_odd_id_does_no_harm", RefusesOddIds, request)


def test_every_promise_has_a_sentence_and_its_bug() -> None:
    promises = {name for name in dir(NotifierConformance) if name.startswith("test_")}
    assert all(getattr(NotifierConformance, name).__doc__ for name in promises)
    assert promises - {name for _, name in BUGS} == {
        "test_international_domains_arrive",
        "test_a_text_that_cannot_be_written_is_refused",
        "test_what_is_lacking_is_named",
    }


@pytest.mark.parametrize(("own", "missing"), [("transport", "notifier"), ("notifier", "transport")])
def test_the_fixtures_must_be_overridden(
    own: str, missing: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = tmp_path / f"test_without_{missing}.py"
    module.write_text(
        "import pytest\nfrom clientmgmt.testing import NotifierConformance\n\n"
        f"class TestIt(NotifierConformance):\n    @pytest.fixture\n    def {own}(self): pass\n"
    )
    code = pytest.main(["-q", "-c", os.devnull, "-p", "no:cacheprovider", "-k", "arrives_as_it_is", str(module)])
    assert code == pytest.ExitCode.TESTS_FAILED
    assert f"override the fixture `{missing}`" in capsys.readouterr().out

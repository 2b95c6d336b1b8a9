"""The doubles keep the promises of the ports that they stand in for."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid5

import pytest

from clientmgmt import testing
from clientmgmt.domain import Mailbox, MailType, Message
from clientmgmt.errors import PermanentDeliveryError, TemporaryDeliveryError
from clientmgmt.ports import Clock, IdSource, Notifier, PasswordHasher
from clientmgmt.testing import FastHasher, ManualClock, RecordingNotifier, SequentialIds, conformance

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def message(to: str, text: str = "") -> Message:
    sender = Mailbox("Shop", "shop@shop.example")
    return Message(
        id="1",
        tenant="acme",
        type=MailType.INVITATION,
        sender=sender,
        to=Mailbox("Ada", to),
        date=NOON,
        subject="s",
        text=text,
    )


def test_the_doubles_are_what_the_ports_want() -> None:
    clock: Clock = ManualClock()
    ids: IdSource = SequentialIds()
    notifier: Notifier = RecordingNotifier()
    hasher: PasswordHasher = FastHasher()
    assert all((clock, ids, notifier, hasher))


def test_the_doubles_need_neither_pytest_nor_hypothesis() -> None:
    program = (
        "import sys, clientmgmt.testing; "
        "sys.exit(any(name in sys.modules for name in ('pytest', 'hypothesis', 'sqlalchemy')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.mark.parametrize("suite", ["StorageConformance", "NotifierConformance"])
def test_the_suites_are_loaded_when_they_are_asked_for(suite: str) -> None:
    program = f"import sys; from clientmgmt.testing import {suite}; print('pytest' in sys.modules, {suite}.__name__)"
    assert run(program) == f"True {suite}"
    assert getattr(testing, suite) is getattr(conformance, suite)


def test_without_pytest_the_suites_name_the_extra() -> None:
    program = (
        "import sys; sys.modules['pytest'] = None; import clientmgmt.testing as testing\n"
        "try: testing.StorageConformance\n"
        "except Exception as error: print(error)"
    )
    assert run(program) == "this needs an optional dependency: pip install 'clientmgmt[testing]'"


def test_another_missing_module_is_not_taken_for_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "clientmgmt.testing.conformance", None)
    monkeypatch.delattr(testing, "conformance")
    with pytest.raises(ModuleNotFoundError):
        _ = testing.StorageConformance


def test_the_module_has_no_other_names() -> None:
    assert dir(testing) == sorted(testing.__all__)
    with pytest.raises(AttributeError, match="no attribute 'AsyncConformance'"):
        _ = testing.AsyncConformance


def test_the_clock_stands_still_until_it_is_moved() -> None:
    clock = ManualClock(NOON)
    assert clock.now() == clock.now() == NOON
    assert clock.advance(timedelta(days=7)) == clock.now() == NOON + timedelta(days=7)
    clock.set(NOON)
    assert clock.now() == NOON


def test_the_clock_tells_utc() -> None:
    there = timezone(timedelta(hours=2))
    clock = ManualClock(NOON.astimezone(there))
    assert clock.now().tzinfo is UTC
    clock.set(NOON.astimezone(there))
    assert clock.now().tzinfo is UTC


def test_ids_are_the_same_in_every_run_and_in_order() -> None:
    source = SequentialIds()
    made = [source.new() for _ in range(300)]
    other = SequentialIds(100)
    assert made == sorted(made)
    assert made[99] == other.new()
    assert {one.version for one in made} == {4}
    assert uuid5(made[0], "usable") != made[0]


def test_ids_are_given_once_to_all_threads() -> None:
    source = SequentialIds()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: source.new(), range(2_000)))
    assert len(set(made)) == 2_000


def test_the_notifier_remembers_in_order() -> None:
    notifier = RecordingNotifier()
    first, second = message("ada@a.example"), message("bob@b.example")
    assert (notifier.send(first), notifier.send(second)) == ("recorded-1", "recorded-2")
    assert notifier.messages == [first, second]
    assert notifier.to("BOB@b.example") == (second,)
    assert notifier.to("eve@e.example") == ()


def test_the_notifier_fails_as_planned() -> None:
    notifier = RecordingNotifier()
    notifier.fail_next(TemporaryDeliveryError("busy"))
    notifier.fail_next(PermanentDeliveryError("unknown"))
    with pytest.raises(TemporaryDeliveryError):
        notifier.send(message("ada@a.example"))
    with pytest.raises(PermanentDeliveryError):
        notifier.send(message("ada@a.example"))
    assert notifier.messages == []
    notifier.send(message("ada@a.example"))
    assert len(notifier.messages) == 1


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("Open https://a.example/x?t=abc-_1 now", "abc-_1"),
        ("Open https://a.example/x?a=1&t=abc.\nBye", "abc"),
        ("https://a.example/#t=abc", "abc"),
        ("(https://a.example/x?token=a%2Bb)", "a+b"),
        ("https://a.example/invitations/abc", "abc"),
        ("https://a.example/help https://a.example/x?t=last", "last"),
    ],
)
def test_the_notifier_finds_the_token(text: str, token: str) -> None:
    notifier = RecordingNotifier()
    notifier.send(message("ada@a.example", "https://a.example/x?t=old"))
    notifier.send(message("ada@a.example", text))
    notifier.send(message("bob@b.example", "https://a.example/x?t=other"))
    assert notifier.token("ada@a.example") == token


def test_without_a_link_there_is_no_token() -> None:
    notifier = RecordingNotifier()
    with pytest.raises(LookupError, match=r"ada@a\.example"):
        notifier.token("ada@a.example")
    notifier.send(message("ada@a.example", "https://a.example/x?t=old"))
    notifier.send(message("ada@a.example", "no link"))
    with pytest.raises(LookupError):
        notifier.link("ada@a.example")


def test_the_hasher_tells_passwords_apart() -> None:
    hasher = FastHasher()
    first, second = hasher.hash("päss $ word"), hasher.hash("päss $ word")
    assert first != second
    assert first.startswith("plain-test$")
    assert hasher.verify("päss $ word", first)
    assert hasher.verify("päss $ word", second)
    assert not hasher.verify("pass $ word", first)


@pytest.mark.parametrize("hashed", ["", "x", "plain-test", "plain-test$x$1$2", "$argon2id$v=19$m=65536$a$b"])
def test_the_hasher_knows_only_its_own_hashes(hashed: str) -> None:
    assert not FastHasher().verify("", hashed)
    assert FastHasher().outdated(hashed)


def test_hashes_of_another_hasher_are_outdated() -> None:
    old, new = FastHasher(rounds=1), FastHasher(rounds=2)
    hashed = old.hash("secret")
    assert new.verify("secret", hashed)
    assert new.outdated(hashed)
    assert not old.outdated(hashed)

"""The worker: as a process of its own with a mail server and a database that both are real, and step by step."""

from __future__ import annotations

import asyncio
import email
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as Conversation

from clientmgmt import ClientManager, Mail, MailState
from clientmgmt._cli.sending import StopSign
from clientmgmt.domain import DeliveryReport
from clientmgmt.errors import ConfigurationError, SchemaError, StorageError
from tests.box import KEY, SETTINGS
from tests.cli.conftest import Cli, start, workspace

APP = """
from clientmgmt import ClientManager, Links, Settings
from clientmgmt.adapters.smtp import SmtpNotifier

SETTINGS = Settings(sender="N <n@n.example>", links=Links(invite="https://n.example/a?t={{token}}"))


def make():
    notifier = SmtpNotifier("127.0.0.1", {port}, security="none", local_hostname="n.example", timeout=20)
    return ClientManager({url!r}, secret_keys=[{key!r}], settings=SETTINGS, notifier=notifier)


manager = make()
nothing = None
"""


class Server:
    """A mail server that holds each message back until it is let through."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.arrived = threading.Semaphore(0)
        self.passes = threading.Semaphore(0)
        self.answer = "250 taken"

    async def handle_DATA(self, _server: SMTP, _session: Conversation, envelope: Envelope) -> str:  # noqa: N802 - the interface of aiosmtpd
        self.arrived.release()
        await asyncio.get_running_loop().run_in_executor(None, self.passes.acquire)
        if self.answer.startswith("2"):
            assert isinstance(envelope.content, bytes)
            self.ids.append(str(email.message_from_bytes(envelope.content)["Message-ID"]))
        return self.answer

    def let_through(self, number: int) -> None:
        self.passes.release(number)


@attrs.frozen
class Shop:
    """A host: its database, its mail server, and the name of its manager."""

    manager: ClientManager
    server: Server
    folder: Path
    module: str

    def mails(self) -> list[Mail]:
        return list(workspace(self.manager).notifications.list(limit=100))

    def states(self) -> list[str]:
        return sorted(mail.state for mail in self.mails())


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A host with five invitations that wait."""
    url, module = f"sqlite:///{tmp_path / 'clients.db'}", f"shop_{secrets.token_hex(4)}"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / f"{module}.py").write_text(APP.format(port=port, url=url, key=KEY))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    manager = ClientManager(url, secret_keys=[KEY], settings=SETTINGS)
    manager.upgrade()
    ws = workspace(manager)
    acme = ws.clients.add(name="Acme", email="ap@acme.example")
    for number in range(5):
        ws.contacts.add(acme.id, first_name="P", last_name="X", email=f"p{number}@acme.example", invite=True)
    server = Server()
    controller = Controller(server, hostname="127.0.0.1", port=port, ready_timeout=30)
    controller.start()
    yield Shop(manager, server, tmp_path, module)
    server.let_through(100)
    controller.stop()
    manager.close()
    if module in sys.modules:
        sys.modules.pop(module).manager.close()


Worker = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def worker(shop: Shop) -> Iterator[Worker]:
    """Starts workers that end with the test."""
    started: list[subprocess.Popen[str]] = []

    def begin(*options: object) -> subprocess.Popen[str]:
        started.append(start("deliver", "--app", f"{shop.module}:manager", *options, cwd=shop.folder))
        return started[-1]

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=30)


def test_what_is_due_is_sent_and_then_it_ends(shop: Shop, cli: Cli) -> None:
    shop.server.let_through(5)
    ran = cli("deliver", "--app", f"{shop.module}:make")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "sent 5, to be tried again 0, dead 0, not sent any more 0\n"
    assert shop.states() == [MailState.DELIVERED] * 5
    assert len(set(shop.server.ids)) == 5
    assert cli("deliver", "--app", f"{shop.module}:manager").out == ""


def test_no_more_than_the_limit_is_sent(shop: Shop, cli: Cli) -> None:
    shop.server.let_through(5)
    assert cli("deliver", "--limit", 3, "--app", f"{shop.module}:manager").code == 0
    assert len(shop.server.ids) == 3


@pytest.mark.parametrize(
    ("answer", "states"),
    [("550 5.1.1 no", ["failed"] * 5), ("550 5.4.5 quota exceeded", ["queued"] * 4 + ["retrying"])],
    ids=["dead", "account"],
)
def test_what_is_not_fine_shows_in_the_exit_code(shop: Shop, cli: Cli, answer: str, states: list[str]) -> None:
    shop.server.answer = answer
    shop.server.let_through(5)
    assert cli("deliver", "--app", f"{shop.module}:manager").code == 1
    assert shop.states() == states


def test_a_signal_lets_the_mail_in_hand_be_finished_and_nothing_be_lost_or_doubled(shop: Shop, worker: Worker) -> None:
    process = worker("--watch")
    for _ in range(2):
        shop.server.let_through(1)
        assert shop.server.arrived.acquire(timeout=60)
    assert shop.server.arrived.acquire(timeout=60)
    process.send_signal(signal.SIGTERM)
    shop.server.let_through(1)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out == "sent 3, to be tried again 0, dead 0, not sent any more 0\n"
    assert shop.states() == [MailState.DELIVERED] * 3 + [MailState.QUEUED] * 2
    assert {mail.attempts for mail in shop.mails() if mail.state is MailState.QUEUED} == {0}
    shop.server.let_through(2)
    again = worker("--interval", "0.2")
    assert again.wait(timeout=60) == 0
    assert len(shop.server.ids) == len(set(shop.server.ids)) == 5
    assert shop.states() == [MailState.DELIVERED] * 5


@pytest.mark.slow
def test_a_second_signal_stops_at_once_and_loses_nothing(shop: Shop, worker: Worker) -> None:
    process = worker("--watch")
    assert shop.server.arrived.acquire(timeout=60)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "what was done stays done" in err
    assert shop.states() == [MailState.QUEUED] * 5
    assert sorted(mail.attempts for mail in shop.mails()) == [0, 0, 0, 0, 1]


@pytest.mark.slow
def test_a_worker_that_waits_stops_at_once(shop: Shop, worker: Worker) -> None:
    shop.server.let_through(5)
    process = worker("--watch", "--interval", "600")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("sent 5")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0


# Step by step, in this process.


class Script:
    """Stands in for ``deliver``: does one thing after the other, then asks the process to stop."""

    def __init__(self, *steps: DeliveryReport | Exception) -> None:
        self.steps = list(steps)
        self.limits: list[int] = []

    def __call__(self, *, limit: int, stop: Callable[[], bool]) -> DeliveryReport:
        self.limits.append(limit)
        if not self.steps:
            assert not stop()
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop()
            return DeliveryReport()
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step


def follow(monkeypatch: pytest.MonkeyPatch, script: Script) -> list[float]:
    """Let the command follow a script; how long it waits between."""
    waits: list[float] = []
    monkeypatch.setattr(ClientManager, "deliver", lambda _, **options: script(**options))
    monkeypatch.setattr(StopSign, "wait", lambda _, seconds: waits.append(seconds))
    return waits


def test_waits_between_empty_rounds_grow_up_to_the_interval(
    shop: Shop, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing, one = DeliveryReport(), DeliveryReport(sent=1)
    waits = follow(monkeypatch, Script(nothing, nothing, nothing, nothing, one, nothing))
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    assert cli("deliver", "--watch", "--interval", "0.5", "--app", f"{shop.module}:manager").code == 0
    assert waits == [0.1, 0.2, 0.4, 0.5, 0.1, 0.2]
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_a_wait_ends_with_the_first_signal(shop: Shop, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signal comes when the worker has begun to wait, for ten minutes if nothing wakes it."""
    wait = StopSign.wait

    def wait_then(sign: StopSign, _: float) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        wait(sign, 600)

    follow(monkeypatch, Script(DeliveryReport()))
    monkeypatch.setattr(StopSign, "wait", wait_then)
    assert cli("deliver", "--watch", "--app", f"{shop.module}:manager").code == 0


def test_a_second_signal_interrupts(shop: Shop, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def deliver(_: ClientManager, **__: object) -> DeliveryReport:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        return DeliveryReport()

    monkeypatch.setattr(ClientManager, "deliver", deliver)
    assert cli("deliver", "--watch", "--app", f"{shop.module}:manager").code == 130


def test_a_worker_outlives_what_fails_for_a_while(
    shop: Shop, cli: Cli, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    waits = follow(monkeypatch, Script(StorageError("gone"), KeyError("no settings"), DeliveryReport(dead=1)))
    assert cli("deliver", "--watch", "--app", f"{shop.module}:manager").code == 0
    assert waits[:2] == [0.1, 0.2]
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]


def test_without_watching_what_fails_ends_it(shop: Shop, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    follow(monkeypatch, Script(StorageError("the database is gone")))
    ran = cli("deliver", "--app", f"{shop.module}:manager")
    assert (ran.code, ran.err) == (2, "clientmgmt deliver: the database is gone\n")


@pytest.mark.parametrize("error", [SchemaError("no tables yet: call upgrade()"), ConfigurationError("no notifier")])
def test_what_waiting_does_not_mend_ends_a_worker(
    shop: Shop, cli: Cli, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    follow(monkeypatch, Script(error))
    ran = cli("deliver", "--watch", "--app", f"{shop.module}:manager")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "call upgrade()" not in ran.err


def test_rounds_are_of_a_hundred_or_what_is_left(shop: Shop, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(DeliveryReport(sent=100), DeliveryReport(sent=20, retried=30))
    follow(monkeypatch, script)
    assert cli("deliver", "--watch", "--limit", 150, "--app", f"{shop.module}:manager").code == 0
    assert script.limits == [100, 50]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--app", "shop"], "looks like MODULE:NAME"),
        (["--app", ":manager"], "looks like MODULE:NAME"),
        (["--app", "no_such_module_here:manager"], "cannot be loaded"),
        (["--app", "{module}:no_such_name"], "cannot be loaded"),
        (["--app", "{module}:nothing"], "is no ClientManager"),
        (["--app", "{module}:SETTINGS"], "is no ClientManager"),
        (["--app", "{module}:Settings"], "is no ClientManager"),
        (["--app", "{module}:manager", "--limit", "0"], "1 or more"),
        (["--app", "{module}:manager", "--interval", "0"], "positive"),
        (["--app", "{module}:manager", "--interval", "nan"], "positive"),
    ],
)
def test_what_cannot_be_run_is_told_in_one_line(shop: Shop, cli: Cli, options: list[str], said: str) -> None:
    ran = cli("deliver", *(option.format(module=shop.module) for option in options))
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert said in ran.err


def test_a_manager_without_a_notifier_is_told_of(shop: Shop, cli: Cli) -> None:
    (shop.folder / f"{shop.module}_bare.py").write_text(
        f"from clientmgmt import ClientManager\nmanager = ClientManager('memory:', secret_keys=['{KEY}'])\n"
    )
    ran = cli("deliver", "--app", f"{shop.module}_bare:manager")
    sys.modules.pop(f"{shop.module}_bare")
    assert ran.code == 2
    assert "no notifier" in ran.err

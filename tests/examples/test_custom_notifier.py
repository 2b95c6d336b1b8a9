"""The example of a notifier over HTTP keeps the promises of the port, against a real server."""

from __future__ import annotations

import json
import shutil
import sys
import threading
import tomllib
from collections.abc import Iterator, Sequence
from datetime import timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from examples.custom_notifier.http_notifier import HttpNotifier, open_url

from clientmgmt import MailState
from clientmgmt.domain import Mailbox
from clientmgmt.errors import ConfigurationError, PermanentDeliveryError, TemporaryDeliveryError
from clientmgmt.testing import WAIT, Arrived, Failure, ManualClock, NotifierConformance, Sandbox
from clientmgmt.testing.conformance._messages import message
from tests.distributions import install

EXAMPLE = Path(__file__).parents[2] / "examples" / "custom_notifier"
KEY = "k3y-0f-the-service"


class Service:
    """A mail service on a port of its own; what it refuses it quotes."""

    def __init__(self) -> None:
        self.arrived: list[Arrived] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.over = threading.Event()
        self._failure: Failure | None = None
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                service.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1/messages"

    def fail_next(self, failure: Failure) -> None:
        self._failure = failure

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        failure, self._failure = self._failure, None
        if failure is Failure.SILENCE:
            self.over.wait(30)
            return
        status, headers = self._status(request, failure)
        if status == 200:
            self.arrived.append(self._read(request, json.loads(body)))
        if failure is Failure.LOST:
            return
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(b'{"id": "m-\\u0007-1"}' if status == 200 else body)

    def _status(self, request: BaseHTTPRequestHandler, failure: Failure | None) -> tuple[int, dict[str, str]]:
        if request.headers["Authorization"] != f"Bearer {KEY}":
            return 401, {}
        if self.answers:
            return self.answers.pop(0)
        wait = {"Retry-After": str(int(WAIT.total_seconds()))}
        planned: dict[Failure | None, tuple[int, dict[str, str]]] = {
            Failure.TEMPORARY: (503, {}),
            Failure.TEMPORARY_WITH_WAIT: (429, wait),
            Failure.PERMANENT: (422, {}),
        }
        return planned.get(failure, (200, {}))

    @staticmethod
    def _read(request: BaseHTTPRequestHandler, body: Any) -> Arrived:  # noqa: ANN401 - JSON
        to, copies = Mailbox(**body["to"]), tuple(Mailbox(**one) for one in body["cc"])
        return Arrived(
            key=unquote(request.headers["Idempotency-Key"]),
            sender=Mailbox(**body["from"]),
            to=to,
            cc=copies,
            reply_to=None if body["reply_to"] is None else Mailbox(**body["reply_to"]),
            subject=body["subject"],
            text=body["text"],
            recipients=frozenset(mailbox.email for mailbox in (to, *copies)),
            headers=frozenset(name.lower() for name in request.headers),
        )

    def stop(self) -> None:
        self.over.set()
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.stop()


class TestHttpNotifier(NotifierConformance):
    @pytest.fixture
    def transport(self, service: Service) -> Service:
        return service

    @pytest.fixture
    def notifier(self, service: Service) -> HttpNotifier:
        return HttpNotifier(service.url, key=KEY, timeout=3)

    @pytest.fixture
    def credentials(self) -> Sequence[str]:
        return (KEY,)


def test_the_answer_names_the_message(service: Service) -> None:
    assert HttpNotifier(service.url, key=KEY).send(message()) == "m--1"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 301, 401, 403])
def test_what_may_work_later_is_temporary(service: Service, status: int) -> None:
    service.answers.append((status, {}))
    with pytest.raises(TemporaryDeliveryError, match=rf"\({status}\)") as refused:
        HttpNotifier(service.url, key=KEY).send(message())
    assert refused.value.retry_after is None


@pytest.mark.parametrize("status", [400, 404, 409, 410, 413, 422, 451])
def test_what_never_works_is_permanent(service: Service, status: int) -> None:
    service.answers.append((status, {"Retry-After": "5"}))
    with pytest.raises(PermanentDeliveryError, match=rf"\({status}\)"):
        HttpNotifier(service.url, key=KEY).send(message())


def test_a_key_that_is_not_accepted_loses_no_mail(service: Service) -> None:
    with pytest.raises(TemporaryDeliveryError, match=r"does not accept the key \(401\)"):
        HttpNotifier(service.url, key="another").send(message())


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        ("120", timedelta(minutes=2)),
        (" 0 ", timedelta(0)),
        ("9999999999", None),
        ("-5", None),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", timedelta(0)),
    ],
)
def test_how_long_to_wait_is_read(service: Service, said: str, wait: timedelta | None) -> None:
    service.answers.append((503, {"Retry-After": said}))
    with pytest.raises(TemporaryDeliveryError) as refused:
        HttpNotifier(service.url, key=KEY).send(message())
    assert refused.value.retry_after == wait


def test_a_time_to_wait_for_is_by_the_clock_of_the_service(service: Service) -> None:
    far = ManualClock().now() + timedelta(days=36_500)
    service.answers.append((503, {"Retry-After": format_datetime(far)}))
    with pytest.raises(TemporaryDeliveryError) as refused:
        HttpNotifier(service.url, key=KEY).send(message())
    assert refused.value.retry_after is not None
    assert refused.value.retry_after > timedelta(days=1)


def test_nobody_listens() -> None:
    with pytest.raises(TemporaryDeliveryError, match=r"cannot be reached \(ConnectionRefusedError\)"):
        HttpNotifier("http://127.0.0.1:1/", key=KEY, timeout=1).send(message())


@pytest.mark.parametrize("url", ["http://api.mail.example/", "api.mail.example", "", "https:///path"])
def test_the_key_does_not_travel_in_the_clear(url: str) -> None:
    with pytest.raises(ConfigurationError, match="https"):
        HttpNotifier(url, key=KEY)


def test_its_scheme_opens_it_where_it_is_installed(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tomllib.loads(EXAMPLE.joinpath("pyproject.toml").read_text("utf-8"))["project"]
    install(tmp_path, project["name"], entry_points=project["entry-points"])
    shutil.copy(EXAMPLE / "http_notifier.py", tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    url = service.url.replace("http://", f"mailapi://{KEY}@")
    with Sandbox(notifier=url) as box:
        ws = box.workspace()
        jane = ws.contacts.add(
            box.client().id, first_name="Jane", last_name="Doe", email="jane@acme.example", invite=True
        )
        service.fail_next(Failure.TEMPORARY)
        box.manager.deliver()
        assert ws.contacts.get(jane.id).mail.state is MailState.RETRYING  # type: ignore[union-attr]
        box.clock.advance(timedelta(minutes=1))
        box.manager.deliver()
        assert ws.contacts.get(jane.id).mail.state is MailState.DELIVERED  # type: ignore[union-attr]
    assert [arrived.to.email for arrived in service.arrived] == ["jane@acme.example"]
    sys.modules.pop("http_notifier")


@pytest.mark.parametrize("url", ["mailapi://", "mailapi://api.mail.example", "mailapi://key@"])
def test_a_url_has_a_key_and_a_host(url: str) -> None:
    with pytest.raises(ConfigurationError, match="mailapi://KEY@"):
        open_url(url)


def test_elsewhere_it_uses_https() -> None:
    notifier = open_url(f"mailapi://{KEY}@api.mail.example/v1")
    assert repr(notifier) == "HttpNotifier('api.mail.example')"

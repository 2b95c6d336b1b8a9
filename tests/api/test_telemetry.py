"""What OpenTelemetry hears: spans and counters without personal data; nothing, and at no cost, without it."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import attrs
import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from clientmgmt import ForbiddenError, NotFoundError
from clientmgmt._usecases import desk as desks
from clientmgmt._usecases.telemetry import observed
from clientmgmt.adapters.memory import InMemoryStorage
from clientmgmt.errors import (
    PermanentDeliveryError,
    SignInRefusedError,
    TemporaryDeliveryError,
    TransactionConflictError,
)
from clientmgmt.ports import UniqueViolation
from tests.box import Box


@attrs.frozen
class Ear:
    """What was heard."""

    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    def spans(self, name: str | None = None) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if name in {None, span.name}]

    def counts(self) -> Counter[tuple[str, str]]:
        """How often, by counter and its one attribute."""
        found: Counter[tuple[str, str]] = Counter()
        data = self.reader.get_metrics_data()
        if data is None:
            return found
        for resource in data.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points:
                        key = " ".join(str(value) for value in (point.attributes or {}).values())
                        found[metric.name, key] += int(getattr(point, "value", 0))
        return found


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ear]:
    """An SDK that only this test hears."""
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    meters = MeterProvider([reader])
    monkeypatch.setattr(trace, "get_tracer", tracers.get_tracer)
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: meters)
    yield Ear(exporter, reader)
    tracers.shutdown()
    meters.shutdown()


def facts(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def test_every_call_is_a_span_named_after_its_use_case(memory_box: Box, ear: Ear) -> None:
    box = memory_box
    acme = box.client()
    jane = box.active(acme)
    box.sign_in()
    box.ws.contacts.get(jane.id)
    names = {span.name for span in ear.spans()}
    assert names == {
        "clientmgmt.prove",
        "clientmgmt.accept_invite",
        "clientmgmt.add_client",
        "clientmgmt.add_contact",
        "clientmgmt.deliver",
        "clientmgmt.get_contact",
        "clientmgmt.send",
        "clientmgmt.sign_in",
    }
    (added,) = ear.spans("clientmgmt.add_client")
    assert facts(added) == {"clientmgmt.tenant": box.tenant, "clientmgmt.outcome": "ok"}
    assert {span.status.status_code for span in ear.spans()} == {trace.StatusCode.UNSET}


def test_a_refusal_shows_its_code_and_is_counted(memory_box: Box, ear: Ear) -> None:
    box = memory_box
    with pytest.raises(ForbiddenError):
        box.staff("operations_lead").clients.add(name="Acme", email="a@acme.example")
    with pytest.raises(SignInRefusedError):
        box.sign_in()
    for _ in range(2):
        with pytest.raises(NotFoundError):
            box.ws.clients.get("x")  # type: ignore[arg-type]
    (forbidden,) = ear.spans("clientmgmt.add_client")
    assert facts(forbidden)["clientmgmt.outcome"] == "refused"
    assert facts(forbidden)["error.type"] == "forbidden"
    assert forbidden.status.status_code is trace.StatusCode.UNSET
    assert ear.counts() == {
        ("clientmgmt.refused", "forbidden"): 1,
        ("clientmgmt.refused", "sign_in_refused"): 1,
        ("clientmgmt.refused", "not_found"): 2,
    }


def test_a_failure_is_an_error_without_its_message(memory_box: Box, ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        message = "canary"
        raise RuntimeError(message)

    monkeypatch.setattr(InMemoryStorage, "unit_of_work", fail)
    with pytest.raises(RuntimeError):
        memory_box.ws.clients.list()
    (failed,) = ear.spans("clientmgmt.list_clients")
    assert failed.status.status_code is trace.StatusCode.ERROR
    assert failed.status.description is None
    assert failed.events == ()
    assert facts(failed)["error.type"] == "RuntimeError"
    assert ear.counts() == {}


def test_each_mail_is_a_span_inside_of_its_round_and_counted(memory_box: Box, ear: Ear) -> None:
    box = memory_box
    acme = box.client()
    people = [box.contact(acme, f"P{number}", invite=True) for number in range(5)]
    box.ws.contacts.revoke_invite(people[0].id)
    box.mails.fail_next(PermanentDeliveryError("no such mailbox"))
    box.mails.fail_next(TemporaryDeliveryError("busy"))
    box.deliver()
    (round_,) = ear.spans("clientmgmt.deliver")
    sends = ear.spans("clientmgmt.send")
    assert [facts(span)["clientmgmt.outcome"] for span in sends] == ["refused", "refused", "ok", "ok"]
    assert [facts(span).get("error.type") for span in sends[:2]] == ["permanent_delivery", "temporary_delivery"]
    assert {facts(span)["clientmgmt.mail.type"] for span in sends} == {"invitation"}
    assert {facts(span)["clientmgmt.tenant"] for span in sends} == {box.tenant}
    assert {span.parent and span.parent.span_id for span in sends} == {round_.context.span_id}
    assert ear.counts() == {
        ("clientmgmt.mails", "sent"): 2,
        ("clientmgmt.mails", "retried"): 1,
        ("clientmgmt.mails", "dead"): 1,
        ("clientmgmt.mails", "obsolete"): 1,
    }


def test_no_personal_data_is_told(memory_box: Box, ear: Ear) -> None:
    box = memory_box
    acme = box.client("Acme Retail")
    box.active(acme)
    box.mails.fail_next(PermanentDeliveryError("jane@acme.example is unknown"))
    box.contact(acme, "Canary", invite=True)
    box.deliver()
    with pytest.raises(SignInRefusedError):
        box.sign_in("canary@acme.example", "pa55word")
    told = " ".join(span.to_json() for span in ear.spans()).lower()
    assert "add_contact" in told
    assert not [word for word in ("jane", "canary", "acme", "doe", "pa55", "portal") if word in told]


def test_conflicts_that_were_run_again_are_counted(memory_box: Box, ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desks, "_wait", lambda _: 0.0)
    original = InMemoryStorage.unit_of_work
    lost = [UniqueViolation("clients", "id"), TransactionConflictError("lost")]

    def losing(self: InMemoryStorage, *args: object, **options: object) -> object:
        if lost:
            raise lost.pop()
        return original(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(InMemoryStorage, "unit_of_work", losing)
    memory_box.client()
    assert ear.counts() == {("clientmgmt.conflicts", ""): 2}


def test_what_a_use_case_does_with_an_error_of_a_step_it_still_does(memory_box: Box, ear: Ear) -> None:
    """Refused password, audited denial, failed send: use cases tidy up by catching what their steps raise."""
    box = memory_box
    with pytest.raises(ForbiddenError):
        box.staff("operations_lead").clients.add(name="Acme", email="a@acme.example")
    assert box.actions() == ["denied"]
    assert len(ear.spans("clientmgmt.add_client")) == 1


def test_without_opentelemetry_steps_are_left_as_they_are(memory_box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "opentelemetry.trace")
    monkeypatch.delitem(sys.modules, "opentelemetry.metrics")
    steps = memory_box.ws._calls.desk.read(lambda work: work.tenant)  # noqa: SLF001 - steps have no public face
    assert observed("x", "y", steps) is steps
    steps.close()
    memory_box.active(memory_box.client())


def test_where_it_is_not_installed_everything_works() -> None:
    program = """
import sys
sys.modules["opentelemetry"] = None
from clientmgmt import ClientManager, System
ws = ClientManager("memory:").workspace("northwind", actor=System("docs"))
ws.clients.add(name="Acme", email="ap@acme.example")
assert ws.clients.list().items
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_where_nobody_listens_nothing_is_loaded() -> None:
    program = """
import sys
from clientmgmt import ClientManager, System
ClientManager("memory:").workspace("northwind", actor=System("docs")).clients.list()
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
"""
    subprocess.run([sys.executable, "-c", program], check=True)

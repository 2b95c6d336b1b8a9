"""What OpenTelemetry is told, if anybody in this process listens: spans around calls, and counters.

Nothing is imported: as long as nobody else has loaded the API of OpenTelemetry nobody can listen, and then a call
costs one look into a dictionary. No name, address, text or id of a person is ever told.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

from clientmgmt._usecases.steps import Send, Step, Steps
from clientmgmt.errors import ClientMgmtError, StorageError, UsageError

__all__ = ["count", "observed"]

R = TypeVar("R")

_NAME = "clientmgmt"


def count(name: str, number: int = 1, **attributes: str) -> None:
    """Add to a counter."""
    metrics: Any = sys.modules.get("opentelemetry.metrics")
    if metrics is not None and number:
        _counter(metrics.get_meter_provider(), name).add(number, attributes)


def observed(name: str, tenant: str, steps: Steps[R]) -> Steps[R]:
    """The same steps inside a span, with a span of its own for each message that is sent."""
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return steps
    return _observed(trace, name, tenant, steps)


def _observed(trace: Any, name: str, tenant: str, steps: Steps[R]) -> Steps[R]:  # noqa: ANN401 - a module
    attributes = {"clientmgmt.tenant": tenant} if tenant else {}
    with _counted(), _span(trace, f"{_NAME}.{name}", attributes):
        error: BaseException | None = None
        answer: object = None
        try:
            while True:
                step = steps.send(answer) if error is None else steps.throw(error)
                answer, error = None, None
                try:
                    answer = yield from _performed(trace, step)
                except BaseException as raised:  # noqa: BLE001 - whatever it is goes where the step was asked for
                    error = raised
        except StopIteration as end:
            result: R = end.value
            return result


def _performed(trace: Any, step: Step) -> Steps[Any]:  # noqa: ANN401 - a module
    if not isinstance(step, Send):
        return (yield step)
    message = step.message
    attributes = {
        "clientmgmt.tenant": message.tenant,
        "clientmgmt.mail.id": message.id,
        "clientmgmt.mail.type": str(message.type),
    }
    with _span(trace, f"{_NAME}.send", attributes):
        return (yield step)


@contextmanager
def _counted() -> Iterator[None]:
    try:
        yield
    except ClientMgmtError as error:
        if _is_refusal(error):
            count("clientmgmt.refused", code=error.code)
        raise


def _is_refusal(error: BaseException) -> bool:
    return isinstance(error, ClientMgmtError) and not isinstance(error, StorageError | UsageError)


@contextmanager
def _span(trace: Any, name: str, attributes: dict[str, str]) -> Iterator[None]:  # noqa: ANN401 - a module
    """A span that names the code of an error, never its message."""
    tracer = trace.get_tracer(_NAME)
    with tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield
        except BaseException as error:
            code = error.code if isinstance(error, ClientMgmtError) else type(error).__name__
            refused = _is_refusal(error)
            span.set_attributes({"clientmgmt.outcome": "refused" if refused else "failed", "error.type": code})
            if not refused:
                span.set_status(trace.StatusCode.ERROR)
            raise
        span.set_attribute("clientmgmt.outcome", "ok")


@lru_cache(maxsize=16)
def _counter(provider: Any, name: str) -> Any:  # noqa: ANN401 - they are OpenTelemetry's
    return provider.get_meter(_NAME).create_counter(name)

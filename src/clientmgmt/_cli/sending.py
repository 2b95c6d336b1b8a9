"""Sending what waits, once or until told to stop, with the manager of the host's own program."""

from __future__ import annotations

import logging
import select
import signal
import socket
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from types import FrameType

from clientmgmt import ClientManager
from clientmgmt._cli.exits import FINE, NOT_ALL_FINE, CannotRunError
from clientmgmt._cli.stores import hint
from clientmgmt.domain import DeliveryReport
from clientmgmt.errors import SchemaError, UsageError

__all__ = ["run"]

_ROUND = 100
_FIRST_WAIT = 0.1


class StopSign:
    """Raised by the first SIGTERM or SIGINT; the second one interrupts at once."""

    def __init__(self, waking: socket.socket, asleep: socket.socket) -> None:
        self.raised = False
        self._waking, self._asleep = waking, asleep

    def wait(self, seconds: float) -> None:
        """Wait, but no longer than until the sign is raised."""
        select.select([self._asleep], [], [], seconds)

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        if self.raised:
            raise KeyboardInterrupt
        self.raised = True
        self._waking.send(b".")


@contextmanager
def _stop_sign() -> Iterator[StopSign]:
    """A sign that listens to signals as long as the block lasts."""
    waking, asleep = socket.socketpair()
    with waking, asleep:
        sign = StopSign(waking, asleep)
        before = {number: signal.signal(number, sign.on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield sign
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def run(arguments: Namespace) -> int:
    """Send what is due; with ``--watch`` go on until a signal says to stop."""
    left = arguments.limit
    if left is not None and left < 1:
        message = "--limit is 1 or more"
        raise CannotRunError(message)
    if not arguments.interval > 0:
        message = "--interval is a positive number of seconds"
        raise CannotRunError(message)
    with _manager(arguments.app) as manager, _stop_sign() as sign:
        try:
            total = _work(manager, sign, left, interval=arguments.interval if arguments.watch else None)
        except SchemaError as error:
            raise CannotRunError(hint(str(error))) from None
    return NOT_ALL_FINE if not arguments.watch and (total.dead or total.suspended_until) else FINE


def _work(manager: ClientManager, sign: StopSign, left: int | None, *, interval: float | None) -> DeliveryReport:
    """Round after round, until nothing is due, or until told to stop if there is an ``interval``; pauses grow to it."""
    total, pause = DeliveryReport(), _FIRST_WAIT
    while not sign.raised and left != 0:
        report = _round(manager, sign, left, watching=interval is not None)
        total += report
        left = None if left is None else left - report.handled
        if report.handled:
            pause = _FIRST_WAIT
        elif interval is None:
            break
        else:
            sign.wait(min(pause, interval))
            pause *= 2
    return total


def _round(manager: ClientManager, sign: StopSign, left: int | None, *, watching: bool) -> DeliveryReport:
    """One round. A worker that watches outlives whatever a database, settings or a mail server do for a while."""
    try:
        report = manager.deliver(limit=_ROUND if left is None else min(left, _ROUND), stop=lambda: sign.raised)
    except (UsageError, SchemaError):
        raise
    except Exception:
        if not watching:
            raise
        logging.getLogger("clientmgmt").exception("a round of delivery failed; the next one comes")
        return DeliveryReport()
    if report.handled:
        counts = f"sent {report.sent}, to be tried again {report.retried}"
        print(f"{counts}, dead {report.dead}, not sent any more {report.obsolete}", flush=True)
    return report


def _manager(app: str) -> ClientManager:
    """The manager that ``MODULE:NAME`` names, or that the function of this name makes."""
    module, colon, name = app.partition(":")
    if not (module and colon and name):
        message = "--app looks like MODULE:NAME, shop.clients:manager for instance"
        raise CannotRunError(message)
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        found = attrgetter(name)(import_module(module))
    except (ImportError, AttributeError) as error:
        message = f"{app} cannot be loaded: {error}"
        raise CannotRunError(message) from None
    made = found() if callable(found) else found
    if isinstance(made, ClientManager):
        return made
    message = f"{app} is no ClientManager, nor a function that makes one"
    raise CannotRunError(message)

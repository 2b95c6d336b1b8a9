"""For tests of applications and of plug-ins: doubles, a whole sandbox, and the suites that adapters must pass.

The doubles need nothing but this package: a clock moved by hand, ids in order, a notifier that remembers, a fast
hasher. :class:`Sandbox` is a manager with all of them; pytest has it as the fixture ``clientmgmt_sandbox``.
:mod:`clientmgmt.testing.blocking` drives an asynchronous store without an event loop.

What needs pytest or Hypothesis (``pip install 'clientmgmt[testing]'``) is loaded when it is asked for:

- :class:`StorageConformance` and :class:`NotifierConformance`: the promises of the ports, a test each;
- :mod:`clientmgmt.testing.machine`: random programs on several stores at once;
- :mod:`clientmgmt.testing.strategies`: random input of applications, and random entities of the kit
  (:mod:`clientmgmt.testing.kit`) that the suites store.
"""

from typing import TYPE_CHECKING

from clientmgmt.errors import MissingExtraError
from clientmgmt.testing.capabilities import NotifierCapability, StorageCapability
from clientmgmt.testing.clock import ManualClock
from clientmgmt.testing.ids import SequentialIds
from clientmgmt.testing.notifier import RecordingNotifier
from clientmgmt.testing.passwords import FastHasher
from clientmgmt.testing.sandbox import SANDBOX_PASSWORD, SANDBOX_SETTINGS, Sandbox
from clientmgmt.testing.transport import WAIT, Arrived, Failure, Transport

if TYPE_CHECKING:
    from clientmgmt.testing.conformance import NotifierConformance, StorageConformance

__all__ = [
    "SANDBOX_PASSWORD",
    "SANDBOX_SETTINGS",
    "WAIT",
    "Arrived",
    "Failure",
    "FastHasher",
    "ManualClock",
    "NotifierCapability",
    "NotifierConformance",
    "RecordingNotifier",
    "Sandbox",
    "SequentialIds",
    "StorageCapability",
    "StorageConformance",
    "Transport",
]

_SUITES = frozenset({"NotifierConformance", "StorageConformance"})


def __getattr__(name: str) -> object:
    """The suites, when they are asked for: they load pytest."""
    if name not in _SUITES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    try:
        from clientmgmt.testing import conformance  # noqa: PLC0415 - loads pytest
    except ModuleNotFoundError as error:
        if error.name != "pytest":
            raise
        extra = "testing"
        raise MissingExtraError(extra) from None
    return getattr(conformance, name)


def __dir__() -> list[str]:
    return sorted(__all__)

"""Doubles for tests: a clock moved by hand, ids in order, a notifier that remembers, a fast hasher.

They need nothing but this package, as does :mod:`clientmgmt.testing.blocking`, which drives an asynchronous store
without an event loop. What needs pytest or Hypothesis (``pip install
'clientmgmt[testing]'``) has modules of its own:

- :mod:`clientmgmt.testing.conformance`: the suite that every store must pass;
- :mod:`clientmgmt.testing.machine`: random programs on several stores at once;
- :mod:`clientmgmt.testing.strategies`: random entities of the kit (:mod:`clientmgmt.testing.kit`) of both.
"""

from clientmgmt.testing.clock import ManualClock
from clientmgmt.testing.ids import SequentialIds
from clientmgmt.testing.notifier import RecordingNotifier
from clientmgmt.testing.passwords import FastHasher

__all__ = ["FastHasher", "ManualClock", "RecordingNotifier", "SequentialIds"]

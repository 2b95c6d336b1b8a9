"""Any store for event loops, by threads: its units of work run where they may block.

A unit that is given as a function is one hop: to a thread, and back with the answer. A unit that stays open has a
thread of its own until it ends.
"""

from clientmgmt.adapters.threads._storage import ThreadedStorage

__all__ = ["ThreadedStorage"]

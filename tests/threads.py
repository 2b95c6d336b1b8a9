"""Threads that a test begins and that end with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["no_thread_left"]


@contextmanager
def no_thread_left() -> Iterator[None]:
    """Fails if a thread that began in the block runs on after it; one that is just ending is waited for."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=10)
        assert not thread.is_alive(), thread

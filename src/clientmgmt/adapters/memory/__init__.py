"""Storage in memory: for tests, for trying things out, and as the base of small stores."""

from clientmgmt.adapters.memory._storage import Contents, InMemoryStorage

__all__ = ["Contents", "InMemoryStorage"]

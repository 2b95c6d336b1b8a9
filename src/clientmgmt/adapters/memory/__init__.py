"""Storage in memory: for tests, for trying things out, and as the base of small stores."""

from clientmgmt.adapters.memory._storage import Contents, InMemoryStorage
from clientmgmt.adapters.memory._unit import InMemoryUnitOfWork

__all__ = ["Contents", "InMemoryStorage", "InMemoryUnitOfWork"]

"""Walking all pages of a list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from clientmgmt.domain.results import Page

__all__ = ["iter_all"]

P = ParamSpec("P")
T = TypeVar("T")


def iter_all(page_of: Callable[P, Page[T]], /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
    """Every item of a list, page by page: ``iter_all(ws.clients.list, status="active")``.

    Takes what the list takes, ``limit`` as the size of a page; what is added meanwhile may or may not be seen.

    >>> from clientmgmt import ClientManager, System
    >>> ws = ClientManager("memory:").workspace("northwind", actor=System("docs"))
    >>> for name in "Acme", "Bolt", "Cora":
    ...     client = ws.clients.add(name=name, email=f"ap@{name.lower()}.example")
    >>> [client.name for client in iter_all(ws.clients.list, limit=2)]
    ['Acme', 'Bolt', 'Cora']
    """
    ask: Callable[..., Page[T]] = page_of
    page = ask(*args, **kwargs)
    yield from page
    while page.next_cursor is not None:
        page = ask(*args, **{**kwargs, "cursor": page.next_cursor})
        yield from page

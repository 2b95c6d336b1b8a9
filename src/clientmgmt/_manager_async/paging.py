"""Walking all pages of a list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import ParamSpec, TypeVar

from clientmgmt.domain.results import Page

__all__ = ["aiter_all"]

P = ParamSpec("P")
T = TypeVar("T")


async def aiter_all(page_of: Callable[P, Awaitable[Page[T]]], /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
    """Every item of a list, page by page: ``aiter_all(ws.clients.list, status="active")``.

    Takes what the list takes, ``limit`` as the size of a page; what is added meanwhile may or may not be seen.

    >>> import asyncio
    >>> from clientmgmt import AsyncClientManager, System
    >>> async def names() -> list[str]:
    ...     async with AsyncClientManager("memory:") as manager:
    ...         ws = manager.workspace("northwind", actor=System("docs"))
    ...         for name in "Acme", "Bolt", "Cora":
    ...             await ws.clients.add(name=name, email=f"ap@{name.lower()}.example")
    ...         return [client.name async for client in aiter_all(ws.clients.list, limit=2)]
    >>> asyncio.run(names())
    ['Acme', 'Bolt', 'Cora']
    """
    ask: Callable[..., Awaitable[Page[T]]] = page_of
    page = await ask(*args, **kwargs)
    while True:
        for item in page:
            yield item
        if page.next_cursor is None:
            return
        page = await ask(*args, **{**kwargs, "cursor": page.next_cursor})

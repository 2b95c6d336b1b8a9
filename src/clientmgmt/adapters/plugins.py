"""Stores and notifiers of other distributions, found by the scheme of a URL.

A distribution registers a callable under the scheme, in the entry-point group ``clientmgmt.storage`` or
``clientmgmt.notifier``; it is called with the URL. The groups are read only for schemes that are not built in.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from clientmgmt.errors import ClientMgmtError, ConfigurationError
from clientmgmt.ports.shape import require_port

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["NOTIFIERS", "STORAGES", "open_plugin", "plugin_schemes", "scheme_of"]

STORAGES = "clientmgmt.storage"
"""The entry-point group of stores."""

NOTIFIERS = "clientmgmt.notifier"
"""The entry-point group of notifiers."""

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):", re.IGNORECASE)  # two letters at least: one is a drive


def scheme_of(url: str) -> str:
    """The scheme of ``url`` in lower case, empty if it has none.

    >>> scheme_of("LMDB:///srv/clients"), scheme_of("clients.db")
    ('lmdb', '')
    """
    found = _SCHEME.match(url)
    return found[1].lower() if found else ""


def plugin_schemes(group: str) -> tuple[str, ...]:
    """The schemes that installed distributions have registered."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow to load, seldom needed

    return tuple(sorted({point.name for point in entry_points(group=group)}))


def open_plugin(group: str, url: str, port: type, *, built_in: str) -> object:
    """What the plug-in for the scheme of ``url`` makes of it.

    Args:
        group: :data:`STORAGES` or :data:`NOTIFIERS`.
        url: what the program was given; it may hold a password, and is not repeated in errors.
        port: what must come of it.
        built_in: what there is without plug-ins, for the message.

    Raises:
        ConfigurationError: nobody, or more than one distribution, has registered the scheme; the plug-in cannot be
            loaded, fails, or makes something else.
    """
    scheme = scheme_of(url)
    point = _point(group, scheme, built_in=built_in)
    plugin = f"the plug-in {_origin(point)} for {scheme}:"
    try:
        opened = _loaded(point, plugin)(url)
    except ClientMgmtError:
        raise
    except Exception as error:
        message = f"{plugin} cannot open this URL ({type(error).__name__})"
        raise ConfigurationError(message) from error
    return require_port(opened, port, name=f"what {plugin} makes")


def _loaded(point: EntryPoint, plugin: str) -> Callable[[str], object]:
    try:
        loaded = point.load()
    except Exception as error:
        message = f"{plugin} cannot be loaded: {type(error).__name__}: {error}"
        raise ConfigurationError(message) from error
    if not callable(loaded):
        message = f"{plugin} registers {point.value}, which cannot be called with a URL"
        raise ConfigurationError(message)
    return cast("Callable[[str], object]", loaded)


def _point(group: str, scheme: str, *, built_in: str) -> EntryPoint:
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow to load, seldom needed

    points = tuple(entry_points(group=group, name=scheme))
    if not points:
        installed = ", ".join(f"{name}:" for name in plugin_schemes(group)) or "none"
        message = (
            f"nothing is known of {scheme + ':' if scheme else 'a URL without a scheme'} in {group}: built in are"
            f" {built_in}; of installed plug-ins there are {installed}; install the distribution that registers it"
        )
        raise ConfigurationError(message)
    if len({point.value for point in points}) > 1:
        origins = ", ".join(sorted(map(_origin, points)))
        message = f"{scheme}: is registered in {group} by more than one distribution: {origins}"
        raise ConfigurationError(message)
    return points[0]


def _origin(point: EntryPoint) -> str:
    return point.value if point.dist is None else point.dist.name

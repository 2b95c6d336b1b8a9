"""What happened to sites."""

from __future__ import annotations

import attrs

from clientmgmt.domain.events import Event
from clientmgmt.domain.states import SiteStatus

__all__ = [
    "SiteAdded",
    "SiteArchived",
    "SiteContactChanged",
    "SiteRemoved",
    "SiteRestored",
    "SiteStatusChanged",
    "SiteUpdated",
]


@attrs.frozen(kw_only=True, repr=False, eq=False)
class SiteAdded(Event):
    """A client has one more site; ``subject`` is its id."""

    title: str
    timezone: str


@attrs.frozen(kw_only=True, repr=False, eq=False)
class SiteUpdated(Event):
    """Fields of a site were changed; ``subject`` is its id. Schedules are drawn in the time zone that it has now."""

    changed: tuple[str, ...]
    title: str
    timezone: str


@attrs.frozen(kw_only=True, repr=False, eq=False)
class SiteStatusChanged(Event):
    """A site's status went from ``old`` to ``new``; ``subject`` is its id."""

    aspect = "status"

    old: SiteStatus
    new: SiteStatus


@attrs.frozen(kw_only=True, repr=False, eq=False)
class SiteArchived(Event):
    """A site was closed and put away, and nothing new is planned there; ``status`` is what it was."""

    status: SiteStatus


@attrs.frozen(kw_only=True, repr=False, eq=False)
class SiteRestored(Event):
    """An archived site is back, and closed; ``subject`` is its id."""


@attrs.frozen(kw_only=True, repr=False, eq=False)
class SiteRemoved(Event):
    """A site without a history was removed; ``subject`` is its id."""

    title: str


@attrs.frozen(kw_only=True, repr=False, eq=False)
class SiteContactChanged(Event):
    """Emergency contacts of a site came, went or changed; ``critical`` if one of them is so. ``subject`` is the site.

    ``names`` are theirs.
    """

    names: tuple[str, ...]
    critical: bool

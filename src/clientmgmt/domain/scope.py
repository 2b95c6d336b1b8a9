"""For which sites of its client a contact has its rights."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import attrs

from clientmgmt.domain.form import Form
from clientmgmt.domain.ids import SiteId
from clientmgmt.domain.value import Value
from clientmgmt.errors import InvalidInputError, Violation

__all__ = ["Scope", "read_scope"]


def _site_ids(ids: Iterable[SiteId] | None) -> frozenset[SiteId] | None:
    if ids is None:
        return None
    chosen = frozenset(ids)
    if not chosen or not all(isinstance(one, UUID) for one in chosen):
        raise InvalidInputError([Violation("not_a_scope", "must name at least one site, by its id", "scope")])
    return chosen


@attrs.frozen(repr=False, eq=False)
class Scope(Value):
    """All sites of the client, also those that it will have, or exactly some of them.

    What belongs to the client as a whole needs the first. A scope of no site, or of what is no id, is refused
    (:class:`~clientmgmt.errors.InvalidInputError`).

    >>> from uuid import UUID
    >>> lobby, roof = SiteId(UUID(int=1)), SiteId(UUID(int=2))
    >>> Scope.everything().includes(Scope.only(lobby)), Scope.only(lobby).includes(Scope.only(lobby, roof))
    (True, False)
    """

    site_ids: frozenset[SiteId] | None = attrs.field(converter=_site_ids)

    @classmethod
    def everything(cls) -> Scope:
        """The client as a whole."""
        return cls(None)

    @classmethod
    def only(cls, *site_ids: SiteId) -> Scope:
        """These sites."""
        return cls(site_ids)

    @property
    def is_everything(self) -> bool:
        """Whether it is the client as a whole."""
        return self.site_ids is None

    def covers(self, site_id: SiteId | None) -> bool:
        """Whether what is bound to this site belongs to it; ``None``: what belongs to the client as a whole."""
        return self.site_ids is None or site_id in self.site_ids

    def within(self, other: Scope) -> Scope:
        """What ``other`` has of this one; the two have something in common."""
        if self.site_ids is None or other.site_ids is None:
            return self
        return Scope(self.site_ids & other.site_ids)

    def includes(self, other: Scope) -> bool:
        """Whether everything in ``other`` is in this one."""
        return self.site_ids is None or (other.site_ids is not None and other.site_ids <= self.site_ids)


def read_scope(form: Form, value: object) -> Scope:
    """The scope that was given; whether its sites are there is for others to see."""
    if isinstance(value, Scope):
        return value
    form.note([Violation("not_a_scope", "must be a Scope", "scope")])
    return Scope.everything()

"""Scopes: whether their sites are there, and writing them down."""

from __future__ import annotations

from clientmgmt._usecases.sight import sites_in_sight
from clientmgmt._usecases.work import Work
from clientmgmt.domain.form import Form
from clientmgmt.domain.ids import ClientId, ContactId
from clientmgmt.domain.joining import NewPerson
from clientmgmt.domain.people import Membership, SiteAccess
from clientmgmt.domain.rights import Rights
from clientmgmt.domain.roles import RoleKind
from clientmgmt.domain.scope import Scope
from clientmgmt.errors import Violation
from clientmgmt.ports.collections import SITE_ACCESS, SITES

__all__ = ["note_unknown_sites", "rights_to_be", "write_scope"]


def note_unknown_sites(work: Work, form: Form, client_id: ClientId, scope: Scope) -> None:
    """Note in ``form`` if a scope names what is no site of this client, or none that the actor sees."""
    if scope.site_ids is None:
        return
    wanted = sorted(scope.site_ids)
    if work.uow.count(SITES, SITES.client_id.eq(client_id), SITES.id.in_(wanted), *sites_in_sight(work)) < len(wanted):
        form.note([Violation("unknown_site", "must name sites of this client only", "scope")])


def rights_to_be(work: Work, person: NewPerson) -> Rights:
    """The rights that a new contact will have."""
    return Rights(
        contact_id=ContactId(work.wiring.ids.new()),
        role=person.role,
        grants=(),
        denies=(),
        scope=person.scope,
        is_owner=False,
        permissions=work.catalog.given([person.role], RoleKind.CLIENT),
    )


def write_scope(work: Work, before: Membership, scope: Scope, *, is_new: bool = False) -> None:
    """Write the sites of a contact's scope instead of those that were stored ``before``; a new one has none yet."""
    limited = before.has_scope and not is_new
    known = work.uow.find(SITE_ACCESS, SITE_ACCESS.contact_id.eq(before.id)) if limited else ()
    wanted = scope.site_ids or frozenset()
    gone = [access.id for access in known if access.site_id not in wanted]
    if gone:
        work.uow.remove(SITE_ACCESS, *gone)
    added = sorted(wanted - {access.site_id for access in known})
    if added:
        rows = (SiteAccess(id=work.wiring.ids.new(), contact_id=before.id, site_id=site_id) for site_id in added)
        work.uow.add(SITE_ACCESS, *rows)

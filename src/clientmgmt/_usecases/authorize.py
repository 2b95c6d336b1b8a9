"""The one question every use case asks: may this actor do this, to this?"""

from __future__ import annotations

from uuid import UUID

from clientmgmt._usecases.reach import OutOfSight, require_reach, stored_roles
from clientmgmt._usecases.standing import actor_standings
from clientmgmt._usecases.work import Work
from clientmgmt.domain.access import may
from clientmgmt.domain.actors import ClientUser
from clientmgmt.domain.ids import ClientId, SiteId
from clientmgmt.domain.operations import OPERATIONS, Need
from clientmgmt.domain.rights import Rights, Standing
from clientmgmt.domain.roles import BELONG
from clientmgmt.errors import ForbiddenError

__all__ = ["authorize", "gives", "require_right"]


def authorize(
    work: Work,
    operation: str,
    subject: UUID | None = None,
    *,
    kind: str = "client",
    client_id: ClientId | None = None,
    site_id: SiteId | None = None,
) -> None:
    """Nothing if the actor may do this ``operation``, else a refusal.

    Args:
        work: the call.
        operation: one of :data:`~clientmgmt.domain.operations.OPERATIONS`.
        subject: what it is done to; without one, a client's user must be a contact of some client, and the use case
            has to leave out what that user may not see.
        kind: what the subject is called.
        client_id: whose it is; if it is not given, nobody's for clients' users, and within reach for staff.
        site_id: the site that it is bound to.

    Raises:
        ForbiddenError: the actor lacks the permission.
        NotFoundError: the subject is out of the actor's sight, so that it answers like one that is not there.
    """
    need = OPERATIONS[operation]
    if not isinstance(work.actor, ClientUser):
        if client_id is not None:
            require_reach(work, client_id, kind=kind, permission=need.staff)
        if may(work.actor, need.staff, catalog=work.catalog, stored_roles=stored_roles(work)):
            return
        raise ForbiddenError(need.staff)
    standings = actor_standings(work, work.actor)
    if subject is None:
        if not any(gives(standing.rights, need) for standing in standings.values()):
            raise ForbiddenError(need.client or need.staff)
        return
    standing = None if client_id is None else standings.get(client_id)
    if standing is None or (site_id is not None and not standing.rights.scope.covers(site_id)):
        raise OutOfSight(kind, need.client or need.staff)
    require_right(standing, need)


def require_right(standing: Standing, need: Need) -> None:
    """Nothing if what the actor is for a client gives what is needed, else ``ForbiddenError``."""
    if not gives(standing.rights, need):
        raise ForbiddenError(need.client or need.staff)


def gives(rights: Rights, need: Need) -> bool:
    """Whether these rights of a client's user give what is needed."""
    if need.client is None or (need.whole and not rights.scope.is_everything):
        return False
    return need.client == BELONG or need.client in rights.permissions

"""The tenant's own people, as a workspace offers them."""

from __future__ import annotations

from collections.abc import Collection

from clientmgmt._manager.group import Group
from clientmgmt._usecases import staff
from clientmgmt.domain.ids import UserId
from clientmgmt.domain.people import User
from clientmgmt.domain.results import Page
from clientmgmt.domain.unset import UNSET, Unset

__all__ = ["StaffGroup"]


class StaffGroup(Group):
    """``ws.staff``."""

    __slots__ = ()

    def add(
        self,
        *,
        first_name: str,
        last_name: str,
        email: str,
        roles: Collection[str],
        reference: str | None = None,
        idempotency_key: str | None = None,
    ) -> User:
        """Add a staff user. Needs ``users.staff``; the first one is added by a ``System`` actor.

        Args:
            first_name: 1 to 100 characters.
            last_name: 1 to 100 characters.
            email: unique among all users of the tenant.
            roles: names of staff roles; see :data:`clientmgmt.domain.ROLES`.
            reference: the host's own id: ``Staff(reference)`` acts with the roles stored here.
            idempotency_key: the same key with the same arguments again changes nothing and answers the same.

        Raises:
            InvalidInputError: fields are missing or malformed (:class:`UnknownNameError` for a role).
            EmailInUseError: the e-mail is another user's.
            DuplicateReferenceError: the reference is another user's.
            IdempotencyConflictError: the key was used for something else.

        >>> from clientmgmt import ClientManager, Staff, System
        >>> manager = ClientManager("memory:")
        >>> ws = manager.workspace("northwind", actor=System("setup"))
        >>> ada = ws.staff.add(
        ...     first_name="Ada", last_name="Byron", email="ada@northwind.example", roles=["editor"], reference="ada"
        ... )
        >>> manager.workspace("northwind", actor=Staff("ada")).clients.list().items
        ()
        """
        return self._calls.write_once(
            idempotency_key,
            "staff.add",
            User,
            staff.add_staff,
            first_name=first_name,
            last_name=last_name,
            email=email,
            roles=roles,
            reference=reference,
        )

    def get(self, user_id: UserId) -> User:
        """One staff user. Needs ``users.staff``."""
        return self._calls.read(staff.get_staff, user_id)

    def update(
        self,
        user_id: UserId,
        *,
        first_name: str | Unset = UNSET,
        last_name: str | Unset = UNSET,
        email: str | Unset = UNSET,
        expected_version: int | None = None,
    ) -> User:
        """Change the name or the e-mail of a staff user; what is not given stays. Needs ``users.staff``.

        Another e-mail is told to the old address and the new one.

        Args:
            user_id: the staff user.
            first_name: 1 to 100 characters.
            last_name: 1 to 100 characters.
            email: unique among all users of the tenant.
            expected_version: the ``version`` that was seen; nothing is changed if there is a newer one.

        Raises:
            InvalidInputError: a field is malformed.
            EmailInUseError: the e-mail is another user's.
            StaleVersionError: somebody else changed the user first.
            ConfigurationError: the e-mail is changed, and there is no sender to tell of it.
        """
        return self._calls.write(
            staff.update_staff,
            user_id,
            first_name=first_name,
            last_name=last_name,
            email=email,
            expected_version=expected_version,
        )

    def set_roles(self, user_id: UserId, roles: Collection[str]) -> User:
        """Give a staff user these roles instead; they count from the next call on. Needs ``users.staff``.

        Raises:
            UnknownNameError: a role is none of staff.
        """
        return self._calls.write(staff.set_staff_roles, user_id, roles)

    def find(self, *, email: str | None = None, reference: str | None = None) -> User | None:
        """The staff user with this e-mail and this reference, as far as they are given. Needs ``users.staff``."""
        return self._calls.read(staff.find_staff, email=email, reference=reference)

    def list(self, *, role: str | None = None, limit: int = 50, cursor: str | None = None) -> Page[User]:
        """A page of staff users in the order of their last names. Needs ``users.staff``.

        Args:
            role: only those with this role.
            limit: how many at most, 1 to 1000.
            cursor: ``next_cursor`` of the page before.

        Raises:
            UnknownNameError: there is no such role of staff.
        """
        return self._calls.read(staff.list_staff, role=role, limit=limit, cursor=cursor)

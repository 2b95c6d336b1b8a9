"""Clients, as a workspace offers them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from clientmgmt._manager.group import Group
from clientmgmt._usecases import clients, importing
from clientmgmt.domain.client import Client, ExternalReference
from clientmgmt.domain.ids import ClientId
from clientmgmt.domain.joining import NewContact
from clientmgmt.domain.results import BulkResult, Imported, Page, StatusChange

__all__ = ["ClientGroup"]


class ClientGroup(Group):
    """``ws.clients``."""

    __slots__ = ()

    def add(
        self,
        *,
        name: str,
        email: str,
        kind: str = "company",
        status: str = "active",
        language: str | None = None,
        references: Iterable[ExternalReference | tuple[str, str]] = (),
        owner: NewContact | None = None,
        idempotency_key: str | None = None,
    ) -> Client:
        """Add a client. Needs ``clients.create``, with an ``owner`` also ``users.manage``.

        Args:
            name: 1 to 200 characters.
            email: the primary e-mail, an address for mail and no login; several clients may have the same.
            kind: ``company`` or ``person``.
            status: ``active`` or ``prospect``.
            language: a language tag, such as ``en`` or ``pt-BR``.
            references: the client's ids in other systems, as (system, id); each unique in the tenant.
            owner: a person who becomes its contact with the role ``client_admin``, and its owner at once, although it
                has not come in yet. A user whom the tenant knows by this e-mail joins, as with
                :meth:`ContactGroup.add`. Nobody is invited.
            idempotency_key: the same key with the same arguments again changes nothing and answers the same.

        Raises:
            InvalidInputError: fields are missing or malformed; all of them are named.
            DuplicateReferenceError: a reference belongs to another client.
            StaffCannotBeClientUserError: the e-mail of the owner belongs to a staff user.
            NotEligibleError: the e-mail of the owner belongs to a user who is deactivated.
            ConfigurationError: a known user would be told that it was added, and there is no sender.
            IdempotencyConflictError: the key was used for something else.

        >>> from clientmgmt import ClientManager, System
        >>> ws = ClientManager("memory:").workspace("northwind", actor=System("docs"))
        >>> ws.clients.add(name="Acme Retail", email="ap@acme.example", references=[("crm", "C-1")]).name
        'Acme Retail'
        """
        return self._calls.write_once(
            idempotency_key,
            "clients.add",
            Client,
            clients.add_client,
            name=name,
            email=email,
            kind=kind,
            status=status,
            language=language,
            references=references,
            owner=owner,
        )

    def get(self, client_id: ClientId) -> Client:
        """One client."""
        return self._calls.read(clients.get_client, client_id)

    def find(self, *, reference: ExternalReference | tuple[str, str]) -> Client | None:
        """The client with this external reference, if there is one."""
        return self._calls.read(clients.find_client, reference=reference)

    def list(
        self,
        *,
        status: str | None = None,
        email: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Client]:
        """A page of clients in the order of their names.

        Args:
            status: only clients with this stored status.
            email: only clients with this primary e-mail, in any spelling.
            limit: how many at most, 1 to 1000.
            cursor: ``next_cursor`` of the page before.

        Raises:
            InvalidInputError: the status, the limit or the cursor is malformed.
        """
        return self._calls.read(clients.list_clients, status=status, email=email, limit=limit, cursor=cursor)

    def references(self, client_id: ClientId) -> tuple[ExternalReference, ...]:
        """The external references of a client."""
        return self._calls.read(clients.list_references, client_id)

    def set_status(self, client_id: ClientId, status: str, *, reason: str = "") -> StatusChange:
        """Write a client's status. Needs ``clients.status``.

        A status is a flag: it stops no service and no invoice. Writing the status that the client has changes
        nothing and is no event.

        Args:
            client_id: the client.
            status: ``active``, ``inactive``, ``paused`` or ``closed``; nothing becomes ``prospect`` again.
            reason: for the audit trail, up to 1000 characters.

        Raises:
            IllegalTransitionError: the status cannot follow; ``legal`` names what can.
            InvalidInputError: there is no such status.
        """
        return self._calls.write(clients.set_status, client_id, status, reason=reason)

    def import_rows(self, rows: Iterable[Mapping[str, object]]) -> BulkResult[Imported]:
        """Add clients and their contacts from rows such as those of ``csv.DictReader``, a result per row.

        The columns are :data:`clientmgmt.domain.IMPORT_COLUMNS`. A client is recognised by its external reference,
        else by e-mail and name; a contact by its e-mail. What is there stays as it is (``changed`` is false), so
        the same rows again change nothing, also after a crash: some hundred rows at a time are written together.
        A refused row is left out with its reasons and stops no other; a row that fits two clients names both.
        What fits a client out of the actor's reach is refused. Nobody is invited. Needs ``clients.create`` and
        ``users.manage``.

        >>> from clientmgmt import ClientManager, System
        >>> ws = ClientManager("memory:").workspace("northwind", actor=System("docs"))
        >>> row = {"client": "Acme", "client_email": "ap@acme.example", "first_name": "Jane", "last_name": "Doe"}
        >>> [violation.field for violation in ws.clients.import_rows([row]).failed[0].violations]
        ['email']
        """
        return self._calls.run(importing.import_rows(self._calls.desk, rows))

    def preview_import(self, rows: Iterable[Mapping[str, object]]) -> BulkResult[Imported]:
        """What :meth:`import_rows` would answer now; nothing is written, and new ids are not the later ones."""
        return self._calls.run(importing.preview_import(self._calls.desk, rows))

# Written by scripts/asyncify.py from _manager/entrance.py: change that one.
"""The entrance: what a stranger may do."""

from __future__ import annotations

from typing import Literal, overload

from clientmgmt._manager_async.calls import Calls
from clientmgmt._usecases import entering, sessions, signing_in
from clientmgmt.domain.actors import ClientUser
from clientmgmt.domain.ids import ClientId, UserId
from clientmgmt.domain.results import LinkView, Session

__all__ = ["AsyncEntrance"]


class AsyncEntrance:
    """What is open to strangers in one tenant: whoever has no session, or only its token.

    Made by :meth:`ClientManager.entrance`.
    Refusals tell nothing: a dead link is a dead link, a refused sign-in is a refused sign-in.
    """

    __slots__ = ("_calls",)

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def inspect(self, token: str) -> LinkView:
        """What an invitation link is for; changes nothing, so that a mail scanner cannot burn it.

        Raises:
            InvalidLinkError: the link does not work; ``reason`` is for staff.
        """
        return await self._calls.run(entering.inspect(self._calls.desk, token))

    @overload
    async def accept_invite(self, token: str, *, password: str) -> Session: ...
    @overload
    async def accept_invite(self, token: str, *, password: str, sign_in: Literal[True]) -> Session: ...
    @overload
    async def accept_invite(self, token: str, *, password: str, sign_in: Literal[False]) -> None: ...
    async def accept_invite(self, token: str, *, password: str, sign_in: bool = True) -> Session | None:
        """Use an invitation link up.

        Args:
            token: what the link carries.
            password: the one that the user chooses; a user who has one already confirms with it, and it stays.
            sign_in: record the first login at once. Without it the contact stays *invite sent* until it signs in.

        Raises:
            InvalidLinkError: the link does not work, or no longer.
            InvalidInputError: the password is refused; the link stays good.
            SignInRefusedError: the user has a password and this is another one; the link stays good.
        """
        return await self._calls.run(
            entering.accept_invite(self._calls.desk, token, password=password, sign_in=sign_in)
        )

    async def sign_in(self, email: str, password: str, *, client_id: ClientId | None = None) -> Session:
        """Check a password and record the login.

        Args:
            email: in any spelling that means the same mailbox.
            password: taken as it is.
            client_id: the client that is signed in to; without it, any open one.

        Raises:
            SignInRefusedError: for every reason there is, after the same work.
        """
        return await self._calls.alone().run(signing_in.sign_in(self._calls.desk, email, password, client_id=client_id))

    async def sign_in_trusted(self, user_id: UserId, *, client_id: ClientId | None = None) -> Session:
        """Record the login of a user whose identity the host has checked itself.

        Raises:
            SignInRefusedError: the user has no password yet, is deactivated, or has no open client.
        """
        return await self._calls.alone().write(signing_in.sign_in_trusted, user_id, client_id=client_id)

    async def identify(self, session_token: str) -> ClientUser:
        """Who holds the token of a session: the actor to make a workspace for, with every request.

        Args:
            session_token: what :attr:`Session.token` revealed.

        Raises:
            SignInRefusedError: the session is over or was ended, or the user may not come in any more.

        >>> from clientmgmt.testing import Sandbox
        >>> box = Sandbox()
        >>> session = box.sign_in(box.contact(state="active"))
        >>> box.entrance().identify(session.token.reveal()) == session.actor
        True
        """
        return await self._calls.read(sessions.identify, session_token)

    async def sign_out(self, session_token: str) -> None:
        """End one session; its token is worth nothing from then on. What is no token of a session is ignored.

        Args:
            session_token: what :attr:`Session.token` revealed.
        """
        await self._calls.alone().write(sessions.sign_out, session_token)

# Written by scripts/asyncify.py from _manager/entrance.py: change that one.
"""The entrance: what a stranger may do."""

from __future__ import annotations

from typing import Literal, overload

from clientmgmt._manager_async.calls import Calls
from clientmgmt._usecases import addresses, changing, entering, inspecting, resetting, sessions, signing_in
from clientmgmt.domain.actors import ClientUser
from clientmgmt.domain.identity import Identity
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
        """What a link is for; changes nothing, so that a mail scanner cannot burn it.

        Ask it for the page behind every link, and have the page post to :meth:`accept_invite`, :meth:`complete_reset`
        or :meth:`confirm_email`, as its ``purpose`` says.

        Raises:
            InvalidLinkError: the link does not work; ``reason`` is for staff.
        """
        return await self._calls.run(inspecting.inspect(self._calls.desk, token))

    @overload
    async def accept_invite(
        self,
        token: str,
        *,
        password: str | None = None,
        identity: Identity | None = None,
        sign_in: Literal[True] = True,
    ) -> Session: ...
    @overload
    async def accept_invite(
        self, token: str, *, password: str | None = None, identity: Identity | None = None, sign_in: Literal[False]
    ) -> None: ...
    async def accept_invite(
        self, token: str, *, password: str | None = None, identity: Identity | None = None, sign_in: bool = True
    ) -> Session | None:
        """Use an invitation link up.

        Args:
            token: what the link carries.
            password: the one that the user chooses; a user who has one already confirms with it, and it stays.
            identity: instead of a password, who the user is for an identity provider that the host has asked; a user
                who has one already confirms with it.
            sign_in: record the first login at once. Without it the contact stays *invite sent* until it signs in.

        Raises:
            InvalidLinkError: the link does not work, or no longer.
            InvalidInputError: the password is refused, or there is none; the link stays good.
            DuplicateIdentityError: the identity is another user's; the link stays good.
            SignInRefusedError: the user has a password or an identity, and this is another one; the link stays good.
            RateLimitedError: too many passwords were wrong; the link stays good.
        """
        steps = entering.prove(self._calls.desk, token, password=password, identity=identity, sign_in=sign_in)
        invitation_id, first = await self._calls.alone().run(steps)
        return await self._calls.write(entering.accept_invite, invitation_id, first, sign_in=sign_in)

    async def sign_in(self, email: str, password: str, *, client_id: ClientId | None = None) -> Session:
        """Check a password and record the login.

        Args:
            email: in any spelling that means the same mailbox.
            password: taken as it is.
            client_id: the client that is signed in to; without it, any open one.

        Raises:
            SignInRefusedError: for every reason there is, after the same work.
            RateLimitedError: too many passwords were wrong, for this address or from this origin.
        """
        return await self._calls.alone().run(signing_in.sign_in(self._calls.desk, email, password, client_id=client_id))

    async def check_password(self, email: str, password: str) -> UserId:
        """Whose password this is, without a login: for a host that asks for a second factor.

        When that was right too, :meth:`sign_in_trusted` records the login.

        Args:
            email: in any spelling that means the same mailbox.
            password: taken as it is.

        Raises:
            SignInRefusedError: as :meth:`sign_in`.
            RateLimitedError: as :meth:`sign_in`.
        """
        return await self._calls.alone().run(signing_in.check_password(self._calls.desk, email, password))

    async def sign_in_trusted(self, who: UserId | Identity, *, client_id: ClientId | None = None) -> Session:
        """Record the login of a user whom the host has checked itself.

        Args:
            who: the user's id, or the identity with which it has accepted its invitation.
            client_id: the client that is signed in to; without it, any open one.

        Raises:
            SignInRefusedError: the user has not accepted yet, is deactivated, or has no open client.
        """
        return await self._calls.alone().write(signing_in.sign_in_trusted, who, client_id=client_id)

    async def request_reset(self, email: str) -> None:
        """Ask for a link to choose another password. The answer and the work are the same for every address.

        The link is mailed by :meth:`ClientManager.deliver` to a user who has signed in with a password before and may
        come in for an open client; nobody else hears of it. It ends any earlier one.

        Args:
            email: in any spelling that means the same mailbox.

        Raises:
            InvalidInputError: this is no e-mail address.
            RateLimitedError: too many requests, for this address or from this origin.
            ConfigurationError: there is no template for the link, or no sender.
        """
        await self._calls.alone().run(resetting.request_reset(self._calls.desk, email))

    async def complete_reset(self, token: str, *, password: str | None = None) -> None:
        """Use a link up that was asked for by :meth:`request_reset`, or that staff has sent.

        All sessions of the user end, every other link of it is dead, and a mail tells it.

        Args:
            token: what the link carries.
            password: the one that the user chooses. None with ``ResetRules(mode="generate_and_mail")``: then the user
                is mailed one that is good for one sign-in.

        Raises:
            InvalidLinkError: the link does not work, or no longer.
            InvalidInputError: the password is refused; the link stays good.
        """
        await self._calls.run(resetting.complete_reset(self._calls.desk, token, password=password))

    async def confirm_email(self, token: str) -> None:
        """Use a link up that was sent to a new address: the user has that address from now on.

        All its sessions end, every other link of it is dead, and both addresses are told.

        Args:
            token: what the link carries.

        Raises:
            InvalidLinkError: the link does not work, or no longer, or somebody else has the address meanwhile.
        """
        await self._calls.run(addresses.confirm_email(self._calls.desk, token))

    async def change_password(self, session_token: str, *, password: str, current: str | None = None) -> Session:
        """Replace the password of the user who holds this session. All its sessions end; the answer is a new one.

        Args:
            session_token: what :attr:`Session.token` revealed.
            password: the new one.
            current: the one so far; not needed if it was generated and the user has to replace it.

        Raises:
            SignInRefusedError: the session is over, or ``current`` is wrong.
            RateLimitedError: too many passwords were wrong, for this address or from this origin.
            InvalidInputError: the new password is refused.
        """
        steps = changing.change_password(self._calls.desk, session_token, password=password, current=current)
        return await self._calls.alone().run(steps)

    async def identify(self, session_token: str) -> ClientUser:
        """Who holds the token of a session: the actor to make a workspace for, with every request.

        Args:
            session_token: what :attr:`Session.token` revealed.

        Raises:
            SignInRefusedError: the session is over or was ended, or the user may not come in any more.
            PasswordChangeRequiredError: the user has come in with a generated password, and has to
                :meth:`change_password` first.

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

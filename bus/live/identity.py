"""Whose socket it is: asked when it opens, and again while it is open, since logins and tokens end."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from bus.exceptions import Forbidden, Unauthenticated
from bus.live.protocol import Caller, CloseCode, Hangup

STILL_SECONDS = 2.0
"""How old the knowledge of who is calling may be when a frame is handled."""

CLOCK_SLACK = 120.0
"""By so many seconds this host's clock may be behind the database's, which decides."""

Credential = Callable[[], Awaitable[Caller | None]]
"""Answers whose it is, each time anew; None: nobody's (any more)."""


class Identity:
    """Who is calling, and by which credential. Make it with `identified`."""

    def __init__(self, caller: Caller, credential: Credential) -> None:
        self.caller = caller
        self._credential = credential
        self._asked_at = asyncio.get_running_loop().time()

    async def still(self, within: float = STILL_SECONDS) -> None:
        """Who opened the socket must still be who they were, as of the last few seconds. Raises Hangup."""
        now = asyncio.get_running_loop().time()
        if now - self._asked_at <= within:
            return
        credential = self._credential
        caller = await credential()
        if credential is not self._credential:
            return  # renewed meanwhile
        if caller is None or caller.actor != self.caller.actor:
            expired = self.seconds_left() <= CLOCK_SLACK
            raise Hangup(CloseCode.EXPIRED if expired else CloseCode.UNAUTHENTICATED)
        self.caller = caller
        self._asked_at = now

    async def renew(self, credential: Credential) -> None:
        """Go on with another credential. Raises Unauthenticated, or Forbidden for one of somebody else."""
        caller = await credential()
        if caller is None:
            raise Unauthenticated("This token is not known, or not good any more.")
        if caller.actor != self.caller.actor:
            raise Forbidden("A socket stays with who opened it; open another one with this token.")
        self.caller, self._credential = caller, credential
        self._asked_at = asyncio.get_running_loop().time()

    def seconds_left(self) -> float:
        """Until the credential expires by itself, by this host's clock."""
        expires = self.caller.expires_at
        return float("inf") if expires is None else (expires - datetime.now(UTC)).total_seconds()


async def identified(credential: Credential | None) -> Identity:
    """The identity behind a credential. Raises Hangup."""
    caller = await credential() if credential is not None else None
    if caller is None or credential is None:
        raise Hangup(CloseCode.UNAUTHENTICATED, Unauthenticated().detail)
    return Identity(caller, credential)

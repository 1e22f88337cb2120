"""Before the join: what a socket may say, and for how long it may say nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from server.protocol import ClientMessage, Error, Join, ProtocolError, ServerMessage, VersionError, parse_client
from server.session.inbox import ComplaintError, EndingError, Heard, Item, ending_of


async def wait_for_join(
    inbox: asyncio.Queue[Item], tell: Callable[[ServerMessage], Awaitable[None]], seconds: float
) -> Join:
    """The client's join. Raises EndingError for whatever no join can follow."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                item = await inbox.get()
                try:
                    return _join_in(item)
                except ComplaintError as complaint:
                    if complaint.error.code != "state":
                        raise EndingError("failed", complaint.error) from None
                    await tell(complaint.error)
                finally:
                    inbox.task_done()
    except TimeoutError:
        raise EndingError("failed", Error("state", f"no join came within {seconds:g} s")) from None


def _join_in(item: Item) -> Join:
    if not isinstance(item, Heard):
        raise ending_of(item)
    message = parse_heard(item)
    if not isinstance(message, Join):
        raise ComplaintError("state", f"{message.type} came before join")
    return message


def parse_heard(heard: Heard) -> ClientMessage:
    """Raises ComplaintError for what is no message, EndingError for another protocol version."""
    if isinstance(heard.text, bytes):
        raise ComplaintError("malformed", "a message must be text, not binary")
    try:
        return parse_client(heard.text)
    except VersionError as error:
        raise EndingError("failed", Error(error.code, str(error))) from None
    except ProtocolError as error:
        raise ComplaintError(error.code, str(error)) from None

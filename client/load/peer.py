"""One participant of a load test: a real WebRTC peer that speaks and listens, and no more than that."""

from __future__ import annotations

import asyncio
import time
from array import array
from contextlib import suppress
from math import nan

from client.caller import Caller, offer_loopback
from client.errors import CallError, PeerConnectionError, RefusedError, ServerGoneError, UnreachableError
from client.frame import Frame
from client.load.ear import FRAME_SECONDS, Ear, Mouth, Window
from client.load.plan import LoadPlan
from client.load.tokens import token_for
from client.pacer import MAX_BEHIND_FRAMES
from client.signalling import Signalling, connect, is_loopback, socket_url
from server.protocol import VERSION, Answer, Bye, Error, Join, Joined, Leave, Offer, ServerMessage, Stats

ANSWER_SECONDS = 15.0
LEAVE_SECONDS = 2.0
TOKEN_SECONDS = 60.0  # it is made for one join, which follows at once


class Peer:
    """Joins, talks until the end of `window` and leaves. Afterwards its attributes hold what was measured."""

    def __init__(self, plan: LoadPlan, room: str, name: str, mouth: Mouth, ear: Ear, window: Window) -> None:
        self.plan, self.room, self.name = plan, room, name
        self.mouth, self.ear, self.window = mouth, ear, window
        self.setup_seconds: float | None = None
        self.failure: str | None = None  # the cause, one word
        self.failure_text = ""
        self.stats: list[tuple[float, Stats]] = []
        self.skipped = 0  # frames that found too many before them on their way out
        self.late_ms = array("d")  # by how much our own timer was late for each frame
        self.talking = False
        self.frames_heard = 0
        self._stage = "join"
        self._answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Never raises for what goes wrong in the call: `failure` says it."""
        try:
            await self._call()
        except (CallError, TimeoutError) as error:
            self.failure, self.failure_text = self._cause(error), str(error)
        finally:
            self.talking = False

    def _cause(self, error: Exception) -> str:
        match error:
            case RefusedError():
                return error.code
            case UnreachableError():
                return "unreachable"
            case ServerGoneError():
                return "server-gone"
            case PeerConnectionError() if self._stage == "open":
                return "ice"
            case PeerConnectionError() if self._stage == "talk":
                return "connection-broke"
            case TimeoutError():
                return f"timeout-{self._stage}"
        return self._stage

    async def _call(self) -> None:
        began = time.monotonic()
        url = socket_url(self.plan.server)
        if is_loopback(url):
            offer_loopback()
        async with connect(url, self.plan.insecure) as signalling:
            joined = await self._join(signalling)
            caller = Caller(joined.ice_servers, self._heard, self.plan.transport)
            listening = asyncio.create_task(self._listen(signalling))
            talking = asyncio.create_task(self._converse(signalling, caller, began))
            try:
                await asyncio.wait({listening, talking}, return_when=asyncio.FIRST_COMPLETED)
                for task in (listening, talking):
                    if task.done():
                        task.result()
            finally:
                self.talking = False
                for task in (listening, talking):
                    task.cancel()
                await asyncio.gather(listening, talking, return_exceptions=True)
                with suppress(TimeoutError, CallError):
                    await asyncio.wait_for(_leave(signalling, caller), LEAVE_SECONDS)

    async def _join(self, signalling: Signalling) -> Joined:
        plan = self.plan
        token = None if plan.secret is None else token_for(self.room, plan.secret, TOKEN_SECONDS)
        await signalling.send(Join(VERSION, self.room, self.name, plan.bitrate_kbps, plan.denoise, token))
        async with asyncio.timeout(ANSWER_SECONDS):
            message = await signalling.receive()
        if isinstance(message, Error):
            raise RefusedError(message.code, message.text)
        if not isinstance(message, Joined):
            raise ServerGoneError(f"the server answered {message.type!r} to join")
        return message

    async def _listen(self, signalling: Signalling) -> None:
        while True:
            self._handle(await signalling.receive(), time.monotonic())

    def _handle(self, message: ServerMessage, now: float) -> None:
        match message:
            case Answer() if not self._answer.done():
                self._answer.set_result(message.sdp)
            case Stats():
                self.stats.append((now, message))
            case Error():
                raise RefusedError(message.code, message.text)
            case Bye():
                raise ServerGoneError(f"the server ended the call: {message.reason}")

    async def _converse(self, signalling: Signalling, caller: Caller, began: float) -> None:
        self._stage = "offer"
        await signalling.send(Offer(await caller.offer(), caller.transport))
        async with asyncio.timeout(ANSWER_SECONDS):
            sdp = await self._answer
        self._stage = "open"
        await caller.accept(sdp)
        await caller.wait_open()
        self.setup_seconds = time.monotonic() - began
        self._stage = "talk"
        self.talking = True
        await self._talk(caller)

    async def _talk(self, caller: Caller) -> None:
        """A frame every hop against the schedule. What our own timer missed by far is skipped, not made up for."""
        start = due = time.monotonic()
        index, mouth = 0, self.mouth
        while due < self.window.end:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if caller.broken:
                raise PeerConnectionError("the peer connection broke in mid-call")
            now = time.monotonic()
            went_out = caller.send(Frame(index, int(1000 * (now - start)), mouth.voice.frame(index)))
            mouth.sent.append(now if went_out else nan)
            if now in self.window:
                self.late_ms.append(1000 * (now - due))
                self.skipped += not went_out
            index += 1
            due += FRAME_SECONDS
            if now - due > MAX_BEHIND_FRAMES * FRAME_SECONDS:
                due = now

    def _heard(self, frame: Frame) -> None:
        self.frames_heard += 1
        self.ear.push(frame, time.monotonic())


async def _leave(signalling: Signalling, caller: Caller) -> None:
    try:
        await signalling.send(Leave())
    finally:
        await caller.close()

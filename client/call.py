"""One call, from joining a room to leaving it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult

from client.caller import Caller, offer_loopback
from client.clip import Clip, silence
from client.errors import CallError, PeerConnectionError, RefusedError, ServerGoneError
from client.figures import Figures
from client.frame import CODEC, Frame, level_dbfs
from client.hangup import HangUp
from client.hearing import Hearing
from client.pacer import Pacer
from client.recorder import Recorder
from client.retry import Retry
from client.signalling import Signalling, connect, is_loopback, socket_url
from server.protocol import (
    VERSION,
    Answer,
    Bitrate,
    Bye,
    Error,
    Join,
    Joined,
    Leave,
    Offer,
    PeerJoined,
    PeerLeft,
    Ping,
    Pong,
    ServerMessage,
    SetBitrate,
    Stats,
    TransportName,
)

ANSWER_SECONDS = 10.0
PING_SECONDS = 1.0
PONG_SECONDS = 5.0  # a server that answers no ping for so long is gone
READY_SECONDS = 3.0  # how long the clip waits for the other's audio once the other is there
LEAVE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class CallPlan:
    """What the person asked for. `bitrate_kbps` None takes the room's; otherwise the room is set to it."""

    server: str
    room: str
    name: str
    bitrate_kbps: float | None = None
    denoise: bool = False
    limit_seconds: float | None = None
    insecure: bool = False
    transport: TransportName = "channel"
    token: str | None = field(default=None, repr=False)
    reconnect_seconds: float = 0.0  # how long a call that broke is tried again


class Call:
    """Plays the clip to the other participant of a room and records that one.

    `run()` returns when the call is over and raises CallError when it can't be had or breaks; either way
    `recorder`, `figures` and the other attributes then hold what was measured.
    """

    def __init__(self, plan: CallPlan, clip: Clip) -> None:
        self.plan = plan
        self.clip = clip
        self.recorder = Recorder()
        self.figures = Figures()
        self.joined: Joined | None = None
        self.joined_at = self.ended_at = 0.0
        self.bitrate_kbps: float | None = None
        self.names: dict[str, str] = {}  # of all that were met, by session
        self.outcome = "failed"
        self.level_dbfs = float("-inf")  # of the frame that came last
        self._hang_up = HangUp(joined_at=0.0, limit_seconds=plan.limit_seconds)
        self._hearing = Hearing()
        self._hung_up = asyncio.Event()
        self._answer = asyncio.get_running_loop().create_future()
        self._pings: dict[int, float] = {}
        self._met_at: float | None = None
        self._playing = False
        self._retry = Retry(plan.reconnect_seconds)
        self.interruptions = 0  # breaks after which the call was tried again

    @property
    def others(self) -> list[str]:
        """Names of those that are here now."""
        return [self.names[session] for session in self._hang_up.others]

    @property
    def playing(self) -> bool:
        """Whether the clip has begun."""
        return self._playing

    def hang_up(self) -> None:
        """Ends the call as a person would."""
        self._hung_up.set()

    async def run(self) -> None:
        try:
            await _first_of(self._whole_call(), self._wait_for_hang_up())
        finally:
            self.ended_at = time.monotonic()

    async def _wait_for_hang_up(self) -> None:
        await self._hung_up.wait()
        self.outcome = "interrupted"

    async def _whole_call(self) -> None:
        """Makes the call, and after a break makes it again, for as long as the plan says."""
        url = socket_url(self.plan.server)
        if is_loopback(url):
            offer_loopback()
        while True:
            try:
                await self._attempt(url)
                return
            except CallError as error:
                wait_seconds = self._retry.next_seconds(time.monotonic()) if self.joined and error.passing else None
                if wait_seconds is None:
                    raise
            self.interruptions += 1
            await asyncio.sleep(wait_seconds)

    async def _attempt(self, url: SplitResult) -> None:
        """From the join to the end, or to a break. The server keeps the seat of a call that broke for a while."""
        async with connect(url, self.plan.insecure) as signalling:
            joined = await self._join(signalling)
            caller = Caller(joined.ice_servers, self._heard, self.plan.transport)
            try:
                await _first_of(self._listen(signalling), self._ping(signalling), self._converse(signalling, caller))
            except CallError:
                signalling.broken = True
                raise
            finally:
                with suppress(TimeoutError, CallError):
                    await asyncio.wait_for(_leave(signalling, caller), LEAVE_SECONDS)

    async def _join(self, signalling: Signalling) -> Joined:
        plan = self.plan
        token, resume = plan.token, self.joined.resume if self.joined else None
        await signalling.send(Join(VERSION, plan.room, plan.name, plan.bitrate_kbps, plan.denoise, token, resume))
        message = await signalling.receive()
        if isinstance(message, Error):
            raise RefusedError(message.code, message.text)
        if not isinstance(message, Joined):
            raise ServerGoneError(f"the server answered {message.type!r} to join")
        if (message.codec.sample_rate, message.codec.hop) != (CODEC.sample_rate, CODEC.hop):
            raise CallError(
                f"the server's frames are {message.codec.hop} samples at {message.codec.sample_rate} Hz, "
                f"ours {CODEC.hop} at {CODEC.sample_rate} Hz"
            )
        if self.joined is None:
            self.joined_at = self._hang_up.joined_at = time.monotonic()
        elif not message.resumed:
            self.recorder.begin_anew()
        self.joined = message
        self._begin_attempt()
        self.bitrate_kbps = message.room.bitrate_kbps
        for participant in message.room.participants:
            self._meet(participant.session, participant.name)
        return message

    def _begin_attempt(self) -> None:
        self._answer = asyncio.get_running_loop().create_future()
        self._pings.clear()
        self._hang_up.others.clear()

    async def _listen(self, signalling: Signalling) -> None:
        while True:
            self._handle(await signalling.receive())

    def _handle(self, message: ServerMessage) -> None:
        match message:
            case Answer():
                if not self._answer.done():
                    self._answer.set_result(message.sdp)
            case PeerJoined():
                self._meet(message.participant.session, message.participant.name)
            case PeerLeft():
                self._hang_up.others.discard(message.session)
            case Bitrate():
                self.bitrate_kbps = message.bitrate_kbps
            case Stats():
                self.figures.add_stats(message, in_conversation=self._playing and bool(self._hang_up.others))
            case Pong():
                if (sent_at := self._pings.pop(message.id, None)) is not None:
                    self.figures.round_trips_ms.append(1000 * (time.monotonic() - sent_at))
            case Error():
                raise RefusedError(message.code, message.text)
            case Bye():
                raise ServerGoneError(f"the server ended the call: {message.reason}")

    def _meet(self, session: str, name: str) -> None:
        self.names[session] = name
        self._hang_up.others.add(session)
        if self._met_at is None:
            self._met_at = time.monotonic()

    async def _ping(self, signalling: Signalling) -> None:
        number = 0
        while not self._pings or time.monotonic() - min(self._pings.values()) < PONG_SECONDS:
            self._pings[number] = time.monotonic()
            await signalling.send(Ping(number))
            number += 1
            await asyncio.sleep(PING_SECONDS)
        raise ServerGoneError(f"the server is gone: it has not answered for {PONG_SECONDS:g} s")

    async def _converse(self, signalling: Signalling, caller: Caller) -> None:
        await signalling.send(Offer(await caller.offer(), caller.transport))
        try:
            sdp = await asyncio.wait_for(self._answer, ANSWER_SECONDS)
        except TimeoutError:
            raise PeerConnectionError(f"the server did not answer the offer within {ANSWER_SECONDS:g} s") from None
        await caller.accept(sdp)
        await caller.wait_open()
        self._retry = Retry(self.plan.reconnect_seconds)
        if self.plan.bitrate_kbps not in (None, self.bitrate_kbps):
            await signalling.send(SetBitrate(self.plan.bitrate_kbps))
        await self._talk(caller)

    async def _talk(self, caller: Caller) -> None:
        """Sends a frame every hop: zeros, the clip, zeros; until it is time to leave."""
        start = time.monotonic()
        pacer = Pacer(1 / CODEC.frame_rate, start)
        sequence = 0
        while (reason := self._hang_up.reason(time.monotonic())) is None:
            await asyncio.sleep(pacer.wait_seconds(time.monotonic()))
            if caller.broken:
                raise PeerConnectionError("the peer connection broke in mid-call")
            now = time.monotonic()
            self._playing = self._playing or self._other_is_ready(now)
            pcm = self.clip.next_frame() if self._playing else silence()
            if caller.send(Frame(sequence, int(1000 * (now - start)), pcm)):
                self.figures.sent_frames += 1
            else:
                self.figures.skipped_frames += 1
            sequence += 1
            if self._playing and self.clip.ended:
                self._hang_up.clip_ended(now)
        self.outcome = reason

    def _other_is_ready(self, now: float) -> bool:
        """Whether the other can hear us: it is in the room, and its audio has come, or ought to have.

        To be in the room is not enough: its peer connection takes a while, and would miss the clip's first words.
        """
        if not self._hang_up.others or self._met_at is None:
            return False
        return self.recorder.received > 0 or now - self._met_at > READY_SECONDS

    def _heard(self, frame: Frame) -> None:
        self.recorder.push(frame)
        self.level_dbfs = level_dbfs(frame.pcm)
        if self._hearing.is_sound(self.level_dbfs):
            self._hang_up.heard_at = time.monotonic()


async def _leave(signalling: Signalling, caller: Caller) -> None:
    try:
        if not signalling.broken:
            await signalling.send(Leave())
    finally:
        await caller.close()


async def _first_of(*steps: Coroutine[Any, Any, None]) -> None:
    """Runs the steps side by side until one ends, cancels the others, and raises what the first raised."""
    tasks = [asyncio.create_task(step) for step in steps]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()

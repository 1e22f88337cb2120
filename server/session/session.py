"""One task and one inbox for each participant: messages and events are handled in the order in which they came."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from contextlib import AsyncExitStack

from codec.packet import Packet
from server import rooms
from server.media.plane import BitrateError
from server.protocol import (
    VERSION,
    Bitrate,
    Bye,
    Candidate,
    ClientMessage,
    Denoise,
    Error,
    Join,
    Joined,
    Offer,
    Participant,
    PeerJoined,
    PeerLeft,
    Ping,
    Pong,
    Room,
    ServerMessage,
    SetBitrate,
    SetDenoise,
)
from server.rooms import RoomFullError, Seat, SeatError
from server.session.entrance import check_bitrate, pass_entrance
from server.session.inbox import (
    FAULT,
    BitrateChanged,
    ComplaintError,
    DenoiseOrdered,
    EndingError,
    Heard,
    Item,
    OtherJoined,
    OtherLeft,
    Relay,
    Resumed,
    SocketGone,
    ending_of,
    settle,
)
from server.session.link import Link, Socket, Tether
from server.session.lobby import parse_heard, wait_for_join
from server.session.media import SessionMedia
from server.session.node import Node
from server.session.visitor import Visitor

logger = logging.getLogger(__name__)

BACKLOG = 32  # messages that may wait to be handled; beyond it the socket is not read


async def attend(node: Node, socket: Socket, visitor: Visitor) -> None:
    """Serves a socket until it is gone, or is to be closed. Its session may live on, and wait for another one."""
    session = Session(node, visitor)
    link = Link(socket, visitor, session)
    session.tether.take(link)
    node.start(session)
    await link.serve()


class Session:
    """From the first message on a socket to the last."""

    media: SessionMedia  # from the join on
    checks = False  # whether it hears itself, to see whether a call would work

    def __init__(self, node: Node, visitor: Visitor) -> None:
        self.id = secrets.token_hex(6)
        self.tether = Tether()
        self._resume_token = secrets.token_urlsafe(24)
        self._node = node
        self.visitor = visitor
        self._inbox: asyncio.Queue[Item] = asyncio.Queue()
        self._cleanup = AsyncExitStack()
        self._report_at = self._leave_at = 0.0
        self.joined_at = 0.0  # by time.monotonic()
        self.ended = asyncio.Event()

    @property
    def participant(self) -> Participant:
        return Participant(self.id, self._name, self._denoise)

    @property
    def room(self) -> rooms.Room[Session]:
        """The call that it has a seat in; from the join on."""
        return self._seat.room

    def post(self, item: Item) -> None:
        """Puts something into the inbox; from the event loop only."""
        self._inbox.put_nowait(item)

    async def catch_up(self) -> None:
        """Waits until the inbox is empty, if there is much in it."""
        if self._inbox.qsize() >= BACKLOG:
            await self._inbox.join()

    async def run(self) -> None:
        """Serves the client until one of the two ends it."""
        self._node.sessions.add(self)
        try:
            async with self._cleanup:
                ending = await self._attend()
                if self.tether.link is not None:  # else it was but the way back to another session
                    self._log("session ended", reason=ending.reason, code=getattr(ending.farewell, "code", None))
                if ending.farewell is not None:
                    await self._tell(ending.farewell)
        finally:
            self._node.sessions.discard(self)
            self._let_go()
            self.ended.set()

    def _let_go(self) -> None:
        """The sockets that are ours still, that of a client who comes back too late included, are to be closed."""
        while not self._inbox.empty():
            item = self._inbox.get_nowait()
            if isinstance(item, Resumed):
                self.tether.take(item.link)
        if self.tether.link is not None:
            self.tether.link.let_go()

    async def _attend(self) -> EndingError:
        """From the join to the end, whatever that is."""
        try:
            return await self._join()
        except EndingError as early:
            if isinstance(early.farewell, Error):
                self._node.books.refusals[early.farewell.code] += 1
            return early

    async def _join(self) -> EndingError:
        """Waits for the join, takes the seat and keeps it until the session is over. Raises EndingError without one."""
        join = await wait_for_join(self._inbox, self._tell, self._node.limits.join_seconds)
        if join.resume in self._node.resumable:
            return self._hand_over(self._node.resumable[join.resume])
        entry = pass_entrance(self._node, join, self.visitor)
        self._name, self._denoise, self._grant, self.checks = entry.name, entry.denoise, entry.grant, entry.check
        try:
            return await self._sit(self._node.rooms.seat(entry.room, self, entry.bitrate_kbps))
        except SeatError as error:
            code = "room-full" if isinstance(error, RoomFullError) else "node-full"
            raise EndingError("failed", Error(code, str(error))) from None

    def _hand_over(self, session: Session) -> EndingError:
        """The client was here before: its new socket, and what came by it since, goes to its old session."""
        link = self.tether.give_away()
        link.owner = session
        session.post(Resumed(link))
        while not self._inbox.empty():
            session.post(self._inbox.get_nowait())
            self._inbox.task_done()
        return EndingError("resumed")

    async def _sit(self, seat: Seat[Session]) -> EndingError:
        """Keeps the seat until the session is over, gives it back, and then tells the others. Raises SeatError."""
        self._seat = seat
        ending = EndingError("vanished")  # unless more is known: the task may be cancelled
        try:
            async with seat:
                self._node.resumable[self._resume_token] = self
                ending = await self._stay()
        finally:
            if self._node.resumable.pop(self._resume_token, None) is not None:
                self._node.books.endings[ending.reason] += 1
            for other in seat.others:
                other.post(OtherLeft(self, ending.reason))
        return ending

    async def _stay(self) -> EndingError:
        """In the room: handles what comes until something ends the session."""
        try:
            await self._enter()
            while True:
                await self._handle_next()
        except EndingError as ending:
            return ending
        except Exception:
            logger.exception("session failed", extra={"facts": {"session": self.id}})
            return EndingError("failed", FAULT)

    async def _enter(self) -> None:
        node, room, others = self._node, self._seat.room, self._seat.others
        n_q = node.media.n_q(room.bitrate_kbps)
        self.media = SessionMedia(node, self.id, self.visitor.loopback, n_q, self._denoise, self._line, self.post)
        self._cleanup.push_async_callback(self.media.close)
        if self.checks:
            self.media.listen(self.media)
        for other in others:
            self.media.listen(other.media)
            other.post(OtherJoined(self))
        node.books.joins += 1
        now = self.joined_at = time.monotonic()
        self._report_at = now + node.limits.stats_seconds
        self._leave_at = now + (self._grant.max_seconds or float("inf"))
        facts = {"check": True} if self.checks else {"others": len(others)}
        self._log("session joined", call=room.call, bitrate_kbps=room.bitrate_kbps, **facts)
        await self._tell(self._joined())

    def _joined(self, resumed: bool = False) -> Joined:
        """How the room looks from this seat."""
        node, room = self._node, self._seat.room
        participants = tuple(other.participant for other in self._seat.others)
        seen = Room(room.name, room.bitrate_kbps, node.media.config.bitrates_kbps, participants)
        ice_servers = node.ice_servers_for(self.id)
        return Joined(VERSION, self.id, ice_servers, seen, node.media.codec, self._resume_token, resumed)

    async def _handle_next(self) -> None:
        item = await self._next()
        if item is None:
            await self._look_at_the_clock()
            return
        try:
            await self._handle(item)
        except ComplaintError as complaint:
            self._log("complaint", code=complaint.error.code, text=complaint.error.text)
            await self._tell(complaint.error)
        finally:
            self._inbox.task_done()

    async def _next(self) -> Item | None:
        """What came, or None when something is due by the clock."""
        now = time.monotonic()
        patience = min(
            self._report_at - now, self._leave_at - now, self.media.silent_in(now), self._missed_in(now)
        )
        if patience <= 0:
            return None
        try:
            async with asyncio.timeout(patience):
                return await self._inbox.get()
        except TimeoutError:
            return None

    def _missed_in(self, now: float) -> float:
        """Seconds until the patience with a client without a socket ends: short where no sound comes either."""
        limits = self._node.limits
        return self.tether.missed_in(limits.resume_seconds if self.media.flows else limits.media_seconds, now)

    async def _look_at_the_clock(self) -> None:
        now = time.monotonic()
        self.media.check(now)
        if self._missed_in(now) <= 0:
            raise EndingError("vanished")
        if now >= self._leave_at:
            raise EndingError("left", Bye("time-limit"))
        if now >= self._report_at:
            self._report_at = now + self._node.limits.stats_seconds
            await self._tell(self.media.stats(now))

    async def _handle(self, item: Item) -> None:
        match item:
            case Heard():
                await self._obey(parse_heard(item))
            case OtherJoined(other):
                self.media.listen(other.media)
                await self._tell(PeerJoined(other.participant))
            case OtherLeft(other, reason):
                self.media.listen(None)
                await self._tell(PeerLeft(other.id, reason))
            case BitrateChanged(bitrate_kbps, by, answer):
                frame = await self.media.uplink.set_n_q(self._node.media.n_q(bitrate_kbps))
                settle(answer, frame)
                await self._tell(Bitrate(bitrate_kbps, by, frame))
            case DenoiseOrdered(denoise, answer):
                settle(answer, await self._change_denoise(denoise))
            case Relay(message):
                await self._tell(message)
            case SocketGone(link) if link is not self.tether.link:
                pass  # the client has another one already
            case SocketGone(link) if self.tether.lose(link):
                self._log("socket lost")
            case Resumed(link):
                self.tether.take(link)
                self.media.loopback = link.visitor.loopback
                self._log("session resumed")
                self._node.books.resumes += 1
                await self._tell(self._joined(resumed=True))
            case _:
                raise ending_of(item)

    async def _obey(self, message: ClientMessage) -> None:
        match message:
            case Join():
                raise ComplaintError("state", "join came a second time")
            case Offer():
                await self._tell(await self.media.answer(message))
            case Candidate():
                await self.media.add_candidate(message)
            case SetBitrate(bitrate_kbps):
                self._change_bitrate(bitrate_kbps)
            case SetDenoise(denoise):
                await self._change_denoise(denoise)
            case Ping(number):
                await self._tell(Pong(number))
            case _:
                raise EndingError("left", Bye("left"))

    def _change_bitrate(self, bitrate_kbps: float) -> None:
        """For the whole room; every member does its own part in turn with what else waits for it."""
        try:
            check_bitrate(self._node, bitrate_kbps, self._grant)
        except BitrateError as error:
            raise ComplaintError("bitrate", str(error)) from None
        self._seat.room.bitrate_kbps = bitrate_kbps
        for member in self._seat.room.members:
            member.post(BitrateChanged(bitrate_kbps, self.id))

    async def _change_denoise(self, denoise: bool) -> int | None:
        frame = await self.media.uplink.set_denoise(denoise)
        self._denoise = denoise
        change = Denoise(self.id, denoise, frame)
        await self._tell(change)
        for other in self._seat.others:
            other.post(Relay(change))
        return frame

    def _line(self, packet: Packet) -> None:
        """From this voice to the other's ear. A voice that has left its seat is heard by nobody."""
        if self in self._seat.room.members:
            for other in (self,) if self.checks else self._seat.others:
                other.media.hear(packet)

    async def _tell(self, message: ServerMessage) -> None:
        await self.tether.tell(message)

    def _log(self, event: str, **facts: object) -> None:
        logger.info(event, extra={"facts": {"session": self.id, **facts}})

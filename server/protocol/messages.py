"""The signalling messages of docs/signalling.md: one dataclass each. The document says what the fields mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from server.protocol.fields import Bounded, Label

SDP_LIMIT = 32 * 1024  # characters; browsers' offers have 2 to 10 thousand
CANDIDATE_LIMIT = 1024
TOKEN_LIMIT = 4096

TransportName = Literal["channel", "rtp", "opus"]  # how the sound travels: docs/transports.md


@dataclass(frozen=True, slots=True)
class IceServer:
    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Participant:
    session: str
    name: str
    denoise: bool


@dataclass(frozen=True, slots=True)
class Room:
    """A call as its newest member sees it: `participants` are the others."""

    name: str
    bitrate_kbps: float
    bitrates_kbps: tuple[float, ...]
    participants: tuple[Participant, ...]


@dataclass(frozen=True, slots=True)
class Codec:
    model_id: str
    preset: str
    engine: str
    sample_rate: int
    hop: int


@dataclass(frozen=True, slots=True)
class Join:
    type: ClassVar[str] = "join"
    version: int
    room: Annotated[str, Label]
    name: Annotated[str, Label]
    bitrate_kbps: float | None = None
    denoise: bool = False
    token: Annotated[str, Bounded(TOKEN_LIMIT)] | None = field(default=None, repr=False)
    resume: str | None = field(default=None, repr=False)
    check: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    type: ClassVar[str] = "offer"
    sdp: Annotated[str, Bounded(SDP_LIMIT)]
    transport: TransportName | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    type: ClassVar[str] = "candidate"
    candidate: Annotated[str, Bounded(CANDIDATE_LIMIT)]
    sdp_mid: str | None = None
    sdp_mline_index: int | None = None


@dataclass(frozen=True, slots=True)
class SetBitrate:
    type: ClassVar[str] = "set-bitrate"
    bitrate_kbps: float


@dataclass(frozen=True, slots=True)
class SetDenoise:
    type: ClassVar[str] = "set-denoise"
    denoise: bool


@dataclass(frozen=True, slots=True)
class Ping:
    type: ClassVar[str] = "ping"
    id: int


@dataclass(frozen=True, slots=True)
class Leave:
    """The client's `bye`."""

    type: ClassVar[str] = "bye"


@dataclass(frozen=True, slots=True)
class Joined:
    type: ClassVar[str] = "joined"
    version: int
    session: str
    ice_servers: tuple[IceServer, ...]
    room: Room
    codec: Codec
    resume: str = field(default="", repr=False)
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    type: ClassVar[str] = "answer"
    sdp: str
    transport: TransportName = "channel"


@dataclass(frozen=True, slots=True)
class PeerJoined:
    type: ClassVar[str] = "peer-joined"
    participant: Participant


@dataclass(frozen=True, slots=True)
class PeerLeft:
    type: ClassVar[str] = "peer-left"
    session: str
    reason: str


@dataclass(frozen=True, slots=True)
class Bitrate:
    type: ClassVar[str] = "bitrate"
    bitrate_kbps: float
    session: str
    frame: int | None


@dataclass(frozen=True, slots=True)
class Denoise:
    type: ClassVar[str] = "denoise"
    session: str
    denoise: bool
    frame: int | None


@dataclass(frozen=True, slots=True)
class Stats:
    type: ClassVar[str] = "stats"
    uplink_frames: int
    uplink_lost: int
    uplink_dropped: int
    payload_kbps: float
    wire_kbps: float
    encode_rtf: float
    decode_rtf: float
    downlink_played: int
    downlink_concealed: int
    downlink_noise: int
    playout_delay_ms: float
    downlink_dropped: int = 0
    redundancy: int = 0


@dataclass(frozen=True, slots=True)
class Pong:
    type: ClassVar[str] = "pong"
    id: int


@dataclass(frozen=True, slots=True)
class Draining:
    """The server takes no new calls and ends this one in so many seconds; None: not any more."""

    type: ClassVar[str] = "draining"
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Bye:
    """The server's `bye`."""

    type: ClassVar[str] = "bye"
    reason: str


@dataclass(frozen=True, slots=True)
class Error:
    type: ClassVar[str] = "error"
    code: str
    text: str


ClientMessage = Join | Offer | Candidate | SetBitrate | SetDenoise | Ping | Leave
ServerMessage = (
    Joined | Answer | Candidate | PeerJoined | PeerLeft | Bitrate | Denoise | Stats | Pong | Draining | Bye | Error
)

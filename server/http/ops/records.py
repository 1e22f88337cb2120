"""What the ops API takes and gives, one dataclass for each JSON object. The texts go into the OpenAPI document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

CallId = Annotated[str, "names the call, in logs too; it is not the room's name"]
SessionId = Annotated[str, "names the session, in logs too"]
Frame = Annotated[
    int | None, "index of the frame of this voice from which on it holds; null while the voice has said nothing yet"
]
Bitrate = Annotated[float, "kbit/s, a multiple of 0.75"]


@dataclass(frozen=True, slots=True)
class Figures:
    """The last second of a session; counters run since its start."""

    uplink_frames: Annotated[int, "frames that came from the browser"]
    uplink_lost: Annotated[int, "frames that are missing in their sequence"]
    uplink_dropped: Annotated[int, "frames that came, but too late to be encoded in time"]
    payload_kbps: Annotated[float, "kbit/s, code bits of this voice"]
    wire_kbps: Annotated[float, "kbit/s, whole packets of this voice"]
    encode_rtf: Annotated[float, "compute seconds for a second of this voice; smaller is better"]
    decode_rtf: Annotated[float, "compute seconds for a second of what this ear hears; smaller is better"]
    downlink_played: Annotated[int, "frames decoded from packets"]
    downlink_concealed: Annotated[int, "frames made up in place of packets that were missing"]
    downlink_noise: Annotated[int, "frames of comfort noise"]
    playout_delay_ms: Annotated[float, "ms that a packet waits in the jitter buffer, mean"]
    downlink_dropped: Annotated[int, "frames that no codec thread had time for"]
    redundancy: Annotated[int, "older groups of which each packet of this voice carries a copy, by the line's loss"]


@dataclass(frozen=True, slots=True)
class SessionState:
    """The server-side life of one participant."""

    session: SessionId
    call: CallId
    name: Annotated[str, "as the others see it"]
    seconds: Annotated[float, "since the join"]
    denoise: Annotated[bool, "whether noise is taken out of this voice"]
    transport: Annotated[str | None, "how the sound travels: channel, rtp or opus; null before the offer"]
    flowing: Annotated[bool, "whether the way of the sound is open"]
    figures: Annotated[Figures | None, "null in the first second"]


@dataclass(frozen=True, slots=True)
class CallState:
    """One call, with the sessions in it."""

    call: CallId
    room: Annotated[str, "the name by which people enter: whoever knows it may be let in"]
    bitrate_kbps: Bitrate
    sessions: tuple[SessionState, ...]


@dataclass(frozen=True, slots=True)
class CallList:
    """All calls of this node, the oldest first."""

    calls: tuple[CallState, ...]


@dataclass(frozen=True, slots=True)
class SessionList:
    """All sessions that have a seat, the oldest first."""

    sessions: tuple[SessionState, ...]


@dataclass(frozen=True, slots=True)
class Capacity:
    """How full the node is, and whether it keeps up."""

    seats: Annotated[int, "participants that it bears"]
    seats_taken: int
    calls: int
    late_frames: Annotated[int, "frames that were dropped since the start, for no codec thread had time for them"]
    ready: Annotated[bool, "whether it should get calls"]
    reasons: Annotated[tuple[str, ...], "why it should not"]
    draining: Annotated[bool, "whether it takes nothing new"]
    model_id: Annotated[str, "names the weights"]
    engine: Annotated[str, "what runs the codec"]
    bitrates_kbps: Annotated[tuple[float, ...], "the bitrates that there are, kbit/s"]


@dataclass(frozen=True, slots=True)
class SetDenoise:
    """An order."""

    denoise: bool


@dataclass(frozen=True, slots=True)
class DenoiseSet:
    """An order that was carried out."""

    session: SessionId
    denoise: bool
    frame: Frame


@dataclass(frozen=True, slots=True)
class SetBitrate:
    """An order."""

    bitrate_kbps: Bitrate


@dataclass(frozen=True, slots=True)
class SessionFrame:
    """Since when something holds for one session."""

    session: SessionId
    frame: Frame


@dataclass(frozen=True, slots=True)
class BitrateSet:
    """An order that was carried out."""

    call: CallId
    bitrate_kbps: Bitrate
    sessions: tuple[SessionFrame, ...]


@dataclass(frozen=True, slots=True)
class BeginDrain:
    """An order."""

    seconds: Annotated[float, "what still runs after so long is ended"]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why it could not be done."""

    code: Annotated[str, "for programs"]
    text: Annotated[str, "a sentence for a person"]

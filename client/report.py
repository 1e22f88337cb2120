"""What a call was like: figures gathered while it runs, then one report, as text or as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from statistics import fmean, median

from client.frame import CODEC
from server.protocol import Stats


@dataclass(frozen=True, slots=True)
class Report:
    """One call, seen from one side. None where nothing was measured.

    Up is this caller's voice on its way to the server, down is what it heard. RTF is compute seconds of one second of
    audio on one thread of the server, smaller is better: the encoder of this voice, the decoder for this ear. Bitrates
    are of this voice while it was in conversation. Loss is in percent of the frames that should have come; skipped
    frames are lost ones that were never sent, because too much waited already. Delay is the jitter buffer's wait plus
    the signalling socket's round trip.
    """

    room: str
    name: str
    session: str | None
    others: list[str]
    outcome: str
    error: str | None
    bitrate_kbps: float | None
    denoise: bool
    call_seconds: float
    sent_seconds: float
    clip_played_seconds: float
    received_seconds: float
    sent_frames: int
    skipped_frames: int
    received_frames: int
    encode_rtf: float | None
    decode_rtf: float | None
    payload_kbps: float | None
    wire_kbps: float | None
    uplink_lost_frames: int
    uplink_dropped_frames: int
    uplink_loss_percent: float
    downlink_lost_frames: int
    downlink_loss_percent: float
    downlink_played_frames: int
    downlink_concealed_frames: int
    downlink_noise_frames: int
    playout_delay_ms: float | None
    round_trip_ms: float | None
    delay_ms: float | None
    recording: str | None

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, indent=2)

    def to_text(self) -> str:
        """A few lines for a person."""
        who = ", ".join(self.others) or "nobody"
        lines = [
            ("call", f"{self.call_seconds:.1f} s in room {self.room} with {who}, ended: {self.outcome}"),
            ("audio", f"sent {self.sent_seconds:.1f} s, received {self.received_seconds:.1f} s"),
            ("bits", f"payload {_figure(self.payload_kbps, '.2f')}, wire {_figure(self.wire_kbps, '.2f')} kbit/s, "
                     f"room at {_figure(self.bitrate_kbps, 'g')} kbit/s"),
            ("RTF", f"encode {_figure(self.encode_rtf, '.3f')}, decode {_figure(self.decode_rtf, '.3f')} "
                    "(compute s / audio s, smaller is better)"),
            ("loss", f"up {self.uplink_loss_percent:.2f} %, down {self.downlink_loss_percent:.2f} %, "
                     f"concealed {self.downlink_concealed_frames} frames"),
            ("delay", f"{_figure(self.delay_ms, '.0f')} ms = playout {_figure(self.playout_delay_ms, '.0f')} "
                      f"+ round trip {_figure(self.round_trip_ms, '.1f')}"),
        ]  # fmt: skip
        if self.recording is not None:
            lines.append(("recording", self.recording))
        return "\n".join(f"{label:>9}  {text}" for label, text in lines)


@dataclass
class Figures:
    """What is measured during a call."""

    sent_frames: int = 0
    skipped_frames: int = 0  # not sent because too much waited already
    round_trips_ms: list[float] = field(default_factory=list)
    latest: Stats | None = None
    _conversation: list[Stats] = field(default_factory=list)

    def add_stats(self, stats: Stats, in_conversation: bool) -> None:
        """The server's figures of one second; those of seconds alone stay out of the means."""
        self.latest = stats
        if in_conversation:
            self._conversation.append(stats)

    def mean(self, name: str) -> float | None:
        """The mean of one field of Stats over the conversation."""
        return fmean(getattr(stats, name) for stats in self._conversation) if self._conversation else None

    def total(self, name: str) -> int:
        """A counter of Stats as it stood last."""
        return int(getattr(self.latest, name)) if self.latest else 0

    @property
    def round_trip_ms(self) -> float | None:
        return median(self.round_trips_ms) if self.round_trips_ms else None

    @property
    def uplink_loss_percent(self) -> float:
        """Frames of this voice that were never encoded: not sent, lost on the way, or too late."""
        lost = self.total("uplink_lost")
        return percent(lost + self.total("uplink_dropped"), self.total("uplink_frames") + lost)


def percent(part: float, whole: float) -> float:
    return 100 * part / whole if whole else 0.0


def seconds(frames: int) -> float:
    return frames / CODEC.frame_rate


def _figure(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)

"""What a call was like: one report, as text or as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from client.call import Call
from client.figures import percent
from client.frame import CODEC


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
    interruptions: int
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
        """One object; numbers to four decimals."""
        figures = {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(self).items()}
        return json.dumps(figures, ensure_ascii=False, indent=2)

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


def report_of(call: Call, error: str | None, recording: Path | None) -> Report:
    """The report of a call that is over; `error` is why it broke."""
    figures, recorder = call.figures, call.recorder
    playout_ms, round_trip_ms = figures.mean("playout_delay_ms"), figures.round_trip_ms
    return Report(
        room=call.plan.room,
        name=call.plan.name,
        session=call.joined.session if call.joined else None,
        others=list(call.names.values()),
        outcome=call.outcome,
        error=error,
        bitrate_kbps=call.bitrate_kbps,
        denoise=call.plan.denoise,
        call_seconds=call.ended_at - call.joined_at if call.joined else 0.0,
        interruptions=call.interruptions,
        sent_seconds=_seconds(figures.sent_frames),
        clip_played_seconds=_seconds(call.clip.played),
        received_seconds=_seconds(recorder.received),
        sent_frames=figures.sent_frames,
        skipped_frames=figures.skipped_frames,
        received_frames=recorder.received,
        encode_rtf=figures.mean("encode_rtf"),
        decode_rtf=figures.mean("decode_rtf"),
        payload_kbps=figures.mean("payload_kbps"),
        wire_kbps=figures.mean("wire_kbps"),
        uplink_lost_frames=figures.total("uplink_lost"),
        uplink_dropped_frames=figures.total("uplink_dropped"),
        uplink_loss_percent=figures.uplink_loss_percent,
        downlink_lost_frames=recorder.lost,
        downlink_loss_percent=percent(recorder.lost, recorder.span),
        downlink_played_frames=figures.total("downlink_played"),
        downlink_concealed_frames=figures.total("downlink_concealed"),
        downlink_noise_frames=figures.total("downlink_noise"),
        playout_delay_ms=playout_ms,
        round_trip_ms=round_trip_ms,
        delay_ms=None if playout_ms is None or round_trip_ms is None else playout_ms + round_trip_ms,
        recording=str(recording) if recording else None,
    )


def _seconds(frames: int) -> float:
    return frames / CODEC.frame_rate


def _figure(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)

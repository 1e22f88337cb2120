"""The live figures of one session, once a second."""

from __future__ import annotations

from dataclasses import astuple, dataclass

from codec.config import CodecConfig
from server.media.downlink import Downlink
from server.media.totals import Totals
from server.media.uplink import Uplink
from server.protocol import Stats


@dataclass(frozen=True, slots=True)
class _Heard:
    """What one ear, or several one after the other, were played."""

    played: int = 0
    concealed: int = 0
    noise: int = 0
    decode_seconds: float = 0.0
    waited: int = 0  # packets
    waited_ms: float = 0.0
    dropped: int = 0
    unsent: int = 0
    lost: int = 0
    recovered: int = 0

    @property
    def frames(self) -> int:
        return self.played + self.concealed + self.noise

    def __add__(self, other: _Heard) -> _Heard:
        return _Heard(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, slots=True)
class _Said:
    """What one voice has put on the line."""

    frames: int
    encode_seconds: float
    payload_bits: int
    wire_bytes: int


class Meter:
    """Reads counters that only grow; what lies between two readings gives the figures of the last second."""

    def __init__(self, config: CodecConfig, uplink: Uplink, now: float) -> None:
        self._frame_seconds = config.frame_ms / 1000
        self._uplink = uplink
        self._downlink: Downlink | None = None
        self._before = _Heard()  # by the downlinks before the present one
        self._last = now, _said(uplink), _Heard()

    def follow(self, downlink: Downlink | None) -> None:
        """Another voice, or none, is heard from now on; the counters go on."""
        self._before = self._heard()
        self._downlink = downlink

    def read(self, now: float) -> Stats:
        """The figures at `now`, seconds of any clock that only runs forward."""
        then, said_then, heard_then = self._last
        said, heard = _said(self._uplink), self._heard()
        self._last = now, said, heard
        return Stats(
            uplink_frames=self._uplink.frames,
            uplink_lost=self._uplink.lost,
            uplink_dropped=self._uplink.dropped,
            payload_kbps=_ratio((said.payload_bits - said_then.payload_bits) / 1000, now - then),
            wire_kbps=_ratio(8 * (said.wire_bytes - said_then.wire_bytes) / 1000, now - then),
            encode_rtf=self._rtf(said.encode_seconds - said_then.encode_seconds, said.frames - said_then.frames),
            decode_rtf=self._rtf(heard.decode_seconds - heard_then.decode_seconds, heard.frames - heard_then.frames),
            downlink_played=heard.played,
            downlink_concealed=heard.concealed,
            downlink_noise=heard.noise,
            playout_delay_ms=_ratio(heard.waited_ms - heard_then.waited_ms, heard.waited - heard_then.waited),
            downlink_dropped=heard.dropped,
            redundancy=len(self._uplink.encoder.redundancy.packets_back),
        )

    def totals(self) -> Totals:
        """Everything since the start."""
        uplink, heard = self._uplink, self._heard()
        return Totals(
            received=uplink.frames,
            uplink_lost=uplink.lost,
            uplink_dropped=uplink.dropped,
            malformed=uplink.malformed,
            payload_bits=uplink.payload_bits,
            wire_bytes=uplink.wire_bytes,
            played=heard.played,
            concealed=heard.concealed,
            noise=heard.noise,
            downlink_dropped=heard.dropped,
            unsent=heard.unsent,
            line_lost=heard.lost,
            recovered=heard.recovered,
            waited=heard.waited,
            waited_ms=heard.waited_ms,
        )

    def _heard(self) -> _Heard:
        if self._downlink is None:
            return self._before
        decoder, jitter = self._downlink.decoder, self._downlink.jitter
        return self._before + _Heard(
            decoder.played,
            decoder.concealed,
            decoder.noise,
            decoder.compute_seconds,
            jitter.played,
            jitter.waited_ms,
            self._downlink.late,
            self._downlink.unsent,
            jitter.lost,
            jitter.recovered,
        )

    def _rtf(self, compute_seconds: float, frames: int) -> float:
        return _ratio(compute_seconds, frames * self._frame_seconds)


def _said(uplink: Uplink) -> _Said:
    encoder = uplink.encoder
    return _Said(encoder.frames, encoder.compute_seconds, uplink.payload_bits, uplink.wire_bytes)


def _ratio(amount: float, whole: float) -> float:
    return amount / whole if whole > 0 else 0.0

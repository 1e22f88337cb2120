"""Opus for comparison: libopus through PyAV, as a call would use it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from av import AudioFrame, CodecContext
from av.audio.codeccontext import AudioCodecContext
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.packet import Packet

from codec.audiofile import SAMPLE_RATE
from codec.engine.base import Pcm
from codec.evaluation.systems import Carried

BITRATES_KBPS = (6.0, 9.0, 12.0, 16.0, 24.0)
LOWEST_KBPS, HIGHEST_KBPS = 6.0, 510.0  # what RFC 6716, section 2.1.1, gives Opus

_FRAME = SAMPLE_RATE // 50
_DECODED_RATE = 48_000  # FFmpeg's decoder knows no other
_FLUSH_FRAMES = 2  # behind the clip, so that the codec's delay cuts nothing off; not counted


@dataclass
class Opus:
    """Frames of 20 ms, VBR, complexity 10, tuned for voice; the codec chooses the bandwidth."""

    name: str = "opus"
    bitrates_kbps: tuple[float, ...] = BITRATES_KBPS

    def carry(self, pcm: Pcm, denoise: bool = False) -> dict[float, Carried]:
        return {bitrate: carry(pcm, bitrate) for bitrate in self.bitrates_kbps}


def carry(pcm: Pcm, bitrate_kbps: float) -> Carried:
    """The delay of the codec stays in the sound; a pair lines itself up."""
    frames = -(-len(pcm) // _FRAME)
    encoder = create_encoder(bitrate_kbps)
    packets = encode(encoder, np.pad(pcm, (0, (frames + _FLUSH_FRAMES) * _FRAME - len(pcm))))
    size = sum(packet.size for packet in packets[:frames])
    return Carried(decode(packets, encoder.extradata), size, size)


def create_encoder(bitrate_kbps: float) -> AudioCodecContext:
    encoder = CodecContext.create("libopus", "w")
    assert isinstance(encoder, AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = SAMPLE_RATE, "mono", "flt"
    encoder.bit_rate = round(1000 * bitrate_kbps)
    encoder.options = {"application": "voip", "vbr": "on", "frame_duration": "20", "compression_level": "10"}
    encoder.open()
    return encoder


def encode(encoder: AudioCodecContext, pcm: Pcm) -> list[Packet[AudioStream]]:
    """pcm [samples], whole frames -> one packet a frame."""
    packets = []
    for start in range(0, len(pcm), _FRAME):
        frame = AudioFrame.from_ndarray(pcm[None, start : start + _FRAME], format="flt", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
        packets += encoder.encode(frame)
    return packets


def create_decoder(header: bytes | None) -> AudioCodecContext:
    """For what an encoder with this `extradata` makes."""
    decoder = CodecContext.create("libopus", "r")
    assert isinstance(decoder, AudioCodecContext)
    decoder.sample_rate, decoder.layout, decoder.extradata = _DECODED_RATE, "mono", header
    return decoder


def decode(packets: list[Packet[AudioStream]], header: bytes | None) -> Pcm:
    decoder = create_decoder(header)
    resampler = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    frames = [frame for packet in packets for frame in decoder.decode(packet)]
    resampled = [out for frame in [*frames, None] for out in resampler.resample(frame)]
    return np.concatenate([out.to_ndarray()[0] for out in resampled])

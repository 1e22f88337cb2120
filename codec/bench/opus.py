"""Opus on the same thread, for comparison: libopus through PyAV."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from av import AudioFrame

from codec.bench.sound import voice
from codec.bench.timing import Spread, time_calls
from codec.config import PRESETS
from codec.evaluation.opus import create_decoder, create_encoder

SAMPLE_RATE = 24_000
BITRATE_KBPS = 12
FRAME = SAMPLE_RATE // 50


def measure_opus(seconds: float) -> dict[str, object]:
    """Encoding and decoding of frames of 20 ms, mono, complexity 10; decoded at 48 kHz, the one rate of FFmpeg's."""
    encoder = create_encoder(BITRATE_KBPS)
    decoder = create_decoder(encoder.extradata)
    frames = max(1, round(seconds * SAMPLE_RATE / FRAME))
    sound = voice(PRESETS["base"], 3 * frames).reshape(-1)[: frames * FRAME].reshape(frames, 1, FRAME)
    clock = iter(range(10**9))

    def step(index: int) -> None:
        frame = AudioFrame.from_ndarray(sound[index], format="flt", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, FRAME * next(clock), Fraction(1, SAMPLE_RATE)
        for packet in encoder.encode(frame):
            decoder.decode(packet)

    wall_ms, cpu_ms = time_calls(step, len(sound))
    spread = Spread.of(wall_ms)
    return {
        "name": f"Opus {BITRATE_KBPS} kbit/s",
        "frame_ms": 20.0,
        "step_ms": {"median": spread.median, "p99": spread.p99},
        "cpu_ms": float(np.median(cpu_ms)),
        "rtf": spread.median / 20.0,
    }

"""Something to code that is like a voice: what it costs some codecs depends on that."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codec.config import CodecConfig

HARMONICS = 24
PITCH_HZ, VIBRATO_HZ, SYLLABLES_HZ = 120.0, 5.0, 4.0


def voice(config: CodecConfig, frames: int) -> NDArray[np.float32]:
    """[frames, hop]: harmonics of a pitch that wavers, in syllables, with a little noise; always the same."""
    times = np.arange(frames * config.hop) / config.sample_rate
    phase = 2 * np.pi * PITCH_HZ * times + 0.8 * np.sin(2 * np.pi * VIBRATO_HZ * times)
    tone = sum(np.sin(number * phase) / number for number in range(1, HARMONICS + 1))
    loudness = 0.1 * np.maximum(0.05, np.sin(2 * np.pi * SYLLABLES_HZ * times))
    noise = np.random.default_rng(0).standard_normal(times.size) * 0.003
    return (tone * loudness + noise).astype(np.float32).reshape(frames, config.hop)

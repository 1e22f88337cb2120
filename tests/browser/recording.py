"""What a page's microphone and loudspeaker carried, on the wall clock, and how one side's words reached the other."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.async_api import BrowserContext, Page
from pystoi import stoi
from scipy.signal import correlate, stft

Sound = NDArray[np.float32]

HERE = Path(__file__).parent
SAMPLE_RATE = 24_000
BLOCK_SAMPLES = 1_280
SPECTRUM_HOP = 48  # 2 ms: how finely delay is measured
LEVEL_SAMPLES = 480
LATEST_SECONDS = 1.5  # how late the other side may hear something


@dataclass(frozen=True)
class Recording:
    """`sent` and `heard` [n] began together at `started_ms` of the wall clock."""

    started_ms: float
    sent: Sound
    heard: Sound

    @property
    def ended_ms(self) -> float:
        return self.started_ms + 1000 * len(self.sent) / SAMPLE_RATE

    def cut(self, sound: Sound, from_ms: float, seconds: float) -> Sound:
        start = max(0, round((from_ms - self.started_ms) * SAMPLE_RATE / 1000))
        return sound[start : start + round(seconds * SAMPLE_RATE)]


@dataclass(frozen=True)
class Heard:
    """How a stretch of speech arrived."""

    delay_ms: float
    stoi: float
    envelope: float


async def hook_tap(context: BrowserContext) -> None:
    """Lets pages of this context be tapped: the hooks see their audio nodes."""
    await context.add_init_script(path=HERE / "tap_hooks.js")


async def start_tap(page: Page) -> None:
    """Starts to record. Needs a context with `bypass_csp`: no route can feed a worklet, so it comes as a blob."""
    await page.evaluate("(source) => window.tap.start(source)", (HERE / "tap_worklet.js").read_text())


async def take_recording(page: Page) -> Recording:
    taken: dict[str, Any] = await page.evaluate("window.tap.take()")
    stamps = np.array(taken["stamps"], dtype=np.float64)
    block_ms = 1000 * BLOCK_SAMPLES / SAMPLE_RATE
    started_ms = float(np.median(stamps - block_ms * np.arange(len(stamps))))  # a block's own stamp may be late
    return Recording(started_ms, _decode(taken["sent"]), _decode(taken["heard"]))


def _decode(text: str) -> Sound:
    return np.frombuffer(base64.b64decode(text), dtype="<f4")


def stretches(speaker: Recording, listener: Recording, seconds: float = 4.0) -> list[Heard]:
    """How each stretch that the speaker said was heard. Pass one recording twice to look for a page's own voice."""
    begin = max(speaker.started_ms, listener.started_ms)
    end = min(speaker.ended_ms, listener.ended_ms) - 1000 * (seconds + LATEST_SECONDS)
    return [
        _stretch(speaker, listener, from_ms, seconds)
        for from_ms in np.arange(begin, end, 500 * seconds)
        if _speaks(speaker.cut(speaker.sent, from_ms, seconds))
    ]


def _stretch(speaker: Recording, listener: Recording, from_ms: float, seconds: float) -> Heard:
    said = speaker.cut(speaker.sent, from_ms, seconds)
    window = listener.cut(listener.heard, from_ms, seconds + LATEST_SECONDS)
    lag = _lag(window, said)
    heard = window[lag : lag + len(said)]
    return Heard(
        delay_ms=1000 * lag / SAMPLE_RATE,
        stoi=float(stoi(said, heard, SAMPLE_RATE)),
        envelope=float(np.corrcoef(_levels(heard), _levels(said))[0, 1]),
    )


def _lag(window: Sound, said: Sound) -> int:
    """Where in the window what was said begins, in samples; by spectra, for a codec does not keep phases."""
    late, early = _spectrum(window), _spectrum(said)
    likeness = sum(correlate(a, b, mode="valid", method="fft") for a, b in zip(late, early, strict=True))
    return min(int(np.argmax(likeness)) * SPECTRUM_HOP, len(window) - len(said))


def _spectrum(sound: Sound) -> Sound:
    """[bands, pieces] of compressed magnitudes, without each band's mean."""
    _, _, spectrum = stft(sound, nperseg=512, noverlap=512 - SPECTRUM_HOP)
    compressed = np.abs(spectrum) ** 0.3
    return np.asarray(compressed - compressed.mean(axis=1, keepdims=True), dtype=np.float32)


def _levels(sound: Sound) -> Sound:
    """The loudness of each 20 ms, logarithmic."""
    pieces = sound[: len(sound) // LEVEL_SAMPLES * LEVEL_SAMPLES].reshape(-1, LEVEL_SAMPLES)
    return np.asarray(np.log(np.sqrt(np.mean(np.square(pieces), axis=1)) + 1e-4), dtype=np.float32)


def _speaks(sound: Sound) -> bool:
    """At least half of the stretch is speech, not a pause."""
    return bool(np.mean(_levels(sound) > np.log(0.01)) > 0.5)

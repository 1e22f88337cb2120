"""How the power of the highest band is spread over its parts (docs/decisions/0026).

A level over the line says how loud a voice is from 8.5 kHz up, not where: a recording may end at 11 kHz, a microphone
at 8. That changes slowly, so packets say it seldom, in two bytes: from each part to the next one, how much louder or
fainter it is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from codec.codebits import PacketError

HighBand = tuple[int, ...]  # from part to part, in steps of STEP_DB; none: nothing is said
Parts = NDArray[np.float32]  # a number for each part, [HIGH_PARTS]

HIGH_PARTS = 4
STEP_DB = 2.0
LEAST, MOST = -20, 11  # steps: 5 bits
BYTES = 2
USUAL: HighBand = (0, -1, -3)  # until something is said: the median of the training material
SOONEST_FRAMES, LATEST_FRAMES = 24, 144  # after what was said last: where it has changed; in any case
LOOK_FRAMES = 8  # from one look to the next
SILENT = 1e-9  # a power in all parts together, -90 dBFS
CHANGED = 1.25  # steps that one of them is away from what was said

_BITS = (MOST - LEAST).bit_length()
_MASK = (1 << _BITS) - 1
_FAINTEST = 1e-12  # a power, beside which none is 0


def check(band: HighBand) -> None:
    """Raises PacketError where there are not as many steps as there should be, or one is out of its range."""
    if len(band) != HIGH_PARTS - 1 or not all(LEAST <= step <= MOST for step in band):
        raise PacketError(f"high band {band} is not {HIGH_PARTS - 1} steps in {LEAST}..{MOST}")


def to_bytes(band: HighBand) -> bytes:
    """First step first, 5 bits each, above the least one; the first bit is 0."""
    bits = 0
    for step in band:
        bits = bits << _BITS | step - LEAST
    return bits.to_bytes(BYTES, "big")


def from_bytes(data: bytes) -> HighBand:
    """What `to_bytes` made. Raises PacketError."""
    bits = int.from_bytes(data, "big")
    if bits >> _BITS * (HIGH_PARTS - 1):
        raise PacketError("packet's high band has a first bit that is not zero")
    shifts = range(_BITS * (HIGH_PARTS - 2), -1, -_BITS)
    return tuple((bits >> shift & _MASK) + LEAST for shift in shifts)


def shares_of(band: HighBand) -> Parts:
    """-> the parts' shares of the power, whose sum is 1."""
    powers = 10 ** (np.concatenate([[0.0], np.cumsum(band)]) * STEP_DB / 10)
    return np.asarray(powers / powers.sum(), dtype=np.float32)


USUAL_SHARES = shares_of(USUAL)


class HighBandControl:
    """Decides which packets say how the highest band is spread."""

    def __init__(self) -> None:
        self._said = np.array(USUAL)
        self._frames, self._look_at = 0, SOONEST_FRAMES  # since then; when to look

    def after(self, frames: int, powers: Callable[[], Parts]) -> HighBand:
        """`frames` more, after which the parts' mean powers [HIGH_PARTS] can be asked for -> what the packet shall say,
        or nothing."""
        self._frames += frames
        if self._frames < self._look_at:
            return ()
        self._look_at = self._frames + LOOK_FRAMES
        found = np.asarray(powers(), dtype=np.float64)
        if not SILENT <= found.sum() < np.inf:  # what was said is as good as anything, and right again afterwards
            return ()
        steps = np.diff(10 * np.log10(found + _FAINTEST)) / STEP_DB
        if self._frames < LATEST_FRAMES and np.abs(steps - self._said).max() <= CHANGED:
            return ()
        self._said = np.clip(np.rint(steps), LEAST, MOST)
        self._frames, self._look_at = 0, SOONEST_FRAMES
        return tuple(int(step) for step in self._said)

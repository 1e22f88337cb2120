"""How the power of the highest band is spread over its parts (docs/decisions/0026 and 0029).

A level over the line says how loud a voice is from 8.5 kHz up, not where: an s is elsewhere than a t, a recording may
end at 11 kHz, a microphone at 8. Packets say it when it has changed, in a byte: one of SHAPES, a step from each part to
the next one.
"""

from __future__ import annotations

from itertools import product
from math import log10

import numpy as np
from numpy.typing import NDArray

from codec.codebits import PacketError

Parts = NDArray[np.float32]  # a number for each part, [HIGH_PARTS]

HIGH_PARTS = 4
HIGH_STEP_MEL = 100.0  # from one's center to the next
# From each part to the next one, dB: near the least mean square over loud frames of the training material, but for the
# first ones, which are for what ends there.
STEPS_DB = (-20, -8, -3, 0, 3, 8), (-20, -10, -6, -3, 0, 2, 6), (-28, -15, -9, -6, -3, 0)
SHAPES = tuple(product(*STEPS_DB))
BYTES = 1
USUAL = SHAPES.index((0, -3, -6))  # until something is said: the median of the training material
CHANGED_DB, LEAST_CHANGED_DB, MOST_CHANGED_DB = 12.0, 3.0, 6.0  # see HighBandControl
LATEST_FRAMES = 144  # after what was said last it is said again, for who came later or lost the packet
LEAST_SHARE = 1e-3  # of the power: what has less is silent beside the others, and how silent need not be said
AUDIBLE = 2.4e-9  # the mean square of all parts together, -86 dBFS

_FAINTEST = 2.4e-13  # a power, beside which none is 0


def check(shape: int) -> None:
    """Raises PacketError for the number of a shape that there is not."""
    if not 0 <= shape < len(SHAPES):
        raise PacketError(f"packet's high band {shape} is outside 0..{len(SHAPES) - 1}")


def _shares() -> NDArray[np.float32]:
    levels = np.cumsum([(0, *steps) for steps in SHAPES], axis=1)
    powers = 10 ** (levels / 10)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


SHARES = _shares()  # of the power, by shape [shapes, HIGH_PARTS]: their sum is 1
SHARES.flags.writeable = False
USUAL_SHARES: Parts = SHARES[USUAL]


def nearest(powers: Parts) -> int:
    """The parts' powers -> the number of the shape that is most like them."""
    steps = np.diff(10 * np.log10(np.asarray(powers, dtype=np.float64) + _FAINTEST))
    shape = 0
    for step, choices in zip(steps, STEPS_DB, strict=True):
        shape = shape * len(choices) + int(np.abs(np.array(choices) - step).argmin())
    return shape


class HighBandControl:
    """Decides which packets say how the highest band is spread.

    They do where its parts are further from what was said than CHANGED_DB by the root of the number of quantizers (but
    from LEAST to MOST), in the mean over the parts: this costs about a hundredth of all bits (docs/decisions/0029).
    """

    def __init__(self) -> None:
        self._said = USUAL_SHARES.tolist()
        self._heard = [0.0] * HIGH_PARTS  # powers of the packet's frames
        self._frames = 0  # since something was said

    def hear(self, powers: Parts) -> None:
        """The parts' powers in a frame of the next packet."""
        self._heard = [before + power for before, power in zip(self._heard, powers.tolist(), strict=True)]
        self._frames += 1

    def say(self, n_q: int) -> int | None:
        """The packet's frames were heard -> the number of the shape that it shall say, or nothing."""
        heard, self._heard = self._heard, [0.0] * HIGH_PARTS
        whole = sum(heard)
        if not AUDIBLE <= whole < float("inf"):  # what was said is as good as anything
            return None
        changed = max(LEAST_CHANGED_DB, min(CHANGED_DB / n_q**0.5, MOST_CHANGED_DB)) * HIGH_PARTS / 10
        away, least = 0.0, LEAST_SHARE * whole
        for power, share in zip(heard, self._said, strict=True):
            away += abs(log10((power + least) / (share * whole + least)))
        if away <= changed and self._frames < LATEST_FRAMES:
            return None
        shape = nearest(np.array(heard, dtype=np.float32))
        self._said, self._frames = SHARES[shape].tolist(), 0
        return shape

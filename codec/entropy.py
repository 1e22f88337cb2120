"""Codes at the bits that they are worth: arithmetic coding of one frame's codes, each by how likely it is after those
before it.

How likely a code is says a small network for each quantizer, which belongs to a set of weights, lies in its tensors and
is taught by `thinline train-code-model`. It computes with integers alone, so that every machine agrees; nothing is
remembered from packet to packet. See docs/wire-format.md, "Entropy-coded codes", and decision 22.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import frexp
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codec.codebits import PacketError

HIDDEN = 64  # units of a network
POSITION_BITS = 14  # of what is decoded, as a network sees it, beside its sign
HIDDEN_SHIFT = 14  # bits that a unit's sum loses
MOST_HIDDEN = 127
OCTAVE = 2048  # a logit so much greater means twice as likely
FIRST_SHIFT = 4  # the likeliest code has a frequency of 2 * OCTAVE, shifted by so much, plus 1
MOST_SHIFT = 31


class CodeNetworks(NamedTuple):
    """The tensors: of each quantizer a layer of rectified units, and logits. Whole numbers."""

    hidden_weights: NDArray[np.int16]  # [Q, HIDDEN, d]
    hidden_bias: NDArray[np.int32]  # [Q, N, HIDDEN], another for each number of quantizers that a frame has
    logit_weights: NDArray[np.int8]  # [Q, K, HIDDEN]
    logit_bias: NDArray[np.int32]  # [Q, K]

    @classmethod
    def untaught(cls, quantizers: int, size: int, dimension: int) -> CodeNetworks:
        """To them all codes are as likely: what weights have before networks are taught."""
        return cls(
            np.zeros((quantizers, HIDDEN, dimension), np.int16),
            np.zeros((quantizers, quantizers, HIDDEN), np.int32),
            np.zeros((quantizers, size, HIDDEN), np.int8),
            np.zeros((quantizers, size), np.int32),
        )

    def check(self, quantizers: int, size: int, dimension: int) -> None:
        """Raises ValueError where shapes are others, or a sum might not fit into 32 bits."""
        wanted = self.untaught(quantizers, size, dimension)._asdict()
        for name, value in self._asdict().items():
            like = wanted[name]
            if (value.shape, value.dtype) != (like.shape, like.dtype):
                raise ValueError(f"{name} is {value.dtype} {value.shape}, not {like.dtype} {like.shape}")
        sums = np.abs(self.hidden_weights.astype(np.int64)).sum(axis=2) << POSITION_BITS
        if np.any(sums[:, None] + np.abs(self.hidden_bias.astype(np.int64)) >= 1 << 31):
            raise ValueError("hidden_weights and hidden_bias are too great for sums of 32 bits")
        if np.any(np.abs(self.logit_bias.astype(np.int64)) >= 1 << 22):
            raise ValueError("logit_bias is not between -2^22 and 2^22")


def positions(codebooks: NDArray[np.float32]) -> NDArray[np.int16]:
    """Codebooks [Q, K, d] -> their entries as networks see them: whole numbers, any sum of them, one of each quantizer,
    below 2^POSITION_BITS."""
    most = sum(np.abs(codebooks).max(axis=(1, 2)).tolist()) + 1e-30
    scale = 2.0 ** (POSITION_BITS - 1 - frexp(most)[1])
    whole: NDArray[np.int16] = np.rint(codebooks * np.float32(scale)).astype(np.int16)
    return whole


class CodeModel:
    """How likely each code is, after the ones before it; writes and reads the codes of one frame.

    Raises ValueError for networks that don't fit the codebooks [Q, K, d].
    """

    def __init__(self, codebooks: NDArray[np.float32], networks: CodeNetworks) -> None:
        networks.check(*codebooks.shape)
        self.positions = positions(codebooks)
        self.networks = networks
        self._logit_weights = networks.logit_weights.astype(np.float32)  # sums stay below 2^24: they are exact

    def encode(self, codes: Sequence[int]) -> bytes:
        """The codes of one frame, first quantizer first -> the fewest bytes that are a binary fraction in their
        interval; of these, the lowest."""
        low, width, whole = 0, 1, 1
        for begin, share, total in self.intervals(codes):
            low = low * total + width * begin
            width *= share
            whole *= total
        size = (whole.bit_length() - width.bit_length()) // 8 + 1  # certainly has one
        value = _rounded_up(low << 8 * size, whole)
        while size > 1:
            shorter = _rounded_up(low << 8 * (size - 1), whole)
            if shorter * whole >= (low + width) << 8 * (size - 1):
                break
            size, value = size - 1, shorter
        return value.to_bytes(size, "big")

    def decode(self, data: bytes, n_q: int) -> tuple[int, ...]:
        """The bytes of one frame's `n_q` codes -> codes. Raises PacketError where they aren't what `encode` writes."""
        above, below = int.from_bytes(data, "big"), 1 << 8 * len(data)  # a fraction of the interval so far
        codes, position = list[int](), self._start()
        for quantizer in range(n_q):
            bounds = self._bounds(quantizer, n_q, position)
            total = int(bounds[-1])
            code = int(np.searchsorted(bounds, above * total // below, side="right")) - 1
            begin, end = int(bounds[code]), int(bounds[code + 1])
            above = above * total - begin * below
            below *= end - begin
            codes.append(code)
            position += self.positions[quantizer, code]
        if self.encode(codes) != data:
            raise PacketError(f"{len(data)} bytes of entropy-coded codes are not as {n_q} codes are written")
        return tuple(codes)

    def intervals(self, codes: Sequence[int]) -> list[list[int]]:
        """The codes of one frame -> for each the frequencies of all before it, its own, and that of all."""
        found, position = list[list[int]](), self._start()
        for quantizer, code in enumerate(codes):
            bounds = self._bounds(quantizer, len(codes), position)
            begin, end, total = bounds[[code, code + 1, -1]].tolist()
            found.append([begin, end - begin, total])
            position += self.positions[quantizer, code]
        return found

    def _start(self) -> NDArray[np.int32]:
        """Where the sum of the entries begins."""
        return np.zeros(self.positions.shape[2], dtype=np.int32)

    def _bounds(self, quantizer: int, n_q: int, position: NDArray[np.int32]) -> NDArray[np.int64]:
        """After codes whose entries are `position` [d] in sum -> the frequencies of all codes before each, and of all
        [K + 1]."""
        weights, bias = self.networks.hidden_weights[quantizer], self.networks.hidden_bias[quantizer, n_q - 1]
        hidden = np.clip((weights @ position + bias) >> HIDDEN_SHIFT, 0, MOST_HIDDEN).astype(np.float32)
        logits = (self._logit_weights[quantizer] @ hidden).astype(np.int32) + self.networks.logit_bias[quantizer]
        lacking = logits.max() - logits
        # Twice as likely for each OCTAVE, and in between on a straight line.
        mantissa = (2 * OCTAVE - lacking % OCTAVE) << FIRST_SHIFT
        frequencies = 1 + (mantissa >> np.minimum(lacking // OCTAVE, MOST_SHIFT))
        bounds = np.zeros(len(frequencies) + 1, dtype=np.int64)
        np.cumsum(frequencies, out=bounds[1:])
        return bounds


def _rounded_up(above: int, below: int) -> int:
    """A fraction -> the next whole number."""
    return -(-above // below)

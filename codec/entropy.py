"""Codes at the bits that they are worth: arithmetic coding of one frame's codes over static tables.

Tables belong to a set of weights and lie in its tensors, counted by `thinline count-codes`; nothing is remembered from
packet to packet. See docs/wire-format.md, "Entropy-coded codes", and decision 21.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from codec.codebits import PacketError

FREQUENCY_BITS = 15
CONTEXTS = 32  # of a quantizer: the first one's is how many quantizers follow, the others' the class of the first code
TOTAL = 1 << FREQUENCY_BITS


def even_frequencies(quantizers: int, codebook_size: int) -> NDArray[np.int16]:
    """Frequencies [Q, CONTEXTS, K] by which all codes are as likely: what weights have before theirs are counted."""
    return np.full((quantizers, CONTEXTS, codebook_size), TOTAL // codebook_size, dtype=np.int16)


class CodeModel:
    """How likely each code is, in each context of each quantizer; writes and reads the codes of one frame.

    Integers alone, so that every machine agrees. Raises ValueError for tables that are none.
    """

    def __init__(self, frequencies: NDArray[np.int16], classes: NDArray[np.uint8]) -> None:
        """frequencies [Q, CONTEXTS, K], each at least 1, TOTAL in each context; classes [K] of the first code."""
        counted = frequencies.astype(np.int64)
        if counted.ndim != 3 or counted.shape[1] != CONTEXTS or counted.min() < 1 or np.any(counted.sum(2) != TOTAL):
            raise ValueError(f"frequencies of shape {counted.shape} are not at least 1, {TOTAL} in each context")
        if classes.shape != counted.shape[2:] or int(classes.max()) >= CONTEXTS:
            raise ValueError(f"classes of shape {classes.shape} do not give each code a context below {CONTEXTS}")
        bounds = np.zeros((*counted.shape[:2], counted.shape[2] + 1), dtype=np.uint16)
        bounds[..., 1:] = np.cumsum(counted, axis=2)
        self._tables = [[array("H", row.tobytes()) for row in tables] for tables in bounds]
        self._classes = classes.tolist()

    def encode(self, codes: Sequence[int]) -> bytes:
        """The codes of one frame, first quantizer first -> a binary fraction in their interval, in the fewest bytes
        that hold one, or one more."""
        low, width, context = 0, 1, len(codes) - 1
        for tables, code in zip(self._tables, codes, strict=False):
            table = tables[context]
            begin = table[code]
            low = (low << FREQUENCY_BITS) + width * begin
            width *= table[code + 1] - begin
            context = self._classes[codes[0]]
        bits = FREQUENCY_BITS * len(codes)
        size = (bits - width.bit_length()) // 8  # one byte more holds a number of the interval, whichever it is
        value = _rounded_up(low, bits - 8 * size)
        if size == 0 or value << bits - 8 * size >= low + width:
            size += 1
            value = _rounded_up(low, bits - 8 * size)
        return value.to_bytes(size, "big")

    def decode(self, data: bytes, n_q: int) -> tuple[int, ...]:
        """The bytes of one frame's `n_q` codes -> codes. Raises PacketError where they aren't what `encode` writes."""
        bits = FREQUENCY_BITS * n_q
        shift = bits - 8 * len(data)
        rest = int.from_bytes(data, "big")
        rest = rest << shift if shift >= 0 else rest >> -shift
        width, context, codes = 1, n_q - 1, list[int]()
        for tables in self._tables[:n_q]:
            bits -= FREQUENCY_BITS
            unit, table = width << bits, tables[context]
            code = bisect_right(table, rest // unit) - 1
            begin = table[code]
            rest -= begin * unit
            width *= table[code + 1] - begin
            codes.append(code)
            context = self._classes[codes[0]]
        if self.encode(codes) != data:
            raise PacketError(f"{len(data)} bytes of entropy-coded codes are not as {n_q} codes are written")
        return tuple(codes)


def _rounded_up(value: int, shift: int) -> int:
    """The value over 2^shift, as a whole number."""
    return -(-value >> shift) if shift >= 0 else value << -shift

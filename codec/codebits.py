"""Codes as bits: what a packet's payload and the copies in it are written in. See docs/wire-format.md, "Code bits"."""

from __future__ import annotations

CODE_BITS = 10
MAX_QUANTIZERS = 24
MAX_FRAMES = 255

CodeRows = tuple[tuple[int, ...], ...]  # [quantizer][frame], each 0 to 1023

_CODE_MASK = (1 << CODE_BITS) - 1


class PacketError(ValueError):
    """Bytes that are no packet of this version, or fields that no packet can carry."""


def payload_bytes(n_q: int, frames: int) -> int:
    """Bytes that the codes of `frames` frames take, padding included."""
    return (n_q * frames * CODE_BITS + 7) // 8


def check_range(name: str, value: int, low: int, high: int) -> None:
    """Raises PacketError."""
    if not low <= value <= high:
        raise PacketError(f"{name} {value} is outside {low}..{high}")


def check_codes(codes: CodeRows, n_q: int, frames: int) -> None:
    """Raises PacketError where the shape is another, or a code has more than 10 bits."""
    if len(codes) != n_q:
        raise PacketError(f"packet has n_q {n_q} but codes of {len(codes)} quantizers")
    if set(map(len, codes)) == {frames} and min(map(min, codes)) >= 0 and max(map(max, codes)) <= _CODE_MASK:
        return
    for quantizer, row in enumerate(codes):  # which one it is
        if len(row) != frames:
            raise PacketError(f"quantizer {quantizer} has codes of {len(row)} frames, not {frames}")
        if min(row) < 0 or max(row) > _CODE_MASK:
            raise PacketError(f"quantizer {quantizer} has a code outside 0..{_CODE_MASK}")


# Both go through one integer a quantizer: one for the whole payload would cost the square of a long packet's size.


def pack_codes(codes: CodeRows, n_q: int, frames: int) -> bytes:
    """codes [n_q][frames] -> `payload_bytes(n_q, frames)` bytes."""
    bits = 0
    for row in codes:
        row_bits = 0
        for code in row:
            row_bits = row_bits << CODE_BITS | code
        bits = bits << frames * CODE_BITS | row_bits
    return (bits << -n_q * frames * CODE_BITS % 8).to_bytes(payload_bytes(n_q, frames), "big")


def unpack_codes(payload: bytes, n_q: int, frames: int) -> CodeRows:
    """`payload_bytes(n_q, frames)` bytes -> codes [n_q][frames]. Raises PacketError for padding that is not zero."""
    bits = int.from_bytes(payload, "big")
    padding = -n_q * frames * CODE_BITS % 8
    if bits & ((1 << padding) - 1):
        raise PacketError("packet has padding bits that are not zero")
    row_size = frames * CODE_BITS
    row_mask = (1 << row_size) - 1
    shifts = range(row_size - CODE_BITS, -1, -CODE_BITS)
    codes = []
    for row_shift in range((n_q - 1) * row_size + padding, -1, -row_size):
        row_bits = bits >> row_shift & row_mask
        codes.append(tuple([row_bits >> shift & _CODE_MASK for shift in shifts]))
    return tuple(codes)

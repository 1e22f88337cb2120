"""Copies of older frames inside a newer packet, at few quantizers, for lines that lose packets.

See docs/wire-format.md, "Redundancy".
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

from codec.codebits import (
    MAX_FRAMES,
    MAX_QUANTIZERS,
    CodeRows,
    PacketError,
    check_codes,
    check_range,
    pack_codes,
    payload_bytes,
    unpack_codes,
)

MAX_COPIES = 4
COPY_QUANTIZERS = 4  # 3 kbit/s, understood without trouble
MAX_FRAMES_BACK = 255
_HEAD = Struct(">BBB")  # frames back, n_q, frame count


@dataclass(frozen=True, slots=True)
class Redundancy:
    """What a sender copies: the groups so many packets back (1: the one before), newest first, at `n_q` quantizers."""

    packets_back: tuple[int, ...] = ()
    n_q: int = COPY_QUANTIZERS

    def __post_init__(self) -> None:
        if len(self.packets_back) > MAX_COPIES or sorted(set(self.packets_back)) != list(self.packets_back):
            raise ValueError(f"packets back {self.packets_back} are not at most {MAX_COPIES} that grow")
        if self.packets_back and self.packets_back[0] < 1:
            raise ValueError(f"packets back {self.packets_back} begin below 1")


NO_REDUNDANCY = Redundancy()


@dataclass(frozen=True, slots=True)
class Copy:
    """A group of frames that begins `frames_back` before its packet's first: `codes[quantizer][frame]`.

    Raises PacketError where a field is out of its range.
    """

    frames_back: int
    codes: CodeRows

    def __post_init__(self) -> None:
        check_range("copy's n_q", self.n_q, 1, MAX_QUANTIZERS)
        check_range("copy's frame count", self.frames, 1, MAX_FRAMES)
        check_range("copy's distance", self.frames_back, self.frames, MAX_FRAMES_BACK)
        check_codes(self.codes, self.n_q, self.frames)

    @property
    def n_q(self) -> int:
        return len(self.codes)

    @property
    def frames(self) -> int:
        return len(self.codes[0])

    def with_n_q(self, n_q: int) -> Copy:
        """The same frames with `n_q` quantizers at the most."""
        return Copy(self.frames_back, self.codes[:n_q])


def check_copies(copies: tuple[Copy, ...]) -> None:
    """Newest first, and no frame twice: so equal copies have one form in bytes. Raises PacketError."""
    check_range("number of copies", len(copies), 0, MAX_COPIES)
    end = 0
    for copy in copies:
        if copy.frames_back - copy.frames < end:
            raise PacketError(f"copy of {copy.frames} frames from {copy.frames_back} back overlaps the one before it")
        end = copy.frames_back


def copies_bytes(copies: tuple[Copy, ...]) -> int:
    """What they take between a packet's header and its codes."""
    return sum((_HEAD.size + payload_bytes(copy.n_q, copy.frames) for copy in copies), 1) if copies else 0


def copies_to_bytes(copies: tuple[Copy, ...]) -> bytes:
    """At least one copy -> the bytes between a packet's header and its codes."""
    parts = [bytes([len(copies)])]
    for copy in copies:
        parts += [_HEAD.pack(copy.frames_back, copy.n_q, copy.frames), pack_codes(copy.codes, copy.n_q, copy.frames)]
    return b"".join(parts)


def copies_from_bytes(data: bytes, offset: int) -> tuple[tuple[Copy, ...], int]:
    """-> the copies that begin at `offset`, and where they end. Raises PacketError."""
    if offset >= len(data):
        raise PacketError(f"packet of {len(data)} bytes ends before its copies")
    count, offset = data[offset], offset + 1
    check_range("number of copies", count, 1, MAX_COPIES)
    copies = []
    for _ in range(count):
        copy, offset = _copy_from_bytes(data, offset)
        copies.append(copy)
    return tuple(copies), offset


def _copy_from_bytes(data: bytes, offset: int) -> tuple[Copy, int]:
    start = offset + _HEAD.size
    if start > len(data):
        raise PacketError(f"packet of {len(data)} bytes ends inside its copies")
    frames_back, n_q, frames = _HEAD.unpack_from(data, offset)
    check_range("copy's n_q", n_q, 1, MAX_QUANTIZERS)
    check_range("copy's frame count", frames, 1, MAX_FRAMES)
    end = start + payload_bytes(n_q, frames)
    if end > len(data):
        raise PacketError(f"packet of {len(data)} bytes ends inside its copies")
    return Copy(frames_back, unpack_codes(data[start:end], n_q, frames)), end

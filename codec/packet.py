"""The wire format: what crosses the line between an encoder and a decoder. See docs/wire-format.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from string import hexdigits
from struct import Struct

from codec import highband
from codec.codebits import (
    CODE_BITS,
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
from codec.entropy import CodeModel
from codec.redundancy import Copy, check_copies, copies_bytes, copies_from_bytes, copies_to_bytes

__all__ = [
    "CODE_BITS", "MAX_FRAMES", "MAX_QUANTIZERS", "Copy", "Packet", "PacketError", "entropy_coded", "payload_bytes",
]  # fmt: skip

VERSION = 1
SEQUENCE_MODULUS = 1 << 16
FRAME_INDEX_MODULUS = 1 << 32
HEADER = Struct(">BBHHIBB")  # version, flags, model, sequence, first frame index, n_q, frame count

FLAG_DENOISED = 1
FLAG_SILENCE = 2
FLAG_REDUNDANCY = 4
FLAG_ENTROPY = 8
FLAG_HIGH_BAND = 16

_KNOWN_FLAGS = FLAG_DENOISED | FLAG_SILENCE | FLAG_REDUNDANCY | FLAG_ENTROPY | FLAG_HIGH_BAND


def short_model_id(model_id: str) -> int:
    """The 16 bits of a model id (hexadecimal digits) that every packet carries. Raises PacketError."""
    digits = model_id[:4]
    if len(digits) < 4 or not set(digits) <= set(hexdigits):
        raise PacketError(f"model id {model_id!r} does not begin with four hexadecimal digits")
    return int(digits, 16)


@dataclass(frozen=True, slots=True)
class Packet:
    """The codes of one group of frames: `codes[quantizer][frame]`, each 0 to 1023.

    A silence packet has no codes; `silence_frames` says for how many frames comfort noise is to be played. `copies` are
    older frames once more, at few quantizers, newest first. `coded` are the codes of a packet of one frame as they are
    sent, where they are entropy-coded (by `entropy_coded`). `high_band` says how the highest band is spread from the
    first frame on, where that is said.
    Raises PacketError where a field is out of its range.
    """

    sequence: int
    frame_index: int
    n_q: int
    codes: CodeRows
    model_id: int
    denoised: bool = False
    silence_frames: int = 0
    copies: tuple[Copy, ...] = ()
    coded: bytes = b""
    high_band: int | None = None

    def __post_init__(self) -> None:
        frames = self.frames
        check_range("sequence", self.sequence, 0, SEQUENCE_MODULUS - 1)
        check_range("frame index", self.frame_index, 0, FRAME_INDEX_MODULUS - 1)
        check_range("model id", self.model_id, 0, 0xFFFF)
        _check_shape(self.n_q, frames, self.silence)
        check_codes(self.codes, self.n_q, frames)
        if self.copies:
            check_copies(self.copies)
        if self.high_band is not None:
            highband.check(self.high_band)
            check_range("silence frames of a packet with a high band", self.silence_frames, 0, 0)
        if self.coded:
            check_range("frame count of entropy-coded codes", frames, 1, 1)

    @property
    def frames(self) -> int:
        """Frames that this packet covers."""
        if self.silence_frames or not self.codes:
            return self.silence_frames
        return len(self.codes[0])

    @property
    def silence(self) -> bool:
        return self.silence_frames != 0

    @property
    def payload_bits(self) -> int:
        """Code bits, and those that say how the highest band is spread, without header, copies and padding; of
        entropy-coded codes, eight for each of their bytes."""
        return 8 * self._high_bytes + (8 * len(self.coded) or self.n_q * self.frames * CODE_BITS)

    @property
    def wire_bytes(self) -> int:
        """The length of `to_bytes()`."""
        return HEADER.size + copies_bytes(self.copies) + self.payload_bytes

    @property
    def payload_bytes(self) -> int:
        """What the codes take, padding included, and what says how the highest band is spread."""
        return self._high_bytes + (len(self.coded) or payload_bytes(self.n_q, self.frames))

    @property
    def _high_bytes(self) -> int:
        return 0 if self.high_band is None else highband.BYTES

    def to_bytes(self) -> bytes:
        flags = FLAG_DENOISED * self.denoised | FLAG_SILENCE * self.silence | FLAG_REDUNDANCY * bool(self.copies)
        flags |= FLAG_ENTROPY * bool(self.coded) | FLAG_HIGH_BAND * (self.high_band is not None)
        header = HEADER.pack(VERSION, flags, self.model_id, self.sequence, self.frame_index, self.n_q, self.frames)
        copies = copies_to_bytes(self.copies) if self.copies else b""
        high = b"" if self.high_band is None else bytes([self.high_band])
        return header + copies + high + (self.coded or pack_codes(self.codes, self.n_q, self.frames))

    @classmethod
    def from_bytes(cls, data: bytes, model: CodeModel | None = None) -> Packet:
        """Parses one whole packet; entropy-coded codes need what says how likely codes are. Raises PacketError, which
        names what was wrong; nothing else."""
        if len(data) < HEADER.size:
            raise PacketError(f"packet of {len(data)} bytes is shorter than its header of {HEADER.size}")
        version, flags, model_id, sequence, frame_index, n_q, frames = HEADER.unpack_from(data)
        if version != VERSION:
            raise PacketError(f"packet version {version}, this node speaks {VERSION}")
        if flags & ~_KNOWN_FLAGS:
            raise PacketError(_unknown_flags(flags))
        silence = bool(flags & FLAG_SILENCE)
        _check_shape(n_q, frames, silence)
        copies, start = copies_from_bytes(data, HEADER.size) if flags & FLAG_REDUNDANCY else ((), HEADER.size)
        high, start = _high_band(data, start, silence) if flags & FLAG_HIGH_BAND else (None, start)
        denoised = bool(flags & FLAG_DENOISED)
        if flags & FLAG_ENTROPY:
            codes = _entropy_coded(data[start:], n_q, frames, model)
            return cls(sequence, frame_index, n_q, codes, model_id, denoised, 0, copies, data[start:], high)
        expected = start + payload_bytes(n_q, frames)
        if len(data) != expected:
            raise PacketError(f"packet has {len(data)} bytes; n_q {n_q} with {frames} frames takes {expected}")
        codes = unpack_codes(data[start:], n_q, frames)
        pause = frames if silence else 0
        return cls(sequence, frame_index, n_q, codes, model_id, denoised, pause, copies, high_band=high)

    def with_n_q(self, n_q: int) -> Packet:
        """The same frames at a lower bitrate: keeps the first `n_q` quantizers, of copies too. Silence stays silence.
        What was entropy-coded no longer is.

        Raises PacketError if the packet has fewer.
        """
        copies = tuple(copy.with_n_q(n_q) for copy in self.copies)
        if self.silence:
            return replace(self, copies=copies)
        if not 1 <= n_q <= self.n_q:
            raise PacketError(f"packet with n_q {self.n_q} can't be cut to {n_q}")
        return replace(self, n_q=n_q, codes=self.codes[:n_q], copies=copies, coded=b"")

    def copied(self) -> Iterator[Packet]:
        """The copies, each as a packet of its own, as it might have come; the sequence is that of this packet."""
        for copy in self.copies:
            first = (self.frame_index - copy.frames_back) % FRAME_INDEX_MODULUS
            yield Packet(self.sequence, first, copy.n_q, copy.codes, self.model_id, self.denoised)

    def frame_by_frame(self) -> Iterator[Packet]:
        """The frames, each as a packet of its own without copies."""
        if self.frames == 1 and not self.copies:
            yield self
            return
        for offset in range(self.frames):
            index = (self.frame_index + offset) % FRAME_INDEX_MODULUS
            column = tuple((row[offset],) for row in self.codes)
            yield replace(self, frame_index=index, codes=column, silence_frames=int(self.silence), copies=())


def entropy_coded(codes: CodeRows, model: CodeModel) -> bytes:
    """The codes of one frame as a packet's `coded`: nothing where they take no fewer bytes so."""
    coded = model.encode([row[0] for row in codes])
    return coded if len(coded) < payload_bytes(len(codes), 1) else b""


def _check_shape(n_q: int, frames: int, silence: bool) -> None:
    check_range("frame count", frames, 1, MAX_FRAMES)
    if silence and n_q:
        raise PacketError(f"silence packet has n_q {n_q}, not 0")
    if not silence:
        check_range("n_q", n_q, 1, MAX_QUANTIZERS)


def _entropy_coded(data: bytes, n_q: int, frames: int, model: CodeModel | None) -> CodeRows:
    """-> the codes. Raises PacketError."""
    if frames != 1 or n_q == 0:
        raise PacketError(f"packet of {frames} frames with n_q {n_q}: entropy-coded are codes of one frame")
    if model is None:
        raise PacketError("packet is entropy-coded, and how likely the codes of its model are is not known here")
    plain = payload_bytes(n_q, 1)
    if not 0 < len(data) < plain:
        text = f"packet has {len(data)} bytes of entropy-coded codes"
        raise PacketError(f"{text}; without that, n_q {n_q} takes {plain}")
    return tuple((code,) for code in model.decode(data, n_q))


def _high_band(data: bytes, start: int, silence: bool) -> tuple[int, int]:
    """-> what begins at `start`, and where it ends. Raises PacketError."""
    if silence:
        raise PacketError("silence packet says how its highest band is spread")
    if start == len(data):
        raise PacketError(f"packet of {len(data)} bytes ends before its codes")
    highband.check(data[start])
    return data[start], start + highband.BYTES


def _unknown_flags(flags: int) -> str:
    unknown = [bit for bit in (1 << shift for shift in range(8)) if flags & bit & ~_KNOWN_FLAGS]
    names = ", ".join(f"bit {bit:#04x}" for bit in unknown)
    return f"packet flags {flags:#04x} ask for what version {VERSION} does not define: {names}"

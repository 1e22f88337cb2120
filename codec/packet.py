"""The wire format: what crosses the line between an encoder and a decoder. See docs/wire-format.md."""

from __future__ import annotations

from dataclasses import dataclass, replace
from string import hexdigits
from struct import Struct

VERSION = 1
CODE_BITS = 10
MAX_QUANTIZERS = 24
MAX_FRAMES = 255
SEQUENCE_MODULUS = 1 << 16
FRAME_INDEX_MODULUS = 1 << 32
HEADER = Struct(">BBHHIBB")  # version, flags, model, sequence, first frame index, n_q, frame count

FLAG_DENOISED = 1
FLAG_SILENCE = 2
RESERVED_FLAGS = {4: "redundancy", 8: "entropy"}

_CODE_MASK = (1 << CODE_BITS) - 1


class PacketError(ValueError):
    """Bytes that are no packet of this version, or fields that no packet can carry."""


def short_model_id(model_id: str) -> int:
    """The 16 bits of a model id (hexadecimal digits) that every packet carries. Raises PacketError."""
    digits = model_id[:4]
    if len(digits) < 4 or not set(digits) <= set(hexdigits):
        raise PacketError(f"model id {model_id!r} does not begin with four hexadecimal digits")
    return int(digits, 16)


def payload_bytes(n_q: int, frames: int) -> int:
    """Bytes that the codes of `frames` frames take, padding included."""
    return (n_q * frames * CODE_BITS + 7) // 8


@dataclass(frozen=True, slots=True)
class Packet:
    """The codes of one group of frames: `codes[quantizer][frame]`, each 0 to 1023.

    A silence packet has no codes; `silence_frames` says for how many frames comfort noise is to be played.
    Raises PacketError where a field is out of its range.
    """

    sequence: int
    frame_index: int
    n_q: int
    codes: tuple[tuple[int, ...], ...]
    model_id: int
    denoised: bool = False
    silence_frames: int = 0

    def __post_init__(self) -> None:
        _check_range("sequence", self.sequence, 0, SEQUENCE_MODULUS - 1)
        _check_range("frame index", self.frame_index, 0, FRAME_INDEX_MODULUS - 1)
        _check_range("model id", self.model_id, 0, 0xFFFF)
        _check_shape(self.n_q, self.frames, self.silence)
        if len(self.codes) != self.n_q:
            raise PacketError(f"packet has n_q {self.n_q} but codes of {len(self.codes)} quantizers")
        for quantizer, row in enumerate(self.codes):
            if len(row) != self.frames:
                raise PacketError(f"quantizer {quantizer} has codes of {len(row)} frames, not {self.frames}")
            if min(row) < 0 or max(row) > _CODE_MASK:
                raise PacketError(f"quantizer {quantizer} has a code outside 0..{_CODE_MASK}")

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
        """Code bits, without header and padding."""
        return self.n_q * self.frames * CODE_BITS

    def to_bytes(self) -> bytes:
        flags = FLAG_DENOISED * self.denoised | FLAG_SILENCE * self.silence
        header = HEADER.pack(VERSION, flags, self.model_id, self.sequence, self.frame_index, self.n_q, self.frames)
        return header + _pack(self.codes, self.n_q, self.frames)

    @classmethod
    def from_bytes(cls, data: bytes) -> Packet:
        """Parses one whole packet. Raises PacketError, which names what was wrong; nothing else."""
        if len(data) < HEADER.size:
            raise PacketError(f"packet of {len(data)} bytes is shorter than its header of {HEADER.size}")
        version, flags, model_id, sequence, frame_index, n_q, frames = HEADER.unpack_from(data)
        if version != VERSION:
            raise PacketError(f"packet version {version}, this node speaks {VERSION}")
        if flags & ~(FLAG_DENOISED | FLAG_SILENCE):
            raise PacketError(_unknown_flags(flags))
        silence = bool(flags & FLAG_SILENCE)
        _check_shape(n_q, frames, silence)
        expected = HEADER.size + payload_bytes(n_q, frames)
        if len(data) != expected:
            raise PacketError(f"packet has {len(data)} bytes; n_q {n_q} with {frames} frames takes {expected}")
        denoised = bool(flags & FLAG_DENOISED)
        codes = _unpack(data[HEADER.size :], n_q, frames)
        return cls(sequence, frame_index, n_q, codes, model_id, denoised, frames if silence else 0)

    def with_n_q(self, n_q: int) -> Packet:
        """The same frames at a lower bitrate: keeps the first `n_q` quantizers. A silence packet stays as it is.

        Raises PacketError if the packet has fewer.
        """
        if self.silence:
            return self
        if not 1 <= n_q <= self.n_q:
            raise PacketError(f"packet with n_q {self.n_q} can't be cut to {n_q}")
        return replace(self, n_q=n_q, codes=self.codes[:n_q])


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise PacketError(f"{name} {value} is outside {low}..{high}")


def _check_shape(n_q: int, frames: int, silence: bool) -> None:
    _check_range("frame count", frames, 1, MAX_FRAMES)
    if silence and n_q:
        raise PacketError(f"silence packet has n_q {n_q}, not 0")
    if not silence:
        _check_range("n_q", n_q, 1, MAX_QUANTIZERS)


def _unknown_flags(flags: int) -> str:
    unknown = [bit for bit in (1 << shift for shift in range(8)) if flags & bit & ~(FLAG_DENOISED | FLAG_SILENCE)]
    names = ", ".join(RESERVED_FLAGS.get(bit, f"bit {bit:#04x}") for bit in unknown)
    return f"packet flags {flags:#04x} ask for what version {VERSION} does not define: {names}"


# Both go through one integer a quantizer: one for the whole payload would cost the square of a long packet's size.


def _pack(codes: tuple[tuple[int, ...], ...], n_q: int, frames: int) -> bytes:
    bits = 0
    for row in codes:
        row_bits = 0
        for code in row:
            row_bits = row_bits << CODE_BITS | code
        bits = bits << frames * CODE_BITS | row_bits
    return (bits << -n_q * frames * CODE_BITS % 8).to_bytes(payload_bytes(n_q, frames), "big")


def _unpack(payload: bytes, n_q: int, frames: int) -> tuple[tuple[int, ...], ...]:
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

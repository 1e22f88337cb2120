"""Packets in a file. The format is explained in docs/wire-format.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from struct import error as StructError
from zlib import crc32

from codec.atomicfile import replacing
from codec.config import CodecConfig
from codec.packet import Packet, PacketError, short_model_id

MAGIC = b"tlin"
VERSION = 1
MAX_SAMPLES = (1 << 32) - 1

_HOP = CodecConfig().hop
_PREFIX = Struct(">4sBB")  # magic, version, length of the model id
_U16 = Struct(">H")
_U32 = Struct(">I")


class TlFileError(Exception):
    """A file that is no .tl file, or a damaged one; the text names the file, the offset and the cause."""


@dataclass(frozen=True, slots=True)
class TlFile:
    """One stream at rest: `samples` at 24 kHz, encoded by the model `model_id`.

    `damage` says what ended a salvaged file early; it is None for a whole one.
    """

    model_id: str
    samples: int
    packets: tuple[Packet, ...]
    damage: str | None = None

    @property
    def frames(self) -> int:
        return sum(packet.frames for packet in self.packets)

    @property
    def decodable_samples(self) -> int:
        """Samples that the packets give, without the padding of the last frame."""
        return min(self.samples, self.frames * _HOP)

    def to_bytes(self) -> bytes:
        """The whole file; of a salvaged one what is left of it."""
        return b"".join([_header(self), *(_record(packet) for packet in self.packets)])


def write_tl(path: Path, file: TlFile) -> int:
    """Writes a whole file, or none; returns its size in bytes.

    Raises TlFileError for a sound that is too long for the format, OSError where the file can't be written.
    """
    if file.samples > MAX_SAMPLES:
        raise TlFileError(f"{path}: {file.samples} samples are more than a .tl file can count ({MAX_SAMPLES})")
    data = file.to_bytes()
    with replacing(path) as part:
        part.write_bytes(data)
    return len(data)


def read_tl(path: Path, salvage: bool = False) -> TlFile:
    """Reads a file. A damaged one raises TlFileError; with `salvage` it gives all packets before the damage instead.

    A damaged header can't be salvaged: TlFileError. A file that can't be read: OSError.
    """
    data = path.read_bytes()
    try:
        file = _parse(data)
    except TlFileError as error:
        raise TlFileError(f"{path}: {error}") from None
    if file.damage and not salvage:
        raise TlFileError(f"{path}: {file.damage}")
    return file


def _header(file: TlFile) -> bytes:
    model_id = file.model_id.encode("ascii")
    header = _PREFIX.pack(MAGIC, VERSION, len(model_id)) + model_id + _U32.pack(file.samples)
    return header + _U32.pack(crc32(header))


def _record(packet: Packet) -> bytes:
    data = packet.to_bytes()
    return _U16.pack(len(data)) + data + _U32.pack(crc32(data))


def _parse(data: bytes) -> TlFile:
    model_id, samples, offset = _parse_header(data)
    packets: list[Packet] = []
    damage = None
    try:
        for packet in _records(data, offset, short_model_id(model_id), -(-samples // _HOP)):
            packets.append(packet)
    except TlFileError as error:
        damage = str(error)
    return TlFile(model_id, samples, tuple(packets), damage)


def _parse_header(data: bytes) -> tuple[str, int, int]:
    """Model id, samples, offset of the first record."""
    if data[: len(MAGIC)] != MAGIC[: len(data)]:
        raise TlFileError("not a .tl file")
    try:
        _, version, id_length = _PREFIX.unpack_from(data)
        if version != VERSION:
            raise TlFileError(f"file version {version}, this program reads {VERSION}")
        end = _PREFIX.size + id_length + _U32.size
        (samples,) = _U32.unpack_from(data, end - _U32.size)
        (checksum,) = _U32.unpack_from(data, end)
    except StructError:
        raise TlFileError(f"ends at byte {len(data)}, inside its header") from None
    if checksum != crc32(data[:end]):
        raise TlFileError(f"damaged header: wrong checksum at byte {end}")
    try:
        model_id = data[_PREFIX.size : _PREFIX.size + id_length].decode("ascii")
        short_model_id(model_id)
    except ValueError as error:
        raise TlFileError(f"unusable header: {error}") from None
    return model_id, samples, end + _U32.size


def _records(data: bytes, offset: int, model_id: int, frames: int) -> Iterator[Packet]:
    """The packets, each checked, until `frames` frames are there and nothing follows; else TlFileError."""
    index = 0
    while index < frames:
        if offset == len(data):
            raise TlFileError(f"ends at byte {offset}, after {index} of {frames} frames")
        packet_bytes = _record_at(data, offset)
        try:
            packet = Packet.from_bytes(packet_bytes)
        except PacketError as error:
            raise TlFileError(f"unusable record at byte {offset}: {error}") from None
        if packet.model_id != model_id:
            raise TlFileError(f"record at byte {offset} is of model {packet.model_id:04x}, not {model_id:04x}")
        if packet.frame_index != index:
            raise TlFileError(f"record at byte {offset} begins with frame {packet.frame_index}, not {index}")
        if index + packet.frames > frames:
            raise TlFileError(f"record at byte {offset} holds more frames than the file's {frames}")
        yield packet
        index += packet.frames
        offset += _U16.size + len(packet_bytes) + _U32.size
    if offset < len(data):
        raise TlFileError(f"{len(data) - offset} bytes after the last record, from byte {offset}")


def _record_at(data: bytes, offset: int) -> bytes:
    """The packet's bytes, once their checksum is found right."""
    try:
        (length,) = _U16.unpack_from(data, offset)
        start = offset + _U16.size
        (checksum,) = _U32.unpack_from(data, start + length)
    except StructError:
        raise TlFileError(f"ends at byte {len(data)}, inside the record at byte {offset}") from None
    packet_bytes = data[start : start + length]
    if checksum != crc32(packet_bytes):
        raise TlFileError(f"damaged record at byte {offset}: wrong checksum")
    return packet_bytes

"""The .tl file: whole, cut at every byte, with every bit flipped, and foreign."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from struct import pack
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.packet import Packet
from codec.tlfile import TlFile, TlFileError, read_tl, write_tl

MODEL = "3fa4c0ffee123456"
HEADER_SIZE = 4 + 1 + 1 + 16 + 4 + 4


def packets(*frame_counts: int, n_q: int = 3) -> tuple[Packet, ...]:
    made: list[Packet] = []
    for sequence, frames in enumerate(frame_counts):
        codes = tuple(tuple((7 * q + t) % 1024 for t in range(frames)) for q in range(n_q))
        made.append(Packet(sequence, sum(frame_counts[:sequence]), n_q, codes, 0x3FA4))
    return tuple(made)


WHOLE = TlFile(MODEL, samples=9 * 320 - 5, packets=packets(4, 4, 1))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clip.tl"


def record(data: bytes) -> bytes:
    return pack(">H", len(data)) + data + pack(">I", crc32(data))


def header(model_id: bytes = MODEL.encode(), samples: int = WHOLE.samples, version: int = 1) -> bytes:
    data = b"tlin" + bytes([version, len(model_id)]) + model_id + pack(">I", samples)
    return data + pack(">I", crc32(data))


def test_layout_is_the_documented_one(path: Path) -> None:
    size = write_tl(path, WHOLE)
    expected = header() + b"".join(record(packet.to_bytes()) for packet in WHOLE.packets)
    assert path.read_bytes() == expected
    assert size == len(expected)


@pytest.mark.parametrize(
    "file",
    [
        WHOLE,
        TlFile(MODEL, 0, ()),
        TlFile(MODEL, 1, packets(1)),
        TlFile(MODEL, 320, packets(1, n_q=24)),
        TlFile(MODEL, 321, packets(2)),
        TlFile(MODEL, 24_000, packets(75, n_q=8)),
        TlFile(MODEL, 960, (*packets(1), Packet(1, 1, 0, (), 0x3FA4, silence_frames=2))),
    ],
    ids=["three-packets", "empty", "one-sample", "one-frame", "one-sample-more", "one-second", "with-silence"],
)
def test_round_trip(path: Path, file: TlFile) -> None:
    write_tl(path, file)
    assert read_tl(path) == file
    assert file.decodable_samples == file.samples


def test_truncation_at_every_byte_is_noticed_and_whole_packets_are_salvaged(path: Path) -> None:
    write_tl(path, WHOLE)
    data = path.read_bytes()
    sizes = [len(record(packet.to_bytes())) for packet in WHOLE.packets]
    ends = [HEADER_SIZE + sum(sizes[:n]) for n in range(len(sizes) + 1)]
    for cut in range(len(data)):
        path.write_bytes(data[:cut])
        with pytest.raises(TlFileError, match=rf"clip\.tl: ends at byte {cut}, "):
            read_tl(path)
        if cut >= HEADER_SIZE:
            whole = max(n for n, end in enumerate(ends) if end <= cut)
            salvaged = read_tl(path, salvage=True)
            assert salvaged.packets == WHOLE.packets[:whole]
            assert salvaged.damage is not None


def test_every_flipped_bit_is_noticed(path: Path) -> None:
    write_tl(path, WHOLE)
    data = path.read_bytes()
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with pytest.raises(TlFileError, match=r"clip\.tl: "):
            read_tl(path)
        if bit // 8 >= HEADER_SIZE:
            salvaged = read_tl(path, salvage=True)
            assert salvaged.packets == WHOLE.packets[: len(salvaged.packets)]
            assert len(salvaged.packets) < len(WHOLE.packets)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.tl"
    path.write_bytes(data)
    with pytest.raises(TlFileError):
        read_tl(path, salvage=True)


@given(st.binary(max_size=300))
def test_any_bytes_after_a_good_header_are_damage(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.tl"
    path.write_bytes(header() + data)
    assert read_tl(path, salvage=True).damage is not None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"RIFF....WAVE", "not a .tl file"),
        (b"", "ends at byte 0, inside its header"),
        (header(version=2), "file version 2, this program reads 1"),
        (header(model_id=b"\xff" * 16), "unusable header"),
        (header(model_id=b"zz"), "unusable header: model id 'zz'"),
        (header(model_id=b""), "unusable header: model id ''"),
    ],
    ids=["wav", "empty", "version", "non-ascii-model", "non-hex-model", "no-model"],
)
@pytest.mark.parametrize("salvage", [False, True], ids=["strict", "salvage"])
def test_a_foreign_header_is_refused_with_its_cause(path: Path, data: bytes, said: str, salvage: bool) -> None:
    path.write_bytes(data)
    with pytest.raises(TlFileError, match=f"clip.tl: {said}"):
        read_tl(path, salvage)


first, second, third = WHOLE.packets


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([b"nonsense"], "unusable record at byte 30: packet of 8 bytes is shorter than its header"),
        ([replace(first, model_id=0xBEEF).to_bytes()], "record at byte 30 is of model beef, not 3fa4"),
        ([second.to_bytes()], "record at byte 30 begins with frame 4, not 0"),
        ([packets(10)[0].to_bytes()], "record at byte 30 holds more frames than the file's 9"),
        ([p.to_bytes() for p in (first, second, third, third)], "22 bytes after the last record, from byte"),
    ],
    ids=["not-a-packet", "another-model", "missing-packet", "too-many-frames", "too-many-records"],
)
def test_records_that_do_not_fit_are_named(path: Path, records: list[bytes], said: str) -> None:
    path.write_bytes(header() + b"".join(map(record, records)))
    salvaged = read_tl(path, salvage=True)
    assert salvaged.damage is not None
    assert said in salvaged.damage
    assert salvaged.packets == WHOLE.packets[: len(salvaged.packets)]
    with pytest.raises(TlFileError, match=r"clip\.tl: "):
        read_tl(path)


def test_a_salvaged_file_knows_how_much_it_can_give(path: Path) -> None:
    write_tl(path, replace(WHOLE, packets=WHOLE.packets[:2]))
    assert read_tl(path, salvage=True).decodable_samples == 8 * 320


def test_a_sound_too_long_to_count_is_refused(path: Path) -> None:
    with pytest.raises(TlFileError, match="4294967296 samples are more than"):
        write_tl(path, replace(WHOLE, samples=1 << 32))
    assert not path.exists()


def test_a_failed_write_leaves_the_old_file_and_nothing_else(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(b"old")

    def disk_full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:5])
        raise OSError(28, "No space left on device", str(self))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", disk_full)
        with pytest.raises(OSError, match="No space left"):
            write_tl(path, WHOLE)
    assert path.read_bytes() == b"old"
    assert os.listdir(path.parent) == ["clip.tl"]


def test_writing_through_a_link_keeps_the_link(path: Path) -> None:
    target = path.with_name("target.tl")
    path.symlink_to(target)
    write_tl(path, WHOLE)
    assert path.is_symlink()
    assert read_tl(target) == WHOLE


def test_a_target_that_is_no_file_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(OSError, match="is not a regular file"):
        write_tl(path, WHOLE)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        write_tl(tmp_path / "nowhere" / "clip.tl", WHOLE)
    assert caught.value.filename == str(tmp_path / "nowhere" / "clip.tl")

"""The wire format, field by field."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from codec.config import PRESETS, CodecConfig
from codec.highband import SHAPES
from codec.packet import (
    CODE_BITS,
    HEADER,
    MAX_FRAMES,
    MAX_QUANTIZERS,
    Copy,
    Packet,
    PacketError,
    entropy_coded,
    short_model_id,
)
from tests.codec.codemodels import FAVOURITE, made_up

WIRE_FORMAT = Path(__file__).resolve().parents[2] / "docs" / "wire-format.md"

ENDS = SHAPES.index((-3, -20, -28))  # a highest band that ends below its third part


def packet(n_q: int = 8, frames: int = 1, **fields: object) -> Packet:
    codes = tuple(tuple((37 * q + 11 * t) % 1024 for t in range(frames)) for q in range(n_q))
    values = {"sequence": 7, "frame_index": 300, "n_q": n_q, "codes": codes, "model_id": 0x3FA4} | fields
    return Packet(**values)  # type: ignore[arg-type]


def silence(frames: int = 4, **fields: object) -> Packet:
    return packet(n_q=0, silence_frames=frames, **fields)


def with_byte(data: bytes, position: int, value: int) -> bytes:
    return data[:position] + bytes([value]) + data[position + 1 :]


@pytest.mark.parametrize("config", PRESETS.values(), ids=lambda config: config.preset)
def test_the_wire_has_room_for_every_preset(config: CodecConfig) -> None:
    assert config.codebook_bits == CODE_BITS
    assert config.quantizers == MAX_QUANTIZERS
    assert round(config.frame_rate) <= MAX_FRAMES


def example(label: str) -> bytes:
    """The bytes of the fenced block with this label in docs/wire-format.md."""
    block = re.search(rf"```{label}\n(.*?)```", WIRE_FORMAT.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    return bytes.fromhex(block[1])


def test_the_worked_example_of_the_document_is_what_the_code_gives() -> None:
    codes = ((1, 1023), (512, 2), (682, 341))
    described = Packet(sequence=7, frame_index=300, n_q=3, codes=codes, model_id=0x3FA4, denoised=True)
    assert described.to_bytes() == example("hex")
    assert Packet.from_bytes(example("hex")) == described
    assert described.with_n_q(1).to_bytes() == example("hex-cut")
    told = Packet(sequence=7, frame_index=300, n_q=1, codes=((682,),), model_id=0x3FA4, high_band=ENDS)
    assert told.to_bytes() == example("hex-high-band")


def test_header_is_twelve_bytes_big_endian() -> None:
    data = packet(frames=2, sequence=0x0102, frame_index=0x03040506, denoised=True).to_bytes()
    assert HEADER.size == 12
    assert data[:12] == bytes([1, 1, 0x3F, 0xA4, 1, 2, 3, 4, 5, 6, 8, 2])


@pytest.mark.parametrize("frames", [1, 2, 3, 75, 255], ids="{}-frames".format)
@pytest.mark.parametrize("n_q", [1, 4, 8, 24], ids="n_q-{}".format)
def test_round_trip_and_size(n_q: int, frames: int) -> None:
    sent = packet(n_q, frames)
    data = sent.to_bytes()
    assert Packet.from_bytes(data) == sent
    assert sent.payload_bits == n_q * frames * 10
    assert len(data) == sent.wire_bytes == 12 + -(-sent.payload_bits // 8)


def test_a_byte_before_the_codes_says_how_the_highest_band_is_spread() -> None:
    """Behind the copies, if there are any, and whether or not codes are entropy-coded."""
    plain = packet(n_q=3, frames=2, copies=(Copy(2, ((5, 6),)),))
    said = replace(plain, high_band=ENDS)
    data, without = said.to_bytes(), plain.to_bytes()
    at = len(without) - plain.payload_bytes
    assert (data[1], data[2:at]) == (without[1] | 16, without[2:at])
    assert data[at] == ENDS
    assert data[at + 1 :] == without[at:]
    assert Packet.from_bytes(data) == said
    assert (said.wire_bytes, said.payload_bits) == (len(data), plain.payload_bits + 8)
    cut = said.with_n_q(1)
    assert cut.high_band == said.high_band
    assert Packet.from_bytes(cut.to_bytes()) == cut
    assert [one.high_band for one in said.frame_by_frame()] == [said.high_band] * 2
    assert all(copy.high_band is None for copy in said.copied())


def test_a_frame_at_6_kbps_takes_10_bytes_of_payload() -> None:
    assert len(packet(CodecConfig().n_q(6)).to_bytes()) == 12 + 10


@pytest.mark.parametrize("denoised", [False, True], ids=["plain", "denoised"])
def test_silence_has_frames_and_no_payload(denoised: bool) -> None:
    sent = silence(frames=40, denoised=denoised)
    data = sent.to_bytes()
    assert len(data) == 12
    received = Packet.from_bytes(data)
    assert received == sent
    assert received.silence
    assert (received.frames, received.n_q, received.payload_bits) == (40, 0, 0)


def test_cutting_the_tail_keeps_the_first_quantizers() -> None:
    whole = packet(n_q=12, frames=3, denoised=True)
    cut = whole.with_n_q(4)
    assert cut.codes == whole.codes[:4]
    assert (cut.sequence, cut.frame_index, cut.model_id, cut.denoised) == (7, 300, 0x3FA4, True)
    assert Packet.from_bytes(cut.to_bytes()) == cut


def test_cutting_leaves_silence_as_it_is() -> None:
    assert silence().with_n_q(4) == silence()


@pytest.mark.parametrize("n_q", [0, -1, 9], ids="n_q-{}".format)
def test_cutting_to_what_is_not_there_is_refused(n_q: int) -> None:
    with pytest.raises(PacketError, match=f"n_q 8 can't be cut to {n_q}"):
        packet(n_q=8).with_n_q(n_q)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"sequence": 1 << 16}, "sequence 65536 is outside 0..65535"),
        ({"sequence": -1}, "sequence -1"),
        ({"frame_index": 1 << 32}, "frame index 4294967296 is outside"),
        ({"model_id": 1 << 16}, "model id 65536 is outside"),
        ({"codes": ((1024,),), "n_q": 1}, "quantizer 0 has a code outside 0..1023"),
        ({"codes": ((0,), (-1,)), "n_q": 2}, "quantizer 1 has a code outside 0..1023"),
        ({"codes": ((0, 1), (0,)), "n_q": 2}, "quantizer 1 has codes of 1 frames, not 2"),
        ({"codes": ((0,),), "n_q": 2}, "n_q 2 but codes of 1 quantizers"),
        ({"codes": ((),), "n_q": 1}, "frame count 0 is outside 1..255"),
        ({"codes": (), "n_q": 0}, "frame count 0 is outside 1..255"),
        ({"codes": ((0,) * 256,), "n_q": 1}, "frame count 256 is outside 1..255"),
        ({"codes": ((0,),) * 25, "n_q": 25}, "n_q 25 is outside 1..24"),
        ({"silence_frames": 3}, "silence packet has n_q 8, not 0"),
        ({"silence_frames": 1, "n_q": 0, "codes": ((0,),)}, "n_q 0 but codes of 1 quantizers"),
        ({"silence_frames": 256, "n_q": 0, "codes": ()}, "frame count 256 is outside"),
        ({"silence_frames": 3, "n_q": 0, "codes": (), "high_band": 0}, "silence frames of a packet with a"),
        ({"high_band": 252}, "high band 252 is outside 0..251"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_packet_that_the_wire_cannot_carry_is_refused(fields: dict[str, object], said: str) -> None:
    with pytest.raises(PacketError, match=re.escape(said)):
        packet(**fields)  # type: ignore[arg-type]


GOOD = packet(n_q=3, frames=1).to_bytes()  # 30 bits and 2 of padding


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "packet of 0 bytes is shorter than its header of 12"),
        (GOOD[:11], "packet of 11 bytes is shorter"),
        (with_byte(GOOD, 0, 2), "packet version 2, this node speaks 1"),
        (with_byte(GOOD, 1, 8), "entropy-coded, and how likely the codes of its model are is not known"),
        (with_byte(with_byte(GOOD, 1, 8), 11, 2), "packet of 2 frames with n_q 3: entropy-coded are codes of one"),
        (with_byte(silence().to_bytes(), 1, 10), "packet of 4 frames with n_q 0: entropy-coded are codes of one"),
        (with_byte(GOOD, 1, 0xA0), "version 1 does not define: bit 0x20, bit 0x80"),
        (with_byte(GOOD, 1, 2), "silence packet has n_q 3, not 0"),
        (with_byte(GOOD, 10, 0), "n_q 0 is outside 1..24"),
        (with_byte(GOOD, 10, 25), "n_q 25 is outside 1..24"),
        (with_byte(GOOD, 11, 0), "frame count 0 is outside 1..255"),
        (with_byte(GOOD, 11, 2), "packet has 16 bytes; n_q 3 with 2 frames takes 20"),
        (GOOD[:-1], "packet has 15 bytes; n_q 3 with 1 frames takes 16"),
        (GOOD + b"\0", "packet has 17 bytes; n_q 3 with 1 frames takes 16"),
        (with_byte(GOOD, 15, GOOD[15] | 1), "padding bits that are not zero"),
        (with_byte(silence().to_bytes(), 11, 0), "frame count 0 is outside 1..255"),
        (with_byte(GOOD, 1, 16)[:12], "packet of 12 bytes ends before its codes"),
        (with_byte(GOOD, 1, 16), "packet has 16 bytes; n_q 3 with 1 frames takes 17"),
        (with_byte(with_byte(GOOD, 1, 16), 12, 252), "packet's high band 252 is outside 0..251"),
        (with_byte(silence().to_bytes(), 1, 18), "silence packet says how its highest band is spread"),
        (silence().to_bytes() + b"\0", "packet has 13 bytes; n_q 0 with 4 frames takes 12"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_damage_is_named(data: bytes, said: str) -> None:
    with pytest.raises(PacketError, match=re.escape(said)):
        Packet.from_bytes(data)


def test_entropy_coded_packets_round_trip() -> None:
    model = made_up()
    sent = packet(n_q=3, codes=((FAVOURITE,), (FAVOURITE,), (700,)), copies=(Copy(1, ((5,),)),))
    coded = replace(sent, coded=entropy_coded(sent.codes, model))
    assert (coded.codes, coded.payload_bits, coded.payload_bytes) == (sent.codes, 16, 2)
    assert len(coded.to_bytes()) == coded.wire_bytes == sent.wire_bytes - 2
    assert Packet.from_bytes(coded.to_bytes(), model) == coded
    assert coded.with_n_q(2) == sent.with_n_q(2)
    assert next(coded.frame_by_frame()).codes == sent.codes
    assert entropy_coded(((7,), (8,), (700,)), model) == b""


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"", "packet has 0 bytes of entropy-coded codes; without that, n_q 3 takes 4"),
        (b"\1\2\3\4", "packet has 4 bytes of entropy-coded codes"),
        (b"\0\0\0", "3 bytes of entropy-coded codes are not as 3 codes are written"),
    ],
)
def test_damage_of_entropy_coded_codes_is_named(payload: bytes, said: str) -> None:
    with pytest.raises(PacketError, match=re.escape(said)):
        Packet.from_bytes(with_byte(GOOD, 1, 8)[:12] + payload, made_up())


def test_the_entropy_coded_example_of_the_document_is_what_the_code_gives() -> None:
    codes = ((FAVOURITE,), (FAVOURITE,), (700,))
    coded = entropy_coded(codes, made_up())
    described = Packet(sequence=7, frame_index=300, n_q=3, codes=codes, model_id=0x3FA4, coded=coded)
    assert described.to_bytes() == example("hex-entropy")
    assert Packet.from_bytes(example("hex-entropy"), made_up()) == described


COPIES = (Copy(1, ((5,), (6,))), Copy(4, ((7, 8, 9),)))


def test_copies_round_trip_whole_and_cut() -> None:
    sent = packet(n_q=3, copies=COPIES)
    data = sent.to_bytes()
    assert len(data) == 12 + 1 + (3 + 3) + (3 + 4) + 4
    assert Packet.from_bytes(data) == sent
    cut = sent.with_n_q(1)
    assert [copy.codes for copy in cut.copies] == [((5,),), ((7, 8, 9),)]
    assert Packet.from_bytes(cut.to_bytes()) == cut


def test_silence_may_carry_copies_of_what_was_said_before() -> None:
    sent = silence(copies=COPIES)
    assert Packet.from_bytes(sent.to_bytes()) == sent
    assert sent.wire_bytes == len(sent.to_bytes())
    assert sent.with_n_q(1).copies[0].n_q == 1


def test_copies_are_packets_of_their_own() -> None:
    older = list(packet(copies=COPIES).copied())
    assert [(one.frame_index, one.frames, one.n_q) for one in older] == [(299, 1, 2), (296, 3, 1)]
    assert next(packet(frame_index=0, copies=COPIES).copied()).frame_index == 0xFFFFFFFF


def test_a_group_comes_apart_into_frames() -> None:
    frames = list(packet(n_q=2, frames=3, copies=COPIES).frame_by_frame())
    assert [(one.frame_index, one.codes) for one in frames] == [
        (300, ((0,), (37,))), (301, ((11,), (48,))), (302, ((22,), (59,)))
    ]  # fmt: skip
    assert [one.frame_index for one in silence(frames=2).frame_by_frame()] == [300, 301]
    assert not any(one.copies for one in frames)


def test_the_documents_example_with_a_copy_is_what_the_code_gives() -> None:
    described = packet(n_q=1, codes=((682,),), copies=(Copy(1, ((1023,), (1,))),))
    assert described.to_bytes() == example("hex-copy")


@pytest.mark.parametrize(
    ("copies", "said"),
    [
        ((Copy(1, ((5,),)),) * 2, "copy of 1 frames from 1 back overlaps the one before it"),
        (tuple(Copy(back, ((5,),)) for back in range(1, 6)), "number of copies 5 is outside 0..4"),
    ],
    ids=["overlap", "five"],
)
def test_copies_that_no_packet_can_carry_are_refused(copies: tuple[Copy, ...], said: str) -> None:
    with pytest.raises(PacketError, match=re.escape(said)):
        packet(copies=copies)


@pytest.mark.parametrize(
    ("frames_back", "codes", "said"),
    [
        (0, ((5,),), "copy's distance 0 is outside 1..255"),
        (2, ((1, 2, 3),), "copy's distance 2 is outside 3..255"),
        (256, ((5,),), "copy's distance 256"),
        (1, (), "copy's n_q 0 is outside 1..24"),
        (1, ((),), "copy's frame count 0"),
        (1, ((1024,),), "quantizer 0 has a code outside"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_copy_that_the_wire_cannot_carry_is_refused(
    frames_back: int, codes: tuple[tuple[int, ...], ...], said: str
) -> None:
    with pytest.raises(PacketError, match=re.escape(said)):
        Copy(frames_back, codes)


COPIED = packet(n_q=3, copies=(Copy(1, ((5,),)),)).to_bytes()  # count at 12, the copy's head at 13, its codes at 16


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (COPIED[:12], "packet of 12 bytes ends before its copies"),
        (with_byte(COPIED, 12, 0), "number of copies 0 is outside 1..4"),
        (with_byte(COPIED, 12, 5), "number of copies 5 is outside 1..4"),
        (COPIED[:15], "packet of 15 bytes ends inside its copies"),
        (COPIED[:17], "packet of 17 bytes ends inside its copies"),
        (with_byte(COPIED, 13, 0), "copy's distance 0 is outside 1..255"),
        (with_byte(COPIED, 14, 0), "copy's n_q 0 is outside 1..24"),
        (with_byte(COPIED, 15, 0), "copy's frame count 0"),
        (with_byte(COPIED, 17, 1), "padding bits that are not zero"),
        (COPIED[:-1], "packet has 21 bytes; n_q 3 with 1 frames takes 22"),
        (with_byte(COPIED, 1, 0), "packet has 22 bytes; n_q 3 with 1 frames takes 16"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_damaged_copies_are_named(data: bytes, said: str) -> None:
    with pytest.raises(PacketError, match=re.escape(said)):
        Packet.from_bytes(data)


def test_short_model_id_is_the_first_four_digits() -> None:
    assert short_model_id("3fa4c0ffee123456") == 0x3FA4


@pytest.mark.parametrize("model_id", ["", "3fa", "3f_4", "+fa4", "wxyz"])
def test_short_model_id_wants_digits(model_id: str) -> None:
    with pytest.raises(PacketError, match="does not begin with four hexadecimal digits"):
        short_model_id(model_id)

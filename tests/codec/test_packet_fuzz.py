"""The parser against everything that hypothesis can think of: it gives a packet or a PacketError, nothing else."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from codec.packet import MAX_QUANTIZERS, Copy, Packet, PacketError, entropy_coded
from tests.codec.codemodels import FAVOURITE, made_up

CODE = st.integers(0, 1023)
MODEL = made_up()


@st.composite
def copies(draw: st.DrawFn) -> tuple[Copy, ...]:
    found, end = [], 0
    for _ in range(draw(st.integers(0, 3))):
        frames = draw(st.integers(1, 3))
        row = st.lists(CODE, min_size=frames, max_size=frames).map(tuple)
        end += draw(st.integers(0, 5)) + frames
        found.append(Copy(end, draw(st.lists(row, min_size=1, max_size=4).map(tuple))))
    return tuple(found)


@st.composite
def coded_packets(draw: st.DrawFn, max_frames: int = 12) -> Packet:
    n_q = draw(st.integers(1, MAX_QUANTIZERS))
    frames = draw(st.integers(1, max_frames))
    row = st.lists(CODE, min_size=frames, max_size=frames).map(tuple)
    codes = draw(st.lists(row, min_size=n_q, max_size=n_q).map(tuple))
    return Packet(
        sequence=draw(st.integers(0, 0xFFFF)),
        frame_index=draw(st.integers(0, 0xFFFFFFFF)),
        n_q=n_q,
        codes=codes,
        model_id=draw(st.integers(0, 0xFFFF)),
        denoised=draw(st.booleans()),
        copies=draw(copies()),
    )


silences = st.builds(
    Packet,
    sequence=st.integers(0, 0xFFFF),
    frame_index=st.integers(0, 0xFFFFFFFF),
    n_q=st.just(0),
    codes=st.just(()),
    model_id=st.integers(0, 0xFFFF),
    denoised=st.booleans(),
    silence_frames=st.integers(1, 255),
    copies=copies(),
)
packets = coded_packets() | silences


@st.composite
def entropy_coded_packets(draw: st.DrawFn) -> Packet:
    sent = draw(coded_packets(max_frames=1))
    likely = [draw(st.booleans()) or draw(st.booleans()) for _ in sent.codes]
    codes = tuple((FAVOURITE,) if choose else row for choose, row in zip(likely, sent.codes, strict=True))
    return replace(sent, codes=codes, coded=entropy_coded(codes, MODEL))


def parsed(data: bytes) -> Packet | None:
    """The packet, or None where the parser refused; any other exception fails the test."""
    try:
        return Packet.from_bytes(data, MODEL)
    except PacketError:
        return None


@given(packets | entropy_coded_packets())
def test_round_trip(sent: Packet) -> None:
    assert Packet.from_bytes(sent.to_bytes(), MODEL) == sent


@given(st.binary(max_size=400))
def test_any_bytes_give_a_packet_or_a_packet_error(data: bytes) -> None:
    parsed(data)


@given(st.binary(min_size=10, max_size=60), st.integers(0, 15))
def test_what_parses_is_written_back_byte_for_byte(rest: bytes, flags: int) -> None:
    data = bytes([1, flags]) + rest
    packet = parsed(data)
    if packet is not None:
        assert packet.to_bytes() == data


@given(packets | entropy_coded_packets(), st.data())
def test_a_flipped_bit_gives_another_packet_or_a_packet_error(sent: Packet, data: st.DataObject) -> None:
    whole = sent.to_bytes()
    position = data.draw(st.integers(0, 8 * len(whole) - 1))
    flipped = bytearray(whole)
    flipped[position // 8] ^= 1 << position % 8
    received = parsed(bytes(flipped))
    assert received != sent
    assert received is None or received.to_bytes() == flipped


@given(packets, st.data())
def test_truncation_is_always_noticed(sent: Packet, data: st.DataObject) -> None:
    whole = sent.to_bytes()
    assert parsed(whole[: data.draw(st.integers(0, len(whole) - 1))]) is None


@given(packets, st.binary(min_size=1, max_size=20))
def test_bytes_too_many_are_always_noticed(sent: Packet, tail: bytes) -> None:
    assert parsed(sent.to_bytes() + tail) is None


@given(coded_packets(), st.data())
def test_cutting_equals_encoding_with_fewer_quantizers(sent: Packet, data: st.DataObject) -> None:
    n_q = data.draw(st.integers(1, sent.n_q))
    older = tuple(copy.with_n_q(n_q) for copy in sent.copies)
    fewer = Packet(sent.sequence, sent.frame_index, n_q, sent.codes[:n_q], sent.model_id, sent.denoised, copies=older)
    assert sent.with_n_q(n_q) == fewer
    assert Packet.from_bytes(sent.to_bytes()).with_n_q(n_q).to_bytes() == fewer.to_bytes()


@given(coded_packets(), st.data())
def test_cutting_twice_is_cutting_once(sent: Packet, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, sent.n_q))
    second = data.draw(st.integers(1, first))
    assert sent.with_n_q(first).with_n_q(second) == sent.with_n_q(second)


@given(coded_packets(max_frames=4), st.data())
def test_the_payload_of_a_cut_packet_is_a_prefix(sent: Packet, data: st.DataObject) -> None:
    """A node may cut bytes without unpacking codes wherever the kept bits end at a byte."""
    n_q = data.draw(st.integers(1, sent.n_q))
    assume(n_q * sent.frames * 10 % 8 == 0)
    sent = replace(sent, copies=())
    cut = sent.with_n_q(n_q).to_bytes()
    assert sent.to_bytes()[12:].startswith(cut[12:])


@given(coded_packets(max_frames=4))
def test_each_copy_decodes_without_the_rest(sent: Packet) -> None:
    for copy, older in zip(sent.copies, sent.copied(), strict=True):
        assert Packet.from_bytes(older.to_bytes()) == older
        assert (sent.frame_index - older.frame_index) % 2**32 == copy.frames_back

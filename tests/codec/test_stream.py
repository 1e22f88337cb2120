"""Streams: packets out of any chunking, concealment on a shortage, bitrate and denoise in mid-stream."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codec.audiofile import read_audio
from codec.conceal import CONCEALED_FRAMES
from codec.engine import load_engine
from codec.engine.base import Engine, Pcm
from codec.highband import SHARES
from codec.packet import Packet, PacketError
from codec.redundancy import Redundancy
from codec.stream import StreamDecoder, StreamEncoder

ENCODER_SEES = 16  # frames before one that its embedding depends on, at the most


@pytest.fixture(scope="module")
def engine() -> Engine:
    return load_engine("onnx")


@pytest.fixture(scope="module")
def speech(heldout_speech: list[Path]) -> Pcm:
    """Two seconds, to the frame."""
    return read_audio(heldout_speech[1])[: 150 * 320]


@pytest.fixture(scope="module")
def packets(engine: Engine, speech: Pcm) -> list[Packet]:
    return StreamEncoder(engine, 8).push(speech)


@pytest.mark.parametrize("chunk", [1000, 320, 77], ids="{}-samples".format)
def test_any_chunking_gives_the_same_packets(
    engine: Engine, speech: Pcm, packets: list[Packet], chunk: int
) -> None:
    encoder = StreamEncoder(engine, 8)
    cut = [packet for start in range(0, len(speech), chunk) for packet in encoder.push(speech[start : start + chunk])]
    assert cut == packets


def test_two_phases_give_the_same_packets(engine: Engine, speech: Pcm, packets: list[Packet]) -> None:
    encoder, parts = StreamEncoder(engine, 8), []
    for frame in speech.reshape(-1, 320):
        parts.append(encoder.finish(engine.encode(*encoder.begin(frame)), 0.25))
    assert parts == packets
    assert encoder.compute_seconds == 150 * 0.25


def test_a_variable_bitrate_gives_loud_frames_more_and_decodes(engine: Engine, speech: Pcm) -> None:
    encoder, decoder = StreamEncoder(engine, 8, variable=True), StreamDecoder(engine)
    sent = encoder.push(speech)
    depth = np.array([packet.n_q for packet in sent])
    level = np.log10(np.square(speech.reshape(-1, 320)).mean(axis=1) + 1e-10)
    assert 6 < depth.mean() < 11
    assert depth[level > np.median(level)].mean() > depth[level < np.median(level)].mean() + 2
    for packet in sent:
        decoder.push(packet)
    assert np.corrcoef(decoder.pull(150), speech)[0, 1] > 0.8
    encoder.reset()
    assert [packet.n_q for packet in encoder.push(speech)] == depth.tolist()


def test_a_variable_bitrate_is_entropy_coded(engine: Engine, speech: Pcm, packets: list[Packet]) -> None:
    sent = StreamEncoder(engine, 8, variable=True).push(speech)
    coded = [packet for packet in sent if packet.coded]
    assert len(coded) > 0.5 * len(sent)
    assert [Packet.from_bytes(packet.to_bytes(), engine.code_model) for packet in sent] == sent
    assert sum(packet.payload_bits for packet in coded) < 0.95 * sum(10 * packet.n_q for packet in coded)
    assert sum(packet.payload_bytes for packet in sent) < 1.1 * sum(packet.payload_bytes for packet in packets)
    assert not any(packet.coded for packet in packets)


def test_a_variable_bitrate_wants_a_packet_for_each_frame(engine: Engine) -> None:
    with pytest.raises(ValueError, match="needs packets of one frame, not 2"):
        StreamEncoder(engine, 8, frames_per_packet=2, variable=True)


def test_where_a_voice_ends_is_said_and_heard(engine: Engine, speech: Pcm) -> None:
    """Nothing above 10 kHz goes in; next to nothing comes out, once it was said."""
    spectrum = np.fft.rfft(speech)
    spectrum[len(spectrum) * 10 // 12 :] = 0
    narrow = np.fft.irfft(spectrum, len(speech)).astype(np.float32)
    sent = StreamEncoder(engine, 8, variable=True).push(np.tile(narrow, 2))
    saying = [packet for packet in sent if packet.high_band is not None]
    assert 2 <= len(saying) <= 80
    assert all(SHARES[packet.high_band][3] < 0.05 for packet in saying)
    assert [Packet.from_bytes(packet.to_bytes(), engine.code_model) for packet in sent] == sent

    def above(packets: list[Packet]) -> float:
        decoder = StreamDecoder(engine)
        for packet in packets:
            decoder.push(packet)
        powers = np.square(np.abs(np.fft.rfft(decoder.pull(300)[150 * 320 :])))
        return float(powers[len(powers) * 107 // 120 :].sum())

    assert above(sent) < 0.1 * above([replace(packet, high_band=None) for packet in sent])


def test_half_a_frame_can_not_be_passed_over(engine: Engine, speech: Pcm) -> None:
    encoder = StreamEncoder(engine, 8)
    encoder.push(speech[:330])
    with pytest.raises(ValueError, match="10 samples of a frame wait"):
        encoder.begin(speech[:320])


def test_packets_count_on(packets: list[Packet]) -> None:
    assert [packet.sequence for packet in packets] == list(range(150))
    assert [packet.frame_index for packet in packets] == list(range(150))


@pytest.mark.parametrize("frames", [1, 2, 3, 7], ids="{}-frames-a-packet".format)
def test_grouping_changes_packets_but_no_codes(
    engine: Engine, speech: Pcm, packets: list[Packet], frames: int
) -> None:
    encoder = StreamEncoder(engine, 8, frames_per_packet=frames)
    grouped = encoder.push(speech) + encoder.flush()
    joined = np.concatenate([np.array(packet.codes) for packet in grouped], axis=1)
    assert np.array_equal(joined, np.concatenate([np.array(packet.codes) for packet in packets], axis=1))
    assert [packet.frame_index for packet in grouped] == list(range(0, 150, frames))


def test_flush_fills_up_the_last_frame(engine: Engine, speech: Pcm) -> None:
    encoder = StreamEncoder(engine, 4)
    assert len(encoder.push(speech[:330])) == 1
    assert len(encoder.flush()) == 1
    assert encoder.flush() == []


def test_reset_forgets_the_sound(engine: Engine, speech: Pcm, packets: list[Packet]) -> None:
    encoder = StreamEncoder(engine, 8)
    encoder.push(speech[5000:7000])
    encoder.reset()
    assert encoder.push(speech) == packets


def test_bitrate_changes_with_the_next_packet_and_without_a_click(engine: Engine, speech: Pcm) -> None:
    def decoded(depths: list[int]) -> tuple[list[Packet], Pcm]:
        encoder, decoder, packets = StreamEncoder(engine, depths[0]), StreamDecoder(engine), []
        for depth, start in zip(depths, range(0, len(speech), 320), strict=True):
            encoder.n_q = depth
            packets += encoder.push(speech[start : start + 320])
        for packet in packets:
            decoder.push(packet)
        return packets, decoder.pull(len(packets))

    packets, changed = decoded([24] * 75 + [2] * 75)
    assert [packet.n_q for packet in packets] == [24] * 75 + [2] * 75
    joint = 75 * 320
    # A click is a jump: the step across the joint must not stand out from the speech around it.
    steps = np.abs(np.diff(changed))
    assert steps[joint - 1] <= steps[joint - 480 : joint + 480].max()
    steady = decoded([2] * 150)[1]
    rest = slice(joint + 30 * 320, None)
    assert np.corrcoef(changed[rest], steady[rest])[0, 1] > 0.99


@pytest.mark.parametrize("n_q", [0, 25, -1])
def test_a_depth_that_there_is_not_is_refused(engine: Engine, n_q: int) -> None:
    with pytest.raises(ValueError, match=r"outside 1\.\.24"):
        StreamEncoder(engine, n_q)


def test_denoise_ramps_from_the_frame_it_names(engine: Engine, speech: Pcm, packets: list[Packet]) -> None:
    encoder = StreamEncoder(engine, 8)
    before = encoder.push(speech[: 60 * 320])
    assert encoder.set_denoise(True) == 60
    after = encoder.push(speech[60 * 320 :])
    assert before == packets[:60]
    assert [packet.denoised for packet in before + after] == [False] * 60 + [True] * 90
    assert before + after != packets


def heard(engine: Engine, packets: list[Packet]) -> Pcm:
    decoder = StreamDecoder(engine)
    for packet in packets:
        decoder.push(packet)
    return decoder.pull(len(packets))


def test_switched_off_denoising_leaves_no_trace(engine: Engine, speech: Pcm) -> None:
    """In what is heard, as finely as there is; codes depend on the ones before."""
    encoder, plain = StreamEncoder(engine, 24), StreamEncoder(engine, 24).push(speech)
    encoder.set_denoise(True)
    first = encoder.push(speech[: 40 * 320])
    assert encoder.set_denoise(False) == 40
    changed = heard(engine, first + encoder.push(speech[40 * 320 :]))
    rest = slice((40 + engine.config.denoise_ramp_frames + ENCODER_SEES + 30) * 320, None)
    assert np.corrcoef(changed[rest], heard(engine, plain)[rest])[0, 1] > 0.99


@pytest.mark.parametrize("loudest", [0.0, 3e-5], ids=["zeros", "one bit of hiss"])
def test_a_denoiser_does_not_hear_silence(loudest: float, engine: Engine, speech: Pcm) -> None:
    rng = np.random.default_rng(2)
    noisy = speech + 0.03 * rng.standard_normal(len(speech)).astype(np.float32)
    silence = rng.uniform(-loudest, loudest, 70 * 320).astype(np.float32)
    late = heard(engine, StreamEncoder(engine, 24, denoise=True).push(np.concatenate([silence, noisy])))[70 * 320 :]
    at_once = heard(engine, StreamEncoder(engine, 24, denoise=True).push(noisy))
    rest = slice((ENCODER_SEES + 10) * 320, None)
    assert np.corrcoef(late[rest], at_once[rest])[0, 1] > 0.99


def test_lost_frames_are_skipped_in_the_count(engine: Engine, speech: Pcm) -> None:
    encoder = StreamEncoder(engine, 8)
    encoder.push(speech[: 10 * 320])
    encoder.skip(5)
    (packet,) = encoder.push(speech[15 * 320 : 16 * 320])
    assert (packet.frame_index, packet.sequence) == (15, 10)


def test_packets_that_are_pushed_are_played_in_order(engine: Engine, packets: list[Packet]) -> None:
    whole, single = StreamDecoder(engine), StreamDecoder(engine)
    for packet in packets:
        whole.push(packet)
    parts = []
    for packet in packets:
        single.push(packet)
        parts.append(single.pull())
    np.testing.assert_array_equal(whole.pull(150), np.concatenate(parts))
    assert (whole.played, whole.concealed, whole.noise) == (150, 0, 0)


def test_two_phases_give_the_same_sound(engine: Engine, packets: list[Packet]) -> None:
    whole, phased = StreamDecoder(engine), StreamDecoder(engine)
    for number, packet in enumerate(packets[:60]):
        if not 20 <= number < 32:
            whole.push(packet)
            phased.push(packet)
        step = phased.begin()
        pcm = phased.finish(step and engine.decode(*step), 0.25)
        np.testing.assert_array_equal(pcm, whole.pull())
    counts = (48, CONCEALED_FRAMES, 12 - CONCEALED_FRAMES)
    assert (phased.played, phased.concealed, phased.noise) == counts
    assert phased.compute_seconds == 48 * 0.25


def test_a_shortage_conceals_then_plays_noise_then_fades_back(engine: Engine, packets: list[Packet]) -> None:
    decoder = StreamDecoder(engine)
    for packet in packets[:60]:
        decoder.push(packet)
    decoder.pull(60)
    gap = decoder.pull(20)
    assert (decoder.played, decoder.concealed, decoder.noise) == (60, CONCEALED_FRAMES, 20 - CONCEALED_FRAMES)
    noise = gap[CONCEALED_FRAMES * 320 :]
    assert 0 < np.sqrt(np.mean(noise**2)) <= 0.01
    decoder.push(packets[80])
    back = decoder.pull()
    assert abs(back[0]) < 0.05
    assert decoder.played == 61


def test_before_the_first_packet_there_is_only_quiet_noise(engine: Engine) -> None:
    decoder = StreamDecoder(engine)
    assert np.abs(decoder.pull(10)).max() < 0.01
    assert (decoder.concealed, decoder.noise) == (0, 10)


def test_a_silence_packet_plays_comfort_noise(engine: Engine, packets: list[Packet]) -> None:
    decoder = StreamDecoder(engine)
    decoder.push(Packet(0, 0, 0, (), packets[0].model_id, silence_frames=3))
    decoder.pull(3)
    assert (decoder.played, decoder.noise) == (0, 3)


def test_another_models_packet_is_refused(engine: Engine, packets: list[Packet]) -> None:
    wrong = packets[0].model_id ^ 1
    with pytest.raises(PacketError, match=f"packet of model {wrong:04x}, this stream decodes"):
        StreamDecoder(engine).push(Packet(0, 0, 8, packets[0].codes, wrong))


def test_an_older_packet_is_refused(engine: Engine, packets: list[Packet]) -> None:
    decoder = StreamDecoder(engine)
    decoder.push(packets[5])
    with pytest.raises(PacketError, match="packet begins at frame 4, after frame 6 was reached"):
        decoder.push(packets[4])


def test_compute_time_is_counted(engine: Engine, speech: Pcm) -> None:
    encoder = StreamEncoder(engine, 8)
    encoder.push(speech)
    assert encoder.frames == 150
    assert encoder.compute_seconds > 0


def test_packets_carry_copies_of_those_before_where_that_is_asked_for(
    engine: Engine, speech: Pcm, packets: list[Packet]
) -> None:
    encoder = StreamEncoder(engine, 8)
    encoder.redundancy = Redundancy((1, 3), n_q=2)
    sent = encoder.push(speech[: 6 * 320])
    assert [[copy.frames_back for copy in packet.copies] for packet in sent] == [[], [1], [1], [1, 3], [1, 3], [1, 3]]
    assert [packet.codes for packet in sent] == [packet.codes for packet in packets[:6]]
    assert [copy.codes for copy in sent[5].copies] == [packets[4].codes[:2], packets[2].codes[:2]]
    encoder.skip(4)
    (next_one,) = encoder.push(speech[6 * 320 : 7 * 320])
    assert [copy.frames_back for copy in next_one.copies] == [5, 7]
    encoder.skip(254)
    (far,) = encoder.push(speech[7 * 320 : 8 * 320])
    assert [copy.frames_back for copy in far.copies] == [255]


def test_copies_of_groups_are_groups(engine: Engine, speech: Pcm) -> None:
    encoder = StreamEncoder(engine, 4, frames_per_packet=3)
    encoder.redundancy = Redundancy((1,), n_q=6)
    sent = encoder.push(speech[: 9 * 320])
    assert [(copy.frames_back, copy.frames, copy.n_q) for copy in sent[2].copies] == [(3, 3, 4)]


@pytest.mark.parametrize("packets_back", [(0,), (2, 1), (1, 1), (1, 2, 3, 4, 5)], ids=str)
def test_what_can_not_be_copied_is_refused(packets_back: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="packets back"):
        Redundancy(packets_back)

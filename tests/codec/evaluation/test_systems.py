"""Opus and our codec for real; Lyra where its weights and its runtime are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec.engine import load_engine
from codec.engine.base import Pcm
from codec.evaluation import lyra, opus
from codec.evaluation.pair import Pair
from codec.evaluation.systems import Thinline
from codec.packet import HEADER
from codec.stream import StreamDecoder, StreamEncoder

ROOT = Path(__file__).resolve().parents[3]
LYRA = ROOT.parent / "shared" / "quality" / "lyra"


def likeness(reference: Pcm, degraded: Pcm) -> float:
    """Correlation of the waveforms below 4 kHz, lined up."""
    return float(np.corrcoef(*Pair(reference, degraded).at(8000))[0, 1])


@pytest.mark.parametrize("bitrate", [6.0, 12.0, 24.0], ids="{:g}-kbps".format)
def test_opus_takes_about_the_bits_it_was_given(speech: Pcm, bitrate: float) -> None:
    carried = opus.carry(speech, bitrate)
    kbps = carried.payload_bytes * 8 / 1000 / (len(speech) / 24_000)
    assert 0.6 * bitrate < kbps < 1.4 * bitrate
    assert carried.packet_bytes == carried.payload_bytes
    assert len(carried.pcm) >= len(speech)
    assert abs(Pair(speech, carried.pcm).delay_ms) < 30
    assert likeness(speech, carried.pcm) > (0.6 if bitrate == 6 else 0.85)


def test_our_lower_bitrates_are_what_their_own_encoder_sends(speech: Pcm) -> None:
    carried = Thinline("ours", (0.75, 6.0)).carry(speech)
    engine = load_engine("onnx")
    for bitrate, n_q in ((0.75, 1), (6.0, 8)):
        encoder, decoder = StreamEncoder(engine, n_q), StreamDecoder(engine)
        packets = encoder.push(speech) + encoder.flush()
        for packet in packets:
            decoder.push(packet)
        np.testing.assert_array_equal(carried[bitrate].pcm, decoder.pull(len(packets))[: len(speech)])
        assert carried[bitrate].packet_bytes == sum(len(packet.to_bytes()) for packet in packets)
    said = sum(packet.high_band is not None for packet in packets)
    assert carried[6.0].payload_bytes == 10 * len(packets) + said
    assert carried[6.0].packet_bytes == (10 + HEADER.size) * len(packets) + said


def test_frames_that_share_a_header_take_fewer_bytes_for_the_same_sound(speech: Pcm) -> None:
    alone = Thinline("ours", (3.0,)).carry(speech)[3.0]
    together = Thinline("ours", (3.0,), frames_per_packet=10).carry(speech)[3.0]
    assert likeness(alone.pcm, together.pcm) > 0.999  # they are told at other times how the highest band is spread
    assert together.packet_bytes < alone.packet_bytes / 2


def test_lyra_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no folder" in (lyra.why_absent(None) or "")
    for name in lyra.FILES[1:]:
        (tmp_path / name).touch()
    assert lyra.FILES[0] in (lyra.why_absent(tmp_path) or "")
    (tmp_path / lyra.FILES[0]).touch()
    monkeypatch.setattr(lyra, "PACKAGE", "no_such_package")
    assert lyra.why_absent(tmp_path) == "package no-such-package is not installed"


@pytest.mark.skipif(lyra.why_absent(LYRA) is not None, reason="Lyra's weights or its runtime are not there")
def test_lyra_carries_speech_in_its_bits(speech: Pcm) -> None:
    carried = lyra.Lyra(LYRA).carry(speech)
    assert {bitrate: one.payload_bytes for bitrate, one in carried.items()} == {3.2: 800, 6.0: 1500, 9.2: 2300}
    for one in carried.values():
        assert len(one.pcm) >= len(speech)
        levels = [np.log10(np.square(x[:48_000].reshape(-1, 480)).mean(1) + 1e-7) for x in (speech, one.pcm)]
        assert np.corrcoef(*levels)[0, 1] > 0.9

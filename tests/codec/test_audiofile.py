"""Sound files: every common format, rate and channel count comes in as the same sound, and bad files say why."""

from __future__ import annotations

import os
import wave
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from codec.audiofile import SAMPLE_RATE, AudioFileError, read_audio, to_flac, write_audio

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
PITCH_HZ = 440.0


def tone(rate: int, seconds: float = 1.0) -> NDArray[np.float32]:
    return (0.5 * np.sin(2 * np.pi * PITCH_HZ * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


def write_with(encoder: str, path: Path, rate: int, channels: NDArray[np.float32]) -> Path:
    """Writes channels [C, samples] with one of FFmpeg's encoders."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=rate, layout=LAYOUTS[len(channels)])
        stream.options = {"strict": "experimental"}
        frame = av.AudioFrame.from_ndarray(channels, format="fltp", layout=LAYOUTS[len(channels)])
        frame.sample_rate = rate
        context = stream.codec_context
        frame_size = context.frame_size or 1024
        resampler = av.AudioResampler(context.format, context.layout, context.rate, frame_size=frame_size)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    n = min(len(a), len(b))
    return float(np.corrcoef(a[:n], b[:n])[0, 1])


@pytest.mark.parametrize("count", LAYOUTS, ids="{}-channels".format)
@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000], ids="{}-hz".format)
def test_any_rate_and_channel_count_gives_the_same_sound(tmp_path: Path, rate: int, count: int) -> None:
    path = write_with("pcm_s16le", tmp_path / "tone.wav", rate, np.stack([tone(rate)] * count))
    pcm = read_audio(path)
    assert pcm.dtype == np.float32
    assert pcm.shape == (SAMPLE_RATE,)
    inner = slice(480, -480)  # the resampler's filter has no sound beyond the ends
    assert np.abs(pcm[inner] - tone(SAMPLE_RATE)[inner]).max() < 2e-3


@pytest.mark.parametrize(
    ("name", "encoder", "rate"),
    [
        ("a.wav", "pcm_u8", 24_000),
        ("a.wav", "pcm_s24le", 44_100),
        ("a.wav", "pcm_f32le", 48_000),
        ("a.wav", "pcm_f64le", 16_000),
        ("a.wav", "pcm_mulaw", 8_000),
        ("a.flac", "flac", 44_100),
        ("a.ogg", "libopus", 48_000),
        ("a.ogg", "vorbis", 44_100),
        ("a.mp3", "libmp3lame", 44_100),
    ],
    ids=lambda value: str(value),
)
def test_formats(tmp_path: Path, name: str, encoder: str, rate: int) -> None:
    pcm = read_audio(write_with(encoder, tmp_path / name, rate, np.stack([tone(rate)] * 2)))
    assert abs(len(pcm) - SAMPLE_RATE) < 0.03 * SAMPLE_RATE  # a lossy encoder may fill up its last block
    inner = slice(2400, 21_600)
    assert correlation(pcm[inner], tone(SAMPLE_RATE)[inner]) > 0.99


def test_channels_are_averaged(tmp_path: Path) -> None:
    left, right = tone(SAMPLE_RATE), np.full(SAMPLE_RATE, 0.25, np.float32)
    pcm = read_audio(write_with("pcm_f32le", tmp_path / "two.wav", SAMPLE_RATE, np.stack([left, right])))
    np.testing.assert_allclose(pcm, (left + right) / 2, atol=1e-6)


def test_loud_samples_are_clipped(tmp_path: Path) -> None:
    path = write_with("pcm_f32le", tmp_path / "loud.wav", SAMPLE_RATE, 4 * tone(SAMPLE_RATE)[None])
    assert np.abs(read_audio(path)).max() == 1.0


def test_a_name_with_a_colon_is_a_name(tmp_path: Path) -> None:
    write_audio(tmp_path / "http:x.wav", tone(SAMPLE_RATE))
    assert len(read_audio(tmp_path / "http:x.wav")) == SAMPLE_RATE


def test_heldout_speech_is_read(heldout_speech: list[Path]) -> None:
    pcm = read_audio(heldout_speech[0])
    assert len(pcm) > SAMPLE_RATE
    assert 0.01 < np.abs(pcm).max() <= 1


@given(arrays(np.int16, st.integers(1, 700)))
def test_16_bit_sound_survives(tmp_path_factory: pytest.TempPathFactory, sent: NDArray[np.int16]) -> None:
    path = tmp_path_factory.getbasetemp() / "exact.wav"
    write_audio(path, sent.astype(np.float32) / 32_768)
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, SAMPLE_RATE)
        assert file.readframes(len(sent) + 1) == sent.astype("<i2").tobytes()
    np.testing.assert_array_equal(read_audio(path) * 32_768, sent)


def test_writing_clips(tmp_path: Path) -> None:
    write_audio(tmp_path / "loud.wav", np.array([-2.0, -1.0, 1.0, 2.0], np.float32))
    np.testing.assert_array_equal(read_audio(tmp_path / "loud.wav") * 32_768, [-32_768, -32_768, 32_767, 32_767])


def no_file(path: Path) -> None:
    pass


def make_empty(path: Path) -> None:
    path.touch()


def make_noise(path: Path) -> None:
    path.write_bytes(b"\x00\x01\x02nothing that anyone could play" * 50)


def make_without_samples(path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)


def make_video(path: Path) -> None:
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        container.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        container.mux(stream.encode(None))


def make_not_finite(path: Path) -> None:
    write_with("pcm_f32le", path, SAMPLE_RATE, np.full((1, 480), np.nan, np.float32))


def make_header_only(path: Path) -> None:
    write_audio(path, tone(SAMPLE_RATE))
    os.truncate(path, 30)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (no_file, "no such file"),
        (Path.mkdir, "not a file"),
        (make_empty, "the file is empty"),
        (make_noise, "not a readable sound file"),
        (make_header_only, "not a readable sound file"),
        (make_without_samples, "there is no sound in it"),
        (make_video, "there is no audio stream in it"),
        (make_not_finite, "some samples are not finite numbers"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_file_is_named_with_its_cause(tmp_path: Path, make: object, said: str) -> None:
    path = tmp_path / "bad.wav"
    make(path)  # type: ignore[operator]
    with pytest.raises(AudioFileError, match=rf"bad\.wav: {said}"):
        read_audio(path)


def test_only_wav_is_written(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match=r"out\.flac: sound is written as WAV only"):
        write_audio(tmp_path / "out.flac", tone(SAMPLE_RATE))


def test_flac_is_the_same_sound_in_fewer_bytes(tmp_path: Path) -> None:
    path, pcm = tmp_path / "tone.flac", 2 * tone(SAMPLE_RATE) * np.linspace(0, 1, SAMPLE_RATE, dtype=np.float32)
    path.write_bytes(to_flac(pcm))
    np.testing.assert_allclose(read_audio(path), pcm.clip(-1, 1), atol=2**-15)
    assert path.stat().st_size < 2 * len(pcm)

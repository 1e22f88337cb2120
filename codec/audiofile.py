"""Sound files in and out of the codec's own form: float32 mono at the codec's sample rate."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import av
import numpy as np
from av import AudioFrame
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from av.error import FFmpegError
from numpy.typing import NDArray

from codec.atomicfile import replacing
from codec.config import CodecConfig

SAMPLE_RATE = CodecConfig().sample_rate
_FULL_SCALE = 1 << 15
_ONLY_THIS_FILE = {"protocol_whitelist": "file"}  # a playlist must not fetch what it names


class AudioFileError(Exception):
    """A sound that can't be had; the text names the file and the cause."""


def read_audio(path: Path, sample_rate: int = SAMPLE_RATE) -> NDArray[np.float32]:
    """Reads any format, rate and number of channels that FFmpeg knows -> pcm [samples] at `sample_rate`, in [-1, 1].

    Channels are averaged. Raises AudioFileError where the file is not there, not sound, or has none in it.
    """
    if not path.is_file():
        raise AudioFileError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    if path.stat().st_size == 0:
        raise AudioFileError(f"{path}: the file is empty")
    try:
        with av.open(f"file:{path}", options=_ONLY_THIS_FILE) as container:
            blocks = list(_blocks(container, sample_rate))
    except PermissionError as error:
        raise AudioFileError(f"{path}: {error.strerror}") from None
    except (FFmpegError, ValueError) as error:
        raise AudioFileError(f"{path}: not a readable sound file ({_cause(error)})") from None
    except AudioFileError as error:
        raise AudioFileError(f"{path}: {error}") from None
    pcm = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    if pcm.size == 0:
        raise AudioFileError(f"{path}: there is no sound in it")
    if not np.isfinite(pcm).all():
        raise AudioFileError(f"{path}: some samples are not finite numbers")
    return np.clip(pcm, -1.0, 1.0)


def write_audio(path: Path, pcm: NDArray[np.float32], sample_rate: int = SAMPLE_RATE) -> None:
    """Writes pcm [samples], clipped to [-1, 1], as a 16-bit mono WAV file; a whole one, or none.

    Raises AudioFileError for a name that does not end in .wav, OSError where the file can't be written.
    """
    check_writable_name(path)
    samples = _to_int16(pcm)
    with replacing(path) as part, wave.open(str(part), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(samples.itemsize)
        file.setframerate(sample_rate)
        file.writeframes(samples.tobytes())


def to_flac(pcm: NDArray[np.float32], sample_rate: int = SAMPLE_RATE) -> bytes:
    """pcm [samples], clipped to [-1, 1] -> a 16-bit mono FLAC file, which every browser plays."""
    out = BytesIO()
    with av.open(out, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=sample_rate, layout="mono", format="s16")
        frame = AudioFrame.from_ndarray(_to_int16(pcm)[None], format="s16", layout="mono")
        frame.sample_rate = sample_rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def check_writable_name(path: Path) -> None:
    """Raises AudioFileError where `write_audio` would: to know it before the work, not after."""
    if path.suffix.lower() != ".wav":
        raise AudioFileError(f"{path}: sound is written as WAV only; choose a name that ends in .wav")


def _to_int16(pcm: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.clip(np.rint(pcm * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2")


def _blocks(container: InputContainer, sample_rate: int) -> Iterator[NDArray[np.float32]]:
    """The sound in pieces [samples], mono, resampled by libswresample."""
    if not container.streams.audio:
        raise AudioFileError("there is no audio stream in it")
    resampler = AudioResampler(format="fltp", rate=sample_rate)
    for frame in container.decode(container.streams.audio[0]):
        for resampled in resampler.resample(frame):
            yield resampled.to_ndarray().mean(axis=0, dtype=np.float32)
    for resampled in resampler.resample(None):
        yield resampled.to_ndarray().mean(axis=0, dtype=np.float32)


def _cause(error: Exception) -> str:
    return error.strerror if isinstance(error, FFmpegError) and error.strerror else str(error)

"""Training sound: folders of audio files, decoded once into one int16 cache, cut at random."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from codec.atomicfile import replacing
from codec.audiofile import AudioFileError, read_audio
from codec.train.errors import DataError

SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3"}
Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Clips:
    """Decoded clips of one kind, end to end in one memory-mapped array; drawn in proportion to their length."""

    samples: NDArray[np.int16]
    starts: NDArray[np.int64]  # first sample of each clip, and one past the last

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.starts)

    def clip(self, index: int) -> Samples:
        """A whole clip, in [-1, 1]."""
        return _floats(self.samples[self.starts[index] : self.starts[index + 1]])

    def cut(self, rng: np.random.Generator, length: int) -> Samples:
        """`length` samples of a random clip, in [-1, 1]; a shorter clip is followed by silence."""
        at = int(rng.integers(self.samples.shape[0]))
        index = int(np.searchsorted(self.starts, at, side="right")) - 1
        begin, end = int(self.starts[index]), int(self.starts[index + 1])
        first = int(rng.integers(begin, max(begin + 1, end - length + 1)))
        cut = _floats(self.samples[first : min(first + length, end)])
        return np.pad(cut, (0, length - len(cut)))


def _floats(samples: NDArray[np.int16]) -> Samples:
    return samples.astype(np.float32) / np.float32(32768)


def audio_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def load_clips(folders: Sequence[Path], cache: Path, exclude: tuple[str, ...] = ()) -> Clips:
    """Decodes every audio file under `folders` to 24 kHz mono int16, once; later calls map the cached array.

    A file whose path contains one of `exclude` is left out. Raises DataError where nothing is left.
    """
    found = [(path, folder) for folder in folders for path in audio_files(folder)]
    found = [(path, folder) for path, folder in found if not any(word in str(path) for word in exclude)]
    if not found:
        places = ", ".join(map(str, folders))
        raise DataError(f"no audio files ({', '.join(sorted(SUFFIXES))}) in {places}")
    files = [path for path, _ in found]
    listing = "\n".join(f"{path.relative_to(folder)} {path.stat().st_size}" for path, folder in found)
    base = cache / f"{folders[0].name}-{hashlib.sha256(listing.encode()).hexdigest()[:12]}"
    index = base.with_suffix(".json")
    if not index.exists():
        cache.mkdir(parents=True, exist_ok=True)
        # All of a team's processes may come here at once: what one reads, no other may be writing.
        with replacing(index) as bounds, replacing(base.with_suffix(".pcm")) as samples:
            bounds.write_text(json.dumps(_decode(files, samples, base.name)))
    starts = np.array(json.loads(index.read_text()), dtype=np.int64)
    return Clips(np.memmap(base.with_suffix(".pcm"), dtype=np.int16, mode="r"), starts)


def _decode(files: list[Path], target: Path, name: str) -> list[int]:
    """Writes the files' samples to `target`; returns where each begins and where the last ends."""
    starts = [0]
    with target.open("wb") as out:
        for path in tqdm(files, desc=f"decoding {name}", unit="file"):
            try:
                samples = read_audio(path)
            except AudioFileError as error:
                tqdm.write(f"left out: {error}")
                continue
            out.write((samples.clip(-1, 1) * 32767).astype("<i2").tobytes())
            starts.append(starts[-1] + len(samples))
    if starts[-1] == 0:
        raise DataError("none of the audio files could be decoded")
    return starts

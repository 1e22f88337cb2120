"""The clips to judge with, by kind: speech, music, and speech in noise mixed from folders of both."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codec.audiofile import SAMPLE_RATE, read_audio
from codec.engine.base import Pcm
from codec.evaluation.errors import EvaluationError

SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aiff"}
SPEECH, NOISY, MUSIC = "speech", "noisy speech", "music"
MIN_SECONDS = 0.5  # PESQ and STOI want that much
FULL_SCALE = 0.99

_ACTIVITY_WINDOW = SAMPLE_RATE // 50
_ACTIVITY_RANGE = 10 ** (-40 / 10)  # in power: quieter than the loudest window by more is a pause


@dataclass(frozen=True)
class Clip:
    """A sound to send, told by its name within its kind; `noise` and `snr_db` for speech in noise."""

    name: str
    kind: str
    path: Path
    noise: Path | None = None
    snr_db: float | None = None

    def load(self, max_seconds: float) -> tuple[Pcm, Pcm]:
        """-> what is sent and what it should sound like without the noise, both [samples], whole frames or not.

        Raises AudioFileError, or EvaluationError for a clip too short to judge.
        """
        clean = read_audio(self.path)[: round(max_seconds * SAMPLE_RATE)]
        if len(clean) < MIN_SECONDS * SAMPLE_RATE:
            raise EvaluationError(f"{self.path}: {len(clean) / SAMPLE_RATE:.2f} s are too short to judge")
        if self.noise is None or self.snr_db is None:
            return clean, clean
        return mix(clean, read_audio(self.noise), self.snr_db, zlib.crc32(self.name.encode()))

    def in_noise(self, noise: Path, snr_db: float) -> Clip:
        return Clip(self.name, NOISY, self.path, noise, snr_db)


def find_clips(folder: Path, max_clips: int | None = None) -> list[Clip]:
    """Speech of a folder, or what its subfolders `speech` and `music` hold; at most `max_clips` of each kind,
    spread evenly over the names. Raises EvaluationError where there is none."""
    if not folder.is_dir():
        raise EvaluationError(f"{folder}: {'not a folder' if folder.exists() else 'no such folder'}")
    rooms = {kind: folder / kind for kind in (SPEECH, MUSIC) if (folder / kind).is_dir()} or {SPEECH: folder}
    clips = []
    for kind, room in rooms.items():
        paths = sound_files(room)
        clips += [Clip(str(path.relative_to(room)), kind, path) for path in spread(paths, max_clips)]
    if not clips:
        raise EvaluationError(f"{folder}: there is no sound file in it ({', '.join(sorted(SUFFIXES))})")
    return clips


def find_noise(folder: Path) -> list[Path]:
    """Raises EvaluationError where there is none."""
    if not folder.is_dir():
        raise EvaluationError(f"{folder}: {'not a folder' if folder.exists() else 'no such folder'}")
    paths = sound_files(folder)
    if not paths:
        raise EvaluationError(f"{folder}: there is no sound file in it ({', '.join(sorted(SUFFIXES))})")
    return paths


def sound_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def spread(paths: list[Path], most: int | None) -> list[Path]:
    """At most so many, evenly spread."""
    if most is None or most >= len(paths):
        return paths
    return [paths[index * len(paths) // most] for index in range(most)]


def mix(clean: Pcm, noise: Pcm, snr_db: float, seed: int) -> tuple[Pcm, Pcm]:
    """Speech with noise at a ratio to the speech where somebody speaks -> mixture, clean; both turned down alike
    if the mixture would clip. The noise begins where `seed` says and goes round."""
    start = np.random.default_rng(seed).integers(len(noise))
    noise = np.resize(np.roll(noise, -start), len(clean))
    noise_power = float(np.mean(np.square(noise, dtype=np.float64)))
    if noise_power == 0:
        raise EvaluationError("the noise is digital silence")
    gain = np.sqrt(active_power(clean) / noise_power) * 10 ** (-snr_db / 20)
    mixture = clean + np.float32(gain) * noise
    scale = np.float32(min(1.0, FULL_SCALE / float(np.abs(mixture).max())))
    return mixture * scale, clean * scale


def active_power(sound: Pcm) -> float:
    """Mean power of the windows of 20 ms that are not pauses. Raises EvaluationError for digital silence."""
    whole = len(sound) // _ACTIVITY_WINDOW * _ACTIVITY_WINDOW
    powers = np.mean(np.square(sound[:whole].reshape(-1, _ACTIVITY_WINDOW), dtype=np.float64), axis=1)
    if powers.max() == 0:
        raise EvaluationError("the speech is digital silence")
    return float(powers[powers > powers.max() * _ACTIVITY_RANGE].mean())

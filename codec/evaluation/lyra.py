"""Lyra V2 for comparison, where somebody has its weights: three networks of github.com/google/lyra on LiteRT."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from codec.audiofile import SAMPLE_RATE
from codec.engine.base import Pcm
from codec.evaluation.systems import Carried

BITRATES_KBPS = (3.2, 6.0, 9.2)
FILES = ("soundstream_encoder.tflite", "quantizer.tflite", "lyragan.tflite")
PACKAGE = "ai_edge_litert"

_RATE, _HOP, _FRAME_RATE = 16_000, 320, 50
_STAGES, _STAGE_BITS = 46, 4
_FLUSH_FRAMES = 2  # behind the clip, so that the codec's delay cuts nothing off; not counted

Codes = NDArray[np.int32]


def why_absent(folder: Path | None) -> str | None:
    """What is missing to run it; None if nothing."""
    if folder is None:
        return "no folder with its weights is given (--lyra)"
    if missing := [name for name in FILES if not (folder / name).is_file()]:
        return f"{folder} has no {', '.join(missing)}"
    return f"package {PACKAGE.replace('_', '-')} is not installed" if find_spec(PACKAGE) is None else None


@dataclass
class Lyra:
    folder: Path
    name: str = "lyra"
    bitrates_kbps: tuple[float, ...] = BITRATES_KBPS

    def carry(self, pcm: Pcm, denoise: bool = False) -> dict[float, Carried]:
        """16 kHz inside; the delay of the codec stays in the sound."""
        sound = soxr.resample(pcm, SAMPLE_RATE, _RATE, quality="VHQ")
        frames = -(-len(sound) // _HOP)
        padded = np.pad(sound, (0, (frames + _FLUSH_FRAMES) * _HOP - len(sound))).clip(-1, 1).astype(np.float32)
        embeddings = self._networks.encode(padded.reshape(-1, _HOP))
        carried = {}
        for bitrate in self.bitrates_kbps:
            stages = round(bitrate * 1000 / _FRAME_RATE / _STAGE_BITS)
            decoded = self._networks.decode(embeddings, stages)
            size = -(-stages * _STAGE_BITS // 8) * frames
            carried[bitrate] = Carried(soxr.resample(decoded, _RATE, SAMPLE_RATE, quality="VHQ"), size, size)
        return carried

    @cached_property
    def _networks(self) -> _Networks:
        return _Networks(self.folder)


class _Networks:
    def __init__(self, folder: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._encoder, self._quantizer, self._decoder = (Interpreter(str(folder / n), num_threads=1) for n in FILES)
        self._encoder.allocate_tensors()
        self._decoder.allocate_tensors()
        self._quantize = self._quantizer.get_signature_runner("encode")
        self._look_up = self._quantizer.get_signature_runner("decode")

    def encode(self, frames: Pcm) -> list[Pcm]:
        """[frames, hop] -> an embedding a frame."""
        self._encoder.reset_all_variables()
        return [_run(self._encoder, frame[None]) for frame in frames]

    def decode(self, embeddings: list[Pcm], stages: int) -> Pcm:
        """Embeddings through that many stages of the quantizer -> pcm [samples]."""
        self._decoder.reset_all_variables()
        return np.concatenate([self._through(embedding, stages) for embedding in embeddings])

    def _through(self, embedding: Pcm, stages: int) -> Pcm:
        codes = self._quantize(input_frames=embedding, num_quantizers=np.array(stages, np.int32))["output_0"]
        indices: Codes = np.full((_STAGES, 1, 1), -1, np.int32)  # -1: a stage that was not sent
        indices[:stages, 0, 0] = codes.reshape(-1)[:stages]
        return _run(self._decoder, self._look_up(encoding_indices=indices)["output_0"]).reshape(-1)


def _run(network: Any, tensor: Pcm) -> Pcm:
    network.set_tensor(network.get_input_details()[0]["index"], tensor)
    network.invoke()
    output: Pcm = network.get_tensor(network.get_output_details()[0]["index"]).copy()
    return output

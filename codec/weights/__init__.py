"""Shipped weights: one folder a preset, with a manifest that names its model and vouches for every file.

    manifest.json       preset, model id, SHA-256 of each file
    model.safetensors   all tensors, weight normalisation folded
    encoder.onnx        pcm -> projected embedding, one frame, state in and out
    decoder.onnx        projected embedding -> pcm, likewise
    MODEL_CARD.md       data, steps, figures, limits

Beside them may lie discriminators.safetensors, which judged the model in training: for who trains it on, not for engines.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from codec.config import PRESETS, CodecConfig

MANIFEST = "manifest.json"
FILES = ("model.safetensors", "encoder.onnx", "decoder.onnx")


class WeightsError(Exception):
    """Weights that can't be used: absent, damaged, or not of this codec."""


@dataclass(frozen=True)
class Weights:
    """One model on disk, its files checked."""

    folder: Path
    model_id: str
    config: CodecConfig

    def file(self, name: str) -> Path:
        return self.folder / name


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def shipped(preset: str) -> Path:
    """The folder of the weights that came with this package. Raises WeightsError for a preset without any."""
    folder = Path(__file__).parent / preset
    if not (folder / MANIFEST).is_file():
        present = ", ".join(path.parent.name for path in sorted(Path(__file__).parent.glob(f"*/{MANIFEST}")))
        raise WeightsError(f"no weights of preset {preset!r} are shipped; there are: {present or 'none'}")
    return folder


def open_weights(folder: Path) -> Weights:
    """Checks a folder of weights against its manifest. Raises WeightsError, which names the file at fault."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        config, model_id, sums = PRESETS[manifest["preset"]], str(manifest["model_id"]), dict(manifest["sha256"])
    except FileNotFoundError:
        raise WeightsError(f"{folder} has no {MANIFEST}: not a folder of weights") from None
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{folder / MANIFEST} is damaged: {error}") from None
    for name in FILES:
        path = folder / name
        if not path.is_file():
            raise WeightsError(f"{path} is missing")
        if digest(path) != sums.get(name):
            raise WeightsError(f"{path} is damaged: its SHA-256 is not the manifest's")
    return Weights(folder, model_id, config)


def write_manifest(folder: Path, preset: str) -> str:
    """Vouches for the files in `folder`; returns the model id, the first 16 digits of the tensors' SHA-256."""
    sums = {name: digest(folder / name) for name in FILES}
    model_id = sums["model.safetensors"][:16]
    manifest = {"preset": preset, "model_id": model_id, "sha256": sums}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    return model_id

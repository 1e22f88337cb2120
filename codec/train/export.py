"""From a training checkpoint to weights that ship."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from codec.config import PRESETS
from codec.entropy import CodeNetworks
from codec.model import SoundStream, misfit
from codec.train.adversary import KEPT
from codec.train.errors import TrainingError
from codec.train.generator import Average, folded, trainable
from codec.train.onnxgraph import write_decoder, write_encoder
from codec.weights import Weights, write_manifest


def averaged(checkpoint: dict[str, Any], path: Path) -> SoundStream:
    """The averaged generator of the checkpoint at `path`, weight normalisation folded. Raises TrainingError."""
    try:
        average = Average(trainable(PRESETS[checkpoint["recipe"]["preset"]]))
        average.load_state_dict(checkpoint["average"])
    except (KeyError, RuntimeError) as error:
        raise TrainingError(f"{path} does not fit this codec: {misfit(error)}") from error
    return folded(average.model)


def blended(model: SoundStream, weights: Weights, share: float, everything: bool = False) -> SoundStream:
    """The model, but its decoder and the projection before that, or everything, are means with those of `weights`,
    which its run began with: `share` is its own. Both ends of a run lie in one valley, and it is lower in between
    (arXiv 2203.05482). Raises TrainingError where the weights are of another preset, or the share is none."""
    if not 0 < share <= 1:
        raise TrainingError(f"share {share:g} is not above 0 and up to 1")
    if weights.config != model.config:
        other = weights.config.preset
        raise TrainingError(f"{weights.folder} has weights of preset {other}, not {model.config.preset}")
    before = load_file(weights.file("model.safetensors"))
    parts = ("",) if everything else ("decoder.", "quantizer.project_out.")
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.startswith(parts) and tensor.is_floating_point():
                tensor.lerp_(before[name], 1 - share)
    return model


def with_denoiser(weights: Weights, checkpoint: dict[str, Any], path: Path) -> SoundStream:
    """The codec of `weights` with the denoiser of the checkpoint at `path`. Raises TrainingError."""
    model = SoundStream(weights.config)
    tensors = load_file(weights.file("model.safetensors"))
    kept = {name: value for name, value in tensors.items() if not name.startswith("denoiser.")}
    try:
        model.load_state_dict(kept | {f"denoiser.{name}": value for name, value in checkpoint["denoiser"].items()})
    except RuntimeError as error:
        raise TrainingError(f"{path} does not fit the weights in {weights.folder}: {misfit(error)}") from error
    return model.eval().requires_grad_(False)


def export(model: SoundStream, folder: Path) -> str:
    """Writes tensors, step graphs and manifest into `folder` -> the model id."""
    folder.mkdir(parents=True, exist_ok=True)
    _save(model.state_dict(), folder / "model.safetensors", {"preset": model.config.preset})
    write_encoder(model, folder / "encoder.onnx")
    write_decoder(model, folder / "decoder.onnx")
    return write_manifest(folder, model.config.preset)


def with_code_networks(weights: Weights, networks: CodeNetworks) -> str:
    """Puts what says how likely codes are into the weights' tensors -> the new model id."""
    path = weights.file("model.safetensors")
    tensors = load_file(path)
    tensors |= {f"quantizer.{name}": torch.from_numpy(value) for name, value in networks._asdict().items()}
    _save(tensors, path, {"preset": weights.config.preset})
    return write_manifest(weights.folder, weights.config.preset)


def keep_discriminators(checkpoint: dict[str, Any], folder: Path) -> None:
    """Writes a checkpoint's discriminators beside the weights in `folder`; without any, none are left there."""
    path = folder / KEPT
    path.unlink(missing_ok=True)
    if "adversary" in checkpoint:
        recipe = checkpoint["recipe"]
        names, channels = recipe["discriminators"], recipe["discriminator_channels"]
        metadata = {"discriminators": " ".join(names), "channels": str(channels)}
        _save(checkpoint["adversary"]["networks"], path, metadata)


def _save(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata=metadata)
    path.chmod(0o644)  # the library keeps it to the owner; a served file is everybody's

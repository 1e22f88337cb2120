"""From a training checkpoint to weights that ship."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save_file

from codec.config import PRESETS
from codec.model import SoundStream
from codec.train.checkpoint import read_checkpoint
from codec.train.errors import TrainingError
from codec.train.generator import Average, folded, trainable
from codec.train.onnxgraph import write_decoder, write_encoder
from codec.weights import write_manifest


def load_average(checkpoint: Path) -> SoundStream:
    """The averaged generator of a checkpoint, weight normalisation folded. Raises TrainingError."""
    state = read_checkpoint(checkpoint)
    try:
        average = Average(trainable(PRESETS[state["recipe"]["preset"]]))
        average.load_state_dict(state["average"])
    except (KeyError, RuntimeError) as error:
        raise TrainingError(f"{checkpoint} does not fit this codec: {error}") from error
    return folded(average.model)


def export(model: SoundStream, folder: Path) -> str:
    """Writes tensors, step graphs and manifest into `folder` -> the model id."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(tensors, folder / "model.safetensors", metadata={"preset": model.config.preset})
    (folder / "model.safetensors").chmod(0o644)  # the library keeps it to the owner; a served file is everybody's
    write_encoder(model, folder / "encoder.onnx")
    write_decoder(model, folder / "decoder.onnx")
    return write_manifest(folder, model.config.preset)

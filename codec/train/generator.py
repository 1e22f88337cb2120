"""The codec as training sees it: started well, at its own level, and with an averaged copy of itself."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from math import sqrt
from typing import TypeVar, cast

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from codec.bandmaps import BandMaps, CausalConv2d
from codec.config import CodecConfig
from codec.conv import CausalConv1d, CausalConvTranspose1d
from codec.model import SoundStream, misfit
from codec.seanet import ResidualUnit
from codec.train.errors import TrainingError
from codec.weights import Weights

Network = TypeVar("Network", bound=nn.Module)

BRANCH_GAIN = 0.4  # of a residual branch at the start, so that depth does not swell the signal

# Speech has an RMS of a few hundredths; at that level ELU is a straight line, and a fresh network stays linear for
# thousands of steps. So training runs at this multiple of the level; `folded` puts the factor into the weights.
LEVEL = 16.0


def trainable(config: CodecConfig) -> SoundStream:
    """A fresh codec with variance-preserving weights."""
    return _loud(well_started(SoundStream(config)))


def well_started(network: Network) -> Network:
    """The same with variance-preserving weights."""
    for module in network.modules():
        if isinstance(module, CausalConv1d):
            _start(module.conv, module.conv.in_channels * module.conv.kernel_size[0])
        elif isinstance(module, CausalConvTranspose1d):
            _start(module.conv, 2 * module.conv.in_channels)
        elif isinstance(module, CausalConv2d):
            _start(module.conv, 9 * module.conv.in_channels)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, ResidualUnit):
                module.pointwise.conv.weight.mul_(BRANCH_GAIN)
            if isinstance(module, BandMaps):
                for unit in cast(Iterable[CausalConv2d], module.units):
                    unit.conv.weight.mul_(BRANCH_GAIN)
    return network


def trained(weights: Weights) -> SoundStream:
    """Shipped weights, to train on. Raises TrainingError for those of another architecture."""
    model = SoundStream(weights.config)
    try:
        model.load_state_dict(load_file(weights.file("model.safetensors")))
    except RuntimeError as error:
        raise TrainingError(f"the weights in {weights.folder} do not fit this codec: {misfit(error)}") from error
    _fold_level(model, 1 / LEVEL)
    return _loud(model)


def _loud(model: SoundStream, level: float = LEVEL) -> SoundStream:
    model.encoder.level = model.decoder.level = level
    return model


@torch.no_grad()
def _fold_level(model: SoundStream, level: float) -> None:
    """Makes a model of sound at `level` times its natural level one of natural sound."""
    model.encoder.first.conv.weight.mul_(level)
    model.decoder.last.conv.weight.div_(level)
    model.decoder.last.bias.div_(level)


def _start(conv: nn.Conv1d | nn.Conv2d | nn.ConvTranspose1d, fan_in: int) -> None:
    nn.init.normal_(conv.weight, std=1 / sqrt(fan_in))


def folded(model: SoundStream) -> SoundStream:
    """A copy for sound at its natural level: what ships and runs."""
    plain = copy.deepcopy(model)
    _fold_level(plain, LEVEL)
    plain.encoder.compute_type = plain.decoder.compute_type = torch.float32
    return _loud(plain, 1.0).eval().requires_grad_(False)


class Average:
    """Exponential moving average of a model's parameters; codebooks average themselves and are taken as they are."""

    def __init__(self, model: SoundStream, decay: float = 0.999) -> None:
        self.decay, self.steps = decay, 0
        self.model = copy.deepcopy(model).requires_grad_(False)

    @torch.no_grad()
    def update(self, model: SoundStream) -> None:
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for mean, value in zip(self.model.parameters(), model.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)
        self.model.quantizer.codebooks.copy_(model.quantizer.codebooks)

    def state_dict(self) -> dict[str, Tensor | int]:
        return {"steps": self.steps, **self.model.state_dict()}

    def load_state_dict(self, state: dict[str, Tensor | int]) -> None:
        weights = dict(state)
        self.steps = int(weights.pop("steps"))
        self.model.load_state_dict(weights)

"""A small codec with random but lively weights: what holds for it holds for any weights of this architecture."""

from __future__ import annotations

from functools import cache

import torch

from codec.config import CodecConfig
from codec.model import SoundStream
from codec.train.generator import folded, trainable
from codec.train.quantizer import CodebookTrainer, weigh_levels
from codec.train.team import Team

SMALL = CodecConfig(
    preset="small",
    channels=4,
    dimension=16,
    code_dimension=12,
    bands=4,
    denoise_bands=12,
    denoise_channels=16,
    quantizers=4,
    codebook_bits=5,
)


@cache
def small_model() -> SoundStream:
    torch.manual_seed(7)
    model = trainable(SMALL)
    with torch.no_grad():
        model.denoiser.last.bias.zero_()
        sound, state = 0.3 * torch.randn(4, 1, 100 * SMALL.hop), model.encoder.initial_state(4)
        z, _ = model.encoder.step(sound, state)
        weigh_levels(model.quantizer, z[:, -SMALL.bands :].transpose(1, 2).flatten(0, 1), 1.0)
        CodebookTrainer(model.quantizer, Team()).start(model.quantizer.project(z).transpose(1, 2))
    return folded(model)

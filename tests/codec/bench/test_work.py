"""The count of multiply-adds and weights, against what the reference really does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from codec.bands import DENOISE_TAPS, FADE, PASSES, TAPS
from codec.bench.work import Work, decoder_work, denoiser_work, encoder_work, search_work, step_bytes, step_work
from codec.config import PRESETS, CodecConfig, search_paths
from codec.model import SoundStream

NETWORKS = (denoiser_work, encoder_work, decoder_work)


def counted(run: Callable[[], object]) -> int:
    """Multiply-adds of all that `run` does, as PyTorch counts them."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        run()
    return counter.get_total_flops() // 2


@pytest.mark.parametrize("preset", PRESETS)
def test_the_networks_do_as_many_multiply_adds(preset: str) -> None:
    config = PRESETS[preset]
    model = SoundStream(config)
    pcm, denoise = torch.zeros(1, 1, config.hop), torch.ones(1, 1)
    clean = counted(lambda: model.denoiser.step(pcm, denoise, model.denoiser.initial_state(1)))
    encode = counted(lambda: model.encoder.step(pcm, model.encoder.initial_state(1)))
    z = torch.zeros(1, config.dimension + config.bands, 1)
    decode = counted(lambda: model.decoder.step(z, 1, model.decoder.initial_state(1)))
    filtering = PASSES * TAPS * (config.hop + FADE)  # which the reference does by spectra
    assert clean + DENOISE_TAPS * (config.hop + FADE) == denoiser_work(config).multiply_adds
    assert encode + config.dimension * config.projected == encoder_work(config).multiply_adds
    assert decode + config.dimension * config.code_dimension + filtering == decoder_work(config).multiply_adds


@pytest.mark.parametrize("preset", PRESETS)
def test_all_weights_are_counted(preset: str) -> None:
    config = PRESETS[preset]
    tensors = SoundStream(config).state_dict()
    matrices = sum(tensor.numel() for name, tensor in tensors.items() if name.endswith("weight"))
    assert sum(work(config).weights for work in NETWORKS) == matrices


def test_the_sizes_of_the_paper_s_models() -> None:
    """Levels, which the paper does not have, are the hundredth part on top."""
    base, large = PRESETS["base"], PRESETS["large"]
    assert encoder_work(base).multiply_adds == pytest.approx(8.9e6, rel=0.02)
    assert decoder_work(large).multiply_adds == pytest.approx(35.6e6, rel=0.02)


def test_search_is_a_product_of_each_path_with_each_codebook() -> None:
    config = CodecConfig()
    codebook = 1024 * config.code_dimension
    assert search_work(config, 1) == Work(codebook, codebook)
    assert search_work(config, 8) == Work((1 + 7 * search_paths(8)) * codebook, 8 * codebook)
    total = step_work(config, 8)
    assert total.multiply_adds == sum(
        work.multiply_adds for work in (encoder_work(config), search_work(config, 8), decoder_work(config))
    )


def test_bytes_follow_the_precision_but_for_the_codebooks() -> None:
    config = CodecConfig()
    codebooks = 8 * 1024 * config.code_dimension // 2
    networks = encoder_work(config).weights + decoder_work(config).weights
    assert [step_bytes(config, 8, precision) - codebooks for precision in ("fp32", "bf16", "int8")] == [
        4 * networks,
        2 * networks,
        networks,
    ]

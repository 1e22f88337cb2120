"""A model's tensors as the stages that the native engine runs: each one matrix product over rows of its input.

Rows are channel-last, so a window of a convolution is one run of memory. A strided convolution reads every `stride`-th
window; a dilated one reads `kernel` runs; a transposed one makes `stride` rows of output at once from two rows of
input. A convolution and a projection with nothing between them are one: the encoder's last with the projection to the
search dimension, the decoder's first with the projection back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codec.config import CodecConfig

Floats = NDArray[np.float32]
Tensors = dict[str, Floats]

LANES = 16  # outputs that a vector or a tile makes at a time


class Product(NamedTuple):
    weights: Floats  # [outputs, inputs], in the order in which the inputs lie in memory
    bias: Floats  # [outputs]


@dataclass(frozen=True)
class Stage:
    """A matrix product, or a residual unit: two, with ELU before each and the input added. Counts are elements."""

    product: Product
    channels: int
    context: int  # rows of input that are kept for the next step
    rows_in: int
    rows_out: int
    taps: int
    run: int
    tap_stride: int
    row_stride: int
    pointwise: Product | None = None
    single: bool = False  # float32 in every precision: it reads or makes sound
    aside: int = 0  # outputs, the last ones, that the next stage does not read


class BandLayer(NamedTuple):
    """A convolution over frames and bands."""

    inputs: int
    dilation: int
    product: Product


class BandMaps(NamedTuple):
    layers: list[BandLayer]
    mixing: Product  # what the denoiser's network is told of the maps, then what they say of gains alone


@dataclass(frozen=True)
class Plan:
    band_maps: BandMaps
    denoiser: list[Stage]
    encoder: list[Stage]
    decoder: list[Stage]
    codebooks: Floats  # [quantizers, entries, dimension]
    prediction: Floats  # [dimension]
    one: float  # stands beside the codes for their projection's bias; of a size that suits int8's one scale for a row
    level_offset: Floats  # [bands]
    level_scale: float
    correction: Product  # the pointwise convolution of the network that corrects levels


def plan(config: CodecConfig, tensors: Tensors) -> Plan:
    """Raises KeyError for a tensor that is missing."""
    first, one = _first(config, tensors)
    return Plan(
        _band_maps(config, tensors),
        _denoiser(config, tensors),
        _encoder(config, tensors),
        _decoder(config, tensors, first),
        tensors["quantizer.codebooks"],
        tensors["quantizer.prediction"],
        one,
        tensors["quantizer.level_offset"],
        float(tensors["quantizer.level_scale"]),
        _product(tensors, "decoder.correction.pointwise"),
    )


def _band_maps(config: CodecConfig, tensors: Tensors) -> BandMaps:
    names = ["first", *(f"units.{index}" for index in range(len(config.denoise_map_dilations)))]
    layers = []
    for name, dilation in zip(names, (1, *config.denoise_map_dilations), strict=True):
        weight, bias = (tensors[f"denoiser.maps.{name}.{part}"] for part in ("conv.weight", "bias"))
        layers.append(BandLayer(weight.shape[1], dilation, Product(weight.reshape(len(weight), -1), bias)))
    mixing = [[tensors[f"denoiser.{name}.{part}"] for name in ("told", "said")] for part in ("weight", "bias")]
    weight, bias = map(np.concatenate, mixing)
    return BandMaps(layers, Product(weight[:, :, 0, 0], bias))


def _denoiser(config: CodecConfig, tensors: Tensors) -> list[Stage]:
    first, last = (_product(tensors, f"denoiser.{name}") for name in ("first", "last"))
    width = config.denoise_channels
    units = _units(config, tensors, "denoiser", width, 1, config.denoise_dilations)
    inputs = config.denoise_bands * (1 + config.denoise_maps_told)
    return [_windows(first, inputs, config.embedding_kernel, 1), *units, _windows(last, width, 1, 1)]


def _encoder(config: CodecConfig, tensors: Tensors) -> list[Stage]:
    rows, width = config.hop, config.channels
    stages = [_windows(_product(tensors, "encoder.first"), 1, config.kernel, rows, single=True)]
    for block, stride in enumerate(config.strides):
        name = f"encoder.blocks.{block}"
        stages += _units(config, tensors, name, width, rows, config.dilations)
        stages.append(_windows(_product(tensors, f"{name}.down"), width, 2 * stride, rows, stride))
        rows, width = rows // stride, 2 * width
    return [*stages, _windows(_embedding(tensors), width, config.embedding_kernel, rows)]


def _embedding(tensors: Tensors) -> Product:
    """The encoder's last convolution and the projection of what it makes."""
    inward = tensors["quantizer.project_in.weight"][:, :, 0].astype(np.float64)
    weights = np.einsum("dD,Dck->dkc", inward, tensors["encoder.last.conv.weight"])
    bias = inward @ tensors["encoder.last.bias"] + tensors["quantizer.project_in.bias"]
    return Product(weights.reshape(len(weights), -1).astype(np.float32), bias.astype(np.float32))


def _evened(weights: NDArray[np.float64], inputs: slice) -> tuple[NDArray[np.float64], float]:
    """Weights [outputs, channels, kernel] of which those for some channels are divided, by a power of two that makes
    them about as large as the others; and that power."""
    some, all_squares = np.square(weights[:, inputs]), np.square(weights)
    others = (all_squares.sum() - some.sum()) / max(1, all_squares.size - some.size)
    ratio = float(np.sqrt(some.mean() / others)) if others > 0 and some.mean() > 0 else 1.0
    power = float(2.0 ** np.round(np.log2(ratio)))
    scaled = weights.copy()
    scaled[:, inputs] /= power
    return scaled, power


def _decoder(config: CodecConfig, tensors: Tensors, first: Product) -> list[Stage]:
    rows, width = 1, config.channels << len(config.strides)
    stages = [replace(_windows(first, config.code_dimension + 2, config.kernel, rows), aside=config.level_hidden)]
    for block, stride in enumerate(reversed(config.strides)):
        name, width = f"decoder.blocks.{block}", width // 2
        stages.append(_windows(_transposed(tensors, f"{name}.up", stride), 2 * width, 2, rows))
        rows *= stride
        stages += _units(config, tensors, name, width, rows, config.dilations)
    return [*stages, _last(config, tensors)]


def _first(config: CodecConfig, tensors: Tensors) -> tuple[Product, float]:
    """The decoder's first convolution of projected codes, and aside of it what the correcting network hides. Beside the
    codes stands a channel that is `one` in every frame and 0 before the first, where the projection's bias is not there
    either; one more fills the row up to pairs."""
    first, hidden = (tensors[f"decoder.{name}.conv.weight"] for name in ("first", "correction.hidden"))
    outward, size = tensors["quantizer.project_out.weight"][:, :, 0].astype(np.float64), config.code_dimension
    learned = np.column_stack([outward, tensors["quantizer.project_out.bias"], np.zeros(len(outward))])
    levels = np.zeros((config.bands, size + 2))
    levels[:, config.projected : size] = np.eye(config.bands) / tensors["quantizer.level_scale"]
    levels[:, size] = tensors["quantizer.level_offset"]
    both = (np.einsum("odk,dc->ock", first, learned), np.einsum("odk,dc->ock", hidden, levels))
    weights, one = _evened(np.concatenate(both), slice(size, size + 1))
    weights = weights.transpose(0, 2, 1).reshape(len(weights), -1)
    biases = np.concatenate([tensors["decoder.first.bias"], tensors["decoder.correction.hidden.bias"]])
    return Product(weights.astype(np.float32), biases), one


def _last(config: CodecConfig, tensors: Tensors) -> Stage:
    """One sample is one output, which would leave a vector nearly empty: so the windows of many are one."""
    product, width = _product(tensors, "decoder.last"), config.channels
    wide, run = _together(product, LANES, 1, width), (config.kernel + LANES - 1) * width
    rows, context = config.hop, config.kernel - 1
    return Stage(wide, width, context, rows, rows // LANES, 1, run, 0, LANES * width, single=True)


def _units(
    config: CodecConfig, tensors: Tensors, block: str, width: int, rows: int, dilations: tuple[int, ...]
) -> list[Stage]:
    """Where half the width fills no vector, rows are taken together: a window that holds those of all of them, as many
    times the outputs, most weights zero."""
    stages = []
    for index, dilation in enumerate(dilations):
        dilated, pointwise = (_product(tensors, f"{block}.units.{index}.{part}") for part in ("dilated", "pointwise"))
        context = (config.kernel - 1) * dilation
        count = gcd(max(1, LANES // (width // 2)), context, rows)
        taps, run = (1, config.kernel * width) if dilation == 1 else (config.kernel, width)
        main, point = _together(dilated, count, taps, width), _together(pointwise, count, 1, width // 2)
        run += (count - 1) * width
        sizes = (count * width, context // count, rows // count, rows // count)
        stages.append(Stage(main, *sizes, taps, run, dilation * width, count * width, point))
    return stages


def _together(product: Product, count: int, taps: int, step: int) -> Product:
    """`count` rows as one, whose runs begin `step` inputs apart and stand side by side in one run."""
    outputs, run = len(product.weights), product.weights.shape[1] // taps
    weights = np.zeros((count, outputs, taps, run + (count - 1) * step), dtype=np.float32)
    for row in range(count):
        weights[row, :, :, row * step :][..., :run] = product.weights.reshape(outputs, taps, run)
    return Product(weights.reshape(count * outputs, -1), np.tile(product.bias, count))


def _windows(
    product: Product, channels: int, kernel: int, rows: int, stride: int = 1, single: bool = False
) -> Stage:
    run, step = kernel * channels, stride * channels
    return Stage(product, channels, kernel - stride, rows, rows // stride, 1, run, 0, step, None, single)


def _product(tensors: Tensors, name: str) -> Product:
    weight = tensors[f"{name}.conv.weight"]  # [outputs, channels, kernel]
    return Product(np.ascontiguousarray(weight.transpose(0, 2, 1)).reshape(len(weight), -1), tensors[f"{name}.bias"])


def _transposed(tensors: Tensors, name: str, stride: int) -> Product:
    """Of the row before and this one: what the one before left for this step comes first."""
    weight = tensors[f"{name}.conv.weight"]  # [channels, outputs, 2 * stride]
    halves = [weight[:, :, stride:], weight[:, :, :stride]]
    rows = np.concatenate([half.transpose(2, 1, 0).reshape(-1, len(weight)) for half in halves], axis=1)
    return Product(np.ascontiguousarray(rows), np.tile(tensors[f"{name}.bias"], stride))

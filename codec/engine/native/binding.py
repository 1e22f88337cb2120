"""The shared library, by ctypes: no header of Python's is needed to build it, and calls release the GIL."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_char_p, c_float, c_int, c_int32, c_size_t, c_void_p
from math import exp
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codec import bands, entropy, highband, pitch
from codec.config import MOST_SEARCH_PATHS, SEARCH_SCANS, CodecConfig
from codec.engine.base import EngineError, EngineUnavailableError
from codec.engine.native import build
from codec.engine.native.plan import Plan, Product, Stage
from codec.entropy import CodeModel

FLOAT, HALF, BYTE = range(3)  # model.h's Format
MOST_ROWS_OF_BYTES = 8  # a frame; a matrix that more rows meet costs its arithmetic, not the reading of its weights


class StageSpec(ctypes.Structure):
    """library.cpp's, field by field."""

    _fields_ = [
        *((name, c_int32) for name in ("channels", "context", "rows_in", "rows_out")),
        *((name, c_int32) for name in ("outputs", "taps", "run", "tap_stride", "row_stride")),
        *((name, c_int32) for name in ("format", "aside", "hidden_outputs")),
        *((name, c_void_p) for name in ("weights", "bias", "point_weights", "point_bias")),
    ]


class FilterSpec(ctypes.Structure):
    """library.cpp's, field by field."""

    _fields_ = [*((name, c_int32) for name in ("bands", "taps", "fade")), ("cepstra", c_void_p)]


class BandPowersSpec(ctypes.Structure):
    """library.cpp's, field by field."""

    _fields_ = [
        *((name, c_int32) for name in ("bands", "window", "size")),
        *((name, c_void_p) for name in ("taper", "weights")),
    ]


class LevelsSpec(ctypes.Structure):
    """library.cpp's, field by field."""

    _fields_ = [
        *((name, c_int32) for name in ("bands", "parts", "hidden", "passes")),
        *((name, c_float) for name in ("one", "scale", "exponent", "least", "inaudible", "most_gain")),
        ("powers", BandPowersSpec),
        *((name, c_void_p) for name in ("emphasis", "emphases", "offset")),
        *((name, c_void_p) for name in ("correction_weights", "correction_bias")),
        ("filter", FilterSpec),
    ]


class BandLayerSpec(ctypes.Structure):
    """library.cpp's, field by field."""

    _fields_ = [
        *((name, c_int32) for name in ("inputs", "dilation")),
        *((name, c_void_p) for name in ("weights", "bias")),
    ]


class BandMapsSpec(ctypes.Structure):
    """library.cpp's, field by field."""

    _fields_ = [
        ("layers", POINTER(BandLayerSpec)),
        *((name, c_int32) for name in ("count", "bands", "maps", "told", "means", "harmonic")),
        *((name, c_float) for name in ("start", "one", "unit", "faintest", "low", "high")),
        *((name, c_void_p) for name in ("decays", "mixing", "mixing_bias")),
    ]


class DenoiserSpec(ctypes.Structure):
    """library.cpp's, field by field."""

    _fields_ = [
        ("stages", POINTER(StageSpec)),
        ("count", c_int32),
        *((name, c_float) for name in ("least", "center", "unit", "most")),
        ("powers", BandPowersSpec),
        ("maps", BandMapsSpec),
        ("filter", FilterSpec),
    ]


class CodeNetworksSpec(ctypes.Structure):
    """library.cpp's, field by field."""

    _fields_ = [
        *((name, c_int32) for name in ("hidden", "hidden_shift", "most_hidden", "octave_bits", "first_shift")),
        ("most_shift", c_int32),
        *((name, c_void_p) for name in ("positions", "hidden_weights", "hidden_bias", "logit_weights", "logit_bias")),
    ]


class PostfilterSpec(ctypes.Structure):
    """library.cpp's, field by field."""

    _fields_ = [
        *((name, c_int32) for name in ("history", "decimation", "taps", "window", "least_lag", "most_lag", "fade")),
        *((name, c_float) for name in ("subperiod", "weak", "strong", "faintest")),
        *((name, c_void_p) for name in ("most_shares", "lowpass")),
    ]


class ModelSpec(ctypes.Structure):
    """library.cpp's, field by field."""

    _fields_ = [
        ("encoder", POINTER(StageSpec)),
        ("decoder", POINTER(StageSpec)),
        *((name, c_int32) for name in ("encoder_stages", "decoder_stages")),
        *((name, c_int32) for name in ("quantizers", "entries", "dimension")),
        *((name, c_int32) for name in ("scans", "most_paths", "hop")),
        *((name, c_void_p) for name in ("codebooks", "prediction")),
        ("code_networks", CodeNetworksSpec),
        ("levels", LevelsSpec),
        ("postfilter", PostfilterSpec),
        ("denoiser", DenoiserSpec),
    ]


def open_library(path: Path) -> ctypes.CDLL:
    """Raises EngineError where it was not built, can't be loaded, or was built from other sources."""
    if not path.is_file():
        raise EngineUnavailableError(f"the native engine is not built: {path} is missing (docs/engine.md)")
    try:
        library = ctypes.CDLL(str(path))
        library.thinline_sources.restype = c_char_p
        built_from = library.thinline_sources().decode()
    except (OSError, AttributeError) as error:
        raise EngineUnavailableError(f"the native engine can't be loaded: {error}") from None
    if built_from != build.digest():
        raise EngineUnavailableError("the native engine was built from other sources: build it again (docs/engine.md)")
    library.thinline_set.restype, library.thinline_set.argtypes = c_char_p, [c_int, POINTER(c_int)]
    library.thinline_load.restype, library.thinline_load.argtypes = c_void_p, [POINTER(ModelSpec), c_int]
    library.thinline_unload.restype, library.thinline_unload.argtypes = None, [c_void_p]
    library.thinline_state_bytes.restype, library.thinline_state_bytes.argtypes = c_size_t, [c_void_p, c_int]
    library.thinline_encode.restype, library.thinline_encode.argtypes = None, [c_void_p, c_int, *[c_void_p] * 5]
    library.thinline_intervals.restype = c_int
    library.thinline_intervals.argtypes = [c_void_p, c_void_p, c_int, c_void_p]
    library.thinline_high_band_at.restype, library.thinline_high_band_at.argtypes = c_size_t, [c_void_p]
    library.thinline_decode.restype, library.thinline_decode.argtypes = c_int, [c_void_p, c_int, *[c_void_p] * 5]
    return library


def instruction_sets(library: ctypes.CDLL) -> dict[str, bool]:
    """Those the library was built for, best first, and whether this processor has them."""
    sets, runs = dict[str, bool](), c_int()
    while name := library.thinline_set(len(sets), ctypes.byref(runs)):
        sets[name.decode()] = bool(runs.value)
    return sets


def weight_format(stage: Stage, precision: str) -> int:
    if stage.single or precision == "fp32":
        return FLOAT
    return BYTE if precision == "int8" and stage.rows_out <= MOST_ROWS_OF_BYTES else HALF


class Handle:
    """A model with packed weights inside the library; freed with this object."""

    def __init__(
        self, library: ctypes.CDLL, config: CodecConfig, plan: Plan, codes: CodeModel, precision: str, set_index: int
    ) -> None:
        self.library = library
        kept: list[NDArray[Any]] = []

        def address(values: NDArray[Any]) -> int:
            kept.append(np.ascontiguousarray(values))
            return kept[-1].ctypes.data

        def floats(values: NDArray[np.float32]) -> int:
            return address(values.astype(np.float32, copy=False))

        def spec(stage: Stage) -> StageSpec:
            point = stage.pointwise or Product(np.zeros((0, 0), np.float32), np.zeros(0, np.float32))
            return StageSpec(
                *(stage.channels, stage.context, stage.rows_in, stage.rows_out),
                *(len(stage.product.bias), stage.taps, stage.run, stage.tap_stride, stage.row_stride),
                *(weight_format(stage, precision), stage.aside, len(point.bias)),
                *(floats(stage.product.weights), floats(stage.product.bias)),
                *(floats(point.weights), floats(point.bias)),
            )

        def stages(planned: list[Stage]) -> ctypes.Array[StageSpec]:
            return (StageSpec * len(planned))(*map(spec, planned))

        def band_filter(shape: bands.Bands, taps: int, size: int) -> FilterSpec:
            return FilterSpec(shape.count, taps, bands.FADE, floats(shape.cepstrum_weights(taps, size)))

        def band_powers(size: int, window: NDArray[np.float32], weights: NDArray[np.float32]) -> BandPowersSpec:
            return BandPowersSpec(len(weights), len(window), size, floats(window), floats(weights))

        def levels() -> LevelsSpec:
            return LevelsSpec(
                *(config.bands, highband.HIGH_PARTS, config.level_hidden, bands.PASSES, plan.one, plan.level_scale),
                *(bands.LOUDNESS_EXPONENT, bands.LEAST_POWER, bands.INAUDIBLE, bands.MOST_GAIN),
                band_powers(bands.WINDOW, *bands.analysis_weights(config)),
                *map(floats, (bands.emphasis_weights(config), bands.emphases(config))),
                *map(floats, (plan.level_offset, *plan.correction)),
                band_filter(bands.equalizer_bands(config), bands.TAPS, bands.SPECTRUM),
            )

        def band_maps() -> BandMapsSpec:
            made = plan.band_maps
            layers = [BandLayerSpec(layer.inputs, layer.dilation, *map(floats, layer.product)) for layer in made.layers]
            return BandMapsSpec(
                (BandLayerSpec * len(layers))(*layers),
                *(len(layers), config.denoise_bands, config.denoise_maps, config.denoise_maps_told),
                *(len(bands.DENOISE_MEANS), bands.DENOISE_HARMONIC, bands.DENOISE_START),
                exp(bands.DENOISE_CENTER + bands.DENOISE_UNIT * bands.DENOISE_START),
                *(bands.DENOISE_UNIT, bands.DENOISE_FAINTEST, *bands.DENOISE_ABOVE),
                *map(floats, (bands.denoise_decays(config).astype(np.float32), *made.mixing)),
            )

        def denoiser() -> DenoiserSpec:
            return DenoiserSpec(
                stages(plan.denoiser),
                *(len(plan.denoiser), bands.DENOISE_LEAST_POWER, bands.DENOISE_CENTER),
                *(bands.DENOISE_UNIT, bands.DENOISE_MOST),
                band_powers(bands.DENOISE_FFT, *bands.denoise_weights(config)),
                band_maps(),
                band_filter(bands.denoise_bands(config), bands.DENOISE_TAPS, bands.DENOISE_SPECTRUM),
            )

        def code_networks() -> CodeNetworksSpec:
            tensors = [codes.positions, *codes.networks._asdict().values()]
            return CodeNetworksSpec(
                *(entropy.HIDDEN, entropy.HIDDEN_SHIFT, entropy.MOST_HIDDEN, entropy.OCTAVE.bit_length() - 1),
                *(entropy.FIRST_SHIFT, entropy.MOST_SHIFT, *map(address, tensors)),
            )

        def postfilter() -> PostfilterSpec:
            return PostfilterSpec(
                *(pitch.history(config), pitch.DECIMATION, pitch.LOWPASS_TAPS, pitch.WINDOW),
                *(pitch.LEAST_LAG, pitch.MOST_LAG, pitch.FADE, pitch.SUBPERIOD, pitch.WEAK, pitch.STRONG),
                *(pitch.FAINTEST, floats(pitch.most_shares(config)), floats(pitch.lowpass(config))),
            )

        model = ModelSpec(
            *(stages(plan.encoder), stages(plan.decoder)),
            *(len(plan.encoder), len(plan.decoder)),
            *plan.codebooks.shape,
            *(SEARCH_SCANS, MOST_SEARCH_PATHS, config.hop, floats(plan.codebooks), floats(plan.prediction)),
            *(code_networks(), levels(), postfilter(), denoiser()),
        )
        self.pointer = library.thinline_load(ctypes.byref(model), set_index)
        if not self.pointer:
            raise EngineError("the native engine found no memory for the weights")
        self.encoder_bytes, self.decoder_bytes = (library.thinline_state_bytes(self.pointer, part) for part in (0, 1))
        self.high_band_at = library.thinline_high_band_at(self.pointer)

    def __del__(self) -> None:
        if getattr(self, "pointer", None):
            self.library.thinline_unload(self.pointer)

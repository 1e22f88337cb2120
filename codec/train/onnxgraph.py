"""Writes the step graphs for ONNX Runtime: one frame, state in and state out.

Convolutions are written as two-dimensional ones of height 1, which ONNX Runtime runs faster than one-dimensional
ones. The graphs mirror codec/denoiser.py and codec/seanet.py step by step; tests hold their codes equal to the
reference's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from codec import pitch
from codec.bandfilter import BandFilter
from codec.bands import (
    DENOISE_CENTER,
    DENOISE_FFT,
    DENOISE_LEAST_POWER,
    DENOISE_MOST,
    DENOISE_UNIT,
    DENOISE_WINDOW,
    INAUDIBLE,
    LEAST_POWER,
    LOUDNESS_EXPONENT,
    MOST_GAIN,
    STEP,
    WINDOW,
)
from codec.conv import CausalConv1d, CausalConvTranspose1d
from codec.denoiser import Denoiser
from codec.levels import Equalizer, LevelAnalysis
from codec.model import SoundStream
from codec.postfilter import LongTermPostfilter
from codec.seanet import DecoderBlock, EncoderBlock, LevelCorrection, ResidualUnit

OPSET = 17
IR_VERSION = 8


class StepGraphBuilder:
    """Collects nodes; every method takes and gives names of tensors [1, C, 1, T]."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.states: list[tuple[str, str, list[int]]] = []  # name before, name after, shape
        self.frames = 0  # T at the present place, to know where a transposed convolution's tail begins

    def constant(self, value: Tensor | list[int]) -> str:
        name = f"c{len(self.constants)}"
        array = np.array(value, dtype=np.int64) if isinstance(value, list) else value.detach().numpy()
        self.constants.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def add(self, op: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        name = output or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def state(self, channels: int, length: int) -> tuple[str, str]:
        """Declares a state -> the names of its value before and after the step."""
        before, after = f"state_{len(self.states)}", f"next_{len(self.states)}"
        self.states.append((before, after, [1, channels, 1, length]))
        return before, after

    def slice(self, x: str, start: int, end: int, output: str | None = None, axis: int = 3) -> str:
        bounds = (self.constant([start]), self.constant([end]), self.constant([axis]))
        return self.add("Slice", x, *bounds, output=output)

    def pointwise(self, x: str, conv: nn.Conv1d) -> str:
        assert conv.bias is not None
        return self.add("Conv", x, self.constant(conv.weight[:, :, None]), self.constant(conv.bias))

    def matrix(self, x: str, weights: Tensor) -> str:
        """x [1, I, 1, 1], weights [O, I] -> [1, O, 1, 1]."""
        return self.add("Conv", x, self.constant(weights[:, :, None, None]))

    def number(self, value: float) -> str:
        return self.constant(torch.tensor(value))

    def column(self, values: Tensor) -> str:
        """A constant for each channel."""
        return self.constant(values.reshape(1, -1, 1, 1))

    def clip(self, x: str, low: float, high: float) -> str:
        return self.add("Clip", x, self.number(low), self.number(high))

    def causal(self, x: str, layer: CausalConv1d) -> str:
        if layer.context:
            before, after = self.state(layer.conv.in_channels, layer.context)
            x = self.add("Concat", before, x, axis=3)
            self.slice(x, -layer.context, 1 << 30, output=after)
        weight, bias = self.constant(layer.conv.weight[:, :, None]), self.constant(layer.bias)
        self.frames //= layer.stride
        return self.add("Conv", x, weight, bias, strides=[1, layer.stride], dilations=[1, layer.dilation])

    def transposed(self, x: str, layer: CausalConvTranspose1d) -> str:
        before, after = self.state(layer.conv.out_channels, layer.stride)
        y = self.add("ConvTranspose", x, self.constant(layer.conv.weight[:, :, None]), strides=[1, layer.stride])
        done = self.frames * layer.stride
        pads = self.constant([0, 0, 0, 0, 0, 0, 0, done])
        y = self.add("Add", y, self.add("Pad", before, pads))
        self.slice(y, done, 1 << 30, output=after)
        self.frames = done
        return self.add("Add", self.slice(y, 0, done), self.constant(layer.bias[None, :, None, None]))

    def elu(self, x: str) -> str:
        """The runtime's own takes five times as long where exp(x) leaves float32's range, as it does in loud speech."""
        return self.add("Max", x, self.add("Elu", self.clip(x, -30.0, 0.0)))  # exp(-30) - 1 is -1

    def unit(self, x: str, unit: ResidualUnit) -> str:
        y = self.causal(self.elu(x), unit.dilated)
        return self.add("Add", x, self.causal(self.elu(y), unit.pointwise))

    def denoised(self, pcm: str, denoise: str, denoiser: Denoiser) -> str:
        """pcm [1, 1, 1, hop], denoise [1, 1, 1, 1] -> pcm [1, 1, 1, hop]."""
        before, after = self.state(1, DENOISE_WINDOW - denoiser.hop)
        seen = self.add("Concat", before, pcm, axis=3)
        self.slice(seen, denoiser.hop - DENOISE_WINDOW, 1 << 30, output=after)
        waves = torch.fft.rfft(torch.diag(denoiser.window.double()), DENOISE_FFT).T
        parts = self.add("Conv", seen, self.constant(torch.cat([waves.real, waves.imag]).float()[:, None, None]))
        weights = torch.cat([denoiser.weights, denoiser.weights], dim=1)
        powers = self.matrix(self.add("Mul", parts, parts), weights)
        logs = self.add("Log", self.add("Add", powers, self.number(DENOISE_LEAST_POWER)))
        x = self.add("Div", self.add("Sub", logs, self.number(DENOISE_CENTER)), self.number(DENOISE_UNIT))
        own = len(self.states)
        x = self.causal(x, denoiser.first)
        for unit in denoiser.units:
            assert isinstance(unit, ResidualUnit)
            x = self.unit(x, unit)
        said = self.causal(self.elu(x), denoiser.last)
        self._kept_while_off(denoise, own)
        taken = self.add("Mul", denoise, self.add("Mul", self.add("Sigmoid", said), self.number(DENOISE_MOST)))
        return self.filtered(pcm, self.add("Neg", taken), denoiser.filter)

    def _kept_while_off(self, denoise: str, first: int) -> None:
        """States from number `first` on stay as they are in a frame that is not to be denoised."""
        on = self.add("Greater", denoise, self.number(0.0))
        for index, (before, after, shape) in enumerate(self.states[first:], first):
            chosen = self.add("Where", on, after, before)
            self.states[index] = (before, chosen, shape)

    def powers(self, pcm: str, analysis: LevelAnalysis) -> str:
        """pcm [1, 1, 1, hop] -> [1, bands, 1, 1]."""
        before, after = self.state(1, WINDOW - STEP)
        pcm = self.add("Concat", before, pcm, axis=3)
        self.slice(pcm, STEP - WINDOW, 1 << 30, output=after)
        parts = self.add("Conv", pcm, self.constant(analysis.waves[:, None, None]), strides=[1, STEP])
        sums = self.add("ReduceSum", self.add("Mul", parts, parts), self.constant([3]))
        return self.matrix(sums, torch.cat([analysis.weights, analysis.weights], dim=1))

    def correction(self, x: str, network: LevelCorrection) -> str:
        return self.causal(self.elu(self.causal(x, network.hidden)), network.pointwise)

    def postfiltered(self, pcm: str, postfilter: LongTermPostfilter) -> str:
        """pcm [1, 1, 1, hop] -> pcm."""
        before, after = self.state(1, postfilter.history)
        extended = self.add("Concat", before, pcm, axis=3)
        self.slice(extended, -postfilter.history, 1 << 30, output=after)
        lag, share = self.pitch(extended, postfilter)
        last, new = self.state(2, 1)
        self.add("Concat", lag, share, axis=1, output=new)
        found = [(self.slice(last, 0, 1, axis=1), self.slice(last, 1, 2, axis=1)), (lag, share)]
        changes = []
        for period, weight in found:
            whole = self.add("Cast", self.add("Reshape", period, self.constant([1])), to=TensorProto.INT64)
            within = self.constant([postfilter.history + i for i in range(postfilter.hop)])
            then = self.add("Gather", extended, self.add("Sub", within, whole), axis=3)
            changes.append(self.add("Mul", weight, self.add("Sub", then, pcm)))
        taken_over = self.add("Mul", self.constant(postfilter.ramp), self.add("Sub", changes[1], changes[0]))
        return self.add("Add", pcm, self.add("Add", changes[0], taken_over))

    def pitch(self, extended: str, postfilter: LongTermPostfilter) -> tuple[str, str]:
        """Sound with its history [1, 1, 1, history + hop] -> lag and share [1, 1, 1, 1]. What correlations say of lags
        stands longest lag first."""
        taps = self.constant(postfilter.taps[None, None, None])
        low = self.add("Conv", extended, taps, strides=[1, pitch.DECIMATION])
        products = self.add("Conv", low, self.slice(low, pitch.MOST_LAG, pitch.MOST_LAG + pitch.WINDOW))
        energies = self.add("Conv", self.add("Mul", low, low), self.constant(torch.ones(1, 1, 1, pitch.WINDOW)))
        own = self.slice(energies, pitch.MOST_LAG, pitch.MOST_LAG + 1)
        squares = self.add("Add", self.add("Mul", energies, own), self.number(pitch.FAINTEST))
        alike = self.add("Div", products, self.add("Sqrt", squares))
        count = pitch.MOST_LAG - pitch.LEAST_LAG
        longer, middle, shorter = (self.slice(alike, i, i + count) for i in range(3))
        high = self.add("Mul", self.add("ReduceMax", middle, axes=[3]), self.number(pitch.SUBPERIOD))
        least = self.add("Max", shorter, longer)
        peaks = self.add("And", self.add("GreaterOrEqual", middle, least), self.add("Greater", middle, high))
        marks = self.add("Cast", peaks, to=TensorProto.FLOAT)
        first, most = (self.add("ArgMax", x, axis=3, select_last_index=1) for x in (marks, middle))
        some = self.add("Greater", self.add("ReduceMax", marks, axes=[3]), self.number(0.0))
        best = self.add("Where", some, first, most)
        more, there, less = (self.add("GatherElements", x, best, axis=3) for x in (longer, middle, shorter))
        curve = self.add("Sub", self.add("Add", less, more), self.add("Mul", there, self.number(2.0)))
        curve = self.add("Mul", self.add("Min", curve, self.number(-1e-6)), self.number(2.0))
        offset = self.clip(self.add("Div", self.add("Sub", less, more), curve), -0.5, 0.5)
        whole = self.add("Sub", self.number(pitch.MOST_LAG - 1.0), self.add("Cast", best, to=TensorProto.FLOAT))
        lag = self.add("Round", self.add("Mul", self.add("Add", whole, offset), self.number(float(pitch.DECIMATION))))
        above = self.add("Sub", there, self.number(pitch.WEAK))
        strength = self.clip(self.add("Div", above, self.number(pitch.STRONG - pitch.WEAK)), 0.0, 1.0)
        return lag, self.add("Mul", strength, self.number(pitch.MOST_SHARE))

    def equalized(self, pcm: str, wanted: str, equalizer: Equalizer) -> str:
        """pcm [1, 1, 1, hop], log powers [1, bands, 1, 1] -> pcm."""
        inaudible = self.number(INAUDIBLE)
        given = self.add("Log", self.add("Add", self.powers(pcm, equalizer.analysis), inaudible))
        half = self.add("Mul", self.add("Sub", wanted, given), self.number(0.5))
        return self.filtered(pcm, self.clip(half, -MOST_GAIN, MOST_GAIN), equalizer.filter)

    def filtered(self, pcm: str, gains: str, band_filter: BandFilter) -> str:
        """pcm [1, 1, 1, hop], log gains [1, bands, 1, 1] -> pcm. Responses are backwards, as convolutions take them."""
        points, taps = band_filter.size, band_filter.taps
        spectrum = torch.fft.rfft(band_filter.cepstra.T.double(), points).T  # of the response's logarithm, by band
        size, angle = (self.matrix(gains, part.float()) for part in (spectrum.real, spectrum.imag))
        size = self.add("Exp", size)
        real, imaginary = (self.add("Mul", size, self.add(op, angle)) for op in ("Cos", "Sin"))
        basis = torch.eye(points // 2 + 1, dtype=torch.float64)
        inverse = [torch.fft.irfft(basis * unit, points)[:, :taps].T.flip(0).float() for unit in (1, 1j)]
        same = torch.zeros(taps)
        same[-1] = 1
        whole = self.add("Add", self.matrix(real, inverse[0]), self.matrix(imaginary, inverse[1]))
        last, new = self.state(taps, 1)
        self.add("Sub", whole, self.column(same), output=new)
        kernels = [self.add("Reshape", name, self.constant([1, 1, 1, taps])) for name in (last, new)]
        before, after = self.state(1, taps - 1)
        extended = self.add("Concat", before, pcm, axis=3)
        self.slice(extended, 1 - taps, 1 << 30, output=after)
        changes = [self.add("Conv", extended, kernel) for kernel in kernels]
        taken_over = self.add("Mul", self.constant(band_filter.ramp), self.add("Sub", changes[1], changes[0]))
        return self.add("Add", pcm, self.add("Add", changes[0], taken_over))

    def write(self, path: Path, inputs: dict[str, list[int]], output: tuple[str, list[int]]) -> None:
        def value(name: str, shape: list[int]) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

        graph = helper.make_graph(
            self.nodes,
            path.stem,
            [value(*item) for item in inputs.items()] + [value(before, shape) for before, _, shape in self.states],
            [value(*output)] + [value(after, shape) for _, after, shape in self.states],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        path.write_bytes(model.SerializeToString())


@torch.no_grad()
def write_encoder(model: SoundStream, path: Path) -> None:
    """pcm [1, 1, 1, hop], denoise [1, 1, 1, 1], states -> z [1, code_dimension, 1, 1], next states."""
    graph, encoder, quantizer, config = StepGraphBuilder(), model.encoder, model.quantizer, model.config
    graph.frames = config.hop
    pcm = graph.denoised("pcm", "denoise", model.denoiser)
    x = graph.causal(pcm, encoder.first)
    for block in encoder.blocks:
        assert isinstance(block, EncoderBlock)
        for unit in block.units:
            assert isinstance(unit, ResidualUnit)
            x = graph.unit(x, unit)
        x = graph.causal(graph.elu(x), block.down)
    learned = graph.pointwise(graph.causal(graph.elu(x), encoder.last), quantizer.project_in)
    powers = graph.add("Add", graph.powers(pcm, encoder.analysis), graph.number(LEAST_POWER))
    levels = graph.add("Pow", powers, graph.number(LOUDNESS_EXPONENT))
    levels = graph.add("Sub", levels, graph.column(quantizer.level_offset))
    levels = graph.add("Mul", levels, graph.constant(quantizer.level_scale))
    z = graph.add("Concat", learned, levels, axis=1)
    shapes = {"pcm": [1, 1, 1, config.hop], "denoise": [1, 1, 1, 1]}
    graph.write(path, shapes, (z, [1, config.code_dimension, 1, 1]))


@torch.no_grad()
def write_decoder(model: SoundStream, path: Path) -> None:
    """z [1, code_dimension, 1, 1], states -> pcm [1, 1, 1, hop], next states."""
    graph, decoder, quantizer, config = StepGraphBuilder(), model.decoder, model.quantizer, model.config
    graph.frames = 1
    learned = graph.pointwise("z", quantizer.project_out)
    ends = (graph.constant([config.projected]), graph.constant([config.code_dimension]), graph.constant([1]))
    scaled = graph.add("Div", graph.add("Slice", "z", *ends), graph.constant(quantizer.level_scale))
    levels = graph.add("Add", scaled, graph.column(quantizer.level_offset))
    correction = graph.correction(levels, decoder.correction)
    powers = graph.add("Pow", graph.add("Max", levels, graph.number(0.0)), graph.number(1 / LOUDNESS_EXPONENT))
    logs = graph.add("Log", graph.add("Add", powers, graph.number(INAUDIBLE)))
    x = graph.causal(learned, decoder.first)
    for block in decoder.blocks:
        assert isinstance(block, DecoderBlock)
        x = graph.transposed(graph.elu(x), block.up)
        for unit in block.units:
            assert isinstance(unit, ResidualUnit)
            x = graph.unit(x, unit)
    wanted = graph.add("Add", logs, correction)
    pcm = graph.postfiltered(graph.causal(graph.elu(x), decoder.last), decoder.postfilter)
    pcm = graph.equalized(pcm, graph.matrix(wanted, decoder.equalizer.emphasis), decoder.equalizer)
    graph.write(path, {"z": [1, config.code_dimension, 1, 1]}, (pcm, [1, 1, 1, config.hop]))

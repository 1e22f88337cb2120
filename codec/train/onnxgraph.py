"""Writes the step graphs for ONNX Runtime: one frame, state in and state out.

Convolutions are written as two-dimensional ones of height 1, which ONNX Runtime runs faster than one-dimensional
ones. The graphs mirror codec/seanet.py step by step; tests hold their codes equal to the reference's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from codec.conv import CausalConv1d, CausalConvTranspose1d
from codec.film import DenoiseFilm
from codec.model import SoundStream
from codec.seanet import DecoderBlock, EncoderBlock, ResidualUnit

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

    def slice(self, x: str, start: int, end: int, output: str | None = None) -> str:
        bounds = (self.constant([start]), self.constant([end]), self.constant([3]))
        return self.add("Slice", x, *bounds, output=output)

    def pointwise(self, x: str, conv: nn.Conv1d) -> str:
        assert conv.bias is not None
        return self.add("Conv", x, self.constant(conv.weight[:, :, None]), self.constant(conv.bias))

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
        bounds = (self.constant(torch.tensor(-30.0)), self.constant(torch.tensor(0.0)))  # exp(-30) - 1 is -1
        return self.add("Max", x, self.add("Elu", self.add("Clip", x, *bounds)))

    def unit(self, x: str, unit: ResidualUnit) -> str:
        y = self.causal(self.elu(x), unit.dilated)
        return self.add("Add", x, self.causal(self.elu(y), unit.pointwise))

    def film(self, x: str, film: DenoiseFilm, mode: str) -> str:
        def ramp(pair: Tensor) -> str:
            off, on = (value[None, :, None, None] for value in pair)
            return self.add("Add", self.constant(off), self.add("Mul", mode, self.constant(on - off)))

        return self.add("Add", self.add("Mul", ramp(film.gamma), x), ramp(film.beta))

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
    graph, encoder, config = StepGraphBuilder(), model.encoder, model.config
    graph.frames = config.hop
    x = graph.causal("pcm", encoder.first)
    for block in encoder.blocks:
        assert isinstance(block, EncoderBlock)
        for unit in block.units:
            assert isinstance(unit, ResidualUnit)
            x = graph.unit(x, unit)
        x = graph.causal(graph.elu(x), block.down)
    x = graph.causal(graph.elu(graph.film(x, encoder.film, "denoise")), encoder.last)
    z = graph.pointwise(x, model.quantizer.project_in)
    shapes = {"pcm": [1, 1, 1, config.hop], "denoise": [1, 1, 1, 1]}
    graph.write(path, shapes, (z, [1, config.code_dimension, 1, 1]))


@torch.no_grad()
def write_decoder(model: SoundStream, path: Path) -> None:
    """z [1, code_dimension, 1, 1], states -> pcm [1, 1, 1, hop], next states."""
    graph, decoder, config = StepGraphBuilder(), model.decoder, model.config
    graph.frames = 1
    x = graph.causal(graph.pointwise("z", model.quantizer.project_out), decoder.first)
    for block in decoder.blocks:
        assert isinstance(block, DecoderBlock)
        x = graph.transposed(graph.elu(x), block.up)
        for unit in block.units:
            assert isinstance(unit, ResidualUnit)
            x = graph.unit(x, unit)
    pcm = graph.causal(graph.elu(x), decoder.last)
    graph.write(path, {"z": [1, config.code_dimension, 1, 1]}, (pcm, [1, 1, 1, config.hop]))

"""What step graphs for ONNX Runtime are built from: one frame, state in and state out.

Convolutions are written as two-dimensional ones of height 1, which ONNX Runtime runs faster than one-dimensional
ones.
"""

from __future__ import annotations

from itertools import starmap
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from codec.conv import CausalConv1d, CausalConvTranspose1d
from codec.seanet import ResidualUnit

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

    def state(self, channels: int, length: int, height: int = 1) -> tuple[str, str]:
        """Declares a state [1, channels, height, length] -> the names of its value before and after the step."""
        before, after = f"state_{len(self.states)}", f"next_{len(self.states)}"
        self.states.append((before, after, [1, channels, height, length]))
        return before, after

    def slice(self, x: str, start: int, end: int, output: str | None = None, axis: int = 3) -> str:
        bounds = (self.constant([start]), self.constant([end]), self.constant([axis]))
        return self.add("Slice", x, *bounds, output=output)

    def pointwise(self, x: str, conv: nn.Conv1d) -> str:
        assert conv.bias is not None
        return self.add("Conv", x, self.constant(conv.weight[:, :, None]), self.constant(conv.bias))

    def mixed(self, x: str, conv: nn.Conv2d) -> str:
        """A convolution of one point."""
        assert conv.bias is not None
        return self.add("Conv", x, self.constant(conv.weight), self.constant(conv.bias))

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

    def write(self, path: Path, inputs: dict[str, list[int]], *outputs: tuple[str, list[int]]) -> None:
        """Outputs are the first one given, the next states, the others."""

        def value(name: str, shape: list[int]) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

        own = [value(after, shape) for _, after, shape in self.states]
        graph = helper.make_graph(
            self.nodes,
            path.stem,
            [value(*item) for item in inputs.items()] + [value(before, shape) for before, _, shape in self.states],
            [value(*outputs[0]), *own, *starmap(value, outputs[1:])],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        path.write_bytes(model.SerializeToString())

from __future__ import annotations

import pytest
import torch

from codec.conv import CausalConv1d, CausalConvTranspose1d

CONVOLUTIONS = [(7, 1, 1), (7, 1, 3), (7, 1, 9), (1, 1, 1), (3, 1, 1), (4, 2, 1), (8, 4, 1), (16, 8, 1)]


def in_chunks(layer: CausalConv1d | CausalConvTranspose1d, x: torch.Tensor, chunk: int) -> torch.Tensor:
    state, outputs = layer.initial_state(x.shape[0]), []
    for part in x.split(chunk, dim=-1):
        y, state = layer.step(part, state)
        outputs.append(y)
    return torch.cat(outputs, dim=-1)


@pytest.mark.parametrize("chunk", [1, 2, 3, 7], ids="{}-strides".format)
@pytest.mark.parametrize(("kernel", "stride", "dilation"), CONVOLUTIONS)
def test_a_convolution_in_chunks_equals_the_whole(kernel: int, stride: int, dilation: int, chunk: int) -> None:
    layer = CausalConv1d(3, 5, kernel, stride, dilation)
    x = torch.randn(2, 3, 42 * stride)
    torch.testing.assert_close(in_chunks(layer, x, chunk * stride), layer(x))


@pytest.mark.parametrize(("kernel", "stride", "dilation"), CONVOLUTIONS)
def test_a_convolution_keeps_the_context_it_promises(kernel: int, stride: int, dilation: int) -> None:
    layer = CausalConv1d(3, 5, kernel, stride, dilation)
    assert layer.initial_state(2).shape == (2, 3, (kernel - 1) * dilation + 1 - stride)


@pytest.mark.parametrize("chunk", [1, 2, 3, 7], ids="{}-frames".format)
@pytest.mark.parametrize("stride", [2, 4, 5, 8])
def test_a_transposed_convolution_in_chunks_equals_the_whole(stride: int, chunk: int) -> None:
    layer = CausalConvTranspose1d(3, 5, stride)
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(2, 3, 42)
    torch.testing.assert_close(in_chunks(layer, x, chunk), layer(x))
    plain = torch.nn.functional.conv_transpose1d(x, layer.conv.weight, layer.bias, stride=stride)
    torch.testing.assert_close(layer(x), plain[..., : 42 * stride])


@pytest.mark.parametrize(("kernel", "stride", "dilation"), CONVOLUTIONS)
def test_nothing_sees_the_future(kernel: int, stride: int, dilation: int) -> None:
    layer = CausalConv1d(1, 1, kernel, stride, dilation)
    x = torch.randn(1, 1, 40 * stride, requires_grad=True)
    at = 20
    layer(x)[0, 0, at].backward()
    assert x.grad is not None
    assert not x.grad[0, 0, (at + 1) * stride :].any()
    assert x.grad[0, 0, (at + 1) * stride - 1] != 0

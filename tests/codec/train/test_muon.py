from __future__ import annotations

import copy

import pytest
import torch

from codec.train.muon import Muon, orthogonalised


@pytest.mark.parametrize("shape", [(16, 64), (64, 16), (32, 32)], ids=str)
def test_an_update_has_singular_values_of_about_one(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalised(torch.randn(shape)))
    assert values.min() > 0.4
    assert values.max() < 1.4


def test_it_finds_the_weights_of_a_linear_map_and_its_bias() -> None:
    torch.manual_seed(0)
    wanted, bias = torch.randn(16, 8, 3) / 5, torch.randn(16)
    weight, offset = torch.zeros(16, 8, 3, requires_grad=True), torch.zeros(16, requires_grad=True)
    optimizer = Muon([weight, offset], lr=0.03)
    for step in range(600):
        optimizer.param_groups[0]["lr"] = 0.03 * (1 - step / 600)
        x = torch.randn(8, 8, 10)
        error = torch.nn.functional.conv1d(x, weight - wanted, offset - bias)
        optimizer.zero_grad()
        error.square().mean().backward()
        optimizer.step()
    assert (weight - wanted).abs().max() < 0.02
    assert (offset - bias).abs().max() < 0.02


def test_it_resumes_exactly() -> None:
    def run(parameters: list[torch.Tensor], optimizer: Muon, steps: range) -> None:
        for step in steps:
            for parameter in parameters:
                parameter.grad = torch.sin(parameter.detach() + step)
            optimizer.step()

    def fresh() -> tuple[list[torch.Tensor], Muon]:
        torch.manual_seed(0)
        parameters = [torch.randn(8, 8, 2), torch.randn(8)]
        return parameters, Muon(parameters, lr=0.01)

    whole, first, second = fresh(), fresh(), fresh()
    run(*whole, range(6))
    run(*first, range(3))
    for a, b in zip(second[0], first[0], strict=True):
        a.copy_(b)
    second[1].load_state_dict(copy.deepcopy(first[1].state_dict()))
    run(*second, range(3, 6))
    assert all(torch.equal(a, b) for a, b in zip(whole[0], second[0], strict=True))

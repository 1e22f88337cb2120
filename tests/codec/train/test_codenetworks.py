"""Networks learn which codes are likely, and say the same in whole numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from codec.entropy import HIDDEN_SHIFT, MOST_HIDDEN, OCTAVE, CodeModel, CodeNetworks
from codec.train.codenetworks import NO_CODE, Network, teach

QUANTIZERS, SIZE, DIMENSION = 3, 32, 6


def books() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((QUANTIZERS, SIZE, DIMENSION)).astype(np.float32)


def drawn(frames: int, seed: int) -> np.ndarray:
    """The second code is near to the first one, the third is always 7; some frames have one code, none of them is 9."""
    rng = np.random.default_rng(seed)
    codes = np.empty((frames, QUANTIZERS), np.int16)
    codes[:, 0] = rng.choice(np.delete(np.arange(SIZE), 9), frames)
    codes[:, 1] = (codes[:, 0] + rng.integers(0, 4, frames)) % SIZE
    codes[:, 2] = 7
    codes[rng.random(frames) < 0.2, 1:] = NO_CODE
    return codes


def bits(model: CodeModel, codes: list[int]) -> list[float]:
    return [float(np.log2(total / own)) for _, own, total in model.intervals(codes)]


def test_likely_codes_are_found() -> None:
    model = CodeModel(books(), teach(drawn(4000, 1), books(), updates=300))
    held = [row.tolist() for row in drawn(200, 2) if row[1] != NO_CODE]
    first, second, third = np.mean([bits(model, codes) for codes in held], axis=0)
    assert first < 5.05  # of 5 where all codes are as likely
    assert second < 3.2  # 2 is all that there is to know
    assert third < 0.2
    assert bits(model, [9, 9, 9])[0] > 7


def test_quantizers_without_codes_stay_even() -> None:
    codes = drawn(500, 1)
    codes[:, 2] = NO_CODE
    networks = teach(codes, books(), updates=5)
    assert not np.any(networks.logit_weights[2])
    assert np.any(networks.logit_weights[1])
    assert bits(CodeModel(books(), networks), [1, 2, 3])[2] == 5


@pytest.mark.parametrize("scale", [1.0, 3000.0])
def test_rounding_changes_little_and_keeps_sums_in_their_range(scale: float) -> None:
    torch.manual_seed(3)
    position = torch.randint(-4000, 4001, (2000, DIMENSION)).float()
    n_q = torch.randint(1, QUANTIZERS + 1, (2000,))
    network = Network(position, QUANTIZERS, SIZE)
    with torch.no_grad():
        network.hidden.weight *= scale
        network.hidden.weight[:, 0] *= scale
        network.own.normal_()
    rounded = network.rounded(position, n_q)
    whole = CodeNetworks(*(np.stack([value] * QUANTIZERS) for value in rounded))
    whole.check(QUANTIZERS, SIZE, DIMENSION)
    sums = rounded[0] @ position.numpy().astype(np.int64).T + rounded[1][n_q - 1].T
    hidden = (sums >> HIDDEN_SHIFT).clip(0, MOST_HIDDEN)
    logits = (rounded[2].astype(int) @ hidden + rounded[3][:, None]).T / OCTAVE * np.log(2)
    if scale == 1.0:
        with torch.no_grad():
            wanted = network(position, n_q).numpy()
        assert np.square(logits - wanted).mean() < 0.01 * wanted.var()

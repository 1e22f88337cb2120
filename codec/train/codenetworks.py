"""Teaches how likely codes are, on codes as calls have them: from the search, at the rates that there are.

Each quantizer's network learns alone, in floating point; then it is rounded to the whole numbers of codec/entropy.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import log

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm, trange

from codec.engine.base import Engine
from codec.entropy import HIDDEN, HIDDEN_SHIFT, MOST_HIDDEN, OCTAVE, POSITION_BITS, CodeNetworks, positions
from codec.stream import StreamEncoder
from codec.train.augment import Corpus, Mixture, draw_example
from codec.train.recipe import set_rate, warm_cosine

BITRATES_KBPS = (3.0, 6.0, 12.0)
EXAMPLE_SECONDS = 10.0
BATCH = 2048
LEARNING_RATE = 2e-3
WARMUP_UPDATES = 50
BETAS = 0.9, 0.98
FULL_SCALE = 0.999  # so many of what a unit gives are less than MOST_HIDDEN; what is more is cut
MOST_HIDDEN_WEIGHT, MOST_HIDDEN_WEIGHTS = 32_000, 1 << 16  # of a unit: one, and all in sum
SOME = 20_000  # frames that tell of scales
NO_CODE = -1

Codes = NDArray[np.int16]  # [frames, Q]; behind a frame's last code there is NO_CODE


def collect(engine: Engine, corpus: Corpus, minutes: float, seed: int = 1) -> Codes:
    """Codes of so many minutes of training examples, at each of BITRATES_KBPS."""
    config, rng = engine.config, np.random.default_rng(seed)
    frames, collected = round(EXAMPLE_SECONDS * config.frame_rate), list[Codes]()
    for _ in tqdm(range(max(1, round(60 * minutes / EXAMPLE_SECONDS))), desc="collecting codes", unit="example"):
        sound = draw_example(corpus, Mixture(), rng, frames * config.hop)
        for bitrate in BITRATES_KBPS:
            rows = np.full((frames, config.quantizers), NO_CODE, dtype=np.int16)
            for row, codes in zip(rows, _codes(engine, sound, config.n_q(bitrate)), strict=True):
                row[: len(codes)] = codes
            collected.append(rows)
    return np.concatenate(collected)


def teach(codes: Codes, codebooks: NDArray[np.float32], updates: int, seed: int = 1) -> CodeNetworks:
    """Codes, codebooks [Q, K, d] -> networks that find those codes likely. Where a quantizer has no codes, all of its
    are as likely."""
    torch.manual_seed(seed)
    networks = CodeNetworks.untaught(*codebooks.shape)
    entries, n_q = positions(codebooks), (codes != NO_CODE).sum(axis=1)
    position = np.zeros((len(codes), codebooks.shape[2]), dtype=np.int16)
    for quantizer in trange(len(codebooks), desc="teaching networks", unit="quantizer"):
        left = n_q > quantizer
        codes, n_q, position = codes[left], n_q[left], position[left]
        if not len(codes):
            break
        own = codes[:, quantizer].astype(np.int64)
        examples = tuple(torch.from_numpy(values) for values in (position, n_q, own))
        some = torch.randint(len(own), (SOME,))
        seen, among = examples[0][some].float(), examples[1][some]
        network = Network(seen, len(codebooks), len(codebooks[0]))
        _fit(network, examples, updates)
        for tensor, rounded in zip(networks._asdict().values(), network.rounded(seen, among), strict=True):
            tensor[quantizer] = rounded
        position = position + entries[quantizer, own]
    return networks


class Network(nn.Module):
    """What one quantizer's network is while it learns."""

    scale: Tensor

    def __init__(self, position: Tensor, quantizers: int, size: int) -> None:
        """position [frames, d]: what it will see, whose scale it takes."""
        super().__init__()
        spread = position.std(dim=0, correction=0)
        self.register_buffer("scale", torch.where(spread > 0, spread, torch.inf))  # what never changes says nothing
        self.hidden = nn.Linear(position.shape[1], HIDDEN)
        # How many quantizers a frame has: on a line for all, and each number's own for those that were seen.
        self.line = nn.Parameter(torch.zeros(HIDDEN))
        self.own = nn.Parameter(torch.zeros(quantizers, HIDDEN))
        self.logits = nn.Linear(HIDDEN, size)

    def forward(self, position: Tensor, n_q: Tensor) -> Tensor:
        """position [B, d], n_q [B] -> logits [B, K]."""
        logits: Tensor = self.logits(self.units(position, n_q))
        return logits

    def units(self, position: Tensor, n_q: Tensor) -> Tensor:
        return F.relu(F.linear(position / self.scale, self.hidden.weight) + self.biases()[n_q - 1])

    def biases(self) -> Tensor:
        """[N, HIDDEN]."""
        return self.hidden.bias + self.own + torch.linspace(-1, 1, len(self.own))[:, None] * self.line

    @torch.no_grad()
    def rounded(self, position: Tensor, n_q: Tensor) -> tuple[NDArray[np.generic], ...]:
        """The same in whole numbers, as in CodeNetworks; scales are such that these positions make use of them."""
        full = torch.quantile(self.units(position, n_q), FULL_SCALE, dim=0).clamp(min=1e-3) / MOST_HIDDEN
        weights, biases = self.hidden.weight / self.scale, self.biases()
        # No weight may need more than 16 bits, no sum more than 32: else the unit uses less of its range.
        sums = weights.abs().sum(dim=1) + biases.abs().amax(dim=0) / (1 << POSITION_BITS)
        most = torch.maximum(weights.abs().amax(dim=1) / MOST_HIDDEN_WEIGHT, sums / MOST_HIDDEN_WEIGHTS)
        full = torch.maximum(full, most * (1 << HIDDEN_SHIFT))
        to_hidden, to_logits = (1 << HIDDEN_SHIFT) / full, OCTAVE / log(2)
        half = 1 << HIDDEN_SHIFT - 1  # what is cut is rounded so
        return (
            _whole(weights * to_hidden[:, None], np.int16),
            _whole(biases * to_hidden + half, np.int32),
            _whole((self.logits.weight * full * to_logits).clamp(-127, 127), np.int8),
            _whole((self.logits.bias * to_logits).clamp(-(1 << 21), 1 << 21), np.int32),
        )


def _fit(network: Network, examples: tuple[Tensor, ...], updates: int) -> None:
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, betas=BETAS)
    for update in range(updates):
        set_rate(optimizer, warm_cosine(LEARNING_RATE, update, updates, WARMUP_UPDATES))
        drawn = torch.randint(len(examples[0]), (BATCH,))
        position, n_q, wanted = (values[drawn] for values in examples)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(F.cross_entropy(network(position.float(), n_q), wanted))
        optimizer.step()


def _whole(values: Tensor, kind: type[np.generic]) -> NDArray[np.generic]:
    return values.round().numpy().astype(kind)


def _codes(engine: Engine, sound: NDArray[np.float32], n_q: int) -> Iterator[list[int]]:
    """The codes of each frame."""
    for packet in StreamEncoder(engine, n_q, variable=True).push(sound):
        yield [row[0] for row in packet.codes]

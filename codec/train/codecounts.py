"""How likely codes are: counted where calls take them from, from the search at the rates that there are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from codec.engine.base import Engine
from codec.entropy import CONTEXTS, TOTAL
from codec.stream import StreamEncoder
from codec.train.augment import Corpus, Mixture, draw_example

BITRATES_KBPS = (3.0, 6.0, 12.0)
EXAMPLE_SECONDS = 10.0
PRIOR = 1000.0  # codes a context has, as it were, before any is counted, spread as over all contexts together
UNSEEN = 0.5  # of each code a quantizer has before any is counted

Counts = NDArray[np.float64]  # [Q, CONTEXTS, K]


def classes_of(entries: NDArray[np.float32], iterations: int = 20) -> NDArray[np.uint8]:
    """The first codebook's entries [K, d] -> a class below CONTEXTS for each of them, by k-means [K]."""
    centres = entries[np.random.default_rng(0).permutation(len(entries))[:CONTEXTS]].copy()
    nearest = np.zeros(len(entries), dtype=np.uint8)
    for _ in range(iterations):
        nearest = (np.square(centres).sum(axis=1) / 2 - entries @ centres.T).argmin(axis=1).astype(np.uint8)
        for index in range(len(centres)):
            if np.any(nearest == index):
                centres[index] = entries[nearest == index].mean(axis=0)
    return nearest


def count(engine: Engine, corpus: Corpus, classes: NDArray[np.uint8], minutes: float, seed: int = 1) -> Counts:
    """Codes of so many minutes of training examples, at each of BITRATES_KBPS."""
    config, rng = engine.config, np.random.default_rng(seed)
    counts = np.zeros((config.quantizers, CONTEXTS, config.codebook_size))
    frames = round(EXAMPLE_SECONDS * config.frame_rate)
    for _ in tqdm(range(max(1, round(60 * minutes / EXAMPLE_SECONDS))), desc="counting", unit="example"):
        sound = draw_example(corpus, Mixture(), rng, frames * config.hop)
        for bitrate in BITRATES_KBPS:
            for codes in _codes(engine, sound, config.n_q(bitrate)):
                counts[0, len(codes) - 1, codes[0]] += 1
                counts[np.arange(1, len(codes)), classes[codes[0]], codes[1:]] += 1
    return counts


def frequencies_of(counts: Counts) -> NDArray[np.int16]:
    """Counts -> frequencies, at least 1 for every code and TOTAL in each context."""
    size = counts.shape[2]
    overall = counts.sum(axis=1, keepdims=True) + UNSEEN
    likely = counts + PRIOR * overall / overall.sum(axis=2, keepdims=True)
    wanted = likely / likely.sum(axis=2, keepdims=True) * (TOTAL - size)
    frequencies = np.floor(wanted)
    lacking = (TOTAL - size - frequencies.sum(axis=2)).round().astype(int)
    order = np.argsort(frequencies - wanted, axis=2, kind="stable")  # who lost most by rounding comes first
    ranks = np.argsort(order, axis=2, kind="stable")
    whole: NDArray[np.int16] = (1 + frequencies + (ranks < lacking[..., None])).astype(np.int16)
    return whole


def _codes(engine: Engine, sound: NDArray[np.float32], n_q: int) -> Iterator[list[int]]:
    """The codes of each frame."""
    for packet in StreamEncoder(engine, n_q, variable=True).push(sound):
        yield [row[0] for row in packet.codes]

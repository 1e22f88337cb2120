"""Counts become tables that a code model takes."""

from __future__ import annotations

import numpy as np

from codec.entropy import CONTEXTS, TOTAL, CodeModel
from codec.train.codecounts import classes_of, frequencies_of


def test_frequencies_follow_counts_and_leave_no_code_out() -> None:
    counts = np.zeros((24, CONTEXTS, 1024))
    counts[0, 3] = np.random.default_rng(0).gamma(0.2, 1000, 1024).round()
    counts[1, 5, 7] = 100_000
    frequencies = frequencies_of(counts)
    assert frequencies.min() == 1
    assert np.all(frequencies.sum(axis=2, dtype=int) == TOTAL)
    seen = counts[0, 3] / counts[0, 3].sum()
    assert np.abs(frequencies[0, 3] / TOTAL - seen).max() < 0.05 * seen.max()
    assert frequencies[1, 5, 7] > frequencies[1, 6, 7] > 0.9 * TOTAL  # other contexts have heard of it
    assert np.all(np.abs(frequencies[9] - TOTAL / 1024) <= 1)
    CodeModel(frequencies, np.zeros(1024, np.uint8))


def test_classes_hold_entries_that_are_near_to_each_other() -> None:
    rng = np.random.default_rng(1)
    centres = 10 * rng.standard_normal((CONTEXTS, 8)).astype(np.float32)
    entries = centres[np.arange(1024) % CONTEXTS] + 0.1 * rng.standard_normal((1024, 8)).astype(np.float32)
    classes = classes_of(entries)
    assert classes.max() < CONTEXTS
    means = np.stack([entries[classes == index].mean(axis=0) for index in range(classes.max() + 1)])
    assert np.square(entries - means[classes]).mean() < 0.4 * np.square(entries - entries.mean(axis=0)).mean()

"""The arithmetic coder: what is likely gets short, everything comes back, rubbish is refused."""

from __future__ import annotations

from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.codebits import PacketError
from codec.entropy import CONTEXTS, TOTAL, CodeModel, even_frequencies
from tests.codec.codemodels import CONFIG, FAVOURITE, made_up

EVEN = CodeModel(even_frequencies(CONFIG.quantizers, CONFIG.codebook_size), np.zeros(CONFIG.codebook_size, np.uint8))


def random_tables(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Skewed tables, another for each context, and random classes."""
    rng = np.random.default_rng(seed)
    share = rng.gamma(0.3, size=(CONFIG.quantizers, CONTEXTS, CONFIG.codebook_size))
    frequencies = 1 + np.floor(share / share.sum(axis=2, keepdims=True) * (TOTAL - CONFIG.codebook_size)).astype(int)
    frequencies[..., 0] += TOTAL - frequencies.sum(axis=2)
    return frequencies.astype(np.int16), rng.integers(0, CONTEXTS, CONFIG.codebook_size).astype(np.uint8)


FREQUENCIES, CLASSES = random_tables(1)
SKEWED = CodeModel(FREQUENCIES, CLASSES)
CODES = st.lists(st.sampled_from((0, 1, FAVOURITE, 1022, 1023)) | st.integers(0, 1023), min_size=1, max_size=24)


@pytest.mark.parametrize("model", [EVEN, SKEWED, made_up()], ids=["even", "skewed", "made-up"])
@given(codes=CODES)
def test_codes_come_back(model: CodeModel, codes: list[int]) -> None:
    assert model.decode(model.encode(codes), len(codes)) == tuple(codes)


@given(data=st.binary(min_size=1, max_size=40), n_q=st.integers(1, 24))
def test_any_bytes_are_codes_in_their_one_form_or_refused(data: bytes, n_q: int) -> None:
    try:
        codes = SKEWED.decode(data, n_q)
    except PacketError:
        return
    assert SKEWED.encode(codes) == data


def test_codes_take_what_they_are_worth() -> None:
    rng = np.random.default_rng(2)
    for n_q in (1, 4, 8, 24):
        spent = worth = 0.0
        for _ in range(500):
            codes, context = list[int](), n_q - 1
            for quantizer in range(n_q):
                share = FREQUENCIES[quantizer, context] / TOTAL
                codes.append(int(rng.choice(len(share), p=share)))
                worth -= log2(share[codes[-1]])
                context = CLASSES[codes[0]]
            spent += 8 * len(SKEWED.encode(codes))
        assert worth < spent < worth + 4 * 500  # whole bytes


def test_even_tables_take_ten_bits_a_code() -> None:
    assert len(EVEN.encode([1023] * 8)) == 10
    assert len(EVEN.encode([500] * 4)) == 5


def test_favourites_are_short() -> None:
    assert len(made_up().encode([FAVOURITE] * 8)) == 1


@pytest.mark.parametrize("change", ["sum", "zero", "contexts", "class", "classes"])
def test_tables_that_are_none_are_refused(change: str) -> None:
    frequencies, classes = even_frequencies(24, 1024), np.zeros(1024, np.uint8)
    if change == "sum":
        frequencies[3, 2, 1] += 1
    elif change == "zero":
        frequencies[3, 2, 1:3] = 0, 64
    elif change == "contexts":
        frequencies = frequencies[:, 1:]
    elif change == "class":
        classes[7] = CONTEXTS
    else:
        classes = classes[1:]
    with pytest.raises(ValueError, match=r"(frequencies|classes) of shape"):
        CodeModel(frequencies, classes)

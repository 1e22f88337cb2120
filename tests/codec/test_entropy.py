"""The arithmetic coder: what is likely gets short, everything comes back, rubbish is refused."""

from __future__ import annotations

from bisect import bisect_right
from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.codebits import PacketError
from codec.entropy import POSITION_BITS, CodeModel, CodeNetworks, positions
from tests.codec.codemodels import FAVOURITE, SHAPE, even, made_up, random_codebooks, skewed

EVEN, SKEWED = even(), skewed()
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


def draw(model: CodeModel, n_q: int, rng: np.random.Generator) -> tuple[list[int], float]:
    """-> codes, as often as the model says; what they are worth in bits."""
    codes = [0] * n_q
    for at in range(n_q):

        def begin(code: int, at: int = at) -> int:
            return model.intervals([*codes[:at], code, *codes[at + 1 :]])[at][0]

        target = int(rng.integers(model.intervals(codes)[at][2]))
        codes[at] = bisect_right(range(1024), target, key=begin) - 1
    return codes, sum(log2(total / own) for _, own, total in model.intervals(codes))


def test_intervals_lie_side_by_side_and_fill_the_whole() -> None:
    codes = [17, 900, 3]
    for at in range(3):
        rows = np.array([SKEWED.intervals([*codes[:at], code, *codes[at + 1 :]])[at] for code in range(1024)])
        assert rows[0, 0] == 0
        assert np.all(rows[1:, 0] == rows[:-1, 0] + rows[:-1, 1])
        assert rows[-1, 0] + rows[-1, 1] == rows[0, 2]
        assert rows[:, 1].min() >= 1
        assert len(set(rows[:, 1])) > 100


def test_codes_take_what_they_are_worth() -> None:
    rng = np.random.default_rng(2)
    for n_q, count in ((1, 40), (4, 10), (8, 5)):
        spent = worth = 0.0
        for _ in range(count):
            codes, bits = draw(SKEWED, n_q, rng)
            spent, worth = spent + 8 * len(SKEWED.encode(codes)), worth + bits
        assert worth < spent < worth + 8 * count  # whole bytes


@given(codes=CODES)
def test_what_is_written_lies_in_the_interval_and_nothing_shorter_does(codes: list[int]) -> None:
    low, width, whole = 0, 1, 1
    for begin, own, total in SKEWED.intervals(codes):
        low, width, whole = low * total + width * begin, width * own, whole * total
    data = SKEWED.encode(codes)
    assert low << 8 * len(data) <= int.from_bytes(data, "big") * whole < (low + width) << 8 * len(data)
    shorter = len(data) - 1
    if shorter:
        first = -(-(low << 8 * shorter) // whole)
        assert first * whole >= (low + width) << 8 * shorter


def test_without_networks_a_code_takes_ten_bits() -> None:
    assert len(EVEN.encode([1023] * 8)) == 10
    assert len(EVEN.encode([500] * 4)) == 5


def test_favourites_are_short() -> None:
    assert len(made_up().encode([FAVOURITE] * 8)) == 1


def test_what_was_before_and_how_many_there_are_change_what_is_likely() -> None:
    assert SKEWED.intervals([1, 7])[1] != SKEWED.intervals([2, 7])[1]
    assert SKEWED.intervals([1, 7])[0] != SKEWED.intervals([1, 7, 7])[0]


def test_no_sum_of_positions_leaves_its_range() -> None:
    codebooks = random_codebooks(3)
    whole = positions(codebooks)
    worst = np.abs(whole.astype(int)).max(axis=1).sum(axis=0).max()
    assert worst < 1 << POSITION_BITS
    most = np.abs(codebooks).max(axis=(1, 2)).sum()
    assert np.abs(whole).max() > (1 << POSITION_BITS - 2) * np.abs(codebooks).max() / most
    assert not np.any(positions(np.zeros(SHAPE, np.float32)))


@pytest.mark.parametrize("change", ["shape", "kind", "weights", "bias", "logits"])
def test_networks_that_do_not_fit_are_refused(change: str) -> None:
    networks = CodeNetworks.untaught(*SHAPE)
    named = "hidden_weights"
    if change == "shape":
        networks = networks._replace(hidden_weights=networks.hidden_weights[:, 1:])
    elif change == "kind":
        networks, named = networks._replace(logit_weights=networks.logit_weights.astype(np.int16)), "logit_weights"
    elif change == "weights":
        networks.hidden_weights[3, 2] = 30_000
    elif change == "bias":
        networks.hidden_bias[3, 2, 1] = -(2**31)
        named = "hidden_bias"
    else:
        networks.logit_bias[3, 2] = 1 << 22
        named = "logit_bias"
    with pytest.raises(ValueError, match=named):
        CodeModel(np.zeros(SHAPE, np.float32), networks)

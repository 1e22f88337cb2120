from __future__ import annotations

import pytest

from client.load.impairment import Fate, Impairment, ImpairmentError

MANY = 4000


def test_a_text_says_what_goes_wrong() -> None:
    assert Impairment.parse("loss=3,delay=60,jitter=10") == Impairment(3, 60, 10)
    assert Impairment.parse(" jitter = 1.5 ") == Impairment(jitter_ms=1.5)
    assert Impairment().nothing
    assert not Impairment.parse("delay=1").nothing


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no impairment"),
        ("loss", "'loss' is no impairment"),
        ("los=3", "'los=3' is no impairment"),
        ("loss=much", "loss=much is no number"),
        ("loss=101", r"loss=101 is outside 0\.\.100"),
        ("delay=-1", r"delay=-1 is outside"),
        ("delay=nan", r"delay=nan is outside"),
        ("loss=1,loss=2", "given twice"),
    ],
)
def test_what_is_no_impairment_is_named(text: str, complaint: str) -> None:
    with pytest.raises(ImpairmentError, match=complaint):
        Impairment.parse(text)


def test_so_many_are_lost_and_the_others_take_their_time() -> None:
    fate = Fate(Impairment(loss_percent=20, delay_ms=60, jitter_ms=10), seed=1)
    delays = [fate.delay_seconds() for _ in range(MANY)]
    kept = [delay for delay in delays if delay is not None]
    assert (fate.lost, fate.passed) == (MANY - len(kept), len(kept))
    assert fate.lost / MANY == pytest.approx(0.2, abs=0.03)
    assert 0.060 <= min(kept) < 0.061
    assert 0.069 < max(kept) <= 0.070


def test_a_seed_fixes_all() -> None:
    one, same, other = (Fate(Impairment(loss_percent=50, jitter_ms=5), seed) for seed in (1, 1, 2))
    fates = [[fate.delay_seconds() for _ in range(50)] for fate in (one, same, other)]
    assert fates[0] == fates[1] != fates[2]

"""What the figures on loss rest on: that so much is lost as is said, and that each system hears what it should."""

from __future__ import annotations

import numpy as np
import pytest

from codec.engine import load_engine
from codec.engine.base import Engine, Pcm
from codec.evaluation import opusplc
from codec.evaluation.loss import COPIES, Sender, codec, losses, plain
from codec.libopus import opus_available
from codec.redundancy import NO_REDUNDANCY

FRAME_SECONDS = 320 / 24000


@pytest.fixture(scope="module")
def engine() -> Engine:
    return load_engine("onnx")


@pytest.fixture
def clip(speech: Pcm) -> Pcm:
    """A second, of whole frames of 320 and of 480 samples."""
    return speech[12_000 : 12_000 + 24_000]


@pytest.mark.parametrize("bursty", [False, True], ids=["random", "bursty"])
@pytest.mark.parametrize("share", [0.05, 0.2], ids="{}".format)
def test_so_much_is_lost_as_is_said(share: float, bursty: bool) -> None:
    lost = losses(50_000, FRAME_SECONDS, share, bursty, seed=1)
    assert lost.mean() == pytest.approx(share, rel=0.1)
    ends = np.count_nonzero(lost[:-1] & ~lost[1:])
    assert lost.sum() / ends == pytest.approx(0.06 / FRAME_SECONDS if bursty else 1 / (1 - share), rel=0.1)


@pytest.mark.parametrize("zeros", [False, True], ids=["concealed", "zeros"])
def test_without_loss_nothing_is_changed_and_with_it_the_rest_is_heard(clip: Pcm, zeros: bool) -> None:
    lost = np.zeros(75, bool)
    np.testing.assert_array_equal(plain(320, zeros, clip, lost), clip)
    lost[40] = True
    heard = plain(320, zeros, clip, lost)
    np.testing.assert_array_equal(heard[: 40 * 320], clip[: 40 * 320])
    np.testing.assert_array_equal(heard[42 * 320 :], clip[42 * 320 :])
    assert np.any(heard[40 * 320 : 41 * 320]) != zeros


def test_copies_take_the_place_of_lost_packets(engine: Engine, clip: Pcm) -> None:
    lost = np.zeros(75, bool)
    lost[[20, 40, 41]] = True
    none, one, two = (Sender(engine, 8, redundancy) for redundancy in (NO_REDUNDANCY, *COPIES))
    whole = codec(none, False, clip, np.zeros(75, bool))
    np.testing.assert_array_equal(codec(two, False, clip, np.zeros(75, bool)), whole)

    def error(sender: Sender, frame: int) -> float:
        there = slice(frame * 320, (frame + 1) * 320)
        return float(np.mean(np.square(codec(sender, False, clip, lost)[there] - whole[there])))

    assert error(one, 20) < error(none, 20)
    assert error(two, 40) < error(one, 40) or error(one, 40) < error(none, 40)


@pytest.mark.skipif(not opus_available(), reason="libopus is not installed")
def test_opus_conceals_by_itself(clip: Pcm) -> None:
    lost = np.zeros(50, bool)
    whole = opusplc.conceal(clip, 12, lost)
    assert whole.shape == clip.shape
    lost[30] = True
    heard = opusplc.conceal(clip, 12, lost)
    np.testing.assert_array_equal(heard[: 30 * 480], whole[: 30 * 480])
    assert np.any(heard[30 * 480 : 31 * 480])
    assert np.any(heard[30 * 480 : 31 * 480] != whole[30 * 480 : 31 * 480])
